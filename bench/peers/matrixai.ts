/** `@matrixai/quic`: quiche, with its sockets and streams in JavaScript. */
import { createHmac, randomFillSync } from 'node:crypto'
import { ALPN, type ByteStream, type Counters, runPeer } from './harness.ts'
import { fromWebStreams, type WebStreamPair } from './web-streams.ts'

/** What is used of it. */
interface Connection {
  readonly conn: { stats(): { readonly sent: number; readonly recv: number; readonly lost: number } }
  newStream(kind: 'bidi'): WebStreamPair
  addEventListener(type: string, listener: (event: { readonly detail: WebStreamPair }) => void): void
}
interface Server {
  readonly port: number
  start(options: { host: string; port: number }): Promise<void>
  addEventListener(type: string, listener: (event: { readonly detail: Connection }) => void): void
}
interface Client {
  readonly connection: Connection
  destroy(options: { force: boolean }): Promise<void>
}
interface Package {
  readonly QUICServer: new (options: object) => Server
  readonly QUICClient: { createQUICClient(options: object): Promise<Client> }
  readonly events: Readonly<Record<string, { readonly name: string }>>
}

const entry = new URL('../../e2e/interop/node_modules/@matrixai/quic/dist/index.js', import.meta.url)
const { QUICServer, QUICClient, events } = (await import(entry.href)) as Package

const key = randomFillSync(new Uint8Array(32)).buffer
const hmac = (secret: ArrayBuffer, data: ArrayBuffer): Uint8Array =>
  createHmac('sha256', new Uint8Array(secret)).update(new Uint8Array(data)).digest()
const serverOperations = {
  sign: async (secret: ArrayBuffer, data: ArrayBuffer) => new Uint8Array(hmac(secret, data)).buffer,
  verify: async (secret: ArrayBuffer, data: ArrayBuffer, signature: ArrayBuffer) =>
    Buffer.from(hmac(secret, data)).equals(Buffer.from(signature)),
}
const clientOperations = { randomBytes: async (data: ArrayBuffer) => void randomFillSync(new Uint8Array(data)) }

function nameOf(event: string): string {
  const found = events[event]
  if (found === undefined) throw new Error(`@matrixai/quic has no ${event}`)
  return found.name
}

function countersOf({ conn }: Connection): Counters {
  const { sent, recv, lost } = conn.stats()
  return { packetsSent: Number(sent), packetsReceived: Number(recv), packetsLost: Number(lost) }
}

let latest: Connection | undefined

function answerAll(connection: Connection, answer: (stream: ByteStream) => void): void {
  latest = connection
  connection.addEventListener(nameOf('EventQUICConnectionStream'), ({ detail }) => answer(fromWebStreams(detail)))
}

await runPeer({
  async serve({ certificate, privateKey }, answer) {
    const config = { cert: certificate, key: privateKey, applicationProtos: [ALPN] }
    const server = new QUICServer({ crypto: { key, ops: serverOperations }, config })
    server.addEventListener(nameOf('EventQUICServerConnection'), ({ detail }) => answerAll(detail, answer))
    await server.start({ host: '127.0.0.1', port: 0 })
    return server.port
  },
  async connect(port, { ca }) {
    const crypto = { ops: clientOperations }
    const config = { ca, applicationProtos: [ALPN] }
    // The name is not checked by quiche; the certificate is, against `ca`.
    const names = { host: '127.0.0.1', serverName: 'localhost', localHost: '127.0.0.1' }
    const client = await QUICClient.createQUICClient({ port, crypto, config, ...names })
    return {
      open: async () => fromWebStreams(client.connection.newStream('bidi')),
      close: () => client.destroy({ force: true }),
      counters: () => countersOf(client.connection),
    }
  },
  serverCounters: () => (latest === undefined ? {} : countersOf(latest)),
})
