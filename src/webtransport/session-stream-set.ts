/**
 * The streams of one session: those that are open, how many more there may be, and what all of them may carry
 * (draft-ietf-webtrans-http3 §5.3, §5.4).
 */
import { EMPTY } from '../base/bytes.ts'
import type { StreamEvent } from '../streams/events.ts'
import { DEFAULT_PRIORITY, type StreamPriority } from '../streams/scheduler.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { encodeDataCapsule, encodeStreamsCapsule } from './capsules.ts'
import { toApplicationCode } from './error-codes.ts'
import type { SessionEvent } from './events.ts'
import { SessionCredit, SessionWindow } from './flow-control.ts'
import type { WebTransportDraft } from './negotiation.ts'
import type { Session } from './session.ts'
import { type SessionSendStream, SessionStream, type SessionStreamHost } from './session-streams.ts'

/** The limits that a session begins with, in bytes and streams; `Infinity`: there are none. */
export interface SessionStreamLimits {
  readonly data: number
  readonly streamsBidi: number
  readonly streamsUni: number
}

/** What the streams of a session need of it. */
export interface SessionStreamSetHost {
  readonly session: Session
  readonly draft: WebTransportDraft
  /** What the peer grants at first. */
  readonly theirs: SessionStreamLimits
  /** What we grant at first. */
  readonly ours: SessionStreamLimits
  /** How the session competes with the rest of its connection (§3.4). */
  readonly priority: StreamPriority
  emit(event: SessionEvent): void
  /** Opens a stream below and writes its header; `undefined`: not now. */
  open(direction: StreamDirection): { readonly stream: Stream; readonly header: Uint8Array } | undefined
  /** Puts a capsule behind those that wait; what it says is of its moment, so it is made only then. */
  send(capsule: () => Uint8Array | undefined): void
  /** The peer broke a limit. */
  onViolation(error: unknown): void
}

/** What all streams of a session have carried, without headers. */
export interface SessionStreamTotals {
  /** Ours. */
  readonly streamsOpened: number
  /** The peer's. */
  readonly streamsAccepted: number
  readonly bytesWritten: number
  readonly bytesSent: number
  readonly bytesAcknowledged: number
  readonly bytesReceived: number
  readonly bytesRead: number
}

interface Kind {
  readonly credit: SessionCredit
  readonly window: SessionWindow
  /** A stream is wanted that could not be opened: for want of the session's credit, or of the connection's. */
  isWanted: boolean
}

type OpenEvent = Exclude<StreamEvent, { type: 'streams-available' | 'stream-opened' }>

/** All streams of one session. */
export class SessionStreamSet implements SessionStreamHost {
  readonly session: Session
  readonly draft: WebTransportDraft
  readonly credit: SessionCredit
  readonly window: SessionWindow
  readonly #host: SessionStreamSetHost
  readonly #kinds: Readonly<Record<StreamDirection, Kind>>
  /** Those that have not ended. */
  readonly #streams = new Map<number, SessionStream>()
  /** Those that have ended as well: some of their events may still be on the way. */
  readonly #known = new WeakMap<Stream, SessionStream>()
  /** Halves that have something to write, and wait for the session's credit. */
  readonly #waiting = new Set<SessionSendStream>()
  /** Streams that have ended here while more may come of them, which counts for the window. */
  readonly #lingering = new Set<SessionStream>()
  /** All streams share as one against those of other sessions (§8). */
  readonly #group: object = {}
  /** The limits that the peer was told last. */
  readonly #told = { data: 0, bidirectional: 0, unidirectional: 0 }
  #past = { bytesWritten: 0, bytesSent: 0, bytesAcknowledged: 0, bytesReceived: 0, bytesRead: 0 }
  #opened = 0
  #accepted = 0
  #isOver = false

  constructor(host: SessionStreamSetHost) {
    const { draft, ours, theirs } = host
    const mustRise = draft >= 15
    this.session = host.session
    this.draft = draft
    this.#host = host
    this.credit = new SessionCredit('bytes', theirs.data, mustRise)
    this.window = new SessionWindow('bytes', ours.data)
    this.#kinds = {
      bidirectional: {
        credit: new SessionCredit('bidirectional streams', theirs.streamsBidi, mustRise),
        window: new SessionWindow('bidirectional streams', ours.streamsBidi),
        isWanted: false,
      },
      unidirectional: {
        credit: new SessionCredit('unidirectional streams', theirs.streamsUni, mustRise),
        window: new SessionWindow('unidirectional streams', ours.streamsUni),
        isWanted: false,
      },
    }
  }

  /** Streams that have not ended. */
  values(): IterableIterator<SessionStream> {
    return this.#streams.values()
  }

  /** With whom streams of the session share, unless they are given to another group. */
  get group(): object {
    return this.#group
  }

  /** `undefined`: not now; `streams-available` follows. */
  open(direction: StreamDirection): SessionStream | undefined {
    const kind = this.#kinds[direction]
    if (kind.credit.available < 1) {
      kind.isWanted = true
      const { limit } = kind.credit
      if (kind.credit.takeBlocked()) this.#host.send(() => encodeStreamsCapsule('blocked', direction, limit))
      return undefined
    }
    const opened = this.#host.open(direction)
    if (opened === undefined) {
      kind.isWanted = true
      return undefined
    }
    kind.credit.take(1)
    this.#opened += 1
    return this.#add(opened.stream, opened.header)
  }

  /** The connection lets more streams be opened. */
  onAvailable(direction: StreamDirection): void {
    const kind = this.#kinds[direction]
    if (!kind.isWanted || kind.credit.available < 1) return
    kind.isWanted = false
    this.#host.emit({ type: 'streams-available', session: this.session, direction })
  }

  /** The peer has opened a stream. */
  accept(core: Stream): void {
    const { window } = this.#kinds[core.direction]
    try {
      window.take(1)
    } catch (error) {
      this.onViolation(error)
      return
    }
    this.#accepted += 1
    const stream = this.#add(core, EMPTY)
    stream.receive?.count()
    if (this.#isOver) return
    this.#host.emit({ type: 'stream', session: this.session, stream })
    this.#tellReadable(stream)
  }

  /** Something happened to a stream. */
  onEvent(event: OpenEvent): void {
    const stream = this.#known.get(event.stream)
    this.sweep()
    if (stream === undefined) return
    const { session } = this
    switch (event.type) {
      case 'stream-readable':
        stream.receive?.count()
        this.#tellReadable(stream)
        break
      case 'stream-writable':
        if (stream.send?.onWritable() === true) this.#host.emit({ type: event.type, session, stream })
        break
      case 'stream-send-finished':
        this.#host.emit({ type: event.type, session, stream })
        break
      case 'stream-stopped':
      case 'stream-reset': {
        if (event.type === 'stream-stopped') stream.send?.onReset()
        else stream.receive?.settle()
        if (this.#isOver) return
        const { code: httpCode } = event
        const code = toApplicationCode(httpCode)
        this.#host.emit({ type: event.type, session, stream, code, httpCode })
        break
      }
      default:
        this.#onDeadline(stream, event)
    }
    this.onChange(stream)
  }

  /** A capsule. @throws Http3Error WT_FLOW_CONTROL_ERROR */
  onMaxData(maximum: number): void {
    this.credit.raise(maximum)
    this.onCredit()
  }

  /** A capsule. @throws Http3Error WT_FLOW_CONTROL_ERROR */
  onMaxStreams(direction: StreamDirection, maximum: number): void {
    this.#kinds[direction].credit.raise(maximum)
    this.onAvailable(direction)
  }

  /** Changes how many streams the peer may have open. */
  setIncoming(direction: StreamDirection, count: number): void {
    const { window } = this.#kinds[direction]
    if (window.limit === Infinity) return
    window.resize(count)
    this.#sendStreamLimit(direction)
  }

  /** Counts what has come of streams that nobody reads any more. */
  sweep(): void {
    for (const stream of this.#lingering) if (stream.receive?.settle() !== true) this.#lingering.delete(stream)
  }

  totals(): SessionStreamTotals {
    const totals = { streamsOpened: this.#opened, streamsAccepted: this.#accepted, ...this.#past }
    for (const stream of this.#streams.values()) addTo(totals, stream)
    return totals
  }

  /** The session is over. */
  end(httpCode: bigint): void {
    const streams = [...this.#streams.values()]
    this.#isOver = true
    this.#streams.clear()
    this.#waiting.clear()
    this.#lingering.clear()
    for (const stream of streams) {
      stream.abortWith(httpCode)
      addTo(this.#past, stream)
    }
  }

  waitForCredit(half: SessionSendStream): void {
    this.#waiting.add(half)
    const { limit } = this.credit
    if (this.credit.takeBlocked()) this.#host.send(() => encodeDataCapsule('blocked', limit))
  }

  onCredit(): void {
    if (this.#waiting.size === 0 || this.credit.available <= 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const half of waiting) {
      const stream = this.#streams.get(half.id)
      if (stream === undefined || !half.isWritable) continue
      if (half.writableBytes > 0) this.#host.emit({ type: 'stream-writable', session: this.session, stream })
      else half.wantRoom()
    }
  }

  onReleased(): void {
    const limit = this.window.takeUpdate()
    // The newest limit is what is sent, however long it has to wait for its turn.
    if (limit !== undefined) this.#host.send(() => this.#latest('data', this.window.limit))
  }

  onViolation(error: unknown): void {
    this.#host.onViolation(error)
  }

  onChange(stream: SessionStream): void {
    if (!stream.hasEnded || !this.#streams.delete(stream.id)) return
    if (stream.send !== undefined) this.#waiting.delete(stream.send)
    addTo(this.#past, stream)
    if (stream.receive?.settle() === true) this.#lingering.add(stream)
    if (stream.isLocal) return
    this.#kinds[stream.direction].window.release(1)
    this.#sendStreamLimit(stream.direction)
  }

  /** A capsule with a limit, unless it was sent before. */
  #latest(kind: 'data' | StreamDirection, limit: number): Uint8Array | undefined {
    if (this.#told[kind] === limit) return undefined
    this.#told[kind] = limit
    return kind === 'data' ? encodeDataCapsule('maximum', limit) : encodeStreamsCapsule('maximum', kind, limit)
  }

  #sendStreamLimit(direction: StreamDirection): void {
    const { window } = this.#kinds[direction]
    if (window.takeUpdate() !== undefined) this.#host.send(() => this.#latest(direction, window.limit))
  }

  #add(core: Stream, header: Uint8Array): SessionStream {
    const stream = new SessionStream(core, this, header)
    this.#streams.set(core.id, stream)
    this.#known.set(core, stream)
    core.sendGroup = this.#group
    const { urgency, incremental } = this.#host.priority
    if (urgency !== DEFAULT_PRIORITY.urgency || incremental) core.priority = { urgency, incremental }
    return stream
  }

  #tellReadable(stream: SessionStream): void {
    if (this.#isOver || stream.receive?.announce() !== true) return
    this.#host.emit({ type: 'stream-readable', session: this.session, stream })
  }

  #onDeadline(stream: SessionStream, event: Extract<StreamEvent, { type: 'stream-deadline' }>): void {
    const { action, code } = event
    if (action !== 'notify') {
      stream.send?.onReset()
      stream.receive?.settle()
    }
    this.#host.emit({ type: 'stream-deadline', session: this.session, stream, action, code })
  }
}

function addTo(
  totals: { -readonly [K in keyof Omit<SessionStreamTotals, 'streamsOpened' | 'streamsAccepted'>]: number },
  stream: SessionStream,
): void {
  totals.bytesWritten += stream.send?.bytesWritten ?? 0
  totals.bytesSent += stream.send?.bytesSent ?? 0
  totals.bytesAcknowledged += stream.send?.bytesAcknowledged ?? 0
  totals.bytesReceived += stream.receive?.bytesReceived ?? 0
  totals.bytesRead += stream.receive?.bytesRead ?? 0
}
