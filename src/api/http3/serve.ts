/** `serve`: a server of HTTP/3 in the shape of Workers, Deno and Bun: a function from `Request` to `Response`. */

import type { Duration } from '../../base/time.ts'
import type { Environment } from '../../environment.ts'
import { Http3ErrorCode } from '../../http3/error.ts'
import type { Http3Event } from '../../http3/events.ts'
import type { Http3Options } from '../../http3/options.ts'
import type { DatagramTransport, PathAddress } from '../../transport.ts'
import { checkTransport, checkType } from '../checks.ts'
import type { QuicConnection } from '../connection.ts'
import { EndpointCore } from '../endpoint-core.ts'
import { listenOn, type QuicServer, type ServerCloseOptions } from '../server.ts'
import { abortable } from '../signal.ts'
import { DateField } from './date-field.ts'
import type { ExtendedServeOptions, Handler, ServeOptions, SortedServeOptions } from './serve-options.ts'
import { sortServeOptions } from './serve-options.ts'
import { ServerExchange, type ServerExchangeHost } from './server-exchange.ts'
import { Http3Session } from './session.ts'

/** The closing code of a server that has nothing against its clients. */
const CLOSE = { closeCode: Http3ErrorCode.H3_NO_ERROR }

/** A server at work. */
export class Http3Server implements AsyncDisposable {
  /** The server of QUIC below: certificates, keys, transports, numbers. Its connections belong to HTTP/3. */
  readonly quic: QuicServer
  readonly #sessions: ServerSessions

  /** @internal Made by `serve`. */
  constructor(quic: QuicServer, sessions: ServerSessions) {
    this.quic = quic
    this.#sessions = sessions
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.quic.address
  }

  /** The connections that have not ended. */
  get connections(): ReadonlySet<QuicConnection> {
    return this.quic.connections
  }

  /** Requests under way, tunnels included. */
  get pendingRequests(): number {
    return this.#sessions.requests
  }

  /**
   * Takes no more connections, and closes those that run. `graceful`: clients are told (GOAWAY), and each connection is closed when
   * all that was asked for is answered and acknowledged, and what `waitUntil` was given is over; `timeout` ms later all the same.
   * A `signal` ends the wait alone.
   * @throws (rejects with) TypeError, RangeError for wrong options
   */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    const { graceful = false, timeout, signal } = options
    signal?.throwIfAborted()
    // It says no to newcomers at once, checks the options, and waits for the connections below.
    const closing = this.quic.close({ graceful: true, ...(timeout !== undefined && { timeout }) })
    closing.catch(() => {})
    checkType(graceful, 'graceful', 'boolean')
    if (graceful) {
      this.#sessions.goAway()
      await abortable(Promise.all([closing, this.#sessions.settled(timeout)]), signal)
    } else {
      await abortable(this.#sessions.close(), signal)
    }
    await abortable(this.quic.close(), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** All connections of one server. */
class ServerSessions {
  readonly #handler: Handler
  readonly #http3: Http3Options
  readonly #own: SortedServeOptions['own']
  readonly #sessions = new Set<ServerSession>()
  readonly #environment: Environment
  readonly #date: DateField
  /** What a graceful close waits for beside the connections. */
  readonly #tasks = new Set<Promise<unknown>>()
  #isGoingAway = false

  constructor(handler: Handler, { http3, own }: SortedServeOptions, environment: Environment) {
    this.#handler = handler
    this.#http3 = http3
    this.#own = own
    this.#environment = environment
    this.#date = new DateField(() => environment.wallClock())
  }

  get requests(): number {
    let sum = 0
    for (const { size } of this.#sessions) sum += size
    return sum
  }

  add(connection: QuicConnection): void {
    const session: ServerSession = new ServerSession(connection, this.#http3, this.#own, {
      handler: this.#handler,
      options: this.#own,
      date: () => this.#date.value,
      onTask: (task) => this.#onTask(task),
      onEnd: () => void this.#sessions.delete(session),
    })
    this.#sessions.add(session)
    if (this.#isGoingAway) session.goAway()
  }

  goAway(): void {
    this.#isGoingAway = true
    for (const session of this.#sessions) session.goAway()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map(({ connection }) => connection.close(CLOSE)))
  }

  /** Fulfils when every task is over, `timeout` ms later at most. */
  async settled(timeout: Duration | undefined): Promise<void> {
    const all = Promise.allSettled(this.#tasks)
    if (timeout === undefined) return void (await all)
    let cancel = (): void => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#environment.setTimer(this.#environment.now() + timeout, resolve)
    })
    await Promise.race([all, late])
    cancel()
  }

  #onTask(task: Promise<unknown>): void {
    this.#tasks.add(task)
    const forget = (): void => void this.#tasks.delete(task)
    task.then(forget, forget)
  }
}

interface ServerSessionHost extends Omit<ServerExchangeHost, 'waitUntil'> {
  onEnd(): void
  onTask(task: Promise<unknown>): void
}

/** One connection of a server. */
class ServerSession {
  readonly connection: QuicConnection
  readonly #session: Http3Session
  readonly #tasks = new Set<Promise<unknown>>()
  /** The last word about new requests was said. */
  #isLeaving = false

  constructor(
    connection: QuicConnection,
    http3: Http3Options,
    own: SortedServeOptions['own'],
    host: ServerSessionHost,
  ) {
    this.connection = connection
    const exchangeHost: ServerExchangeHost = { ...host, waitUntil: (task) => this.#waitUntil(task, host) }
    let extension: ReturnType<NonNullable<ExtendedServeOptions['extend']>> | undefined
    this.#session = new Http3Session(connection, http3, {
      onStart: (session) => {
        extension = own.extend?.(session)
      },
      onHttp3Event: (event, session) => {
        if (extension?.onHttp3Event(event) === true) return
        this.#onEvent(event, session, exchangeHost)
      },
      onIdle: () => this.#closeIfIdle(),
      onEnd: (error) => {
        extension?.onEnd?.(error)
        host.onEnd()
      },
    })
  }

  get size(): number {
    return this.#session.size
  }

  /** Sends GOAWAY: first that the end is near, and a round trip later which requests are the last (RFC 9114 §5.2). */
  goAway(): void {
    const announce = (): void => {
      this.#session.core?.goAway('announce')
      this.#session.touch()
      this.connection.ping().then(leave, leave)
    }
    const leave = (): void => {
      this.#isLeaving = true
      this.#session.core?.goAway('final')
      this.#session.touch()
      this.#closeIfIdle()
    }
    this.connection.ready.then(announce, () => {})
  }

  #onEvent(event: Http3Event, session: Http3Session, host: ServerExchangeHost): void {
    if (event.type !== 'request') return
    const exchange = new ServerExchange(event.stream, event.head, session, host)
    session.adopt(event.stream, exchange)
    exchange.begin()
  }

  #waitUntil(task: Promise<unknown>, host: ServerSessionHost): void {
    host.onTask(task)
    this.#tasks.add(task)
    const forget = (): void => {
      this.#tasks.delete(task)
      this.#closeIfIdle()
    }
    task.then(forget, forget)
  }

  #closeIfIdle(): void {
    if (!this.#isLeaving || this.#session.isOver || this.#session.size > 0 || this.#tasks.size > 0) return
    this.connection.close(CLOSE).catch(() => {})
  }
}

/**
 * Serves HTTP/3 on `transport`, which belongs to the server from now on.
 *
 * @throws (rejects with) `TypeError`, `RangeError` for wrong options; `CertificateError` for a certificate that is none.
 * @example
 * ```ts
 * import { devCertificate } from 'isoquic/dev'
 * import { serve } from 'isoquic/http3'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const server = await serve(
 *   await udp({ port: 4433 }),
 *   { certificate: await devCertificate() },
 *   (request) => new Response(`You asked for ${new URL(request.url).pathname}`),
 * )
 * ```
 */
export async function serve(
  transport: DatagramTransport,
  options: ServeOptions,
  handler: Handler,
): Promise<Http3Server> {
  checkTransport(transport)
  try {
    if (typeof handler !== 'function') throw new TypeError(`handler must be a function, got ${typeof handler}`)
    const sorted = sortServeOptions(options)
    const core = new EndpointCore(transport, sorted.listen)
    const sessions = new ServerSessions(handler, sorted, core.environment)
    return new Http3Server(
      await listenOn(core, sorted.listen, true, (connection) => sessions.add(connection)),
      sessions,
    )
  } catch (error) {
    transport.close()
    options?.preferredAddress?.transport?.close?.()
    throw error
  }
}
