/**
 * How many streams of one direction either side may open (RFC 9000 §4.6): the limits that MAX_STREAMS carries, and
 * STREAMS_BLOCKED. Credit of ours returns for each stream that ended; for streams that the peer itself cut short it returns
 * at a bounded rate, since opening and resetting them costs the peer nothing and us the work of a handler (as in HTTP/2's
 * rapid reset).
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { Latest } from '../recovery/delivery.ts'
import { FrameType, type MaxStreamsFrame, type StreamsBlockedFrame } from '../wire/frame.ts'
import type { FrameSource, PacketWriter } from '../wire/packet-content.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { SendWindow } from './flow-control.ts'

/** ms. In each such span, credit returns for at most {@link CHURN_ALLOWANCE} streams cut short. */
export const CHURN_INTERVAL: Duration = 10

/** Streams. With {@link CHURN_INTERVAL} it makes 10,000 a second: more than a page that cancels, less than a flood. */
export const CHURN_ALLOWANCE = 100

// An update is due when an eighth of the streams that may be open at once has ended, or a quarter of them is left to the peer.
const ENDED_SHARE = 8
const LEFT_SHARE = 4

/** The streams of one direction, in numbers; owner of MAX_STREAMS and STREAMS_BLOCKED of that direction. */
export class StreamLimits implements FrameSource {
  readonly direction: StreamDirection
  /** What we grant to the peer. */
  readonly incoming: IncomingStreamLimit
  /** What the peer grants to us, in streams. */
  #outgoing = new SendWindow(0)
  /** Streams opened under an earlier limit that is void, and not allowed by this one yet. */
  #waiting = 0
  readonly #maxStreams = new Latest<MaxStreamsFrame>()
  readonly #blocked = new Latest<StreamsBlockedFrame>()
  /** Somebody was refused since the limit was raised last. */
  #wanted = false

  /** @param maximum how many streams of the peer may be open at once. */
  constructor(direction: StreamDirection, maximum: number) {
    this.direction = direction
    this.incoming = new IncomingStreamLimit(maximum)
  }

  /** How many streams we have opened. */
  get opened(): number {
    return this.#outgoing.used + this.#waiting
  }

  /** How many of them the peer allows: all, but after {@link restart}. */
  get allowed(): number {
    return this.#outgoing.used
  }

  /** How many streams the peer ever lets us open. */
  get limit(): number {
    return this.#outgoing.limit
  }

  /** Opens a stream of ours: its index; `undefined` at the peer's limit, of which the peer is told once. */
  open(): number | undefined {
    const outgoing = this.#outgoing
    if (outgoing.available > 0) {
      outgoing.take(1)
      return outgoing.used - 1
    }
    this.#wanted = true
    if (outgoing.block()) {
      const type = this.direction === 'bidirectional' ? FrameType.streamsBlockedBidi : FrameType.streamsBlockedUni
      this.#blocked.set({ type, limit: outgoing.limit })
    }
    return undefined
  }

  /** The peer's limit (RFC 9000 §19.11); one that is no higher is ignored. Returns whether somebody waited for it. */
  onMaxStreams(maximum: number): boolean {
    if (!this.#outgoing.raise(maximum)) return false
    this.#blocked.clear()
    const granted = Math.min(this.#waiting, this.#outgoing.available)
    this.#outgoing.take(granted)
    this.#waiting -= granted
    if (this.#waiting > 0) return false
    const wanted = this.#wanted
    this.#wanted = false
    return wanted
  }

  /** The limit under which streams were opened is void, and no other known: the first `opened` of them wait for one. */
  restart(opened: number): void {
    this.#outgoing = new SendWindow(0)
    this.#waiting = opened
    this.#blocked.clear()
  }

  get wantsToSend(): boolean {
    return this.incoming.wantsUpdate || this.#maxStreams.wantsToSend || this.#blocked.wantsToSend
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    if (this.incoming.wantsUpdate) {
      const type = this.direction === 'bidirectional' ? FrameType.maxStreamsBidi : FrameType.maxStreamsUni
      this.#maxStreams.set({ type, maximum: this.incoming.takeUpdate(now) })
    }
    this.#maxStreams.writeFrames(packet, now)
    this.#blocked.writeFrames(packet, now)
  }

  /** The connection is over. */
  close(): void {
    this.#maxStreams.clear()
    this.#blocked.clear()
  }

  /** Throws if the counts contradict one another. For tests. */
  checkInvariants(): void {
    this.#outgoing.checkInvariants()
    this.incoming.checkInvariants()
  }
}

/** What we grant to the peer in one direction. */
export class IncomingStreamLimit {
  #maximum: number
  #limit: number
  #opened = 0
  /** Streams that ended and whose credit may return. */
  #ended = 0
  /** Streams cut short whose credit waits. */
  #held = 0
  /** Credit of streams cut short that returned in the current interval. */
  #released = 0
  #intervalStart: Time = -Infinity

  /** @param maximum how many streams may be open at once; the peer has it as its first limit. */
  constructor(maximum: number) {
    this.#maximum = maximum
    this.#limit = maximum
  }

  /** How many streams the peer may ever open, as we told it. */
  get limit(): number {
    return this.#limit
  }

  /** How many streams were opened, those in between included. */
  get opened(): number {
    return this.#opened
  }

  /**
   * The peer used the stream number `index` (from 0): it and all below are open. Returns how many that are, 0 if they
   * were before. @throws TransportError STREAM_LIMIT_ERROR
   */
  open(index: number): number {
    if (index >= this.#limit) {
      throw new TransportError(
        TransportErrorCode.STREAM_LIMIT_ERROR,
        `Stream number ${index} was opened, of ${this.#limit} allowed`,
      )
    }
    const fresh = Math.max(0, index + 1 - this.#opened)
    this.#opened += fresh
    return fresh
  }

  /** A stream has ended; `cutShort`: by the peer's RESET_STREAM or STOP_SENDING. */
  onEnded(cutShort: boolean): void {
    if (cutShort) this.#held++
    else this.#ended++
  }

  /** Whether the peer is to be told a higher limit. Never waits for STREAMS_BLOCKED (RFC 9000 §4.6). */
  get wantsUpdate(): boolean {
    const gain = this.#ended + this.#releasable() + this.#maximum - this.#limit
    if (gain <= 0) return false
    return ENDED_SHARE * gain >= this.#maximum || LEFT_SHARE * (this.#limit - this.#opened) <= this.#maximum
  }

  /** Returns the credit that is due; returns the new limit. */
  takeUpdate(now: Time): number {
    this.#turnInterval(now)
    const released = this.#releasable()
    this.#held -= released
    this.#released += released
    this.#ended += released
    this.#limit = Math.max(this.#limit, this.#ended + this.#maximum)
    return this.#limit
  }

  /** When credit that waits may return. */
  nextTimeout(): Time {
    return this.#held > 0 && this.#releasable() === 0 ? this.#intervalStart + CHURN_INTERVAL : NEVER
  }

  onTimeout(now: Time): void {
    this.#turnInterval(now)
  }

  /** Changes how many may be open at once. A limit already told stays. */
  setMaximum(maximum: number): void {
    this.#maximum = maximum
  }

  /** Throws if the counts contradict one another. For tests. */
  checkInvariants(): void {
    if (!(this.#opened <= this.#limit && this.#ended + this.#held <= this.#opened)) {
      throw new Error(`Opened ${this.#opened} of ${this.#limit}, ended ${this.#ended}, held ${this.#held}`)
    }
  }

  #releasable(): number {
    return Math.min(this.#held, CHURN_ALLOWANCE - this.#released)
  }

  #turnInterval(now: Time): void {
    if (now - this.#intervalStart < CHURN_INTERVAL) return
    this.#intervalStart = now
    this.#released = 0
  }
}
