/** One request at a server, from its header to the end of the response. */
import { Http3ErrorCode } from '../../http3/error.ts'
import type { Field } from '../../http3/field.ts'
import { type RequestHead, responseFields } from '../../http3/message.ts'
import { parsePriority } from '../../http3/priority.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import { StreamClosedError } from '../../streams/stream-error.ts'
import type { QuicError } from '../errors.ts'
import { deferred } from '../signal.ts'
import { ConnectRequest } from './connect-request.ts'
import { ContentReader, messageError } from './content-reader.ts'
import { ContentWriter } from './content-writer.ts'
import { endOf } from './ends.ts'
import type { Exchange, ExchangeSession, StreamFact } from './exchanges.ts'
import { fieldsOf } from './headers.ts'
import { incomingRequest, isRequestMethod, takesBody } from './incoming-request.ts'
import { ServeInfo } from './serve-info.ts'
import type { Handler, ServeOptions } from './serve-options.ts'
import type { Http3Tunnel } from './tunnel.ts'

/** What an exchange needs of its server. */
export interface ServerExchangeHost {
  readonly handler: Handler
  readonly options: Pick<ServeOptions, 'earlyData' | 'connect' | 'onError'>
  /** The value of the field `date` (RFC 9110 §6.6.1). */
  date(): string
  /** Something goes on that a graceful close waits for. */
  waitUntil(task: Promise<unknown>): void
}

/** Methods that ask for nothing to be changed (RFC 9110 §9.2.1), and have no content. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Responses without content (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304])

/** A request under way. */
export class ServerExchange implements Exchange {
  readonly #stream: RequestStream
  readonly #head: RequestHead
  readonly #session: ExchangeSession
  readonly #host: ServerExchangeHost
  readonly #abort = new AbortController()
  readonly #info: ServeInfo
  /** The handler is done, or nobody waits for it any more, however long it takes. */
  readonly #gone = deferred<void>()
  #reader: ContentReader | undefined
  #writer: ContentWriter | undefined
  #tunnel: Http3Tunnel | undefined
  /** The response is on its way, or nothing more of it will be. */
  #isAnswered = false

  constructor(stream: RequestStream, head: RequestHead, session: ExchangeSession, host: ServerExchangeHost) {
    this.#stream = stream
    this.#head = head
    this.#session = session
    this.#host = host
    this.#info = new ServeInfo(stream, {
      connection: session.connection,
      touch: () => session.touch(),
      abort: (code) => this.#onAborted(code),
      waitUntil: (task) => host.waitUntil(task.catch((error: unknown) => this.#report(error))),
    })
  }

  /** Hands the request to whoever is to answer it. Never throws. */
  begin(): void {
    const { method } = this.#head
    if (method === 'CONNECT') return this.#connect()
    if (!isRequestMethod(method)) return this.#refuse(501)
    let request: Request
    try {
      request = incomingRequest(this.#head, this.#body(), this.#abort.signal)
    } catch {
      // RFC 9110 §15.5.1: a target that is no URL, say.
      return this.#refuse(400)
    }
    try {
      if (this.#isTooEarly(request)) return this.#refuse(425)
    } catch (error) {
      return void this.#fail(error, request)
    }
    this.#waitFor(this.#answer(request))
  }

  onFact(fact: StreamFact): void {
    this.#tunnel?.onFact(fact)
    switch (fact.type) {
      case 'body':
        return this.#reader?.onBody()
      case 'writable':
        return this.#writer?.onWritable()
      case 'stopped':
        return this.#onGone(messageError('remote', fact.code, 'The client takes no more of the response'))
      case 'failed':
        return this.#onFailed(messageError(fact.side, fact.code, fact.reason))
    }
  }

  onEnd(error: QuicError): void {
    this.#tunnel?.onEnd(error)
    const reason = endOf(error)
    this.#reader?.onError(reason)
    this.#onGone(reason)
  }

  #body(): ContentReader['readable'] | undefined {
    const { method, fields } = this.#head
    // The Fetch standard knows no content here; what comes all the same is turned away with the response.
    if (!takesBody(method)) {
      this.#info.onTrailers(undefined)
      return undefined
    }
    const isAsked = fields.some(({ name, value }) => name === 'expect' && value.toLowerCase() === '100-continue')
    this.#reader = new ContentReader(this.#stream, {
      // RFC 9110 §10.1.1
      ...(isAsked && { onWanted: () => this.#info.inform(100) }),
      touch: () => this.#session.touch(),
      onEnd: () => this.#info.onTrailers(this.#stream.trailers),
      onCancel: () => {
        this.#info.onFailure(new TypeError('The content of the request was cancelled'))
        this.#turnAway()
      },
    })
    return this.#reader.readable
  }

  /** RFC 8470 §5.2. */
  #isTooEarly(request: Request): boolean {
    if (!this.#info.isEarly && !request.headers.has('early-data')) return false
    const { earlyData = false } = this.#host.options
    if (typeof earlyData === 'function') return !earlyData(request)
    return !earlyData || !SAFE.has(request.method)
  }

  /** A graceful close waits for `task`, as long as the client does. */
  #waitFor(task: Promise<void>): void {
    const { promise, resolve } = this.#gone
    task.then(resolve, resolve)
    this.#host.waitUntil(promise)
  }

  async #answer(request: Request): Promise<void> {
    try {
      const response = await this.#host.handler(request, this.#info)
      checkResponse(response)
      await this.#respond(response)
    } catch (error) {
      await this.#fail(error, request)
    }
  }

  /** Something went wrong on our side: as long as nothing was said, the client hears 500. */
  async #fail(error: unknown, request: Request | ConnectRequest): Promise<void> {
    // The client has gone, and the handler or its body heard of it.
    if (this.#abort.signal.aborted && (error === this.#abort.signal.reason || error instanceof StreamClosedError))
      return
    const own = await this.#report(error, request)
    if (!this.#info.mayInform) return this.#giveUp(Http3ErrorCode.H3_INTERNAL_ERROR)
    try {
      if (isResponse(own)) return await this.#respond(own)
    } catch (another) {
      await this.#report(another, request)
      if (!this.#info.mayInform) return this.#giveUp(Http3ErrorCode.H3_INTERNAL_ERROR)
    }
    this.#refuse(500)
  }

  async #report(error: unknown, request?: Request | ConnectRequest): Promise<unknown> {
    try {
      return await this.#host.options.onError?.(error, request ?? this.#lastRequest())
    } catch {
      // Whoever hears of errors has one of its own: nobody is left to be told.
      return undefined
    }
  }

  #lastRequest(): Request {
    return new Request(`https://${this.#head.authority ?? 'unknown.invalid'}${this.#head.path ?? '/'}`)
  }

  async #respond(response: Response): Promise<void> {
    const { body, status } = response
    if (this.#isAnswered || this.#abort.signal.aborted) {
      await body?.cancel(this.#abort.signal.reason)
      return
    }
    if (response.bodyUsed || body?.locked === true) throw new TypeError('The body of the response was used before')
    const fields = this.#fieldsOf(response)
    const length = lengthOf(fields)
    const isEmpty = EMPTY.has(status) || this.#head.method === 'HEAD'
    if (!isEmpty && body === null && length !== undefined && length > 0) {
      throw new TypeError(`The response has no body, and content-length says ${length}`)
    }
    const ends = (isEmpty || body === null) && !this.#info.hasTrailers
    this.#stream.sendFields(responseFields(status, fields), ends)
    this.#info.mayInform = false
    this.#session.touch()
    if (isEmpty && body !== null) body.cancel().catch(() => {})
    if (!ends) {
      this.#writer = new ContentWriter(this.#stream, { touch: () => this.#session.touch() })
      await this.#writer.send({
        body: isEmpty || body === null ? new Uint8Array(0) : body,
        length: isEmpty ? undefined : length,
        trailers: () => this.#info.takeTrailers(),
      })
    }
    this.#onAnswered()
  }

  #fieldsOf(response: Response): Field[] {
    let fields = fieldsOf(response.headers)
    // RFC 9110 §8.6
    if (response.status === 204) fields = fields.filter(({ name }) => name !== 'content-length')
    if (!response.headers.has('date')) fields.push({ name: 'date', value: this.#host.date() })
    const priority = response.headers.get('priority')
    if (priority !== null) this.#stream.priority = merged(this.#stream.priority, priority)
    return fields
  }

  /** An answer of our own, without content. */
  #refuse(status: number): void {
    if (this.#isAnswered || this.#abort.signal.aborted) return
    this.#info.mayInform = false
    try {
      this.#stream.sendFields(responseFields(status, [{ name: 'date', value: this.#host.date() }]), true)
    } catch (error) {
      // A client that takes no fields at all gets none.
      if (error instanceof RangeError) return this.#giveUp(Http3ErrorCode.H3_INTERNAL_ERROR)
      if (!(error instanceof StreamClosedError)) throw error
    }
    this.#onAnswered()
  }

  /** The response is complete. RFC 9114 §4.1: what nobody reads of the request need not come. */
  #onAnswered(): void {
    this.#isAnswered = true
    if (this.#reader === undefined || !(this.#reader.isOver || this.#reader.readable.locked)) this.#turnAway()
    this.#session.touch()
  }

  #turnAway(): void {
    this.#closeBody('The request was answered before its content was read')
    this.#stream.stop(Http3ErrorCode.H3_NO_ERROR)
    this.#session.touch()
  }

  /** Whoever reads the body later hears why there is nothing. Errors are not free, and most requests have no content. */
  #closeBody(reason: string): void {
    if (this.#reader?.isOver !== false) return
    const error = new TypeError(reason)
    this.#info.onFailure(error)
    this.#reader.onError(error)
  }

  #giveUp(code: bigint): void {
    this.#isAnswered = true
    this.#closeBody('The response failed before the content of the request was read')
    this.#stream.abort(code)
    this.#session.touch()
  }

  /** The handler gives the request up. */
  #onAborted(code: bigint): void {
    if (this.#isAnswered || this.#abort.signal.aborted) return
    const error = messageError('local', code, 'The handler gave the request up')
    this.#info.mayInform = false
    this.#abort.abort(error)
    this.#giveUp(code)
    this.#onGone(error)
  }

  /** The request is not complete, and never will be: nor is the response. */
  #onFailed(error: unknown): void {
    this.#reader?.onError(error)
    this.#info.onFailure(error)
    if (!this.#isAnswered && this.#tunnel === undefined) this.#stream.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
    this.#onGone(error)
  }

  /** Nobody waits for the response any more. */
  #onGone(error: unknown): void {
    this.#info.onFailure(error)
    this.#writer?.fail(error)
    if (!this.#isAnswered) this.#abort.abort(error)
    this.#gone.resolve()
  }

  #connect(): void {
    const { connect } = this.#host.options
    if (connect === undefined) return this.#refuse(501)
    const { signal } = this.#abort
    const request = new ConnectRequest(this.#stream, this.#head, this.#session, signal, (tunnel) => {
      this.#tunnel = tunnel
      this.#info.mayInform = false
      this.#isAnswered = true
    })
    // What a tunnel carries may do anything: early data is not for it.
    if (this.#info.isEarly) return this.#refuse(425)
    this.#waitFor(this.#decide(request, connect))
  }

  async #decide(request: ConnectRequest, connect: NonNullable<ServeOptions['connect']>): Promise<void> {
    try {
      await connect(request, this.#info)
      if (!request.isDecided && !this.#abort.signal.aborted)
        throw new TypeError('The handler of CONNECT has neither accepted nor rejected')
    } catch (error) {
      if (this.#tunnel === undefined) return this.#fail(error, request)
      await this.#report(error, request)
      this.#tunnel.abort(Http3ErrorCode.H3_INTERNAL_ERROR)
    }
  }
}

/** RFC 9218 §8: what the response names goes before what the client named. */
function merged(
  wish: { readonly urgency: number; readonly incremental: boolean },
  value: string,
): { readonly urgency: number; readonly incremental: boolean } {
  const { urgency, incremental } = parsePriority(value)
  return {
    urgency: /(^|[, \t])u=/.test(value) ? urgency : wish.urgency,
    incremental: /(^|[, \t])i([=;, \t]|$)/.test(value) ? incremental : wish.incremental,
  }
}

function lengthOf(fields: readonly Field[]): number | undefined {
  const value = fields.find(({ name }) => name === 'content-length')?.value
  if (value === undefined) return undefined
  if (!/^\d{1,15}$/.test(value)) throw new TypeError(`content-length must be a number, got ${value}`)
  return Number(value)
}

/** Whether it can be sent: a `Response`, of whatever realm. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== 'object' || value === null) return false
  const { status, headers, body } = value as Partial<Response>
  const isBody = body === null || typeof body?.getReader === 'function'
  return Number.isInteger(status) && typeof headers?.get === 'function' && isBody
}

function checkResponse(value: unknown): void {
  if (!isResponse(value)) throw new TypeError(`The handler must return a Response, got ${typeof value}`)
  if (value.status < 200 || value.status > 599) {
    throw new TypeError(`The handler must return a Response with a status from 200 to 599, got ${value.status}`)
  }
}
