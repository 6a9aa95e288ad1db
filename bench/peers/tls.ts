/** TLS 1.3 over TCP by Node: what the kernel and OpenSSL do for it, QUIC does by itself. */
import { connect, createServer, type TLSSocket } from 'node:tls'
import { ALPN, type ByteStream, runPeer } from './harness.ts'

function byteStream(socket: TLSSocket): ByteStream {
  const chunks = socket[Symbol.asyncIterator]()
  return {
    read: async () => (await chunks.next()).value,
    async write(bytes) {
      if (!socket.write(bytes)) await new Promise((resolve) => socket.once('drain', resolve))
    },
    finish: async () => void socket.end(),
  }
}

await runPeer({
  serve({ certificate, privateKey }, answer) {
    const options = { cert: certificate, key: privateKey, ALPNProtocols: [ALPN], minVersion: 'TLSv1.3' as const }
    const server = createServer({ ...options, allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {})
      answer(byteStream(socket))
    })
    return new Promise((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  },
  async connect(port, { ca }) {
    const open = (): Promise<TLSSocket> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: [ALPN], allowHalfOpen: true }
        const socket = connect({ port, minVersion: 'TLSv1.3', ...options }, () => resolve(socket))
        socket.on('error', reject)
      })
    // A connection carries one stream: the first is that of the connection, each further one has its own.
    let first: TLSSocket | undefined = await open()
    return {
      async open() {
        const socket = first ?? (await open())
        first = undefined
        return byteStream(socket)
      },
      async close() {
        first?.destroy()
      },
    }
  },
})
