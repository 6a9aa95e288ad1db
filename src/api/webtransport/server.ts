/** WebTransport's server: sessions that clients ask for, to iterate over. */
import type { Duration } from '../../base/time.ts'
import type { Http3Event } from '../../http3/events.ts'
import { responseFields } from '../../http3/message.ts'
import { checkHeadersTimeout } from '../../http3/options.ts'
import type { DatagramTransport, PathAddress } from '../../transport.ts'
import { type WebTransportDraft, webTransportConfig } from '../../webtransport/negotiation.ts'
import { isProtocolName } from '../../webtransport/protocols.ts'
import type { Session } from '../../webtransport/session.ts'
import { checkArray, checkTransport, checkType } from '../checks.ts'
import type { QuicConnection } from '../connection.ts'
import { EndpointCore } from '../endpoint-core.ts'
import { RequestsBeside } from '../http3/beside.ts'
import type { ExchangeSession } from '../http3/exchanges.ts'
import type { Handler, ServeOptions } from '../http3/serve-options.ts'
import { IncomingStreams } from '../incoming-streams.ts'
import { type ListenOptions, listenOn, type QuicServer, type ServerCloseOptions } from '../server.ts'
import { abortable } from '../signal.ts'
import { WebTransportLink } from './link.ts'
import { WebTransportRequest, type WebTransportServerSession } from './request.ts'

/** Options of a server: those of `listen`, and what sessions need. */
export interface WebTransportListenOptions
  extends Omit<ListenOptions, 'alpn' | 'datagrams' | 'earlyData' | 'acceptEarlyData'> {
  /** Application protocols, best first: of the {@link WebTransportServer.sessions} each speaks the first that its client offers. Default: none. */
  readonly protocols?: readonly string[]
  /** Whose pages may have {@link WebTransportServer.sessions}; clients that are no pages always may. Default: everybody's. */
  readonly origins?: readonly string[]
  /** Sessions of one connection at a time; default 100. */
  readonly maxSessions?: number
  /** Drafts of WebTransport to offer; default: all that are spoken. */
  readonly drafts?: readonly WebTransportDraft[]
  /**
   * ms that a client has to say what a stream of its own is for: the fields of a request, or the session. Later it is reset with
   * H3_REQUEST_REJECTED. Default 60,000; 0 and `Infinity`: as long as it likes.
   */
  readonly headersTimeout?: Duration
  /** Answers the requests that are for no session, as that of `serve` in `isoquic/http3` does. Default: they get 404. */
  readonly handler?: Handler
  /** Hears what the handler fails with; a `Response` that it returns is sent. */
  readonly onError?: ServeOptions['onError']
}

/** HTTP/3's own streams, beside those of sessions. */
const HTTP3_STREAMS = 8

/** Requests that may come beside streams of sessions. */
const REQUEST_STREAMS = 100

/** ms that clients have for what is left of their sessions when a server closes. */
const SETTLE_TIME = 5000

/**
 * A server of WebTransport sessions over HTTP/3.
 *
 * @example
 * ```ts
 * import { WebTransportServer } from 'isoquic/webtransport'
 * import { devCertificate } from 'isoquic/dev'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const server = await WebTransportServer.listen(await udp({ port: 4433 }), { certificate: await devCertificate() })
 * for await (const session of server.sessions) {
 *   for await (const stream of session.incomingBidirectionalStreams) void stream.readable.pipeTo(stream.writable)
 * }
 * ```
 */
export class WebTransportServer {
  readonly #options: WebTransportListenOptions
  readonly #core: EndpointCore
  readonly #links = new Set<WebTransportLink>()
  readonly #sessions = new IncomingStreams<WebTransportServerSession>((session) => session.close())
  readonly #requests = new IncomingStreams<WebTransportRequest>((request) => {
    if (!request.isDecided) request.reject(503)
  })
  readonly #asking = new Map<Session, WebTransportRequest>()
  readonly #deadlines = new Map<WebTransportRequest, () => void>()
  readonly #http: RequestsBeside | undefined
  #mode: 'sessions' | 'incoming' | undefined
  #quic: QuicServer | undefined
  #isClosed = false

  /** @internal Made by {@link WebTransportServer.listen}. */
  constructor(core: EndpointCore, options: WebTransportListenOptions) {
    this.#core = core
    this.#options = options
    const { handler, onError } = options
    this.#http = handler === undefined ? undefined : new RequestsBeside(handler, onError, core.environment)
  }

  /**
   * Serves on `transport`, which belongs to the server from now on.
   * @throws (rejects with) what `listen` does
   */
  static async listen(transport: DatagramTransport, options: WebTransportListenOptions): Promise<WebTransportServer> {
    checkTransport(transport)
    try {
      const { protocols, origins, maxSessions, drafts, headersTimeout, handler, onError, ...listening } = options
      checkHeadersTimeout(headersTimeout)
      checkType(handler, 'handler', 'function')
      checkType(onError, 'onError', 'function')
      checkNames(protocols, origins)
      webTransportConfig({ maxSessions, drafts })
      const given: ListenOptions = {
        maxIncomingBidirectionalStreams: 100 + REQUEST_STREAMS,
        ...listening,
        maxIncomingUnidirectionalStreams: (listening.maxIncomingUnidirectionalStreams ?? 100) + HTTP3_STREAMS,
        alpn: ['h3'],
      }
      const core = new EndpointCore(transport, given)
      const server = new WebTransportServer(core, options)
      server.#quic = await listenOn(core, given, true, (connection) => server.#onConnection(connection))
      return server
    } catch (error) {
      transport.close()
      throw error
    }
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.#core.transport.localAddress
  }

  /** What is below: its connections, certificates and keys, which can be changed while it runs. */
  get quic(): QuicServer {
    if (this.#quic === undefined) throw new TypeError('The server has not begun')
    return this.#quic
  }

  /**
   * Sessions, each accepted as soon as it was asked for. One of the two, this or {@link incoming}; the other then throws. Where
   * neither is read, sessions are accepted all the same.
   */
  get sessions(): ReadableStream<WebTransportServerSession> & AsyncIterable<WebTransportServerSession> {
    this.#choose('sessions')
    return this.#sessions.readable
  }

  /** Sessions to be decided on. What nobody decides on within `handshakeTimeout` is refused with 503. */
  get incoming(): ReadableStream<WebTransportRequest> & AsyncIterable<WebTransportRequest> {
    this.#choose('incoming')
    return this.#requests.readable
  }

  /**
   * Takes no more sessions, and closes those that run, or asks for their end and waits for it (`graceful`), at most `timeout`
   * ms; then closes the connections and the transport. A `signal` ends the wait alone.
   * @throws (rejects with) TypeError, RangeError for wrong options
   */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    const { signal, graceful = false, timeout } = options
    signal?.throwIfAborted()
    await abortable(this.#close(graceful, timeout), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(isGraceful: boolean, timeout: number | undefined): Promise<void> {
    this.#isClosed = true
    for (const link of this.#links) link.goAway()
    for (const request of this.#asking.values()) request.reject(503)
    this.#sessions.close()
    this.#requests.close()
    const links = [...this.#links]
    if (isGraceful) {
      await this.#within(timeout, Promise.all([...links.map((link) => link.whenIdle()), this.#http?.settled()]))
    }
    for (const link of links) for (const core of [...link.sessions]) core.close(0, '')
    // The last words of sessions arrive before that of their connection.
    await this.#within(SETTLE_TIME, Promise.all(links.map((link) => link.whenIdle())))
    for (const link of links) link.close()
    await this.quic.close()
  }

  /** Waits for `task`, at most `duration` ms. */
  async #within(duration: number | undefined, task: Promise<unknown>): Promise<void> {
    if (duration === undefined) return void (await task)
    const { environment } = this.#core
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = environment.setTimer(environment.now() + duration, resolve)
    })
    await Promise.race([task, late])
    cancel()
  }

  #choose(mode: 'sessions' | 'incoming'): void {
    if (this.#mode !== undefined && this.#mode !== mode) {
      throw new TypeError(`The server is iterated by its ${this.#mode} already: choose one of the two`)
    }
    this.#mode = mode
  }

  #onConnection(connection: QuicConnection): void {
    const { maxSessions, drafts, headersTimeout } = this.#options
    const { maxIncomingBidirectionalStreams, maxIncomingUnidirectionalStreams } = this.#options
    const link = new WebTransportLink(
      connection,
      {
        maxSessions,
        drafts,
        initialMaxStreamsBidi: maxIncomingBidirectionalStreams,
        initialMaxStreamsUni: maxIncomingUnidirectionalStreams,
      },
      {
        onRequest: (session, on) => this.#onRequest(session, on),
        onWithdrawn: (session) => this.#asking.get(session)?.withdraw(),
        onHttp3: (event) => (this.#http === undefined ? answerNotFound(event) : this.#http.onHttp3Event(event, below)),
        onEnd: (on) => {
          this.#links.delete(on)
          if (on.error !== undefined) this.#http?.onEnd(below, on.error)
        },
      },
      { headersTimeout },
    )
    const below: ExchangeSession = {
      connection,
      get taken() {
        return link.taken
      },
      touch: () => link.wake(),
    }
    this.#links.add(link)
  }

  #onRequest(session: Session, link: WebTransportLink): void {
    const request = new WebTransportRequest(session, link, { onDecided: (decided) => this.#onDecided(decided) })
    this.#asking.set(session, request)
    if (this.#isClosed) return request.reject(503)
    if (this.#mode === 'incoming') return this.#ask(request)
    const { protocols = [], origins } = this.#options
    const { origin } = request
    if (origins !== undefined && origin !== undefined && !origins.includes(origin)) return request.reject(403)
    this.#sessions.push(request.accept({ protocol: protocols.find((name) => request.protocols.includes(name)) }))
  }

  #ask(request: WebTransportRequest): void {
    const { environment } = this.#core
    const late = environment.now() + (this.#options.handshakeTimeout ?? 10_000)
    this.#deadlines.set(
      request,
      environment.setTimer(late, () => request.reject(503)),
    )
    this.#requests.push(request)
  }

  #onDecided(request: WebTransportRequest): void {
    for (const [session, each] of this.#asking) if (each === request) this.#asking.delete(session)
    this.#deadlines.get(request)?.()
    this.#deadlines.delete(request)
    this.#requests.forget(request)
  }
}

/** Nothing but sessions is served. */
function answerNotFound(event: Http3Event): void {
  if (event.type !== 'request') return
  event.stream.sendFields(responseFields(404, [{ name: 'content-length', value: '0' }]), true)
  // RFC 9114 §4.1.1: an answer that does not depend on the content asks for no more of it.
  event.stream.stop(H3_NO_ERROR)
}

const H3_NO_ERROR = 0x0100n

/** @throws TypeError for what is no list of names */
function checkNames(protocols: readonly string[] | undefined, origins: readonly string[] | undefined): void {
  checkArray(protocols, 'protocols')
  checkArray(origins, 'origins')
  const strange = protocols?.find((name) => !isProtocolName(name))
  if (strange !== undefined)
    throw new TypeError(`protocols must be of 1 to 512 printable ASCII characters, got ${strange}`)
}
