/** One application, served in several ways: what a client sees must not depend on the way. */
import { Buffer } from 'node:buffer'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { udp } from '../../../transports/udp.ts'
import { devCertificate } from '../../api/dev.ts'
import { createFetch } from '../../api/http3/fetch.ts'
import type { FetchInit } from '../../api/http3/outgoing-request.ts'
import { serve } from '../../api/http3/serve.ts'
import { type NodeApp, nodeHandler } from './handler.ts'

/** An application that is served. */
export interface Served {
  /** Asks it for `path`; a redirect is not followed. */
  ask(path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

/** What an application is told of the connection, by way. */
export const FACTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'over TCP': { protocol: 'http', ip: '127.0.0.1', hostname: '127.0.0.1', httpVersion: '1.1' },
  'through the handler': { protocol: 'https', ip: '192.0.2.7', hostname: 'app.example', httpVersion: '3.0' },
  'over HTTP/3': { protocol: 'https', ip: '127.0.0.1', hostname: '127.0.0.1', httpVersion: '3.0' },
}

/** Serves an application. `listener` is `app` as a listener, where `app` is none. */
export type Serve = (app: NodeApp, listener: RequestListener) => Promise<Served>

/** Node's own server over TCP, the handler, and the handler behind a server of HTTP/3 over UDP. */
export const WAYS: readonly (readonly [name: string, serve: Serve])[] = [
  ['over TCP', overTcp],
  ['through the handler', throughTheHandler],
  ['over HTTP/3', overHttp3],
]

async function overTcp(_: NodeApp, listener: RequestListener): Promise<Served> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    ask: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual', ...init }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function throughTheHandler(app: NodeApp): Promise<Served> {
  const handler = nodeHandler(app)
  const info = { remoteAddress: '192.0.2.7:5000', localAddress: '192.0.2.1:443' }
  return {
    ask: (path, init = {}) => {
      const request = new Request(`https://app.example${path}`, init)
      // As a client puts it on the wire.
      if (typeof init.body === 'string') request.headers.set('content-length', String(Buffer.byteLength(init.body)))
      return handler(request, info)
    },
    close: async () => {},
  }
}

async function overHttp3(app: NodeApp): Promise<Served> {
  const certificate = await devCertificate()
  const server = await serve(await udp({ host: '127.0.0.1', port: 0 }), { certificate }, nodeHandler(app))
  const client = createFetch({ serverCertificateHashes: [certificate.hash] })
  return {
    ask: (path, init) => client(`https://${server.address}${path}`, { redirect: 'manual', ...init } as FetchInit),
    close: async () => {
      await client.close()
      await server.close()
    },
  }
}

/** A request's streaming content. */
export function streaming(body: ReadableStream<Uint8Array>, init: RequestInit = {}): RequestInit {
  return { method: 'POST', ...init, body, duplex: 'half' } as RequestInit
}

/** Waits until `condition` holds, as tests of real connections must. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new Error('It never came to hold')
}

/** Waits until `value` has not changed for a while. */
export async function settled(value: () => number): Promise<number> {
  for (let last = value(), same = 0; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    same = value() === last ? same + 1 : 0
    last = value()
    if (same === 10) return last
  }
}
