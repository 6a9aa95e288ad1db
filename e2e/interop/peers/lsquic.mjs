/** lsquic, as Bun has it behind `node:quic`: `bun lsquic.mjs`. */
import { createPrivateKey } from 'node:crypto'
import { connect, listen } from 'node:quic'
import {
  ALPN,
  answerTo,
  answerToDatagram,
  authority,
  certificate,
  DatagramRequests,
  downloadAll,
  host,
  IDLE_TIMEOUT,
  main,
  port,
  privateKey,
  readAll,
  report,
  requestFor,
  role,
  save,
  serverName,
  testCase,
  unsupported,
} from './contract.mjs'

// `validateAddress` is an option and nothing more: `endpoint.stats.retryCount` stays 0.
if (role === 'server' && testCase === 'retry') unsupported()

const RESERVED_VERSION = 0x1a2a3a4a

/** ms; lsquic refuses more than 2^24 microseconds: "failed to create QUIC engine". */
const HANDSHAKE_TIMEOUT = 16_000

const MAX_DATAGRAM_FRAME_SIZE = 1200

const options = {
  transportParams: {
    maxIdleTimeout: IDLE_TIMEOUT / 1000,
    ...(testCase === 'datagrams' && { maxDatagramFrameSize: MAX_DATAGRAM_FRAME_SIZE }),
  },
  handshakeTimeout: HANDSHAKE_TIMEOUT,
  ...(testCase === 'mlkem' && { groups: 'X25519MLKEM768' }),
  ...(testCase === 'chacha20' && { ciphers: 'TLS_CHACHA20_POLY1305_SHA256' }),
}

/** Of the connection before. */
let sessionTicket

async function serve() {
  const endpoint = await listen(onSession, {
    ...options,
    alpn: [ALPN],
    sni: { '*': { keys: [createPrivateKey(privateKey())], certs: [Buffer.from(certificate())] } },
    endpoint: { address: `${host}:${port}` },
  })
  report('listening', { address: `${host}:${endpoint.address.port}` })
}

function onSession(session) {
  report('connected', { alpn: ALPN })
  if (testCase === 'datagrams') session.ondatagram = (bytes) => void session.sendDatagram(answerToDatagram(bytes))
  session.onstream = (stream) => {
    serveStream(stream).catch((error) => report('stream-failed', { error: String(error) }))
  }
  session.closed.then(
    () => report('closed', { code: 0 }),
    (error) => report('closed', { error: String(error) }),
  )
}

async function readStream(stream) {
  const chunks = []
  for await (const batch of stream) chunks.push(...[batch].flat())
  return readAll(chunks)
}

async function serveStream(stream) {
  const request = await readStream(stream)
  stream.setBody(answerTo(request.toString()))
  await stream.closed
}

async function download(urls) {
  const session = await connect(`${host}:${urls[0].port}`, {
    ...options,
    alpn: ALPN,
    servername: serverName,
    ca: [Buffer.from(authority())],
    ...(testCase === 'versionnegotiation' && { version: RESERVED_VERSION }),
    ...(sessionTicket !== undefined && { sessionTicket }),
  })
  const given = new Promise((resolve) => {
    session.onsessionticket = resolve
  })
  if (sessionTicket === undefined || testCase !== 'zerortt') await session.opened
  report('connected', { alpn: ALPN })
  if (testCase === 'resumption' || testCase === 'zerortt') sessionTicket ??= await given
  if (testCase === 'datagrams') await downloadDatagrams(session, urls)
  else await Promise.all(urls.map((url) => downloadOne(session, url)))
  await session.close()
  report('closed', { code: 0 })
}

async function downloadDatagrams(session, urls) {
  const asked = new DatagramRequests(urls, (bytes) => void session.sendDatagram(bytes))
  session.ondatagram = (bytes) => asked.onDatagram(bytes)
  await asked.done
}

async function downloadOne(session, url) {
  const stream = await session.createBidirectionalStream({ body: requestFor(url) })
  save(url, await readStream(stream))
}

await main(serve, () => downloadAll(download))
