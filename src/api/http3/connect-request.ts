/** A CONNECT that came: to be made a tunnel of, or refused (RFC 9114 §4.4, RFC 8441, RFC 9220). */
import { Http3ErrorCode } from '../../http3/error.ts'
import { type RequestHead, responseFields } from '../../http3/message.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { ExchangeSession } from './exchanges.ts'
import { fieldsOf, type HeadersLike, headersOf } from './headers.ts'
import { Http3Tunnel } from './tunnel.ts'

/** What goes with an answer to a CONNECT. */
export interface ConnectAnswer {
  readonly headers?: HeadersLike
}

/** A client wants a tunnel. */
export class ConnectRequest {
  readonly method = 'CONNECT'
  /** Of extended CONNECT, such as `connect-udp`; `undefined`: the plain one, for a TCP connection to {@link authority}. */
  readonly protocol: string | undefined
  /** `host:port` of what a plain CONNECT is to reach; of an extended one, whom it asks. */
  readonly authority: string
  /** Of extended CONNECT; `undefined` for the plain one. */
  readonly url: string | undefined
  readonly headers: Headers
  /** Aborted when the client goes before it has an answer. */
  readonly signal: AbortSignal
  readonly #stream: RequestStream
  readonly #session: ExchangeSession
  readonly #onDecided: (tunnel: Http3Tunnel | undefined) => void
  #isDecided = false

  /** @internal */
  constructor(
    stream: RequestStream,
    head: RequestHead,
    session: ExchangeSession,
    signal: AbortSignal,
    onDecided: (tunnel: Http3Tunnel | undefined) => void,
  ) {
    const { authority = '', scheme = 'https', path } = head
    this.protocol = head.protocol
    this.authority = authority
    this.url = path === undefined ? undefined : `${scheme}://${authority}${path}`
    this.headers = headersOf(head.fields)
    this.signal = signal
    this.#stream = stream
    this.#session = session
    this.#onDecided = onDecided
  }

  /** Whether it was answered. */
  get isDecided(): boolean {
    return this.#isDecided
  }

  /**
   * Answers with 200 and makes a tunnel of the stream. That of a plain CONNECT leads to a TCP connection: where its `readable` is
   * cancelled or its `writable` aborted with a reason, as pipes do when that connection fails, it is reset with H3_CONNECT_ERROR.
   * @throws InvalidStateError where it was answered before, or the client has gone
   */
  accept(answer: ConnectAnswer = {}): Http3Tunnel {
    const fields = responseFields(200, fieldsOf(new Headers(answer.headers)))
    this.#decide()
    this.#stream.sendFields(fields)
    const tunnel = new Http3Tunnel(this.#stream, this.#session, this.protocol === undefined)
    this.#onDecided(tunnel)
    this.#session.touch()
    return tunnel
  }

  /**
   * Answers with an error, which ends it.
   * @throws RangeError for a status below 300 or above 599; InvalidStateError where it was answered before, or the client has gone
   */
  reject(status: number, answer: ConnectAnswer = {}): void {
    if (!(Number.isInteger(status) && status >= 300 && status <= 599)) {
      throw new RangeError(`status must be an integer from 300 to 599, got ${status}`)
    }
    const fields = responseFields(status, fieldsOf(new Headers(answer.headers)))
    this.#decide()
    this.#stream.sendFields(fields, true)
    this.#stream.stop(Http3ErrorCode.H3_NO_ERROR)
    this.#onDecided(undefined)
    this.#session.touch()
  }

  #decide(): void {
    if (this.#isDecided) throw new DOMException('The CONNECT was answered before', 'InvalidStateError')
    if (this.signal.aborted) throw new DOMException('The client has gone', 'InvalidStateError')
    this.#isDecided = true
  }
}
