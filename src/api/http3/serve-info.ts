/** What a handler can know and do beside the request: the second argument of the handlers of `serve`. */

import { Http3ErrorCode } from '../../http3/error.ts'
import type { Field } from '../../http3/field.ts'
import { responseFields, trailerFields } from '../../http3/message.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { StreamPriority } from '../../streams/scheduler.ts'
import { StreamClosedError } from '../../streams/stream-error.ts'
import type { PathAddress } from '../../transport.ts'
import type { QuicConnection } from '../connection.ts'
import { errorCode } from '../errors.ts'
import { AwaitedTrailers } from './awaited-trailers.ts'
import { fieldsOf, type HeadersLike } from './headers.ts'

/** What the info needs of its exchange. */
export interface ServeInfoHost {
  readonly connection: QuicConnection
  touch(): void
  abort(code: bigint): void
  waitUntil(task: Promise<unknown>): void
}

/** What trailers are given as: at once, or when the content has been sent. */
export type TrailersSource = HeadersLike | (() => HeadersLike | Promise<HeadersLike>)

/** Facts about a request, and what can be done about its response. */
export class ServeInfo {
  /** The connection that the request came on. Its streams belong to HTTP/3. */
  readonly connection: QuicConnection
  /** Whether the request came in early data (RFC 8470): an attacker may have sent it again. */
  readonly isEarly: boolean
  readonly #stream: RequestStream
  readonly #host: ServeInfoHost
  readonly #trailers = new AwaitedTrailers()
  #ownTrailers: TrailersSource | undefined

  /** @internal */
  constructor(stream: RequestStream, host: ServeInfoHost) {
    this.connection = host.connection
    this.isEarly = stream.isEarly
    this.#stream = stream
    this.#host = host
  }

  /** `host:port` of the client, which may change while a client moves. */
  get remoteAddress(): PathAddress {
    return this.connection.remoteAddress
  }

  /** `host:port` of the server, as far as the transport knows it. */
  get localAddress(): PathAddress {
    return this.connection.localAddress
  }

  /** The application protocol: `h3`. */
  get alpn(): string | undefined {
    return this.connection.alpn
  }

  /** The number of the stream, as logs have it. */
  get streamId(): number {
    return this.#stream.id
  }

  /** The client's wish (RFC 9218), as changed by its PRIORITY_UPDATE; setting it overrides the wish. */
  get priority(): StreamPriority {
    return this.#stream.priority
  }

  /** @throws RangeError for an urgency that is no integer from 0 to 7 */
  set priority(priority: StreamPriority) {
    this.#stream.priority = priority
    this.#host.touch()
  }

  /** The trailers of the request, empty where there are none; once its body was read. Rejects if that comes to nothing. */
  get trailers(): Promise<Headers> {
    return this.#trailers.promise
  }

  /**
   * Sends an interim response, such as 103 with `link` (RFC 9110 §15.2). Nothing happens once the final one was begun.
   * @throws RangeError for a status that is none from 100 to 199, or 101; TypeError for headers that are none
   */
  inform(status: number, headers?: HeadersLike): void {
    if (!(Number.isInteger(status) && status >= 100 && status <= 199 && status !== 101)) {
      throw new RangeError(`status must be an integer from 100 to 199 other than 101, got ${status}`)
    }
    const fields = responseFields(status, fieldsOf(new Headers(headers)))
    if (!this.mayInform) return
    try {
      this.#stream.sendFields(fields)
    } catch (error) {
      // The client has gone.
      if (!(error instanceof StreamClosedError)) throw error
    }
    this.#host.touch()
  }

  /** Trailers to be sent behind the content of the response; a function is called when the content was sent. The last call counts. */
  sendTrailers(trailers: TrailersSource): void {
    this.#ownTrailers = typeof trailers === 'function' ? trailers : new Headers(trailers)
  }

  /**
   * Gives the request up with an error code of HTTP/3, whatever was sent of its response: `H3_VERSION_FALLBACK` asks the client to
   * try again over HTTP/1.1; default `H3_REQUEST_CANCELLED`. What the handler still returns is dropped, and nothing happens once
   * the response is complete. A status says more where it can (RFC 9114 §4.1.1).
   * @throws TypeError, RangeError for what is no error code
   */
  abort(code: bigint | number = Http3ErrorCode.H3_REQUEST_CANCELLED): void {
    this.#host.abort(errorCode(code))
  }

  /** The server's graceful close waits for `task` too. Its failure is told to `onError`. */
  waitUntil(task: Promise<unknown>): void {
    this.#host.waitUntil(task)
  }

  /** No final response was begun. @internal */
  mayInform = true

  /** The content was read. @internal */
  onTrailers(fields: readonly Field[] | undefined): void {
    this.#trailers.resolve(fields)
  }

  /** There will be none. @internal */
  onFailure(error: unknown): void {
    this.#trailers.reject(error)
  }

  /** Whether trailers were given. @internal */
  get hasTrailers(): boolean {
    return this.#ownTrailers !== undefined
  }

  /** The lines of the trailers to be sent. @internal */
  async takeTrailers(): Promise<readonly Field[] | undefined> {
    const given = this.#ownTrailers
    if (given === undefined) return undefined
    return trailerFields(fieldsOf(new Headers(typeof given === 'function' ? await given() : given)))
  }
}
