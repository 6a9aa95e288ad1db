/**
 * The packets received in one packet number space: duplicates, when to acknowledge, and the ACK frame (RFC 9000 §13.2). It
 * writes ACK and reads none; an acknowledgement of its own ACK lets it forget what that one said (§13.2.4).
 */
import { RangeSet } from '../base/range-set.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { Ecn } from '../transport.ts'
import { type AckFrame, type EcnCounts, type Frame, FrameType } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketSpace } from '../wire/packet-type.ts'

/** Ranges of an ACK frame; what is older is not repeated (RFC 9000 §13.2.3). */
const MAX_RANGES = 32

/** Ranges kept to tell duplicates; what lies below the lowest counts as one. More than acknowledged: peers skip numbers. */
const MAX_RECEIVED_RANGES = 128

/** Ack-eliciting packets after which an ACK is due (RFC 9000 §13.2.2). */
const ACK_THRESHOLD = 2

/** ACK frames without an answer after which the peer should be made to acknowledge one (RFC 9000 §13.2.4). */
const MAX_UNANSWERED = 64

/** What a tracker is made of. */
export interface AckTrackerOptions {
  readonly space: PacketSpace
  /** Our max_ack_delay in ms; 25 (RFC 9000 §18.2). */
  readonly maxAckDelay?: Duration
  /** Our ack_delay_exponent; 3. Initial and Handshake use 3 in any case: the peer may not know ours yet. */
  readonly ackDelayExponent?: number
}

/** Acknowledges what is received in one packet number space. */
export class AckTracker implements FrameSource, FrameOwner<AckFrame> {
  readonly #isImmediate: boolean
  /** Ours, ms; may change before it is advertised. */
  maxAckDelay: Duration
  ackDelayExponent: number
  // All that was received, from #floor on.
  readonly #received = new RangeSet()
  #floor = 0
  // What is still to be said: received, and not in an ACK frame that is known to have arrived.
  readonly #ranges = new RangeSet()
  #largestReceived = -1
  #largestReceivedAt: Time = 0
  #largestAckEliciting = -1
  // Ack-eliciting packets received since the last ACK frame was written.
  #pending = 0
  #isDue = false
  #deadline: Time = NEVER
  #unanswered = 0
  #hasEcn = false
  readonly #ecn: EcnCounts = { ect0: 0, ect1: 0, ce: 0 }

  constructor(options: AckTrackerOptions) {
    this.#isImmediate = options.space !== PacketSpace.application
    this.maxAckDelay = options.maxAckDelay ?? 25
    this.ackDelayExponent = this.#isImmediate ? 3 : (options.ackDelayExponent ?? 3)
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
    // RFC 9000 §13.2.1: what elicits no ACK never causes one, gaps or not.
    if (!ackEliciting) return
    this.#pending += 1
    if (this.#isImmediate || this.#pending >= ACK_THRESHOLD || ecn === 3 || this.#isOutOfOrder(packetNumber)) {
      this.#isDue = true
    }
    this.#deadline = Math.min(this.#deadline, receivedAt + this.maxAckDelay)
    this.#largestAckEliciting = Math.max(this.#largestAckEliciting, packetNumber)
  }

  /** When an ACK becomes due; `NEVER` if there is nothing to acknowledge, or one is due already. */
  nextTimeout(): Time {
    return this.#isDue ? NEVER : this.#deadline
  }

  onTimeout(now: Time): void {
    if (now >= this.#deadline) this.#isDue = true
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
    this.#deadline = NEVER
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
    this.#ranges.add(packetNumber, packetNumber + 1)
    if (this.#ranges.size > MAX_RANGES) this.#ranges.removeFirst()
  }

  /** RFC 9000 §13.2.1: below another ack-eliciting packet, or above it with numbers missing in between. */
  #isOutOfOrder(packetNumber: number): boolean {
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
