/**
 * A reverse proxy: requests over HTTP/3 are asked of an origin over HTTP/1.1, with content, interim responses and trailers streaming
 * both ways. Fields of the connection end here (RFC 9110 §7.6.1); what the origin is to know of the client is in `X-Forwarded-*`.
 */
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'

/** What is known of a request, beside it: what `serve` tells its handlers, or a part of it. */
export interface ProxyInfo {
  readonly remoteAddress?: string
  readonly trailers?: Promise<Headers>
  inform?(status: number, headers: Headers): void
  sendTrailers?(trailers: Headers): void
}

/** Answers requests with what the origin answers. */
export interface ProxyHandler {
  (request: Request, info?: ProxyInfo): Promise<Response>
  /** Ends the connections that are kept. */
  close(): void
}

/** Never forwarded: fields of one connection, what this proxy says itself, and what was meant for it. */
const OWN_FIELDS: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'host'],
  ...['proxy-authorization', 'proxy-authenticate', 'proxy-authentication-info', 'alt-svc'],
  ...['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'x-real-ip'],
])

/** How long a client that waits to send its content waits at most (RFC 9110 §10.1.1), ms. */
const CONTINUE_WAIT = 1000

/**
 * A handler that asks `origin`, an `http:` or `https:` URL; its path, if it has one, goes before that of each request.
 * @throws TypeError where it is none
 */
export function proxyHandler(origin: string): ProxyHandler {
  const base = URL.canParse(origin) ? new URL(origin) : undefined
  if (base === undefined || !(base.protocol === 'http:' || base.protocol === 'https:')) {
    throw new TypeError(`The origin must be an http:// or https:// URL, got ${origin}`)
  }
  const agent = base.protocol === 'http:' ? new PlainAgent({ keepAlive: true }) : new SecureAgent({ keepAlive: true })
  const send = base.protocol === 'http:' ? plainRequest : secureRequest
  const handler = async (request: Request, info: ProxyInfo = {}): Promise<Response> => {
    const { pathname, search } = new URL(request.url)
    const fields = forwardedFields(request, base, info)
    const { protocol, hostname, port } = base
    const upstream = send({
      ...{ agent, protocol, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), method: request.method },
      ...(port !== '' && { port }),
      path: base.pathname.replace(/\/$/, '') + pathname + search,
      headers: fields,
      signal: request.signal,
      setDefaultHeaders: false,
    })
    upstream.on('information', ({ statusCode, rawHeaders }) => {
      // 100 is said by whoever reads the content; 101 is of HTTP/1.1 alone.
      if (statusCode > 101) info.inform?.(statusCode, headersOf(rawHeaders))
    })
    // Those who wait hear of it; once the response has begun it breaks off by itself.
    upstream.on('error', () => {})
    try {
      const sent = sendContent(request, upstream, info)
      // The response may come before the content has gone, or instead of it.
      const [response]: IncomingMessage[] = await Promise.race([
        once(upstream, 'response'),
        sent.then(() => once(upstream, 'response')),
      ])
      sent.catch(() => {})
      return response === undefined ? badGateway() : answerOf(response, request, base, info)
    } catch (error) {
      upstream.destroy()
      if (request.signal.aborted) throw request.signal.reason
      return badGateway(error)
    }
  }
  return Object.assign(handler, { close: () => agent.destroy() })
}

/** Name, value, name, value: in the order in which they came. */
function forwardedFields(request: Request, base: URL, { remoteAddress = '' }: ProxyInfo): string[] {
  const { headers, url, body } = request
  const fields = ['Host', base.host]
  for (const [name, value] of withoutOwn([...headers])) {
    if (name !== 'via') fields.push(name, value)
  }
  // HTTP/1.1 has to know where the content ends.
  if (body !== null && !headers.has('content-length')) fields.push('Transfer-Encoding', 'chunked')
  else if (body === null && !headers.has('content-length') && request.method === 'POST')
    fields.push('Content-Length', '0')
  const client = remoteAddress.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  // Nobody in front is trusted: what came under these names anybody can have written.
  if (client !== '') fields.push('X-Forwarded-For', client)
  fields.push('X-Forwarded-Proto', 'https', 'X-Forwarded-Host', new URL(url).host)
  const via = headers.get('via')
  fields.push('Via', via === null ? '3.0 isoquic' : `${via}, 3.0 isoquic`)
  return fields
}

/** Sends the content, where there is some, once the origin has agreed to it, where it was asked. */
async function sendContent(request: Request, upstream: ClientRequest, info: ProxyInfo): Promise<void> {
  if (request.body === null) {
    upstream.end()
    return
  }
  if (request.headers.get('expect')?.toLowerCase() === '100-continue') {
    upstream.flushHeaders()
    const given = new AbortController()
    const isOver = await Promise.race([
      once(upstream, 'continue', { signal: given.signal }).then(() => false),
      once(upstream, 'response', { signal: given.signal }).then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, CONTINUE_WAIT, false).unref()),
    ]).finally(() => given.abort())
    if (isOver) return
  }
  const body = Readable.fromWeb(request.body as NodeReadableStream<Uint8Array>)
  await pipeline(body, upstream, { end: false })
  const trailers = [...((await info.trailers) ?? [])]
  if (trailers.length > 0 && !request.headers.has('content-length')) upstream.addTrailers(trailers)
  upstream.end()
}

function answerOf(response: IncomingMessage, request: Request, base: URL, info: ProxyInfo): Response {
  const { statusCode = 502, rawHeaders } = response
  if (statusCode < 200 || statusCode > 599) {
    response.destroy()
    return badGateway(`The origin answered with status ${statusCode}`)
  }
  const headers = headersOf(rawHeaders)
  const location = headers.get('location')
  // What it calls itself nobody else may know.
  if (location?.startsWith(`${base.origin}/`) === true) {
    headers.set('location', new URL(request.url).origin + location.slice(base.origin.length))
  }
  const isEmpty = request.method === 'HEAD' || statusCode === 204 || statusCode === 205 || statusCode === 304
  if (isEmpty) {
    response.resume()
    return new Response(null, { status: statusCode, headers })
  }
  response.once('end', () => {
    if (response.rawTrailers.length > 0) info.sendTrailers?.(headersOf(response.rawTrailers))
  })
  return new Response(contentOf(response), { status: statusCode, headers })
}

/** The content, no faster than it is read; to leave it ends the request. */
function contentOf(response: IncomingMessage): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces: AsyncIterator<Uint8Array<ArrayBuffer>> = response[Symbol.asyncIterator]()
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await pieces.next()
        if (done === true) controller.close()
        else controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
      },
      cancel: () => {
        response.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

function headersOf(rawHeaders: readonly string[]): Headers {
  const lines = rawHeaders.flatMap((name, index): [string, string][] =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? '']] : [],
  )
  const headers = new Headers()
  for (const [name, value] of withoutOwn(lines)) headers.append(name, value)
  return headers
}

/** Without what is of one connection, and what `Connection` says is. */
function withoutOwn(lines: readonly [name: string, value: string][]): [name: string, value: string][] {
  const named = lines
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()))
  return lines.filter(([name]) => !OWN_FIELDS.has(name.toLowerCase()) && !named.includes(name.toLowerCase()))
}

function badGateway(cause?: unknown): Response {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
  const headers = { 'content-type': 'text/plain; charset=utf-8' }
  return new Response(`The origin does not answer${code}\n`, { status: 502, headers })
}
