/** CONNECT as a client makes it, plain and extended (RFC 9114 §4.4, RFC 9220): from its header to the tunnel. */
import { Http3ErrorCode } from '../../http3/error.ts'
import type { Field } from '../../http3/field.ts'
import { type ResponseHead, requestFields } from '../../http3/message.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import { checkType } from '../checks.ts'
import type { QuicError } from '../errors.ts'
import { checkKeys } from '../known-keys.ts'
import { type Abortable, deferred } from '../signal.ts'
import { messageError } from './content-reader.ts'
import { endOf } from './ends.ts'
import type { Exchange, ExchangeSession, StreamFact } from './exchanges.ts'
import { AttemptError } from './fetch-error.ts'
import { fieldsOf, type HeadersLike, headersOf } from './headers.ts'
import { Http3Tunnel } from './tunnel.ts'

/** How a tunnel is asked for. */
export interface ConnectInit extends Abortable {
  /** Of extended CONNECT, such as `connect-udp`. Exactly one of this and `target` is given. */
  readonly protocol?: string | undefined
  /** `host:port` that a proxy is to reach over TCP: plain CONNECT. */
  readonly target?: string | undefined
  readonly headers?: HeadersLike | undefined
}

/** The server refused a CONNECT. */
export class Http3ConnectError extends Error {
  override readonly name = 'Http3ConnectError'
  /** The HTTP status of the refusal. */
  readonly status: number
  readonly headers: Headers

  constructor(status: number, headers: Headers) {
    const why = headers.get('proxy-status')
    super(`The server answered CONNECT with ${status}${why === null ? '' : ` (${why})`}`)
    this.status = status
    this.headers = headers
  }
}

/** The header section of a CONNECT. @throws TypeError for what cannot be asked for */
export function connectFields(url: URL, init: ConnectInit): Field[] {
  checkKeys(init, ['protocol', 'target', 'headers', 'signal'])
  const { protocol, target, headers } = init
  checkType(protocol, 'protocol', 'string')
  checkType(target, 'target', 'string')
  if ((protocol === undefined) === (target === undefined)) {
    throw new TypeError('connect takes either protocol, for extended CONNECT, or target, for the plain one')
  }
  if (url.protocol !== 'https:') throw new TypeError(`url must begin with https:, got ${url.href}`)
  const fields = fieldsOf(new Headers(headers))
  if (protocol === undefined) return requestFields({ method: 'CONNECT', authority: target, fields })
  const path = url.pathname + url.search
  return requestFields({ method: 'CONNECT', scheme: 'https', authority: url.host, path, protocol, fields })
}

/** A CONNECT under way, and the tunnel that comes of it. */
export class ClientTunnel implements Exchange {
  readonly #stream: RequestStream
  readonly #session: ExchangeSession
  readonly #signal: AbortSignal | undefined
  readonly #answer = deferred<Http3Tunnel>()
  readonly #onAbort = (): void => this.#abort()
  #tunnel: Http3Tunnel | undefined

  constructor(stream: RequestStream, session: ExchangeSession, signal: AbortSignal | undefined) {
    this.#stream = stream
    this.#session = session
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (signal?.aborted === true) this.#abort()
  }

  /** Fulfils when the server has accepted. @throws (rejects with) Http3ConnectError; AttemptError; the signal's reason */
  get tunnel(): Promise<Http3Tunnel> {
    return this.#answer.promise
  }

  onFact(fact: StreamFact): void {
    if (fact.type === 'response') this.#onResponse(fact.head)
    else if (this.#tunnel !== undefined) this.#tunnel.onFact(fact)
    else if (fact.type === 'failed') {
      const isUnprocessed = fact.side === 'remote' && fact.code === Http3ErrorCode.H3_REQUEST_REJECTED
      this.#fail(new AttemptError(messageError(fact.side, fact.code, fact.reason), isUnprocessed))
    }
  }

  onEnd(error: QuicError): void {
    const wasSent = this.#stream.stream.send?.state !== 'ready'
    if (this.#tunnel === undefined) this.#fail(new AttemptError(endOf(error), !wasSent))
    else this.#tunnel.onEnd(error)
  }

  #onResponse({ status, fields }: ResponseHead): void {
    if (status > 299) {
      this.#stream.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
      return this.#fail(new Http3ConnectError(status, headersOf(fields)))
    }
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#tunnel = new Http3Tunnel(this.#stream, this.#session, false)
    this.#answer.resolve(this.#tunnel)
  }

  #abort(): void {
    this.#stream.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
    this.#fail(this.#signal?.reason)
    this.#session.touch()
  }

  #fail(error: unknown): void {
    this.#signal?.removeEventListener('abort', this.#onAbort)
    this.#answer.reject(error)
  }
}
