/** A QUIC client in a bare JavaScript engine: connects, sends, reads the echo, closes. Its host is a handful of functions. */
import { connect } from 'isoquic'

const timers = new Map()
const deferred = []
let sink

const environment = {
  now: () => hostNow(),
  wallClock: () => hostWallClock(),
  setTimer(at, fire) {
    const key = {}
    timers.set(key, { at, fire })
    hostTimer(Math.max(0, Math.ceil(at - hostNow())))
    return () => timers.delete(key)
  },
  defer(task) {
    deferred.push(task)
    hostTimer(0)
  },
  timerGranularity: 1,
  random: { fill: (bytes) => bytes.set(new Uint8Array(hostRandom(bytes.length))) },
}

const transport = {
  maxDatagramSize: 1500,
  localAddress: '',
  properties: { reliable: false, ordered: false, congestionControlled: false, addressValidated: false, ecn: false },
  open(given) {
    sink = given
  },
  send(bytes) {
    hostSend(bytes.slice().buffer)
    return true
  },
  close() {
    sink?.closed()
    sink = undefined
  },
}

globalThis.onDatagram = (buffer) => sink?.datagram(new Uint8Array(buffer), '')

globalThis.onTimer = () => {
  for (const task of deferred.splice(0)) task()
  for (const [key, { at, fire }] of timers) {
    if (at > hostNow()) continue
    timers.delete(key)
    fire()
  }
}

/** Sends `bytes` and reads as many back, without a Web Stream: QuickJS has none. */
async function echo(stream, bytes) {
  const heard = new Uint8Array(bytes.length)
  let [sent, got] = [0, 0]
  while (got < bytes.length) {
    if (sent < bytes.length) sent += stream.tryWrite(bytes.subarray(sent))
    const count = stream.read(heard.subarray(got))
    if (count < 0) throw new Error('The stream ended early')
    got += count
    if (count === 0) await stream.whenReadable()
  }
  return heard
}

async function main() {
  const connection = await connect(transport, {
    environment,
    serverName: 'localhost',
    alpn: ['echo'],
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(certificateHash) }],
  })
  const stream = await connection.createBidirectionalStream()
  const bytes = new Uint8Array(size).map((_, index) => index * 31)
  const heard = await echo(stream, bytes)
  const same = heard.every((byte, index) => byte === bytes[index])
  await connection.close({ closeCode: 7, reason: 'done' })
  const missing = ['setTimeout', 'crypto', 'TextEncoder', 'performance', 'ReadableStream', 'process'].filter(
    (name) => name in globalThis,
  )
  return JSON.stringify({ same, length: heard.length, alpn: connection.alpn, globals: missing })
}

main().then(hostReport, (error) =>
  hostReport(`${error.name}: ${error.message}\n${error.stack}\n${error.cause?.stack ?? ''}`),
)
