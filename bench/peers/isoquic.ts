/**
 * isoquic itself, with its default options: Node's engine, path validation by `ca`, congestion control and pacing. `--mtu BYTES`: the
 * option `mtu.max` of both ends. `--offload`: the option of `udp`.
 */
import { connect } from '../../src/api/client.ts'
import type { QuicConnection } from '../../src/api/connection.ts'
import { listen } from '../../src/api/server.ts'
import type { QuicStream } from '../../src/api/stream.ts'
import { type UdpTransport, udp } from '../../transports/udp.ts'
import { ALPN, type ByteStream, type Counters, readArguments, runPeer } from './harness.ts'

/** Bytes that are read at once. */
const READ = 65_536

const { mtu, offload } = readArguments()
const ALL = { alpn: [ALPN], ...(mtu !== undefined && { mtu: { max: mtu } }) }

async function bound(): Promise<UdpTransport> {
  const transport = await udp({ host: '127.0.0.1', offload })
  if (offload && transport.offload === 'none') throw new Error('There is no segmentation offload here')
  return transport
}

let latest: QuicConnection | undefined

function byteStream(stream: QuicStream): ByteStream {
  const buffer = new Uint8Array(READ)
  return {
    async read() {
      for (;;) {
        const got = stream.read(buffer)
        if (got < 0) return undefined
        if (got > 0) return buffer.subarray(0, got)
        await stream.whenReadable()
      }
    },
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        at += stream.tryWrite(at === 0 ? bytes : bytes.subarray(at))
        if (at < bytes.length) await stream.whenWritable()
      }
    },
    async finish() {
      stream.finish()
    },
  }
}

/** The numbers among the statistics. */
async function countersOf(connection: QuicConnection): Promise<Counters> {
  const entries = Object.entries((await connection.getStats()).quic)
  return Object.fromEntries(entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'))
}

async function answerAll(connection: QuicConnection, answer: (stream: ByteStream) => void): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) answer(byteStream(stream))
}

await runPeer({
  async serve(certificate, answer) {
    const transport = await bound()
    const server = await listen(transport, { ...ALL, certificate })
    void (async () => {
      for await (const connection of server) {
        latest = connection
        answerAll(connection, answer).catch(() => {})
      }
    })()
    return transport.port
  },
  async connect(port, { ca }) {
    const transport = await bound()
    const address = `127.0.0.1:${port}`
    const connection = await connect(transport, { ...ALL, address, serverName: 'localhost', ca })
    return {
      open: async () => byteStream(await connection.createBidirectionalStream()),
      close: () => connection.close(),
      counters: () => countersOf(connection),
    }
  },
  serverCounters: () => (latest === undefined ? {} : countersOf(latest)),
})
