/**
 * One WebTransport session for applications, of either role: W3C's states, promises and streams over the session's core. The
 * classes that applications see have W3C's members alone; what the stack tells a session, it tells this.
 */
import { WebTransportErrorCode } from '../../webtransport/error-codes.ts'
import type { SessionEnd, SessionEvent } from '../../webtransport/events.ts'
import type { Session } from '../../webtransport/session.ts'
import type { StreamDirection } from '../../wire/stream-id.ts'
import { errorOf } from '../errors.ts'
import { type Deferred, deferred } from '../signal.ts'
import type { QuicConnectionStats } from '../stats.ts'
import { WebTransportDatagramDuplexStream } from './datagrams.ts'
import { invalidState, sessionError, type WebTransportError } from './error.ts'
import { immutableHeaders } from './headers.ts'
import { SessionDatagrams } from './session-datagrams.ts'
import { SessionStreams } from './session-streams.ts'
import { type WebTransportConnectionStats, webTransportStats } from './stats.ts'

/** W3C's states of a WebTransport object. */
export type WebTransportState = 'connecting' | 'connected' | 'draining' | 'closed' | 'failed'

/** W3C's WebTransportReliabilityMode. */
export type WebTransportReliabilityMode = 'pending' | 'reliable-only' | 'supports-unreliable'

/** W3C's WebTransportCloseInfo. */
export interface WebTransportCloseInfo {
  /** The application's code, 0 to 2^32 - 1; default 0. */
  readonly closeCode?: number
  /** Cut at 1,024 bytes of UTF-8; default empty. */
  readonly reason?: string
}

/** The connection that a session lives on. */
export interface SessionLink {
  readonly isReliable: boolean
  now(): number
  wake(): void
  /** Calls `task` when what the end of `session` has to say has left, or cannot leave. */
  afterEnd(session: Session, task: () => void): void
  /** Numbers of this moment; after the end of the last one. */
  stats(): Promise<QuicConnectionStats>
}

/** How a session is made. */
export interface SessionCoreInit {
  /** The connection may carry other sessions. */
  readonly isPooled: boolean
  /** The readable of datagrams is a byte stream. */
  readonly readsBytes: boolean
  /** Streams that the peer is expected to have open at once. */
  readonly anticipated: Record<StreamDirection, number | null>
  /** Before there is a connection, ms. */
  now(): number
}

/** Streams of each direction that the peer may have open, at least. */
const LEAST_STREAMS = 100

/** The longest keying material, bytes: what HKDF gives with SHA-256. */
const MAX_KEYING_MATERIAL = 8160

/** One session. */
export class SessionCore {
  readonly #init: SessionCoreInit
  /** Gives up what was begun for a session that ends before it is established. */
  #abandon: () => void = () => {}
  readonly #ready = deferred<undefined>()
  readonly #closed = deferred<WebTransportCloseInfo>()
  readonly #draining = deferred<undefined>()
  /** As {@link #ready}, for those inside, who hear of the end first. */
  readonly #opened: Deferred<Session> = deferred<Session>()
  readonly streams: SessionStreams
  readonly #datagrams: SessionDatagrams
  readonly datagrams: WebTransportDatagramDuplexStream
  #state: WebTransportState = 'connecting'
  #session: Session | undefined
  #link: SessionLink | undefined
  #responseHeaders: Headers | null = null
  #protocol = ''
  #reliability: WebTransportReliabilityMode = 'pending'

  constructor(init: SessionCoreInit) {
    this.#init = init
    const core = this
    const host = {
      opened: this.#opened.promise,
      get isOver() {
        return core.isOver
      },
      now: () => core.#now(),
      wake: () => core.#link?.wake(),
      isOwn: (group: unknown) => core.streams.isOwn(group),
      innerOf: (group: Parameters<SessionStreams['innerOf']>[0]) => core.streams.innerOf(group),
    }
    this.streams = new SessionStreams(host)
    this.#datagrams = new SessionDatagrams(host, init.readsBytes)
    this.datagrams = new WebTransportDatagramDuplexStream(this.#datagrams, host)
  }

  get ready(): Promise<undefined> {
    return this.#ready.promise
  }

  get closed(): Promise<WebTransportCloseInfo> {
    return this.#closed.promise
  }

  get draining(): Promise<undefined> {
    return this.#draining.promise
  }

  get state(): WebTransportState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#state === 'closed' || this.#state === 'failed'
  }

  get reliability(): WebTransportReliabilityMode {
    return this.#reliability
  }

  get responseHeaders(): Headers | null {
    return this.#responseHeaders
  }

  get protocol(): string {
    return this.#protocol
  }

  anticipated(direction: StreamDirection): number | null {
    return this.#init.anticipated[direction]
  }

  /** Streams that the peer is expected to open: it may, as soon as it has been told. */
  anticipate(direction: StreamDirection, count: number | null): void {
    this.#init.anticipated[direction] = count
    if (this.#session === undefined || this.isOver) return
    this.#session.setIncomingStreams(direction, Math.max(LEAST_STREAMS, count ?? 0))
    this.#link?.wake()
  }

  /** What the peer is allowed to have open at first. */
  streamLimit(direction: StreamDirection): number {
    return Math.max(LEAST_STREAMS, this.#init.anticipated[direction] ?? 0)
  }

  createSendGroup(): ReturnType<SessionStreams['createSendGroup']> {
    if (this.isOver) throw invalidState('The session is over')
    return this.streams.createSendGroup()
  }

  async getStats(): Promise<WebTransportConnectionStats> {
    if (this.#state === 'connecting') await this.#opened.promise.catch(() => {})
    const session = this.#session
    const link = this.#link
    if (this.#state === 'failed' || session === undefined || link === undefined) {
      throw invalidState('The session has failed: there are no statistics')
    }
    const { datagrams } = session.stats(link.now())
    const expiredOutgoing = datagrams.expiredOutgoing + this.#datagrams.expiredOutgoing
    return webTransportStats(await link.stats(), { ...datagrams, expiredOutgoing }, this.#init.isPooled)
  }

  async exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Promise<Uint8Array> {
    if (label.length > 255) throw new RangeError(`label must have at most 255 bytes, got ${label.length}`)
    if (context.length > 255) throw new RangeError(`context must have at most 255 bytes, got ${context.length}`)
    if (length === 0 || length > MAX_KEYING_MATERIAL) {
      throw new RangeError(`outputLength must be from 1 to ${MAX_KEYING_MATERIAL}, got ${length}`)
    }
    if (this.isOver) throw invalidState('The session is over')
    const session = await this.#opened.promise.catch(() => undefined)
    if (session === undefined || this.isOver) throw invalidState('The session is over')
    return session.exportKeyingMaterial(label, context, length)
  }

  /** W3C's `close`. */
  close(closeCode: number, reason: string): void {
    if (this.isOver) return
    const session = this.#session
    const link = this.#link
    if (this.#state === 'connecting') {
      session?.close(0, '', link?.now() ?? 0)
      const error = sessionError('The session was closed before it was established')
      this.#cleanUp(error, undefined, (settle) => this.#afterEnd(settle))
      this.#abandon()
    } else {
      session?.close(closeCode, reason, link?.now() ?? 0)
      const error = new DOMException('The session was closed', 'AbortError')
      this.#cleanUp(error, { closeCode, reason }, (settle) => this.#afterEnd(settle))
    }
    link?.wake()
  }

  /** Whoever ends the process with `closed` has had its last word sent. */
  #afterEnd(task: () => void): void {
    if (this.#session === undefined || this.#link === undefined) task()
    else this.#link.afterEnd(this.#session, task)
  }

  // ── Told by the stack ─────────────────────────────────────────────────────────────────────────────────────────────

  /** `abandon` gives up what was begun, if the application gives the session up before it is established. */
  onAbandoned(abandon: () => void): void {
    this.#abandon = abandon
    if (this.isOver) abandon()
  }

  /** There is a session below, which is not open yet. */
  attach(session: Session, link: SessionLink): void {
    this.#session = session
    this.#link = link
  }

  /** The session below is open. */
  open(): void {
    const session = this.#session
    if (session === undefined || this.#state !== 'connecting') return
    this.#state = 'connected'
    this.#responseHeaders = immutableHeaders(session.responseFields ?? [], ['wt-protocol'])
    this.#protocol = session.protocol ?? ''
    this.#reliability = this.#link?.isReliable === true ? 'reliable-only' : 'supports-unreliable'
    for (const direction of ['bidirectional', 'unidirectional'] as const) {
      const count = this.#init.anticipated[direction]
      if (count !== null) this.anticipate(direction, count)
    }
    this.#datagrams.start(session)
    this.#opened.resolve(session)
    this.#ready.resolve(undefined)
  }

  /** Something has happened to the session below. */
  onEvent(event: SessionEvent): void {
    switch (event.type) {
      case 'opened':
        return this.open()
      case 'stream':
        return this.isOver ? event.stream.abort(0n) : this.streams.onStream(event.stream)
      case 'streams-available':
        return this.streams.onAvailable(event.direction)
      case 'stream-readable':
        return this.streams.get(event.stream)?.onReadable()
      case 'stream-writable':
        return this.streams.get(event.stream)?.onWritable()
      case 'stream-send-finished':
        return this.streams.get(event.stream)?.onSendFinished()
      case 'stream-reset':
      case 'stream-stopped':
        return this.#onStreamEnd(event)
      case 'datagram-readable':
        return this.#datagrams.onReadable()
      case 'datagram-writable':
        return this.#datagrams.onWritable()
      case 'draining':
        return this.#onDraining()
      case 'closed':
        return this.#onClosed(event.end)
    }
  }

  /** It comes to nothing, or the connection is over. */
  fail(message: string, cause?: unknown): void {
    if (!this.isOver) this.#fail(sessionError(message, cause))
  }

  #now(): number {
    return this.#link?.now() ?? this.#init.now()
  }

  #onStreamEnd({
    type,
    stream,
    code,
    httpCode,
  }: Extract<SessionEvent, { type: 'stream-reset' | 'stream-stopped' }>): void {
    const ends = this.streams.get(stream)
    // The peer has ended the session, and its last word is behind its streams.
    if (httpCode === WebTransportErrorCode.WT_SESSION_GONE)
      return ends?.fail(sessionError('The peer ended the session'))
    if (type === 'stream-reset') ends?.onReset(code)
    else ends?.onStopped(code)
  }

  #onDraining(): void {
    if (this.#state === 'connected') this.#state = 'draining'
    this.#draining.resolve(undefined)
  }

  #onClosed(end: SessionEnd): void {
    if (this.isOver) return
    if (end.kind !== 'closed') {
      const { message, cause } = describe(end)
      return this.#fail(sessionError(message, cause))
    }
    const { code: closeCode, reason } = end
    // A session that was never open cannot have ended well.
    if (this.#state === 'connecting') return this.#fail(sessionError('The server closed the session at once'))
    this.#cleanUp(sessionError(`The peer closed the session with code ${closeCode}`), { closeCode, reason })
  }

  #fail(error: WebTransportError): void {
    this.#cleanUp(error, undefined)
  }

  /**
   * W3C's "cleanup": everything that waits hears of the end.
   * @param later when `closed` may settle: W3C terminates the session in parallel, and does not say which of the two is first.
   */
  #cleanUp(
    error: DOMException,
    closeInfo: WebTransportCloseInfo | undefined,
    later: (settle: () => void) => void = (settle) => settle(),
  ): void {
    this.#state = closeInfo === undefined ? 'failed' : 'closed'
    this.#opened.reject(error)
    this.streams.end(error, closeInfo !== undefined)
    if (closeInfo === undefined) {
      later(() => this.#closed.reject(error))
      this.#ready.reject(error)
    } else {
      later(() => this.#closed.resolve(closeInfo))
    }
    this.#datagrams.end(error, closeInfo !== undefined)
  }
}

function describe(end: Exclude<SessionEnd, { kind: 'closed' }>): {
  readonly message: string
  readonly cause?: unknown
} {
  switch (end.kind) {
    case 'rejected':
      return { message: `The server refused the session with status ${end.status}` }
    case 'reset': {
      const who =
        end.side === 'local' ? 'The peer broke a rule, and the session was reset' : 'The peer reset the session'
      return { message: `${who} with code 0x${end.code.toString(16)}${end.reason === '' ? '' : `: ${end.reason}`}` }
    }
    case 'failed':
      return { message: `There is no session: ${end.reason}` }
    case 'connection': {
      const cause = errorOf(end.reason)
      return { message: `The connection of the session is over: ${cause.message}`, cause }
    }
  }
}
