/** One connection of a client's pool: made, used for many requests, given up when it is not needed. */
import type { Duration } from '../../base/time.ts'
import type { Http3Connection } from '../../http3/connection.ts'
import { Http3ErrorCode } from '../../http3/error.ts'
import type { Http3Event } from '../../http3/events.ts'
import type { Field } from '../../http3/field.ts'
import type { Http3Options } from '../../http3/options.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { Settings } from '../../http3/settings.ts'
import type { StreamPriority } from '../../streams/scheduler.ts'
import { StreamClosedError, StreamStateError } from '../../streams/stream-error.ts'
import type { QuicConnection } from '../connection.ts'
import type { QuicError } from '../errors.ts'
import { abortable, type Deferred, deferred } from '../signal.ts'
import { endOf } from './ends.ts'
import { AttemptError } from './fetch-error.ts'
import { Http3Session } from './session.ts'

const CLOSE = { closeCode: Http3ErrorCode.H3_NO_ERROR }

/** How a request stream is opened. */
export interface OpenOptions {
  /** Nothing follows the header. */
  readonly end: boolean
  readonly priority: StreamPriority | undefined
  /** It may leave as early data (RFC 8470 §4). */
  readonly mayBeEarly: boolean
  /** It is an extended CONNECT: the server's settings must allow it (RFC 9220 §3). */
  readonly needsSettings?: boolean
  readonly signal: AbortSignal | undefined
}

/** A request stream, and how it came about. */
export interface OpenedStream {
  readonly stream: RequestStream
  readonly session: Http3Session
  /** The handshake was not complete. */
  readonly isEarly: boolean
  /** Others had been answered on the connection before. */
  readonly isStale: boolean
}

/** What a connection needs of its pool. */
export interface ClientConnectionHost {
  /** ms without requests after which it is closed. */
  readonly idleTimeout: Duration
  readonly http3: Http3Options
  /** The server has said what it takes. */
  onSettings(settings: Settings): void
  /** It takes no more requests. */
  onUnusable(connection: ClientConnection): void
  /** It is over. */
  onOver(connection: ClientConnection): void
}

/** A connection to one place, from before it is made. */
export class ClientConnection {
  readonly #host: ClientConnectionHost
  readonly #started = deferred<Http3Session>()
  readonly #ready = deferred<void>()
  readonly #settings = deferred<void>()
  readonly #waiting = new Set<Deferred<void>>()
  #session: Http3Session | undefined
  #error: QuicError | undefined
  #isUsable = true
  /** The handshake was complete. */
  #hadConnection = false
  #isClosing = false
  #opening = 0
  #served = 0
  #cancelIdle: (() => void) | undefined

  /** @param connecting begins the connection; where it rejects there will be none. */
  constructor(connecting: Promise<QuicConnection>, host: ClientConnectionHost) {
    this.#host = host
    connecting.then(
      (connection) => this.#begin(connection),
      (error: unknown) => this.#fail(error),
    )
  }

  /** Whether it takes requests, as far as is known. */
  get isUsable(): boolean {
    return this.#isUsable
  }

  /** Whether the handshake is complete. */
  get isReady(): boolean {
    return this.#session?.connection.state === 'connected'
  }

  /** The connection of QUIC; `undefined` before there is one. */
  get quic(): QuicConnection | undefined {
    return this.#session?.connection
  }

  /** Fulfils when the handshake is complete; rejects with what it failed with. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /**
   * Opens a request stream, as soon as there may be one.
   * @throws AttemptError, of a request that was not sent; the signal's reason; TypeError, RangeError for fields that cannot be sent
   */
  async open(fields: readonly Field[], options: OpenOptions): Promise<OpenedStream> {
    this.#opening += 1
    this.#cancelIdle?.()
    try {
      return await this.#open(fields, options)
    } finally {
      this.#opening -= 1
      this.#idle()
    }
  }

  /** Makes no more requests; closes when those under way are answered. */
  retire(): void {
    this.#setUnusable()
    this.#idle()
  }

  /** Closes at once. */
  async close(): Promise<void> {
    this.#isClosing = true
    this.#setUnusable()
    this.#cancelIdle?.()
    // Rejects where it comes to nothing.
    const session = await this.#started.promise.catch(() => undefined)
    await session?.connection.close(CLOSE).catch(() => {})
  }

  async #open(fields: readonly Field[], options: OpenOptions): Promise<OpenedStream> {
    const { end, priority, signal } = options
    const session = await abortable(this.#started.promise, signal)
    if (!options.mayBeEarly) await abortable(this.#ready.promise, signal)
    if (options.needsSettings === true) await abortable(this.#settings.promise, signal)
    for (;;) {
      const { core } = session
      if (this.#error !== undefined) throw new AttemptError(this.#error, true, false, this.#hadConnection)
      if (core === undefined) {
        // The name is being resolved.
        await this.#room(signal)
        continue
      }
      if (options.needsSettings === true && core.peerSettings?.enableConnectProtocol !== true) {
        throw new AttemptError(new TypeError('The server takes no extended CONNECT (RFC 9220)'), false)
      }
      const isEarly = !this.isReady
      const stream = requestOf(core, fields, { end, ...(priority !== undefined && { priority }) })
      if (stream === undefined) {
        // STREAMS_BLOCKED may be due.
        session.touch()
        await this.#room(signal)
        continue
      }
      const isStale = this.#served > 0
      this.#served += 1
      return { stream, session, isEarly, isStale }
    }
  }

  async #room(signal: AbortSignal | undefined): Promise<void> {
    const waiting = deferred<void>()
    this.#waiting.add(waiting)
    await abortable(waiting.promise, signal, () => this.#waiting.delete(waiting))
  }

  #begin(connection: QuicConnection): void {
    if (this.#isClosing) connection.close(CLOSE).catch(() => {})
    const session = new Http3Session(connection, this.#host.http3, {
      onStart: () => this.#wakeAll(),
      onHttp3Event: (event) => this.#onEvent(event),
      onIdle: () => this.#idle(),
      onEnd: (error) => this.#onEnd(error),
    })
    this.#session = session
    this.#started.resolve(session)
    connection.ready.then(
      () => {
        this.#hadConnection = true
        this.#ready.resolve()
        this.#idle()
      },
      () => {},
    )
  }

  #fail(error: unknown): void {
    const failure = new AttemptError(error, true, false, false)
    this.#started.reject(failure)
    this.#ready.reject(failure)
    this.#settings.reject(failure)
    this.#setUnusable()
    this.#host.onOver(this)
  }

  #onEvent(event: Http3Event): void {
    if (event.type === 'requests-available') this.#wakeAll()
    else if (event.type === 'settings') {
      this.#settings.resolve()
      this.#host.onSettings(event.settings)
    } else if (event.type === 'going-away') {
      // Those who wait to be opened are not to be, here.
      this.#setUnusable()
      this.#wakeAll()
      this.#idle()
    }
  }

  #onEnd(error: QuicError): void {
    this.#error = endOf(error)
    this.#cancelIdle?.()
    const failure = new AttemptError(this.#error, true, false, this.#hadConnection)
    this.#started.reject(failure)
    this.#ready.reject(failure)
    this.#settings.reject(failure)
    this.#setUnusable()
    this.#wakeAll()
    this.#host.onOver(this)
  }

  /** In the order in which they came; who finds no room comes behind. */
  #wakeAll(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const each of waiting) each.resolve()
  }

  #setUnusable(): void {
    if (!this.#isUsable) return
    this.#isUsable = false
    this.#host.onUnusable(this)
  }

  /** Nothing is under way: it stays for a while, in case of more. */
  #idle(): void {
    this.#cancelIdle?.()
    this.#cancelIdle = undefined
    const session = this.#session
    if (session === undefined || session.isOver || this.#opening > 0 || session.size > 0) return
    const close = (): void => {
      if (this.#opening > 0 || session.size > 0) return
      this.#setUnusable()
      session.connection.close(CLOSE).catch(() => {})
    }
    if (!this.#isUsable) return close()
    const { environment } = session.taken ?? {}
    if (environment === undefined || this.#host.idleTimeout === Infinity) return
    this.#cancelIdle = environment.setTimer(environment.now() + this.#host.idleTimeout, close)
  }
}

function requestOf(
  core: Http3Connection,
  fields: readonly Field[],
  options: { readonly end: boolean; readonly priority?: StreamPriority },
): RequestStream | undefined {
  try {
    return core.request(fields, options)
  } catch (error) {
    // GOAWAY, or the end, whose event is on the way.
    if (error instanceof StreamStateError || error instanceof StreamClosedError) throw new AttemptError(error, true)
    // More fields than the server takes (RFC 9114 §4.2.2).
    if (error instanceof RangeError) throw new AttemptError(error, false)
    throw error
  }
}
