/** A client of HTTP/3: requests in the shape of the Fetch standard, over connections that are kept for the next ones. */
import type { Field } from '../../http3/field.ts'
import { requestFields } from '../../http3/message.ts'
import { formatPriority } from '../../http3/priority.ts'
import type { Settings } from '../../http3/settings.ts'
import { checkSignal, checkTransport } from '../checks.ts'
import { connectAtOnce } from '../client.ts'
import type { QuicConnection } from '../connection.ts'
import { defaultEnvironment } from '../default-environment.ts'
import { type Alternative, AltSvcCache } from './alt-svc.ts'
import { ClientConnection } from './client-connection.ts'
import { ClientExchange } from './client-exchange.ts'
import { type Http3ClientOptions, type SortedClientOptions, sortClientOptions } from './client-options.ts'
import { ClientTunnel, type ConnectInit, connectFields } from './client-tunnel.ts'
import { AttemptError, fetchError } from './fetch-error.ts'
import { fieldsOf } from './headers.ts'
import {
  type FetchInit,
  type FetchInput,
  type OpenBody,
  type OutgoingRequest,
  outgoingRequest,
} from './outgoing-request.ts'
import { MAX_REDIRECTS, redirected, redirectTarget } from './redirects.ts'
import { keepResponseInfo, responseInfo } from './response-info.ts'
import type { Http3Tunnel } from './tunnel.ts'

/** Servers whose settings are remembered. */
const MAX_REMEMBERED = 256
/** Attempts at one request at most. */
const MAX_ATTEMPTS = 5
/** Methods that may be sent again, and as early data (RFC 9110 §9.2.1, RFC 8470 §4). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Where a connection leads, and for whom. */
interface Place extends Alternative {
  readonly origin: string
  readonly isAlternative: boolean
}

/** Fetches over connections of its own. */
export class Http3Client implements AsyncDisposable {
  readonly #options: SortedClientOptions
  readonly #altSvc: AltSvcCache
  /** Those that take requests, by origin and place. */
  readonly #usable = new Map<string, ClientConnection>()
  readonly #all = new Set<ClientConnection>()
  /** Of the servers that were met last, by origin and place. */
  readonly #settings = new Map<string, Settings>()
  #isClosed = false

  /** @throws TypeError, RangeError for wrong options */
  constructor(options: Http3ClientOptions = {}) {
    this.#options = sortClientOptions(options)
    const environment = options.environment ?? defaultEnvironment()
    this.#altSvc = new AltSvcCache(() => environment.now())
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** The connections that have not ended. */
  get connections(): ReadonlySet<QuicConnection> {
    return new Set([...this.#all].flatMap(({ quic }) => quic ?? []))
  }

  /**
   * As `fetch` of the Fetch standard, over HTTP/3. Bodies stream both ways; encoded content stays as it is; there are no cookies and
   * no cache.
   *
   * @throws (rejects with) `TypeError` for what cannot be asked for, and where the network or the server is at fault: its `cause` is
   * then the `QuicError`; the signal's reason.
   */
  async fetch(input: FetchInput, init?: FetchInit): Promise<Response> {
    let request = await outgoingRequest(input, init)
    for (let redirects = 0; ; redirects++) {
      request.signal?.throwIfAborted()
      const response = await this.#perform(request)
      const location = request.redirect === 'manual' ? undefined : redirectTarget(response)
      if (location === undefined) return finished(response, request.url, redirects > 0)
      await response.body?.cancel()
      if (request.redirect === 'error') throw new TypeError(`${request.url.href} redirects to ${location}`)
      if (redirects === MAX_REDIRECTS) throw new TypeError(`More than ${MAX_REDIRECTS} redirects`)
      request = redirected(request, response.status, location)
    }
  }

  /**
   * Makes a tunnel: by extended CONNECT with `protocol` to `url`, or by plain CONNECT through the proxy at `url` to `target`.
   *
   * @throws (rejects with) `Http3ConnectError` where the server refuses; `TypeError` where it takes no such CONNECT, for what cannot
   * be asked for, and where there is no connection (its `cause` is then the `QuicError`); the signal's reason.
   */
  async connect(url: string | URL, init: ConnectInit): Promise<Http3Tunnel> {
    const target = new URL(url)
    const fields = connectFields(target, init)
    const { signal, protocol } = init
    checkSignal(signal)
    signal?.throwIfAborted()
    const options = {
      end: false,
      priority: undefined,
      mayBeEarly: false,
      needsSettings: protocol !== undefined,
      signal,
    }
    for (let attempt = 1; ; attempt++) {
      const place = this.#placeOf(target, false)
      try {
        const { stream, session } = await this.#connectionTo(place).open(fields, options)
        const exchange = new ClientTunnel(stream, session, signal)
        session.adopt(stream, exchange)
        session.touch()
        return await exchange.tunnel
      } catch (error) {
        if (!(error instanceof AttemptError)) throw error
        const mayFollow = error.isUnprocessed && this.#mayFollow(error, place) && attempt < MAX_ATTEMPTS
        if (!mayFollow) throw fetchError(error.cause)
      }
    }
  }

  /** Closes all connections; what is under way fails. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#usable.clear()
    await Promise.all([...this.#all].map((connection) => connection.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #perform(request: OutgoingRequest): Promise<Response> {
    let mayBeEarly = this.#options.earlyData && SAFE.has(request.method) && request.body === undefined
    let mayUseAlternative = true
    for (let attempt = 1; ; attempt++) {
      const mayRepeat = attempt < MAX_ATTEMPTS && request.body?.isReplayable !== false
      const place = this.#placeOf(request.url, mayUseAlternative)
      try {
        const response = await this.#attempt(request, place, mayBeEarly)
        if (this.#options.altSvc) this.#onAltSvc(place.origin, response)
        const isTooEarly = response.status === 425 && responseInfo(response)?.isEarly === true
        const isMisdirected = response.status === 421 && place.isAlternative
        if (!mayRepeat || !(isTooEarly || isMisdirected)) return response
        await response.body?.cancel()
        mayBeEarly &&= !isTooEarly
        if (isMisdirected) this.#altSvc.forget(place.origin)
      } catch (error) {
        if (!(error instanceof AttemptError)) throw error
        // RFC 7838 §2.4
        if (place.isAlternative && error.isUnprocessed) mayUseAlternative = false
        const mayFollow = error.isUnprocessed
          ? this.#mayFollow(error, place)
          : error.isStale && SAFE.has(request.method)
        if (!mayRepeat || !mayFollow) throw fetchError(error.cause)
      }
    }
  }

  /** Whether the request that was not sent is to be sent elsewhere: not where no connection can be made at all. */
  #mayFollow({ hadConnection }: AttemptError, { isAlternative }: Place): boolean {
    return !this.#isClosed && (hadConnection || isAlternative)
  }

  async #attempt(request: OutgoingRequest, place: Place, mayBeEarly: boolean): Promise<Response> {
    const open = request.body?.open()
    const { fields, length } = this.#fieldsOf(request, place, open)
    const connection = this.#connectionTo(place)
    const { priority, signal } = request
    const end = open === undefined && request.trailers === undefined
    const opened = await connection.open(fields, { end, priority, mayBeEarly, signal })
    const exchange = new ClientExchange(opened.stream, request, opened.session, opened)
    opened.session.adopt(opened.stream, exchange)
    exchange.send(open, length)
    opened.session.touch()
    return exchange.response
  }

  #fieldsOf(
    request: OutgoingRequest,
    place: Place,
    open: OpenBody | undefined,
  ): { readonly fields: Field[]; readonly length: number | undefined } {
    const { url, method, priority } = request
    const { headers } = request
    const fields = fieldsOf(headers)
    const add = (name: string, value: string): void => {
      if (!headers.has(name)) fields.push({ name, value })
    }
    add('accept', '*/*')
    add('user-agent', 'isoquic')
    if (open?.type !== undefined) add('content-type', open.type.trim())
    const given = headers.get('content-length')
    if (given !== null && !/^\d{1,15}$/.test(given))
      throw new TypeError(`content-length must be a number, got ${given}`)
    const isEmptyBody = open === undefined && (method === 'POST' || method === 'PUT')
    const length = given === null ? (isEmptyBody ? 0 : open?.length) : Number(given)
    if (length !== undefined) add('content-length', String(length))
    const field = priority === undefined ? '' : formatPriority(priority)
    if (field !== '') add('priority', field)
    // RFC 7838 §5
    if (place.isAlternative) add('alt-used', `${place.host}:${place.port}`)
    const section = requestFields({
      method,
      scheme: 'https',
      authority: url.host,
      path: url.pathname + url.search,
      fields,
    })
    return { fields: section, length }
  }

  #placeOf(url: URL, mayUseAlternative: boolean): Place {
    const { origin, hostname } = url
    const own = { origin, host: hostname, port: url.port === '' ? 443 : Number(url.port), isAlternative: false }
    const alternative = mayUseAlternative ? this.#altSvc.get(origin) : undefined
    if (alternative === undefined || (alternative.host === own.host && alternative.port === own.port)) return own
    const place = { origin, host: alternative.host, port: alternative.port, isAlternative: true }
    // While the way there is made, the one that there is serves (RFC 7838 §2.4).
    if (this.#usable.get(keyOf(own))?.isReady === true && !this.#connectionTo(place).isReady) return own
    return place
  }

  #connectionTo(place: Place): ClientConnection {
    if (this.#isClosed) throw new TypeError('The client is closed')
    const key = keyOf(place)
    const known = this.#usable.get(key)
    if (known !== undefined) return known
    const { idleTimeout, http3 } = this.#options
    const connection = new ClientConnection(this.#connect(place), {
      idleTimeout,
      http3: { ...http3, rememberedSettings: this.#settings.get(key) },
      onSettings: (settings) => this.#remember(key, settings),
      onUnusable: (each) => {
        if (this.#usable.get(key) === each) this.#usable.delete(key)
      },
      onOver: (each) => void this.#all.delete(each),
    })
    this.#usable.set(key, connection)
    this.#all.add(connection)
    connection.ready.catch(() => {
      if (place.isAlternative) this.#altSvc.onBroken(place.origin, place)
    })
    return connection
  }

  async #connect({ origin, host, port, isAlternative }: Place): Promise<QuicConnection> {
    const transport = await this.#options.transport({ origin, host, port })
    checkTransport(transport)
    const { hostname } = new URL(origin)
    return connectAtOnce(transport, {
      ...this.#options.connect,
      address: `${host}:${port}`,
      // RFC 7838 §2.1: whoever is there must be the origin.
      ...(isAlternative && { serverName: hostname.replace(/^\[(.*)\]$/, '$1') }),
    })
  }

  /** RFC 9114 §7.2.4.2: what early data of the next connection goes by. */
  #remember(key: string, settings: Settings): void {
    this.#settings.delete(key)
    for (const oldest of this.#settings.keys()) {
      if (this.#settings.size < MAX_REMEMBERED) break
      this.#settings.delete(oldest)
    }
    this.#settings.set(key, settings)
  }

  #onAltSvc(origin: string, { headers }: Response): void {
    const value = headers.get('alt-svc')
    if (value === null) return
    const age = Number(headers.get('age') ?? 0)
    this.#altSvc.receive(origin, value, Number.isFinite(age) && age > 0 ? age * 1000 : 0)
  }
}

function keyOf({ origin, host, port }: Omit<Place, 'isAlternative'>): string {
  return `${origin} ${host}:${port}`
}

/** The response as the Fetch standard has it: knowing where it came from. */
function finished(response: Response, url: URL, isRedirected: boolean): Response {
  const { href, hash } = url
  return withOrigin(response, hash === '' ? href : (href.split('#')[0] ?? href), isRedirected)
}

function withOrigin(response: Response, url: string, redirected: boolean): Response {
  return Object.defineProperties(response, {
    url: { value: url, enumerable: true },
    redirected: { value: redirected, enumerable: true },
    clone: CLONE,
  })
}

/** A copy knows what the response knows. */
const CLONE: PropertyDescriptor = {
  value(this: Response): Response {
    const copy = withOrigin(Response.prototype.clone.call(this), this.url, this.redirected)
    const info = responseInfo(this)
    if (info !== undefined) keepResponseInfo(copy, info)
    return copy
  },
}
