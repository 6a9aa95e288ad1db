/** One attempt at a request, from its header to the end of the response. */
import { Http3ErrorCode } from '../../http3/error.ts'
import { type ResponseHead, trailerFields } from '../../http3/message.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import { StreamClosedError } from '../../streams/stream-error.ts'
import type { QuicError } from '../errors.ts'
import { deferred } from '../signal.ts'
import { ContentReader, messageError } from './content-reader.ts'
import { ContentWriter } from './content-writer.ts'
import { endOf } from './ends.ts'
import type { Exchange, ExchangeSession, StreamFact } from './exchanges.ts'
import { AttemptError, bodyError } from './fetch-error.ts'
import { fieldsOf, headersOf } from './headers.ts'
import type { OpenBody, OutgoingRequest } from './outgoing-request.ts'
import { keepResponseInfo, ResponseInfo } from './response-info.ts'

const CANCELLED = Http3ErrorCode.H3_REQUEST_CANCELLED
/** Responses without content (RFC 9110 §6.4.1, and 205 as the Fetch standard has it). */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304])

/** A request under way. */
export class ClientExchange implements Exchange {
  /** Fulfils with the response as soon as its header is there. @throws (rejects with) AttemptError; the signal's reason */
  readonly response: Promise<Response>
  readonly #stream: RequestStream
  readonly #request: OutgoingRequest
  readonly #session: ExchangeSession
  readonly #writer: ContentWriter
  readonly #info: ResponseInfo
  readonly #isStale: boolean
  readonly #answer = deferred<Response>()
  readonly #onAbort = (): void => this.#abort(this.#request.signal?.reason)
  #reader: ContentReader | undefined
  #hasResponse = false
  #isOver = false

  /** @param isStale the connection has served others before. */
  constructor(
    stream: RequestStream,
    request: OutgoingRequest,
    session: ExchangeSession,
    { isEarly, isStale }: { readonly isEarly: boolean; readonly isStale: boolean },
  ) {
    this.#stream = stream
    this.#request = request
    this.#session = session
    this.#isStale = isStale
    this.response = this.#answer.promise
    const touch = (): void => session.touch()
    this.#info = new ResponseInfo(stream, session.connection, isEarly, touch)
    this.#writer = new ContentWriter(stream, { touch })
    request.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (request.signal?.aborted === true) this.#onAbort()
  }

  /** Sends the body behind the header. */
  send(open: OpenBody | undefined, length: number | undefined): void {
    const { trailers } = this.#request
    if (open === undefined && trailers === undefined) return
    const content = { body: open?.body ?? new Uint8Array(0), length }
    this.#writer
      .send({
        ...content,
        trailers: async () => {
          if (trailers === undefined) return undefined
          return trailerFields(fieldsOf(new Headers(typeof trailers === 'function' ? await trailers() : trailers)))
        },
      })
      .catch((error: unknown) => this.#onSourceError(error))
  }

  onFact(fact: StreamFact): void {
    switch (fact.type) {
      case 'informational':
        return this.#onInformational(fact.head)
      case 'response':
        return this.#onResponse(fact.head)
      case 'body':
        return this.#onBody()
      case 'writable':
        return this.#writer.onWritable()
      case 'stopped':
        // RFC 9114 §4.1: the response may be complete without the rest of the request.
        return this.#writer.fail(messageError('remote', fact.code, 'The server takes no more of the request'))
      case 'failed': {
        const isUnprocessed = fact.side === 'remote' && fact.code === Http3ErrorCode.H3_REQUEST_REJECTED
        if (fact.side === 'remote') this.#stream.abort(CANCELLED)
        return this.#fail(messageError(fact.side, fact.code, fact.reason), isUnprocessed, false)
      }
      case 'ended':
        return this.#onOver()
    }
  }

  onEnd(error: QuicError): void {
    const wasSent = this.#stream.stream.send?.state !== 'ready'
    this.#fail(endOf(error), !wasSent, this.#isStale)
  }

  #onInformational({ status, fields }: ResponseHead): void {
    try {
      this.#request.onInformational?.({ status, headers: headersOf(fields) })
    } catch (error) {
      this.#abort(error)
    }
  }

  #onResponse({ status, fields }: ResponseHead): void {
    this.#hasResponse = true
    const isEmpty = EMPTY.has(status) || this.#request.method === 'HEAD'
    if (!isEmpty) {
      this.#reader = new ContentReader(this.#stream, {
        touch: () => this.#session.touch(),
        onEnd: () => this.#onRead(),
        onCancel: () => this.#cancel(new TypeError('The body was cancelled')),
      })
    }
    const headers = headersOf(fields)
    let response: Response
    try {
      response = new Response(this.#reader?.readable ?? null, { status, headers })
    } catch {
      // From 600 on no class is known (RFC 9110 §15).
      this.#stream.abort(CANCELLED)
      this.#fail(new TypeError(`The server answered with status ${status}`), false, false)
      return
    }
    if (headers.has('set-cookie') && !response.headers.has('set-cookie')) {
      // Pages drop it.
      Object.defineProperty(response, 'headers', { value: headers, enumerable: true })
    }
    keepResponseInfo(response, this.#info)
    this.#answer.resolve(response)
  }

  #onBody(): void {
    if (this.#reader !== undefined) return this.#reader.onBody()
    if (!this.#hasResponse || this.#isOver) return
    // There is no content, and its end may bring trailers.
    try {
      if (this.#stream.readBody(new Uint8Array(1)) < 0) this.#onRead()
      else this.#stream.stop(CANCELLED)
    } catch (error) {
      if (!(error instanceof StreamClosedError)) throw error
    }
  }

  /** The whole response was read. */
  #onRead(): void {
    this.#info.awaitedTrailers.resolve(this.#stream.trailers)
    this.#onOver()
  }

  /** The body of the request failed, or was not what was announced. */
  #onSourceError(error: unknown): void {
    if (this.#isOver || error instanceof StreamClosedError) return
    // What the server did not want is no failure.
    if (this.#stream.stream.send?.stopCode !== undefined) return
    this.#stream.abort(CANCELLED)
    this.#fail(error, false, false)
    this.#session.touch()
  }

  #abort(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.abort(CANCELLED)
    this.#answer.reject(reason)
    this.#reader?.onError(reason)
    this.#end(reason)
    this.#session.touch()
  }

  #cancel(reason: unknown): void {
    this.#stream.abort(CANCELLED)
    this.#end(reason)
    this.#session.touch()
  }

  #fail(cause: unknown, isUnprocessed: boolean, isStale: boolean): void {
    if (!this.#hasResponse) this.#answer.reject(new AttemptError(cause, isUnprocessed, isStale))
    const error = bodyError(cause)
    this.#reader?.onError(error)
    this.#end(error)
  }

  #end(reason: unknown): void {
    this.#writer.fail(reason)
    this.#info.awaitedTrailers.reject(reason)
    this.#onOver()
  }

  #onOver(): void {
    this.#isOver = true
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
  }
}
