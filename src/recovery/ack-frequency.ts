/**
 * The sender's side of draft-ietf-quic-ack-frequency: what to ask of a peer that takes part, and when. In bulk transfers
 * fewer acknowledgements save work at both ends; in slow start, and wherever the window is small again, as many as ever
 * let it grow. The delay of acknowledgements that the PTO reckons with (§7) is found here, too. The receiver's side is a
 * matter of `ack-tracker.ts`.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { type AckFrequencyFrame, type Frame, FrameType, type ImmediateAckFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketType } from '../wire/packet-type.ts'
import type { LossDetector } from './loss-detector.ts'
import { PACKET_THRESHOLD, type PathRecovery } from './path-recovery.ts'

/** The peer's threshold is the window in packets, divided by this. */
const WINDOW_SHARE = 8

/** Bounds of the threshold, packets. */
const MIN_THRESHOLD = 1
const MAX_THRESHOLD = 64

/** The peer's delay is the smoothed RTT, divided by this. */
const RTT_SHARE = 4

/** What differs from what was asked for by less than this share of it is not worth a frame (draft §8.1). */
const RELEVANT = 0.25

/** max_ack_delay in µs must be less (RFC 9000 §18.2). */
const MAX_DELAY_MICROSECONDS = 2 ** 14 * 1000 - 1

/** Datagrams in flight that make what is sent more than a word now and then. */
const BULK = 2

/** Frames whose fate is open and whose delays are kept apart. */
const MAX_OPEN = 8

const IMMEDIATE_ACK: ImmediateAckFrame = { type: FrameType.immediateAck }

/** Draft §5: it is not sent again. */
const NOBODY: FrameOwner<Frame> = { onAcked() {}, onLost() {} }

/** A frame that is not known to have arrived, nor not to: the peer may be obeying it. */
interface OpenRequest {
  readonly sequenceNumber: number
  /** ms */
  readonly delay: Duration
}

/** Asks the peer of one connection for acknowledgements. */
export class AckFrequency implements FrameSource, FrameOwner<AckFrequencyFrame> {
  readonly #loss: LossDetector
  readonly #enabled: boolean
  // The peer's min_ack_delay; `undefined`: it takes no part.
  #minAckDelay: Duration | undefined = undefined
  // The peer's delay as far as it is certain, and what it may be besides, oldest first.
  #certainDelay: Duration = 0
  #certainSequence = -1
  #open: OpenRequest[] = []
  // What was asked for last.
  #asked: AckFrequencyFrame | undefined = undefined
  #isLost = false
  #askedAt: Time = -NEVER
  #next: AckFrequencyFrame | undefined = undefined

  /** @param enabled `false`: nothing is asked of anybody */
  constructor(loss: LossDetector, enabled: boolean) {
    this.#loss = loss
    this.#enabled = enabled
  }

  /** Whether the peer takes part. */
  get isAvailable(): boolean {
    return this.#minAckDelay !== undefined
  }

  /**
   * Whether the last packet before there is nothing more to send should be acknowledged at once (draft §8.1.1). Where nothing
   * was asked for and next to nothing is in flight, the answer may as well go with what the peer has to say.
   */
  wantsEndAcked(path: PathRecovery): boolean {
    if (this.#minAckDelay === undefined) return false
    return this.#asked !== undefined || path.bytesInFlight >= path.maxDatagramSize * BULK
  }

  /** The peer's parameters, ms; `minAckDelay` is `undefined` where it takes no part. */
  onPeerParameters(minAckDelay: Duration | undefined, maxAckDelay: Duration): void {
    if (this.#enabled) this.#minAckDelay = minAckDelay
    this.#certainDelay = maxAckDelay
    this.#loss.maxAckDelay = maxAckDelay
  }

  /** Looks at the active path after each acknowledgement, and decides whether there is something to ask for. */
  update(path: PathRecovery, now: Time): void {
    if (this.#minAckDelay === undefined) return
    // Draft §8.1: once a round trip is enough.
    if (now - this.#askedAt < path.rtt.smoothed || !path.rtt.hasSample) return
    const isStarting = path.congestionWindow < path.controller.slowStartThreshold
    if (isStarting ? this.#asked === undefined : path.isAppLimited) return
    const threshold = isStarting ? MIN_THRESHOLD : thresholdOf(path)
    const maxAckDelay = this.#delayOf(path, this.#minAckDelay)
    const asked = this.#asked
    if (asked !== undefined && !this.#isLost) {
      if (!differs(asked.threshold, threshold) && !differs(asked.maxAckDelay, maxAckDelay)) return
    }
    this.#next = {
      type: FrameType.ackFrequency,
      sequenceNumber: (asked?.sequenceNumber ?? -1) + 1,
      threshold,
      maxAckDelay,
      reorderingThreshold: PACKET_THRESHOLD,
    }
  }

  get wantsToSend(): boolean {
    return this.#next !== undefined
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    const frame = this.#next
    if (frame === undefined || packet.type !== PacketType.oneRtt) return
    if (!packet.write<AckFrequencyFrame>(frame, this)) return
    this.#next = undefined
    this.#asked = frame
    this.#askedAt = now
    this.#isLost = false
    this.#addOpen({ sequenceNumber: frame.sequenceNumber, delay: frame.maxAckDelay / 1000 })
    this.#tellDelay()
  }

  /** Has the packet acknowledged with the burst that it is part of, if the peer takes part. */
  writeImmediateAck(packet: PacketWriter): void {
    if (this.#minAckDelay === undefined || packet.type !== PacketType.oneRtt) return
    packet.write<ImmediateAckFrame>(IMMEDIATE_ACK, NOBODY)
  }

  /** The peer obeys it, unless it already had a newer one. */
  onAcked(frame: AckFrequencyFrame, _now: Time): void {
    if (frame.sequenceNumber <= this.#certainSequence) return
    this.#certainSequence = frame.sequenceNumber
    this.#certainDelay = frame.maxAckDelay / 1000
    this.#open = this.#open.filter(({ sequenceNumber }) => sequenceNumber > frame.sequenceNumber)
    this.#tellDelay()
  }

  /** Draft §4: what is asked for next has newer values. That one may be in force all the same: losses may be spurious. */
  onLost(frame: AckFrequencyFrame, _now: Time): void {
    if (frame.sequenceNumber === this.#asked?.sequenceNumber) this.#isLost = true
  }

  /** Microseconds. */
  #delayOf(path: PathRecovery, least: Duration): number {
    const wanted = Math.max(Math.ceil(least * 1000), Math.round((path.rtt.smoothed * 1000) / RTT_SHARE))
    return Math.min(wanted, MAX_DELAY_MICROSECONDS)
  }

  #addOpen(request: OpenRequest): void {
    const [oldest, second] = this.#open
    if (this.#open.length >= MAX_OPEN && oldest !== undefined && second !== undefined) {
      // The two oldest become one, with the longer delay of both.
      const delay = Math.max(oldest.delay, second.delay)
      this.#open.splice(0, 2, { sequenceNumber: second.sequenceNumber, delay })
    }
    this.#open.push(request)
  }

  /** Draft §7: the PTO reckons with the longest delay that may be in force. */
  #tellDelay(): void {
    let delay = this.#certainDelay
    for (const request of this.#open) delay = Math.max(delay, request.delay)
    this.#loss.maxAckDelay = delay
  }
}

function thresholdOf({ congestionWindow, maxDatagramSize }: PathRecovery): number {
  const packets = Math.floor(congestionWindow / maxDatagramSize / WINDOW_SHARE)
  return Math.min(MAX_THRESHOLD, Math.max(MIN_THRESHOLD, packets))
}

function differs(before: number, after: number): boolean {
  return Math.abs(after - before) > before * RELEVANT
}
