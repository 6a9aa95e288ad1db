/**
 * QUIC without promises, sockets or a clock: two endpoints of `isoquic/core`, and a loop of our own in which time is a number.
 * A megabyte crosses a network that takes 20 ms each way and loses one datagram in fifty.
 */
import {
  type AcceptParameters,
  ARENA_BYTES,
  type Carrier,
  type Connection,
  type ConnectionEvent,
  type ConnectParameters,
  createClientSession,
  createPinVerifier,
  createReception,
  createServerSession,
  Endpoint,
  NEVER,
  type RandomSource,
  type Stream,
  validateConnectionConfig,
} from 'isoquic/core'
import { noble } from 'isoquic/crypto/noble'
import { devCertificate } from 'isoquic/dev'

const DELAY = 20
const SIZE = 1_000_000
let now = 0 // ms; nobody else knows what time it is

const random: RandomSource = { fill: (bytes) => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) }
const wallClock = (): number => Date.now() // for certificates alone
const carrier: Carrier = {
  maxDatagramSize: 1500,
  localAddress: '',
  properties: { reliable: false, ordered: false, congestionControlled: false, addressValidated: false, ecn: false },
}
const endpoint = (): Endpoint =>
  new Endpoint({ engine: noble.createEngine(ARENA_BYTES), random, wallClock, timerGranularity: 1 })

const client = endpoint()
const server = endpoint()
const config = validateConnectionConfig({ maxIdleTimeout: 5_000 })
const tls = { crypto: noble, suites: noble.suites, random, wallClock, alpn: ['upload'] }

const certificate = await devCertificate() // the only thing to wait for
const signer = await noble.createSigner(certificate.privateKeyDer)
const identity = { chain: [certificate.certificateDer], signer }
const verifier = createPinVerifier({ serverCertificateHashes: [certificate.hash] })
const clientTls: ConnectParameters['createTls'] = (parameters) =>
  createClientSession({ ...tls, serverName: 'localhost', verifier, parameters })
const serverTls: AcceptParameters['createTls'] = (parameters) =>
  createServerSession({ ...tls, selectIdentity: () => identity, parameters })

server.listen({ versions: config.versions }, createReception)
client.connect({ carrier, remoteAddress: '', config, createTls: clientTls }, now)

/** The application: the client sends a megabyte; the server counts, and closes when it has it all. */
const chunk = new Uint8Array(65_536)
let written = 0
let received = 0

function onEvent(connection: Connection, event: ConnectionEvent): void {
  const { role, streams } = connection
  if (event.type === 'connected') {
    tell(`the ${role} is connected, ALPN ${event.alpn}`)
    if (role === 'client') write(streams.open('unidirectional')?.send)
  }
  if (event.type === 'stream-writable') write(event.stream.send)
  if (event.type === 'stream-readable' && hasReadAll(event.stream.receive)) {
    tell(`the server has ${received} bytes, in ${connection.stats().packetsReceived} packets`)
    connection.close({ code: 0n, reason: 'thank you' }, now)
  }
  if (event.type === 'closed') tell(`nothing is left of the ${role}: ${event.reason.kind} close`)
}

function write(half: Stream['send']): void {
  for (let taken = -1; taken !== 0; written += taken) {
    taken = half?.write(chunk.subarray(0, SIZE - written)) ?? 0 // 0: no room, or no more to write
  }
  if (written === SIZE) half?.finish()
}

function hasReadAll(half: Stream['receive']): boolean {
  for (;;) {
    const length = half?.read(chunk) ?? 0 // 0: nothing for now; -1: the end
    if (length <= 0) return length < 0
    received += length
  }
}

function tell(words: string): void {
  console.log(`${now.toFixed(0).padStart(4)} ms: ${words}`)
}

/** The network: datagrams under way, in the order in which they arrive. */
const network: { readonly at: number; readonly to: Endpoint; readonly bytes: Uint8Array }[] = []
let sent = 0

/** Takes out all that an endpoint has to send and to tell. */
function drain(from: Endpoint, to: Endpoint): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false
    for (let flight = from.pollDatagram(now); flight !== undefined; flight = from.pollDatagram(now)) {
      const { bytes, segmentSize } = flight // valid until the next poll
      for (let at = 0; at < bytes.length; at += segmentSize) {
        sent += 1
        if (sent % 50 !== 0) network.push({ at: now + DELAY, to, bytes: bytes.slice(at, at + segmentSize) })
      }
    }
    for (let event = from.pollEvent(); event !== undefined; event = from.pollEvent()) {
      isBusy = true
      if (event.type === 'incoming') from.accept(event.incoming, { config, createTls: serverTls }, now)
      else {
        onEvent(event.connection, event.event)
        from.wake(event.connection) // we may have called into it
      }
    }
  }
}

/** The loop: what has arrived goes in, timers that are due run, the clock jumps to whatever comes next. */
for (;;) {
  drain(client, server)
  drain(server, client)
  const next = Math.min(network[0]?.at ?? NEVER, client.nextTimeout(), server.nextTimeout())
  if (next === NEVER) break
  now = Math.max(now, next)
  while (network[0] !== undefined && network[0].at <= now) {
    const datagram = network.shift()
    datagram?.to.receiveDatagram(datagram.bytes, '', carrier, 0, now)
  }
  for (const each of [client, server]) if (each.nextTimeout() <= now) each.onTimeout(now)
}
tell(`nothing is left to happen; ${sent} datagrams were sent, ${Math.floor(sent / 50)} of them lost`)
