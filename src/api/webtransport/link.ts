/**
 * The sessions of one connection: HTTP/3 and WebTransport upon the core, driven by the connection's events and by a timer of
 * the host, and each fact told to the session that it is about.
 */
import { NEVER } from '../../base/time.ts'
import type { ConnectionEvent } from '../../connection/events.ts'
import { Http3Connection } from '../../http3/connection.ts'
import { Http3ErrorCode } from '../../http3/error.ts'
import type { Http3Event } from '../../http3/events.ts'
import type { Http3Options } from '../../http3/options.ts'
import type { SessionEvent } from '../../webtransport/events.ts'
import { type WebTransportSettings, webTransportHttp3Options } from '../../webtransport/negotiation.ts'
import type { Session } from '../../webtransport/session.ts'
import type { SessionRequest } from '../../webtransport/session-fields.ts'
import { WebTransportSessions } from '../../webtransport/sessions.ts'
import type { QuicConnection } from '../connection.ts'
import type { QuicError } from '../errors.ts'
import { type Deferred, deferred } from '../signal.ts'
import type { QuicConnectionStats } from '../stats.ts'
import type { ProtocolLayer, TakenConnection } from '../takeover.ts'
import { sessionError } from './error.ts'
import type { SessionCore, SessionLink } from './session-core.ts'

/** What a link has to tell beyond its sessions. */
export interface LinkHost {
  /** Server: somebody asks for a session. */
  onRequest?(session: Session, link: WebTransportLink): void
  /** Server: a session that was asked for has ended before it was decided on. */
  onWithdrawn?(session: Session): void
  /** HTTP/3 without WebTransport. */
  onHttp3?(event: Http3Event, link: WebTransportLink): void
  /** No session is left that has anything to be sent. */
  onIdle?(link: WebTransportLink): void
  /** The connection is over. */
  onEnd?(link: WebTransportLink): void
}

/** WebTransport on one connection. */
export class WebTransportLink implements ProtocolLayer, SessionLink {
  readonly quic: QuicConnection
  readonly #settings: WebTransportSettings
  readonly #host: LinkHost
  readonly #http3Options: Pick<Http3Options, 'headersTimeout'>
  readonly #cores = new Map<Session, SessionCore>()
  readonly #begun = deferred<WebTransportSessions>()
  readonly #negotiated = deferred<void>()
  /** Sessions of which something is left to be sent or heard. */
  readonly #unsettled = new Set<Session>()
  #idle: Deferred<void> | undefined
  #taken: TakenConnection | undefined
  #http3: Http3Connection | undefined
  #sessions: WebTransportSessions | undefined
  #cancelTimer: (() => void) | undefined
  #timerAt = NEVER
  #isDraining = false
  #error: QuicError | undefined

  constructor(
    quic: QuicConnection,
    settings: WebTransportSettings,
    host: LinkHost,
    http3: Pick<Http3Options, 'headersTimeout'> = {},
  ) {
    this.quic = quic
    this.#http3Options = http3
    this.#settings = settings
    this.#host = host
    quic.takeOver(this)
  }

  /** The layer below; `undefined` until the address is known. */
  get taken(): TakenConnection | undefined {
    return this.#taken
  }

  /** Why the connection is over. */
  get error(): QuicError | undefined {
    return this.#error
  }

  /** Nothing that is sent is lost on the way. */
  get isReliable(): boolean {
    return this.#taken?.connection.paths.active.carrier.properties.reliable === true
  }

  /** Fulfils when it is known whether another session can begin here. */
  get negotiated(): Promise<void> {
    return this.#negotiated.promise
  }

  /** Whether another session can begin here; `undefined`: not known yet. */
  get canOpen(): boolean | undefined {
    if (this.#error !== undefined) return false
    return this.#sessions?.canOpen
  }

  /** Sessions that have not ended. */
  get sessions(): Iterable<SessionCore> {
    return this.#cores.values()
  }

  now(): number {
    return this.#taken?.now() ?? 0
  }

  /** The application has called into a session. */
  wake(): void {
    this.#poll()
  }

  stats(): Promise<QuicConnectionStats> {
    return this.quic.getStats()
  }

  /** Client: asks for a session. What is wrong with the request, and an end before there is a core, fail `core`. */
  async open(request: SessionRequest, core: SessionCore): Promise<void> {
    const sessions = await this.#begun.promise
    if (core.isOver) return
    this.adopt(sessions.open(request, this.now()), core)
    this.#poll()
  }

  /** Tells `core` from now on what happens to `session`. */
  adopt(session: Session, core: SessionCore): void {
    this.#cores.set(session, core)
    this.#unsettled.add(session)
    core.attach(session, this)
  }

  /** Calls `task` when what the end of `session` has to say was given to the transport, or nothing more can be. */
  afterEnd(session: Session, task: () => void): void {
    if (this.#taken === undefined || this.#error !== undefined) return task()
    this.#taken.listenForFlushes(() => {
      // The end of the whole connection, which was begun before, went with this flush.
      if (!session.isEndSent && this.#error === undefined && this.quic.state !== 'closed') return true
      task()
      return false
    })
    this.wake()
  }

  /** Server: no more sessions are taken, and those that there are hear that they should end (GOAWAY). */
  goAway(): void {
    this.#http3?.goAway('final')
    this.#poll()
  }

  /** Fulfils when no session is left of which anything is to be sent or heard. */
  async whenIdle(): Promise<void> {
    if (this.#unsettled.size === 0) return
    this.#idle ??= deferred<void>()
    await this.#idle.promise
  }

  /** Closes the connection in good order; what was begun and not settled is lost. */
  close(): void {
    void this.quic.close({ closeCode: Http3ErrorCode.H3_NO_ERROR })
  }

  // ── Told by the connection ────────────────────────────────────────────────────────────────────────────────────────

  onStart(taken: TakenConnection): void {
    this.#taken = taken
    const { connection, environment } = taken
    const http3 = new Http3Connection(connection, environment.random, {
      ...this.#http3Options,
      ...webTransportHttp3Options(connection.role, this.#settings),
    })
    this.#http3 = http3
    this.#sessions = new WebTransportSessions(http3, this.#settings)
    http3.start(taken.now())
    this.#begun.resolve(this.#sessions)
    this.#poll()
  }

  onConnectionEvent(event: ConnectionEvent): boolean {
    const now = this.now()
    const isMine = this.#http3?.receiveEvent(event, now) === true
    this.#sessions?.receiveConnectionEvent(event, now)
    this.#poll()
    return isMine
  }

  onEnd(error: QuicError): void {
    this.#error = error
    this.#disarm()
    const failure = sessionError(`The connection of the session is over: ${error.message}`, error)
    this.#begun.reject(failure)
    this.#negotiated.resolve()
    for (const core of this.#cores.values()) core.fail(failure.message, error)
    this.#cores.clear()
    this.#unsettled.clear()
    this.#idle?.resolve()
    this.#host.onEnd?.(this)
  }

  /** Takes what there is to be told, and lets the connection send what there is to be sent. */
  #poll(): void {
    const sessions = this.#sessions
    const http3 = this.#http3
    // What is told may lead to calls that come back here: they leave it to the one that is at it.
    if (sessions === undefined || http3 === undefined || this.#isDraining) return
    this.#isDraining = true
    try {
      for (;;) {
        const fact = http3.pollEvent()
        if (fact !== undefined) {
          if (!sessions.receiveEvent(fact, this.now())) this.#host.onHttp3?.(fact, this)
          continue
        }
        const event = sessions.pollEvent()
        if (event === undefined) break
        this.#tell(event)
      }
    } finally {
      this.#isDraining = false
      this.#taken?.wake()
      this.#arm()
    }
  }

  #tell(event: SessionEvent): void {
    if (!('session' in event)) {
      return event.type === 'idle' ? this.#host.onIdle?.(this) : this.#negotiated.resolve()
    }
    if (event.type === 'request') {
      this.#unsettled.add(event.session)
      return this.#host.onRequest?.(event.session, this)
    }
    if (event.type === 'settled') return this.#onSettled(event.session)
    const core = this.#cores.get(event.session)
    core?.onEvent(event)
    if (event.type !== 'closed') return
    this.#cores.delete(event.session)
    if (core === undefined) this.#host.onWithdrawn?.(event.session)
  }

  #onSettled(session: Session): void {
    this.#unsettled.delete(session)
    if (this.#unsettled.size === 0) this.#idle?.resolve()
  }

  #arm(): void {
    const at = this.#error === undefined ? (this.#sessions?.nextTimeout() ?? NEVER) : NEVER
    if (at === this.#timerAt) return
    this.#disarm()
    if (at === NEVER || this.#taken === undefined) return
    this.#timerAt = at
    this.#cancelTimer = this.#taken.environment.setTimer(at, () => {
      this.#timerAt = NEVER
      this.#sessions?.onTimeout(this.now())
      this.#poll()
    })
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerAt = NEVER
  }
}
