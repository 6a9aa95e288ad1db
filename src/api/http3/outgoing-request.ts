/** What `fetch` is given, as plain facts that can be sent, more than once where the body allows it. */
import type { StreamPriority } from '../../streams/scheduler.ts'
import { checkPriority } from '../../streams/scheduler.ts'
import { checkSignal, checkType } from '../checks.ts'
import type { HeadersLike } from './headers.ts'
import type { TrailersSource } from './serve-info.ts'

/** What `fetch` takes: absolute `https:` URLs. */
export type FetchInput = Request | URL | string

/** What an interim response says. */
export interface InformationalResponse {
  /** 100 to 199, never 101. */
  readonly status: number
  readonly headers: Headers
}

/**
 * The init of `fetch`. `method`, `headers`, `body`, `signal` and `redirect` are as in the Fetch standard; members of it that are
 * a browser's business, such as `mode` and `cache`, are not looked at.
 */
export interface FetchInit extends Omit<RequestInit, 'priority' | 'body' | 'signal'> {
  /** A stream is sent as it comes, and can be sent once. */
  readonly body?: BodyInit | Uint8Array | ReadableStream<Uint8Array> | null | undefined
  readonly signal?: AbortSignal | null | undefined
  /** Not needed, and may stand here for the sake of other runtimes. */
  readonly duplex?: 'half' | undefined
  /** What goes first (RFC 9218): urgency 0 to 7, default 3; or the hint of the Fetch standard. */
  readonly priority?: Partial<StreamPriority> | RequestPriority | undefined
  /** Hears of interim responses, such as 103. */
  readonly onInformational?: ((response: InformationalResponse) => void) | undefined
  /** Sent behind the body. */
  readonly trailers?: TrailersSource | undefined
}

/** A body that can be opened. */
export interface BodySource {
  /** Whether it can be opened again. */
  readonly isReplayable: boolean
  open(): OpenBody
}

/** What there is to be sent. */
export interface OpenBody {
  readonly body: ReadableStream<Uint8Array> | Uint8Array
  /** Its media type, where it knows one. */
  readonly type: string | undefined
  /** bytes, where they are known. */
  readonly length: number | undefined
}

/** A request that is to be sent. */
export interface OutgoingRequest {
  /** With the fragment. */
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: BodySource | undefined
  readonly signal: AbortSignal | undefined
  readonly redirect: RequestRedirect
  readonly priority: StreamPriority | undefined
  readonly onInformational: ((response: InformationalResponse) => void) | undefined
  readonly trailers: TrailersSource | undefined
}

/** Methods that are known in any case (Fetch standard, "normalize a method"). */
const KNOWN = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK'])
const HINTS: Readonly<Record<string, StreamPriority | undefined>> = {
  high: { urgency: 1, incremental: false },
  low: { urgency: 5, incremental: false },
  auto: undefined,
}

/** Reads the arguments of `fetch`. @throws TypeError, RangeError for what cannot be asked for */
export async function outgoingRequest(input: FetchInput, init: FetchInit = {}): Promise<OutgoingRequest> {
  const request = isRequest(input) ? input : undefined
  const url = checkedUrl(request?.url ?? String(input))
  const { redirect = request?.redirect ?? 'follow', onInformational, trailers } = init
  const signal = init.signal === undefined ? request?.signal : (init.signal ?? undefined)
  checkSignal(signal)
  checkType(onInformational, 'onInformational', 'function')
  if (redirect !== 'follow' && redirect !== 'error' && redirect !== 'manual') {
    throw new TypeError(`redirect must be 'follow', 'error' or 'manual', got ${String(redirect)}`)
  }
  if (typeof init.integrity === 'string' && init.integrity !== '') {
    throw new TypeError('integrity is not checked here: check the body yourself')
  }
  const method = checkedMethod(init.method ?? request?.method ?? 'GET')
  const headers = new Headers((init.headers as HeadersLike) ?? request?.headers)
  const body = init.body === undefined ? await bodyOf(request) : init.body === null ? undefined : sourceOf(init.body)
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`A request by ${method} has no body`)
  }
  return {
    url,
    method,
    headers,
    body,
    signal,
    redirect,
    priority: priorityOf(init.priority),
    onInformational,
    trailers,
  }
}

/** @throws TypeError for what is no absolute `https:` URL, or has a name and password in it */
export function checkedUrl(given: string, base?: URL): URL {
  let url: URL
  try {
    url = new URL(given, base)
  } catch {
    throw new TypeError(`The URL must be absolute, got ${given}`)
  }
  if (url.protocol !== 'https:') throw new TypeError(`HTTP/3 is for https: URLs, got ${url.href}`)
  if (url.username !== '' || url.password !== '') throw new TypeError('The URL must have no name and password in it')
  return url
}

/** @throws RangeError, TypeError */
export function priorityOf(given: FetchInit['priority']): StreamPriority | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'string') {
    if (!(given in HINTS)) throw new TypeError(`priority must be 'high', 'low', 'auto' or an object, got ${given}`)
    return HINTS[given]
  }
  const { urgency = 3, incremental = false } = given
  checkPriority({ urgency, incremental })
  checkType(incremental, 'incremental', 'boolean')
  return { urgency, incremental }
}

function checkedMethod(given: string): string {
  const upper = given.toUpperCase()
  if (FORBIDDEN.has(upper)) throw new TypeError(`fetch sends no ${upper}`)
  return KNOWN.has(upper) ? upper : given
}

function isRequest(input: FetchInput): input is Request {
  return typeof input === 'object' && 'headers' in input && 'url' in input
}

/** The body of a `Request`; Firefox has none to be streamed, and gives its bytes. */
async function bodyOf(request: Request | undefined): Promise<BodySource | undefined> {
  if (request === undefined) return undefined
  if (request.bodyUsed) throw new TypeError('The body of the request was used before')
  if (request.body === undefined) {
    const bytes = new Uint8Array(await request.arrayBuffer())
    return bytes.length === 0 ? undefined : bytesSource(bytes, undefined)
  }
  return request.body === null ? undefined : streamSource(request.body)
}

function sourceOf(body: NonNullable<FetchInit['body']>): BodySource {
  if (typeof body === 'string') return bytesSource(new TextEncoder().encode(body), 'text/plain;charset=UTF-8')
  if (body instanceof URLSearchParams) {
    const type = 'application/x-www-form-urlencoded;charset=UTF-8'
    return bytesSource(new TextEncoder().encode(String(body)), type)
  }
  if (body instanceof ArrayBuffer) return bytesSource(new Uint8Array(body.slice(0)), undefined)
  if (ArrayBuffer.isView(body)) {
    return bytesSource(new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice(), undefined)
  }
  if (typeof Blob === 'function' && body instanceof Blob) {
    const type = body.type === '' ? undefined : body.type
    return { isReplayable: true, open: () => ({ body: body.stream(), type, length: body.size }) }
  }
  if (body instanceof ReadableStream) return streamSource(body)
  // A form: the platform writes it, each time with a boundary of its own.
  return { isReplayable: true, open: () => extracted(body as BodyInit) }
}

function extracted(body: BodyInit): OpenBody {
  const response = new Response(body)
  const type = response.headers.get('content-type') ?? undefined
  return { body: response.body ?? new Uint8Array(0), type, length: undefined }
}

function bytesSource(bytes: Uint8Array, type: string | undefined): BodySource {
  return { isReplayable: true, open: () => ({ body: bytes, type, length: bytes.length }) }
}

function streamSource(stream: ReadableStream<Uint8Array>): BodySource {
  if (stream.locked) throw new TypeError('The body is locked to a reader')
  return { isReplayable: false, open: () => ({ body: stream, type: undefined, length: undefined }) }
}
