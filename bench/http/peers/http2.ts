/** Node's `http2`, which is nghttp2, over TLS 1.3. */
import { once } from 'node:events'
import { connect, createSecureServer, type OutgoingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pieces } from '../../peers/transfers.ts'
import { runHttpPeer } from '../harness.ts'

/** Bytes of a stream and of a connection that may be under way: with the 64 KiB that are Node's default bodies would crawl. */
const WINDOW = 16 << 20

let connections: number | undefined

await runHttpPeer({
  async serve({ certificate, privateKey }, { small, sink }) {
    const settings = { initialWindowSize: WINDOW }
    const server = createSecureServer({ cert: certificate, key: privateKey, minVersion: 'TLSv1.3', settings })
    connections = 0
    server.on('session', (session) => {
      connections = (connections ?? 0) + 1
      session.setLocalWindowSize(WINDOW)
      session.on('close', () => {
        connections = (connections ?? 1) - 1
      })
    })
    server.on('stream', (stream, headers) => {
      const { pathname, searchParams } = new URL(headers[':path'] ?? '/', 'https://localhost')
      if (pathname === '/small') {
        stream.respond()
        stream.end(small)
      } else if (pathname === '/download') {
        const bytes = Number(searchParams.get('bytes'))
        stream.respond({ 'content-length': bytes })
        pipeline(Readable.from(pieces(bytes)), stream).catch(() => {})
      } else {
        stream.on('data', (chunk: Uint8Array) => sink.add(chunk))
        stream.on('end', () => stream.respond({ ':status': 204 }, { endStream: true }))
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },
  async connect(port, { ca }) {
    const session = connect(`https://127.0.0.1:${port}`, {
      ca,
      minVersion: 'TLSv1.3',
      settings: { initialWindowSize: WINDOW },
    })
    await once(session, 'connect')
    session.setLocalWindowSize(WINDOW)
    // What comes is listened for at once: a stream whose end has come before its reader is gone.
    const perform = (
      path: string,
      onData: (chunk: Uint8Array) => void,
      headers: OutgoingHttpHeaders = {},
      body?: Readable,
    ): Promise<void> =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':path': path, ...headers }, { endStream: body === undefined })
        let status = 0
        stream.on('response', (fields) => {
          status = fields[':status'] ?? 0
        })
        stream.on('data', onData)
        stream.on('error', reject)
        stream.on('end', () => {
          if (status >= 200 && status <= 299) resolve()
          else reject(new Error(`${path} was answered with status ${status}`))
        })
        body?.pipe(stream)
      })
    return {
      async get(path) {
        const chunks: Uint8Array[] = []
        await perform(path, (chunk) => chunks.push(chunk))
        return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
      },
      download: (path, sink) => perform(path, (chunk) => sink.add(chunk)),
      upload(path, bytes) {
        const headers = { ':method': 'PUT', 'content-length': bytes }
        return perform(path, () => {}, headers, Readable.from(pieces(bytes)))
      },
      close: () => new Promise((resolve) => session.close(resolve)),
    }
  },
  connections: () => connections,
})
