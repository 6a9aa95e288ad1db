/** quiche, as `@matrixai/quic` has it, in Node. */
import { createHmac, randomFillSync, timingSafeEqual } from 'node:crypto'
import Logger, { LogLevel } from '@matrixai/logger'
import { events, QUICClient, QUICServer } from '@matrixai/quic'
import {
  ALPN,
  answerTo,
  authority,
  certificate,
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

// `QUICConfig` has no word for versions.
if (role === 'client' && testCase === 'versionnegotiation') unsupported()

const logger = new Logger('quiche', LogLevel.SILENT)
const config = { applicationProtos: [ALPN], maxIdleTimeout: IDLE_TIMEOUT }

const hmac = (key, data) => createHmac('sha256', Buffer.from(key)).update(Buffer.from(data)).digest()
const bufferOf = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
const serverCrypto = {
  key: bufferOf(randomFillSync(new Uint8Array(32))),
  ops: {
    sign: async (key, data) => bufferOf(hmac(key, data)),
    verify: async (key, data, signature) => timingSafeEqual(hmac(key, data), Buffer.from(signature)),
  },
}
const clientCrypto = { ops: { randomBytes: async (data) => void randomFillSync(new Uint8Array(data)) } }

async function serve() {
  const server = new QUICServer({
    crypto: serverCrypto,
    config: { ...config, key: privateKey(), cert: certificate(), verifyPeer: false },
    logger,
  })
  server.addEventListener(events.EventQUICServerConnection.name, ({ detail: connection }) => {
    report('connected', { alpn: ALPN })
    connection.addEventListener(events.EventQUICConnectionStream.name, ({ detail: stream }) => {
      serveStream(stream).catch((error) => report('stream-failed', { error: String(error) }))
    })
    connection.addEventListener(events.EventQUICConnectionClose.name, ({ detail: error }) => {
      report('closed', { code: error.data?.errorCode, error: error.name, message: error.message })
    })
  })
  await server.start({ host, port })
  report('listening', { address: `${host}:${server.port}` })
}

async function serveStream(stream) {
  const request = await readAll(stream.readable)
  const writer = stream.writable.getWriter()
  await writer.write(answerTo(request.toString()))
  await writer.close()
}

async function download(urls) {
  const client = await QUICClient.createQUICClient({
    host,
    port: Number(urls[0].port),
    serverName,
    localHost: host,
    crypto: clientCrypto,
    config: { ...config, ca: authority(), verifyPeer: true },
    logger,
  })
  report('connected', { alpn: ALPN })
  await Promise.all(urls.map((url) => downloadOne(client.connection, url)))
  await client.destroy({ isApp: true, errorCode: 0 })
  report('closed', { code: 0 })
}

async function downloadOne(connection, url) {
  const stream = connection.newStream('bidi')
  const writer = stream.writable.getWriter()
  await writer.write(requestFor(url))
  await writer.close()
  save(url, await readAll(stream.readable))
}

await main(serve, () => downloadAll(download))
