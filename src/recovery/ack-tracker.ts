/**
 * The packets received in one packet number space: duplicates, when to acknowledge, and the ACK frame (RFC 9000 §13.2). It
 * writes ACK and reads none; an acknowledgement of its own ACK lets it forget what that one said (§13.2.4). It reads
 * ACK_FREQUENCY and IMMEDIATE_ACK (draft-ietf-quic-ack-frequency), by which the peer says when it wants acknowledgements.
 */
import { RangeSet } from '../base/range-set.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { Ecn } from '../transport.ts'
import { type AckFrame, type AckFrequencyFrame, type EcnCounts, type Frame, FrameType } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'

/** Ranges of an ACK frame; what is older is not repeated (RFC 9000 §13.2.3). */
const MAX_RANGES = 32

/** Ranges kept to tell duplicates; what lies below the lowest counts as one. More than acknowledged: peers skip numbers. */
const MAX_RECEIVED_RANGES = 128

/** Ack-eliciting packets that may wait for an ACK; the next one makes it due (RFC 9000 §13.2.2, draft §4). */
const ACK_THRESHOLD = 1

/** Numbers that may be missing below a packet until it is out of order (RFC 9000 §13.2.1, draft §4). */
const REORDERING_THRESHOLD = 1

/** Ranges that no ACK frame has named yet, from which one is due: they must be named before they are too many (draft §6). */
const MAX_NEW_RANGES = MAX_RANGES / 2

/** max_ack_delay in µs must be less (RFC 9000 §18.2). */
const MAX_ACK_DELAY_MICROSECONDS = 2 ** 14 * 1000

/** ACK frames without an answer after which the peer should be made to acknowledge one (RFC 9000 §13.2.4). */
const MAX_UNANSWERED = 64

/** What a tracker is made of. */
export interface AckTrackerOptions {
  readonly space: PacketSpace
  /** Our max_ack_delay in ms; 25 (RFC 9000 §18.2). */
  readonly maxAckDelay?: Duration
  /** Our ack_delay_exponent; 3. Initial and Handshake use 3 in any case: the peer may not know ours yet. */
  readonly ackDelayExponent?: number
  /** Our min_ack_delay in ms; absent: the peer has no say in when we acknowledge. */
  readonly minAckDelay?: Duration | undefined
}

/** Acknowledges what is received in one packet number space. */
export class AckTracker implements FrameSource, FrameOwner<AckFrame> {
  readonly #isImmediate: boolean
  readonly #minAckDelay: Duration | undefined
  #maxAckDelay: Duration
  ackDelayExponent: number
  /** How late the host's timers may fire, in ms: where that is more than an ACK may be late, none waits for a timer. May change. */
  timerGranularity: Duration = 0
  // As the peer wants it.
  #threshold = ACK_THRESHOLD
  #reorderingThreshold = REORDERING_THRESHOLD
  #sequenceNumber = -1
  // The packet at hand asks for an ACK at once.
  #isUrgent = false
  // All that was received, from #floor on.
  readonly #received = new RangeSet()
  #floor = 0
  // What is still to be said: received, and not in an ACK frame that is known to have arrived.
  readonly #ranges = new RangeSet()
  #largestReceived = -1
  #largestReceivedAt: Time = 0
  #largestAckEliciting = -1
  // Ack-eliciting packets received since the last ACK frame was written, and when the first of them came.
  #pending = 0
  #pendingSince: Time = NEVER
  #isDue = false
  // The largest number that an ACK frame has named, and how many ranges have begun since then.
  #largestNamed = -1
  #newRanges = 0
  #wasCongested = false
  #unanswered = 0
  #hasEcn = false
  readonly #ecn: EcnCounts = { ect0: 0, ect1: 0, ce: 0 }

  constructor(options: AckTrackerOptions) {
    this.#isImmediate = options.space !== PacketSpace.application
    this.#minAckDelay = options.minAckDelay
    this.#maxAckDelay = options.maxAckDelay ?? 25
    this.ackDelayExponent = this.#isImmediate ? 3 : (options.ackDelayExponent ?? 3)
  }

  /** By how much an ACK may be late, ms: ours as it is advertised, or what the peer has asked for. */
  get maxAckDelay(): Duration {
    return this.#maxAckDelay
  }

  /** The largest number processed; -1 before the first. Packet numbers are decoded against it (RFC 9000 §17.1). */
  get largestReceived(): number {
    return this.#largestReceived
  }

  /** Whether an ACK is due now. */
  get wantsToSend(): boolean {
    return this.#isDue
  }

  /** Whether there are ack-eliciting packets to acknowledge, so that an ACK should go along with other frames. */
  get hasUnacked(): boolean {
    return this.#pending > 0
  }

  /**
   * Whether many ACK frames went unanswered, as they do in packets that hold nothing else: a PING beside the next one makes
   * the peer acknowledge it, so that both sides can forget. `true` once for every 64 ACK frames.
   */
  get wantsPing(): boolean {
    return this.#unanswered >= MAX_UNANSWERED
  }

  /** Packets received by ECN mark; `undefined` while none had one. */
  get ecnCounts(): Readonly<EcnCounts> | undefined {
    return this.#hasEcn ? this.#ecn : undefined
  }

  /** Whether a packet of this number was processed before, or is so old that nobody knows (RFC 9000 §12.3). */
  isDuplicate(packetNumber: number): boolean {
    return packetNumber < this.#floor || this.#received.has(packetNumber)
  }

  /**
   * Takes note of a packet after all its frames were processed (RFC 9000 §13.1); duplicates do not come here.
   * @param receivedAt when its datagram arrived
   */
  onPacketReceived(packetNumber: number, ackEliciting: boolean, ecn: Ecn, receivedAt: Time): void {
    this.#remember(packetNumber)
    if (packetNumber > this.#largestReceived) {
      this.#largestReceived = packetNumber
      this.#largestReceivedAt = receivedAt
    }
    if (ecn !== 0) this.#countEcn(ecn)
    const isUrgent = this.#isUrgent || this.#isSignOfCongestion(ecn)
    this.#isUrgent = false
    // RFC 9000 §13.2.1: what elicits no ACK never causes one, gaps or not.
    if (!ackEliciting) return
    this.#pending += 1
    if (
      this.#isImmediate ||
      isUrgent ||
      this.timerGranularity > this.#maxAckDelay ||
      this.#pending > this.#threshold ||
      this.#newRanges >= MAX_NEW_RANGES ||
      this.#isOutOfOrder(packetNumber)
    ) {
      this.#isDue = true
    }
    this.#pendingSince = Math.min(this.#pendingSince, receivedAt)
    this.#largestAckEliciting = Math.max(this.#largestAckEliciting, packetNumber)
  }

  /**
   * The peer says when it wants acknowledgements; what is older than its newest word is ignored (draft §4).
   * @throws TransportError PROTOCOL_VIOLATION for a delay out of bounds, FRAME_ENCODING_ERROR where nothing was offered
   */
  onAckFrequency(frame: AckFrequencyFrame): void {
    const least = this.#offered(frame.type)
    const { maxAckDelay, reorderingThreshold, sequenceNumber, threshold } = frame
    if (maxAckDelay < Math.round(least * 1000) || maxAckDelay >= MAX_ACK_DELAY_MICROSECONDS) {
      throw new TransportError(
        TransportErrorCode.PROTOCOL_VIOLATION,
        `ACK_FREQUENCY asks for a delay of ${maxAckDelay} µs, and ${Math.round(least * 1000)} is the least`,
        { frameType: frame.type },
      )
    }
    if (sequenceNumber <= this.#sequenceNumber) return
    this.#sequenceNumber = sequenceNumber
    this.#threshold = threshold
    this.#maxAckDelay = maxAckDelay / 1000
    this.#reorderingThreshold = reorderingThreshold
  }

  /** The packet at hand is to be acknowledged with the burst that it is part of (draft §5). @throws TransportError as above */
  onImmediateAck(): void {
    this.#offered(FrameType.immediateAck)
    this.#isUrgent = true
  }

  /** When an ACK becomes due; `NEVER` if there is nothing to acknowledge, or one is due already. */
  nextTimeout(): Time {
    return this.#isDue ? NEVER : this.#pendingSince + this.#maxAckDelay
  }

  onTimeout(now: Time): void {
    if (now >= this.#pendingSince + this.#maxAckDelay) this.#isDue = true
  }

  /** Writes an ACK frame if there is an ack-eliciting packet that none has acknowledged yet. */
  writeFrames(packet: PacketWriter, now: Time): void {
    if (this.#pending === 0) return
    const frame = this.#frame(now)
    // Exactly what the frame says is forgotten when it arrives, so it must say all: the oldest ranges give way first.
    while (frame.ranges.size > 1 && frameSize(frame) > packet.remaining) frame.ranges.removeFirst()
    if (!packet.write<AckFrame>(frame, this)) return
    this.#pending = 0
    this.#isDue = false
    this.#pendingSince = NEVER
    this.#largestNamed = this.#largestReceived
    this.#newRanges = 0
    this.#unanswered += 1
  }

  /** Writes the PING that {@link wantsPing} asks for; allowed where ack-eliciting frames are. */
  writePing(packet: PacketWriter): void {
    if (packet.write({ type: FrameType.ping }, NOBODY)) this.#unanswered = 0
  }

  /** The peer has the frame: what it acknowledged need not be said again (RFC 9000 §13.2.4). */
  onAcked(frame: AckFrame, _now: Time): void {
    this.#unanswered = 0
    const { ranges } = frame
    for (let i = 0; i < ranges.size; i++) this.#ranges.remove(ranges.startAt(i), ranges.endAt(i))
    // RFC 9000 §13.2.3: each ACK frame holds the largest number received.
    this.#ranges.add(this.#largestReceived, this.#largestReceived + 1)
  }

  /** ACK frames are not repeated; the next one says it all (RFC 9000 §13.3). */
  onLost(_frame: AckFrame, _now: Time): void {}

  /** Throws where the ranges are not sorted, bounded, or more is to be said than was received. For tests. */
  checkInvariants(): void {
    this.#received.checkInvariants()
    this.#ranges.checkInvariants()
    if (this.#ranges.size > MAX_RANGES || this.#received.size > MAX_RECEIVED_RANGES) {
      throw new Error(`Too many ranges: ${this.#ranges.size} to acknowledge, ${this.#received.size} received`)
    }
    for (let i = 0; i < this.#ranges.size; i++) {
      const start = Math.max(this.#ranges.startAt(i), this.#floor)
      const end = this.#ranges.endAt(i)
      if (!this.#received.containsRange(start, end)) throw new Error(`[${start}, ${end}) was not received as a whole`)
    }
  }

  #remember(packetNumber: number): void {
    const received = this.#received
    received.add(packetNumber, packetNumber + 1)
    if (received.size > MAX_RECEIVED_RANGES) {
      this.#floor = received.endAt(0)
      received.removeFirst()
    }
    const before = this.#ranges.size
    this.#ranges.add(packetNumber, packetNumber + 1)
    if (this.#ranges.size > before) this.#newRanges += 1
    if (this.#ranges.size > MAX_RANGES) this.#ranges.removeFirst()
  }

  /** RFC 9000 §13.2.1: a CE mark is told at once; where the peer wants fewer ACKs, the first of a row (draft §6.3). */
  #isSignOfCongestion(ecn: Ecn): boolean {
    const wasCongested = this.#wasCongested
    this.#wasCongested = ecn === 3
    return ecn === 3 && !(wasCongested && this.#threshold > ACK_THRESHOLD)
  }

  /** Our min_ack_delay. */
  #offered(frameType: number): Duration {
    if (this.#minAckDelay !== undefined) return this.#minAckDelay
    throw new TransportError(TransportErrorCode.FRAME_ENCODING_ERROR, 'ACK_FREQUENCY was not offered', { frameType })
  }

  /** Whether `packetNumber`, received now, makes an ACK due for what is missing or was believed to be (draft §6.2). */
  #isOutOfOrder(packetNumber: number): boolean {
    const threshold = this.#reorderingThreshold
    if (threshold === 1) return this.#isOutOfSequence(packetNumber)
    if (threshold === 0) return false
    const named = this.#largestNamed
    if (packetNumber <= named - threshold) return true
    // From the first number that no ACK could show to be lost, up to the last that one would show now.
    const largest = Math.max(this.#largestAckEliciting, packetNumber)
    const from = Math.max(this.#floor, named - threshold + 1)
    return !this.#received.containsRange(from, largest - threshold + 1)
  }

  /** RFC 9000 §13.2.1: below another ack-eliciting packet, or above it with numbers missing in between. */
  #isOutOfSequence(packetNumber: number): boolean {
    const largest = this.#largestAckEliciting
    if (packetNumber < largest) return true
    return largest >= 0 && packetNumber > largest + 1 && !this.#received.containsRange(largest + 1, packetNumber)
  }

  #countEcn(ecn: Ecn): void {
    this.#hasEcn = true
    if (ecn === 1) this.#ecn.ect1 += 1
    else if (ecn === 2) this.#ecn.ect0 += 1
    else this.#ecn.ce += 1
  }

  #frame(now: Time): AckFrame {
    const delay = Math.max(0, now - this.#largestReceivedAt)
    return {
      type: FrameType.ack,
      ranges: this.#ranges.clone(),
      ackDelay: Math.floor((delay * 1000) / 2 ** this.ackDelayExponent),
      ecn: this.#hasEcn ? { ...this.#ecn } : undefined,
    }
  }
}

/** A PING is worth nothing once it is sent. */
const NOBODY: FrameOwner<Frame> = { onAcked() {}, onLost() {} }
