/** `node:quic` as Bun has it, which is lsquic. */
import { createPrivateKey } from 'node:crypto'
import { ALPN, type ByteStream, type Counters, runPeer } from './harness.ts'

/** What is used of it. */
interface Writer {
  readonly desiredSize: number | null
  write(bytes: Uint8Array): Promise<void> | undefined
  end(): Promise<unknown>
}
interface Stream extends AsyncIterable<readonly Uint8Array[]> {
  readonly writer: Writer
}
interface Session {
  onstream: (stream: Stream) => void
  readonly opened: Promise<unknown>
  readonly stats: { readonly pktSent: bigint; readonly pktRecv: bigint; readonly pktLost: bigint }
  createBidirectionalStream(): Promise<Stream>
  close(): Promise<void>
}
interface NodeQuic {
  listen(onSession: (session: Session) => void, options: object): Promise<{ readonly address: { port: number } }>
  connect(address: string, options: object): Promise<Session>
}

const name = 'node:quic'
const { listen, connect } = (await import(name)) as NodeQuic
const DRAINABLE = Symbol.for('Stream.drainableProtocol')

let latest: Session | undefined

function byteStream(stream: Stream): ByteStream {
  const batches = stream[Symbol.asyncIterator]()
  const writer = stream.writer as Writer & Readonly<Record<symbol, () => Promise<unknown> | null>>
  let batch: readonly Uint8Array[] = []
  let next = 0
  return {
    async read() {
      while (next === batch.length) {
        const { value, done } = await batches.next()
        if (done === true) return undefined
        batch = value
        next = 0
      }
      return batch[next++]
    },
    async write(bytes) {
      while ((writer.desiredSize ?? 0) <= 0) await writer[DRAINABLE]?.()
      await writer.write(bytes)
    },
    finish: async () => void (await writer.end()),
  }
}

function countersOf({ stats }: Session): Counters {
  const { pktSent, pktRecv, pktLost } = stats
  return { packetsSent: Number(pktSent), packetsReceived: Number(pktRecv), packetsLost: Number(pktLost) }
}

await runPeer({
  async serve({ certificate, privateKey }, answer) {
    const identity = { keys: [createPrivateKey(privateKey)], certs: [Buffer.from(certificate)] }
    const onSession = (session: Session): void => {
      latest = session
      session.onstream = (stream) => answer(byteStream(stream))
    }
    const endpoint = await listen(onSession, {
      sni: { '*': identity },
      alpn: [ALPN],
      endpoint: { address: { address: '127.0.0.1', port: 0 } },
    })
    return endpoint.address.port
  },
  async connect(port, { ca }) {
    const trust = { servername: 'localhost', ca: [Buffer.from(ca)], verifyPeer: 'strict' }
    const session = await connect(`127.0.0.1:${port}`, { alpn: ALPN, ...trust })
    await session.opened
    return {
      open: async () => byteStream(await session.createBidirectionalStream()),
      close: () => session.close(),
      counters: () => countersOf(session),
    }
  },
  serverCounters: () => (latest === undefined ? {} : countersOf(latest)),
})
