/** Both ends for the runtimes that speak in `Request` and `Response`. */
import { pieces, type Sink } from '../peers/transfers.ts'
import type { HttpClient, Served } from './harness.ts'

/** The handler of a server. */
export function answerWith({ small, sink }: Served): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/small') return new Response(small as Uint8Array<ArrayBuffer>)
    if (pathname === '/download') {
      const bytes = Number(searchParams.get('bytes'))
      return new Response(streamOf(bytes), { headers: { 'content-length': String(bytes) } })
    }
    if (pathname !== '/upload' || request.body === null) return new Response(null, { status: 404 })
    for await (const chunk of request.body as AsyncIterable<Uint8Array>) sink.add(chunk)
    return new Response(null, { status: 204 })
  }
}

/** A client by `fetch`. */
export function fetchClient(
  fetch: (url: string, init: RequestInit) => Promise<Response>,
  origin: string,
  close: () => Promise<void>,
): HttpClient {
  const perform = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(origin + path, init)
    if (!response.ok) throw new Error(`${path} was answered with status ${response.status}`)
    return response
  }
  return {
    async get(path) {
      const response = await perform(path)
      return new Uint8Array(await response.arrayBuffer())
    },
    async download(path, sink: Sink) {
      const { body } = await perform(path)
      for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) sink.add(chunk)
    },
    async upload(path, bytes) {
      // The quic-go of Caddy 2.6 takes a body of unknown length for none.
      const headers = { 'content-length': String(bytes) }
      const init = { method: 'PUT', headers, body: streamOf(bytes), duplex: 'half' }
      const response = await perform(path, init as RequestInit)
      await response.arrayBuffer()
    },
    close,
  }
}

function streamOf(bytes: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  const source = pieces(bytes)
  return new ReadableStream({
    pull(controller) {
      const { value, done } = source.next()
      if (done === true) controller.close()
      else controller.enqueue(value as Uint8Array<ArrayBuffer>)
    },
  })
}
