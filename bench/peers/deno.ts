/** Deno's QUIC, which is quinn. */
import { ALPN, type ByteStream, runPeer } from './harness.ts'
import { fromWebStreams, type WebStreamPair } from './web-streams.ts'

/** What is used of it. */
interface Connection {
  readonly incomingBidirectionalStreams: ReadableStream<WebStreamPair>
  /** Bytes of user data that fit into a packet. */
  readonly maxDatagramSize: number
  createBidirectionalStream(): Promise<WebStreamPair>
  close(info: { closeCode: number; reason: string }): void
}
interface Endpoint {
  readonly addr: { readonly port: number }
  listen(options: object): { accept(): Promise<Connection> }
}
declare const Deno: {
  readonly QuicEndpoint: new (options: { hostname: string; port: number }) => Endpoint
  connectQuic(options: object): Promise<Connection>
}

let latest: Connection | undefined

async function answerAll(connection: Connection, answer: (stream: ByteStream) => void): Promise<void> {
  latest = connection
  for await (const stream of connection.incomingBidirectionalStreams) answer(fromWebStreams(stream))
}

await runPeer({
  async serve({ certificate, privateKey }, answer) {
    const endpoint = new Deno.QuicEndpoint({ hostname: '127.0.0.1', port: 0 })
    const listener = endpoint.listen({ cert: certificate, key: privateKey, alpnProtocols: [ALPN] })
    void (async () => {
      for (;;) answerAll(await listener.accept(), answer).catch(() => {})
    })()
    return endpoint.addr.port
  },
  async connect(port, { ca }) {
    const names = { hostname: '127.0.0.1', serverName: 'localhost', alpnProtocols: [ALPN], caCerts: [ca] }
    const connection = await Deno.connectQuic({ port, ...names })
    return {
      open: async () => fromWebStreams(await connection.createBidirectionalStream()),
      close: async () => connection.close({ closeCode: 0, reason: '' }),
      counters: () => ({ payload: connection.maxDatagramSize }),
    }
  },
  serverCounters: () => (latest === undefined ? {} : { payload: latest.maxDatagramSize }),
})
