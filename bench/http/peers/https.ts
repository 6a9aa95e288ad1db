/** Node's `https`: HTTP/1.1 over TLS 1.3, a socket for each request in flight. */
import { once } from 'node:events'
import { Agent, createServer, type RequestOptions, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pieces } from '../../peers/transfers.ts'
import { runHttpPeer } from '../harness.ts'

/** ms a socket waits for the next request: longer than anything else takes here. */
const KEEP = 60_000

const server = createServer()

await runHttpPeer({
  async serve({ certificate, privateKey }, { small, sink }) {
    server.setSecureContext({ cert: certificate, key: privateKey, minVersion: 'TLSv1.3' })
    server.keepAliveTimeout = KEEP
    server.on('request', (incoming, outgoing) => {
      const { pathname, searchParams } = new URL(incoming.url ?? '/', 'https://localhost')
      if (pathname === '/small') return void outgoing.end(small)
      if (pathname === '/download') {
        const bytes = Number(searchParams.get('bytes'))
        outgoing.setHeader('content-length', bytes)
        return void pipeline(Readable.from(pieces(bytes)), outgoing).catch(() => {})
      }
      incoming.on('data', (chunk: Uint8Array) => sink.add(chunk))
      incoming.on('end', () => outgoing.writeHead(204).end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  connect(port, { ca }) {
    const agent = new Agent({ keepAlive: true, ca, minVersion: 'TLSv1.3' })
    const perform = (
      path: string,
      onData: (chunk: Uint8Array) => void,
      options: RequestOptions = {},
      body?: Readable,
    ): Promise<void> =>
      new Promise((resolve, reject) => {
        const outgoing = request({ host: '127.0.0.1', port, path, agent, ...options })
        outgoing.on('error', reject)
        outgoing.on('response', (incoming) => {
          const { statusCode = 0 } = incoming
          incoming.on('data', onData)
          incoming.on('error', reject)
          incoming.on('end', () => {
            if (statusCode >= 200 && statusCode <= 299) resolve()
            else reject(new Error(`${path} was answered with status ${statusCode}`))
          })
        })
        if (body === undefined) outgoing.end()
        else body.pipe(outgoing)
      })
    return {
      async get(path) {
        const chunks: Uint8Array[] = []
        await perform(path, (chunk) => chunks.push(chunk))
        return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
      },
      download: (path, sink) => perform(path, (chunk) => sink.add(chunk)),
      upload(path, bytes) {
        const headers = { 'content-length': bytes }
        return perform(path, () => {}, { method: 'PUT', headers }, Readable.from(pieces(bytes)))
      },
      close: async () => agent.destroy(),
    }
  },
  connections: () =>
    new Promise<number | undefined>((resolve) => {
      if (server.listening) server.getConnections((_, count) => resolve(count))
      else resolve(undefined)
    }),
})
