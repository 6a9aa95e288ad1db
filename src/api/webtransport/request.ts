/** A session that a client asks a server for: what it says of itself, and the decision. */
import type { PathAddress } from '../../transport.ts'
import type { Session } from '../../webtransport/session.ts'
import { invalidState } from './error.ts'
import { type HeadersSource, immutableHeaders, responseFields } from './headers.ts'
import type { WebTransportLink } from './link.ts'
import { WebTransportSession } from './session.ts'
import { SessionCore } from './session-core.ts'
import { dictionary } from './values.ts'

/** How a session is accepted. */
export interface WebTransportAcceptOptions {
  /** One of those that the client offers; default: none is chosen. */
  readonly protocol?: string | undefined
  /** Fields of the answer. */
  readonly headers?: HeadersSource
}

/** How a session is refused. */
export interface WebTransportRejectOptions {
  /** Fields of the answer, such as a `location` beside 3xx, which clients do not follow by themselves. */
  readonly headers?: HeadersSource
}

/** What a request needs of its server. */
export interface RequestHost {
  /** It is decided on, or withdrawn. */
  onDecided(request: WebTransportRequest): void
}

/** A session that a client asks for. */
export class WebTransportRequest {
  readonly #session: Session
  readonly #link: WebTransportLink
  readonly #host: RequestHost
  #headers: Headers | undefined
  #isDecided = false

  /** @internal */
  constructor(session: Session, link: WebTransportLink, host: RequestHost) {
    this.#session = session
    this.#link = link
    this.#host = host
  }

  /** What the client wants, with the query. */
  get path(): string {
    return this.#session.path
  }

  /** Of which host, with the port where it is not 443. */
  get authority(): string {
    return this.#session.authority
  }

  /** The page that asks; `undefined`: no page says so. */
  get origin(): string | undefined {
    return this.#session.origin
  }

  /** Path and authority as one. */
  get url(): URL {
    return new URL(`https://${this.#session.authority}${this.#session.path}`)
  }

  /** The fields of the request. */
  get headers(): Headers {
    this.#headers ??= immutableHeaders(this.#session.fields)
    return this.#headers
  }

  /** The application protocols that the client offers, best first. */
  get protocols(): readonly string[] {
    return this.#session.availableProtocols
  }

  /** `host:port` of the client, as it is now. */
  get remoteAddress(): PathAddress {
    return this.#link.quic.remoteAddress
  }

  /** Whether it was accepted or refused, or the client has given it up. */
  get isDecided(): boolean {
    return this.#isDecided
  }

  /**
   * Establishes the session.
   * @throws InvalidStateError where it is decided; TypeError for a protocol that was not offered, and fields that must not be sent
   */
  accept(options?: WebTransportAcceptOptions): WebTransportServerSession {
    const { protocol, headers } = dictionary(options, 'options')
    this.#check()
    const link = this.#link
    this.#session.accept({ protocol, fields: responseFields(headers) }, link.now())
    this.#decide()
    const core = new SessionCore({
      isPooled: false,
      readsBytes: false,
      anticipated: { bidirectional: null, unidirectional: null },
      now: () => link.now(),
    })
    link.adopt(this.#session, core)
    core.open()
    link.wake()
    return new WebTransportServerSession(core, this)
  }

  /**
   * Refuses the session.
   * @param status 300 to 599, such as 403 for an origin or client that is not wanted, 404 and 405 for a path that has no
   * sessions (the default is 404), 429 for too many.
   * @throws InvalidStateError where it is decided; RangeError for another status; TypeError for fields that must not be sent
   */
  reject(status = 404, options?: WebTransportRejectOptions): void {
    const { headers } = dictionary(options, 'options')
    if (!(Number.isInteger(status) && status >= 300 && status <= 599)) {
      throw new RangeError(`status must be from 300 to 599, got ${status}`)
    }
    this.#check()
    this.#session.reject({ status, fields: responseFields(headers) }, this.#link.now())
    this.#decide()
    this.#link.wake()
  }

  /** The client has given it up, or its connection is over. @internal */
  withdraw(): void {
    if (!this.#isDecided) this.#decide()
  }

  #decide(): void {
    this.#isDecided = true
    this.#host.onDecided(this)
  }

  #check(): void {
    if (this.#isDecided) throw invalidState('The session is decided on already, or was given up by the client')
  }
}

/** A session at the server's end. */
export class WebTransportServerSession extends WebTransportSession {
  readonly #request: WebTransportRequest

  /** @internal */
  constructor(core: SessionCore, request: WebTransportRequest) {
    super(core, 'default')
    this.#request = request
  }

  /** What the client asked for: path, origin, headers, protocols. */
  get request(): WebTransportRequest {
    return this.#request
  }
}
