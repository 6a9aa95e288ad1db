/** The streams of one session as its application sees them: those it opens, those that come, and who waits for either. */
import type { Session } from '../../webtransport/session.ts'
import type { SessionStream } from '../../webtransport/session-streams.ts'
import type { StreamDirection } from '../../wire/stream-id.ts'
import { IncomingStreams } from '../incoming-streams.ts'
import { QuicSendGroup } from '../send-group.ts'
import { type Deferred, deferred } from '../signal.ts'
import { invalidState } from './error.ts'
import type { WebTransportBidirectionalStream, WebTransportReceiveStream } from './receive-stream.ts'
import { WebTransportSendGroup } from './send-group.ts'
import type { WebTransportSendStream } from './send-stream.ts'
import { StreamEnds } from './stream-ends.ts'
import { dictionary, longLong } from './values.ts'

/** How what is sent competes with the rest (W3C). */
export interface WebTransportSendOptions {
  /** Default `null`: all that have none share as one group. */
  readonly sendGroup?: WebTransportSendGroup | null
  /** Within its group all bytes of a higher order go first; default 0. */
  readonly sendOrder?: number
}

/** How a stream is opened (W3C). */
export interface WebTransportSendStreamOptions extends WebTransportSendOptions {
  /** Wait for the peer to allow another stream; default `false`: reject with a `QuotaExceededError`. */
  readonly waitUntilAvailable?: boolean
}

/** What the streams need of their session. */
export interface SessionStreamsHost {
  /** The session once it is open; rejects with its error if it does not come to that. */
  readonly opened: Promise<Session>
  /** Whether it has ended. */
  readonly isOver: boolean
  /** ms, monotonic */
  now(): number
  /** The connection has something to do. */
  wake(): void
}

type Incoming = WebTransportBidirectionalStream | WebTransportReceiveStream
type Outgoing = WebTransportBidirectionalStream | WebTransportSendStream

/** Streams of one direction that have ended and may still wait to be taken. */
const MAX_ENDED = 100

const DIRECTIONS: readonly StreamDirection[] = ['bidirectional', 'unidirectional']

/** All streams of one session that have not ended. */
export class SessionStreams {
  readonly #host: SessionStreamsHost
  readonly #streams = new Map<SessionStream, StreamEnds>()
  readonly #owners = new WeakMap<object, StreamEnds>()
  readonly #incoming: Readonly<Record<StreamDirection, IncomingStreams<Incoming>>>
  /** Ended before or after somebody took them, the latest. */
  readonly #ended: Readonly<Record<StreamDirection, Incoming[]>> = { bidirectional: [], unidirectional: [] }
  readonly #waiting: Readonly<Record<StreamDirection, Set<Deferred<void>>>>
  readonly #groups = new WeakMap<WebTransportSendGroup, QuicSendGroup>()
  readonly #nullGroup = {}

  constructor(host: SessionStreamsHost) {
    this.#host = host
    // Where nobody takes streams any more, each that comes is turned away: it would hold the session's credit for ever.
    const refuse = (item: Incoming): void => this.#owners.get(item)?.abandon()
    this.#incoming = { bidirectional: new IncomingStreams(refuse), unidirectional: new IncomingStreams(refuse) }
    this.#waiting = { bidirectional: new Set(), unidirectional: new Set() }
  }

  get incomingBidirectional(): ReadableStream<WebTransportBidirectionalStream> {
    return this.#incoming.bidirectional.readable as ReadableStream<WebTransportBidirectionalStream>
  }

  get incomingUnidirectional(): ReadableStream<WebTransportReceiveStream> {
    return this.#incoming.unidirectional.readable as ReadableStream<WebTransportReceiveStream>
  }

  createSendGroup(): WebTransportSendGroup {
    const inner = new QuicSendGroup(this)
    const group = new WebTransportSendGroup(inner)
    this.#groups.set(group, inner)
    return group
  }

  /** Whether the group is none, or of this session. @throws TypeError for what is no group */
  isOwn(group: unknown): boolean {
    if (group === null) return true
    if (!(group instanceof WebTransportSendGroup))
      throw new TypeError('sendGroup must be a WebTransportSendGroup or null')
    return this.#groups.has(group)
  }

  /** What is below the group; `undefined` for none. */
  innerOf(group: WebTransportSendGroup | null): object {
    return (group === null ? undefined : this.#groups.get(group)) ?? this.#nullGroup
  }

  /** Opens a stream as soon as the session is open, and, if it is to wait for it, the limits let it. */
  async create(direction: StreamDirection, given?: WebTransportSendStreamOptions): Promise<Outgoing> {
    const options = dictionary(given, 'options')
    const sendGroup = options.sendGroup ?? null
    const sendOrder = longLong(options.sendOrder ?? 0)
    const waits = Boolean(options.waitUntilAvailable)
    if (!this.isOwn(sendGroup)) throw new TypeError('sendGroup must be of createSendGroup of the same session')
    if (this.#host.isOver) throw overError()
    const session = await this.#host.opened.catch(() => {
      throw overError()
    })
    for (;;) {
      if (this.#host.isOver) throw overError()
      const stream = session.openStream(direction, this.#host.now())
      this.#host.wake()
      if (stream !== undefined) {
        const ends = this.#adopt(stream)
        if (sendGroup !== null) ends.sendGroup = sendGroup
        if (sendOrder !== 0) ends.sendOrder = sendOrder
        return ends.item as Outgoing
      }
      if (!waits) throw quotaExceeded(`The peer allows no more ${direction} streams for now`)
      const waiting = deferred<void>()
      this.#waiting[direction].add(waiting)
      await waiting.promise
    }
  }

  // ── Told by the session ───────────────────────────────────────────────────────────────────────────────────────────

  /** The peer opened a stream. */
  onStream(stream: SessionStream): void {
    this.#incoming[stream.direction].push(this.#adopt(stream).item as Incoming)
  }

  /** The stream for an event; `undefined`: it has ended. */
  get(stream: SessionStream): StreamEnds | undefined {
    return this.#streams.get(stream)
  }

  /** Whoever waited to open a stream may try. */
  onAvailable(direction: StreamDirection): void {
    const waiting = [...this.#waiting[direction]]
    this.#waiting[direction].clear()
    for (const each of waiting) each.resolve()
  }

  /** The session is over: streams fail with `error`, and the incoming ones end, or fail as well where the end is not clean. */
  end(error: unknown, isClean: boolean): void {
    for (const ends of [...this.#streams.values()]) ends.fail(error)
    this.#streams.clear()
    for (const direction of DIRECTIONS) {
      const incoming = this.#incoming[direction]
      // Nothing of a stream that nobody has taken is left to be read.
      incoming.takeAll()
      if (isClean) incoming.close()
      else incoming.error(error)
      this.onAvailable(direction)
    }
  }

  /** What was reset before anybody took it is handed out all the same, as W3C has it; of too many, the oldest are not. */
  #onEndedEarly(direction: StreamDirection, item: Incoming): void {
    const ended = this.#ended[direction]
    ended.push(item)
    const oldest = ended.length > MAX_ENDED ? ended.shift() : undefined
    if (oldest !== undefined) this.#incoming[direction].forget(oldest)
  }

  #adopt(stream: SessionStream): StreamEnds {
    const ends: StreamEnds = new StreamEnds(stream, {
      wake: () => this.#host.wake(),
      groupOf: (group) => this.#groups.get(group),
      nullGroup: this.#nullGroup,
      onEnded: () => {
        this.#streams.delete(stream)
        if (!stream.isLocal) this.#onEndedEarly(stream.direction, ends.item as Incoming)
      },
    })
    this.#streams.set(stream, ends)
    this.#owners.set(ends.item, ends)
    return ends
  }
}

function overError(): DOMException {
  return invalidState('The session is over')
}

/** W3C's, a class of its own where the platform has it. */
function quotaExceeded(message: string): DOMException {
  const { QuotaExceededError: Own } = globalThis as { QuotaExceededError?: new (message: string) => DOMException }
  return Own === undefined ? new DOMException(message, 'QuotaExceededError') : new Own(message)
}
