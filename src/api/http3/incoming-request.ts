/** The `Request` that a handler is given. The platform's own where it can carry what came, mended where it cannot. */
import type { Field } from '../../http3/field.ts'
import type { RequestHead } from '../../http3/message.ts'
import { headersOf } from './headers.ts'

/** A body that a `Request` can be asked for. */
export type IncomingBody = ReadableStream<Uint8Array<ArrayBuffer>>

/** Members of `Request` that are about its body. */
const BODY_METHODS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const

/** What a `Request` cannot be made of, by the Fetch standard. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

/** Whether a handler can be given a request by this method. */
export function isRequestMethod(method: string): boolean {
  return !FORBIDDEN_METHODS.has(method)
}

/** Whether a request by this method can have content, as the Fetch standard sees it. */
export function takesBody(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD'
}

/**
 * The request that `head` stands for.
 * @throws TypeError for one that has no URL, or that the platform refuses
 */
export function incomingRequest(head: RequestHead, body: IncomingBody | undefined, signal: AbortSignal): Request {
  const { method } = head
  const url = urlOf(head)
  const headers = headersOf(head.fields)
  const request = new Request(url, {
    method,
    headers,
    signal,
    // What follows a redirect is for the application to say.
    redirect: 'manual',
    ...(body !== undefined && { body, duplex: 'half' }),
  } as RequestInit)
  // Pages drop what scripts may not set, such as `cookie`; a server's handler needs it. Firefox adds a type for what it takes for text.
  if (!isSame(head.fields, request.headers))
    Object.defineProperty(request, 'headers', { value: headers, enumerable: true })
  if (body !== undefined && request.body !== body) mendBody(request, body, headers)
  return request
}

/** Scheme and authority in front of the path. `*` (RFC 9110 §7.1) becomes a path: a URL cannot say it. @throws TypeError */
function urlOf({ scheme, authority, path, fields }: RequestHead): string {
  const host = authority ?? fields.find(({ name }) => name === 'host')?.value
  if (host === undefined || path === undefined) throw new TypeError('A request needs an authority and a path')
  return `${scheme ?? 'https'}://${host}${path.startsWith('/') ? path : `/${path}`}`
}

function isSame(given: readonly Field[], kept: Headers): boolean {
  let hasType = false
  for (const { name } of given) {
    if (!kept.has(name)) return false
    if (name === 'content-type') hasType = true
  }
  return hasType || !kept.has('content-type')
}

/** Firefox knows no streams in requests: the members that are about the body are those of a `Response`, which takes them everywhere. */
function mendBody(request: Request, body: IncomingBody, headers: Headers): void {
  const type = headers.get('content-type')
  const response = new Response(body, type === null ? {} : { headers: { 'content-type': type } })
  const clone = (): Request => {
    const copy = response.clone()
    const { method, url, signal } = request
    const cloned = new Request(url, { method, signal, redirect: 'manual' })
    Object.defineProperty(cloned, 'headers', { value: new Headers(headers), enumerable: true })
    if (copy.body !== null) mendBody(cloned, copy.body as IncomingBody, headers)
    return cloned
  }
  Object.defineProperties(request, {
    body: { get: () => response.body, enumerable: true },
    bodyUsed: { get: () => response.bodyUsed, enumerable: true },
    clone: { value: clone },
    duplex: { value: 'half', enumerable: true },
    ...Object.fromEntries(BODY_METHODS.map((name) => [name, { value: () => response[name]() }])),
  })
}
