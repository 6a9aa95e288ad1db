/** One application, served in several ways: what a client sees must not depend on the way. */
import { Buffer } from 'node:buffer'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type NodeApp, nodeHandler } from './handler.ts'

/** An application that is served. */
export interface Served {
  /** Asks it for `path`; a redirect is not followed. */
  ask(path: string, init?: RequestInit): Promise<Response>
  close(): Promise<void>
}

/** Serves an application. `listener` is `app` as a listener, where `app` is none. */
export type Serve = (app: NodeApp, listener: RequestListener) => Promise<Served>

/** Node's own server over TCP, and the handler. */
export const WAYS: readonly (readonly [name: string, serve: Serve])[] = [
  ['over TCP', overTcp],
  ['through the handler', throughTheHandler],
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
