/**
 * The packets sent in one packet number space, from the lowest number still of interest to the next to be used: recycled
 * records in a ring indexed by packet number (RFC 9002 Appendix A.1). Decides nothing; `loss-detector.ts` does.
 */
import type { Time } from '../base/time.ts'
import { type Frame, FrameType, outgoingStream, type StreamFrame } from '../wire/frame.ts'
import type { FrameOwner } from '../wire/packet-content.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import type { PathEcn } from './ecn.ts'
import type { PathRecovery } from './path-recovery.ts'
import type { SampledPacket } from './rate-sample.ts'

/** What became of a packet number. */
export const PacketState = {
  /** Skipped, given back, or forgotten: there is no packet of this number, or nobody cares. */
  none: 0,
  /** Being written. */
  building: 1,
  /** Sent, neither acknowledged nor lost. */
  outstanding: 2,
  /** Declared lost, and kept to notice a late acknowledgement. */
  lost: 3,
  acked: 4,
} as const
export type PacketState = (typeof PacketState)[keyof typeof PacketState]

/** Fills the places of frames that are gone, so that a record keeps nothing alive. */
const NO_FRAME: Frame = { type: FrameType.ping }
const NO_OWNER: FrameOwner = { onAcked() {}, onLost() {} }

/**
 * The record of one sent packet; recycled. The packet builder fills in `size`, the flags and the frames between
 * `LossDetector.beginPacket` and `onPacketSent`; after that all of it belongs to recovery.
 */
export class SentPacket implements SampledPacket {
  number = 0
  state: PacketState = PacketState.none
  space: PacketSpace = PacketSpace.initial
  /** Bytes of the whole packet, tag included. */
  size = 0
  ackEliciting = false
  /** Counts against the congestion window: ack-eliciting, or padded (RFC 9002 §2). */
  inFlight = false
  /** A probe of DPLPMTUD, whose loss says nothing of congestion (RFC 9000 §14.4). */
  isMtuProbe = false
  /** It only probes a path, or answers there (RFC 9000 §9.1): its fate says nothing of the path that data is sent on (§9.4). */
  isPathProbe = false
  /** Its frames were given back by a PTO and need not be given back again. */
  isRepeated = false
  /** An RTT sample existed when it was sent (RFC 9002 §7.6.2). */
  hadRttSample = false
  /** Generation of the 1-RTT keys that protect it; -1 for other keys. */
  keyGeneration = -1
  path: PathRecovery | undefined = undefined
  /** It left as ECT(0), and these are the marks that its fate tells of. */
  ecn: PathEcn | undefined = undefined
  /** The first `frameCount` places of both arrays: what it carries, and who is told of its fate. */
  readonly frames: Frame[] = []
  readonly owners: FrameOwner[] = []
  frameCount = 0
  /** The frame that {@link streamFrame} hands out. */
  readonly #streamFrame: StreamFrame = outgoingStream(0, 0, 0, false)
  #isStreamFrameTaken = false
  sentTime: Time = 0
  /** When it was declared lost. */
  lostTime: Time = 0
  /** The congestion event that its loss belongs to, from 1; 0 or less: none. */
  lossEpoch = 0
  appLimited = false
  bytesInFlight = 0
  totalDelivered = 0
  totalLost = 0
  deliveredTime: Time = 0
  firstSentTime: Time = 0
  /** Of a number that cannot be acknowledged any more: neither can any between it and this one. */
  nextLive = 0

  get bytes(): number {
    return this.size
  }

  /** Records a frame and the owner that is told of its fate. */
  addFrame<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): void {
    const index = this.frameCount
    this.frames[index] = frame
    // An owner is only ever given frames that it was recorded with, so its narrower parameter type is met.
    this.owners[index] = owner as FrameOwner<never> as FrameOwner
    this.frameCount = index + 1
  }

  /**
   * A STREAM frame to be recorded here: the first of a packet is the record's own, since as a rule it is the only one, and bulk
   * data leaves nothing behind for the garbage collector. It is the next packet's as soon as this one is forgotten.
   */
  streamFrame(streamId: number, offset: number, length: number, fin: boolean): StreamFrame {
    if (this.#isStreamFrameTaken) return outgoingStream(streamId, offset, length, fin)
    this.#isStreamFrameTaken = true
    const frame = this.#streamFrame
    frame.length = length
    frame.streamId = streamId
    frame.offset = offset
    frame.fin = fin
    return frame
  }

  /** Copies of the frames, for whoever keeps them. */
  copyFrames(): Frame[] {
    return this.frames
      .slice(0, this.frameCount)
      .map((frame) => (frame === this.#streamFrame ? { ...this.#streamFrame } : frame))
  }

  /** Tells the owners that their frames have arrived, and forgets them. */
  tellAcked(now: Time): void {
    for (let i = 0; i < this.frameCount; i++) {
      const frame = this.frames[i]
      if (frame !== undefined) this.owners[i]?.onAcked(frame, now)
    }
    this.dropFrames()
  }

  /**
   * Gives the frames back to their owners for a PTO to send again, as if they were lost; but for DATAGRAM, which never is sent
   * again, so that its loss is news only when it is one. `false`: there is nothing to send again.
   */
  giveBack(now: Time): boolean {
    let isGiven = false
    for (let i = 0; i < this.frameCount; i++) {
      const frame = this.frames[i]
      if (frame === undefined || frame.type === FrameType.datagram) continue
      this.owners[i]?.onLost(frame, now)
      isGiven = true
    }
    this.isRepeated = true
    return isGiven
  }

  /**
   * Tells the owners that their frames are lost, unless they were given back before: what a PTO gave back went out again in
   * a packet with a fate of its own. The frames stay: an acknowledgement may still come.
   */
  tellLost(now: Time): void {
    for (let i = 0; i < this.frameCount; i++) {
      const frame = this.frames[i]
      if (frame === undefined || (this.isRepeated && frame.type !== FrameType.datagram)) continue
      this.owners[i]?.onLost(frame, now)
    }
  }

  /** Forgets the frames. */
  dropFrames(): void {
    for (let i = 0; i < this.frameCount; i++) {
      this.frames[i] = NO_FRAME
      this.owners[i] = NO_OWNER
    }
    this.frameCount = 0
    this.#isStreamFrameTaken = false
  }

  /** Becomes the record of another packet. */
  begin(number: number, state: PacketState, space: PacketSpace, path: PathRecovery | undefined): void {
    this.dropFrames()
    this.number = number
    this.state = state
    this.space = space
    this.size = 0
    this.ackEliciting = false
    this.inFlight = false
    this.isMtuProbe = false
    this.isPathProbe = false
    this.isRepeated = false
    this.hadRttSample = false
    this.keyGeneration = -1
    this.path = path
    this.ecn = undefined
    this.lossEpoch = 0
    this.nextLive = number + 1
  }
}

/** Records that wait for their next packet, at most: 3 MB. What exceeds them is the garbage collector's. */
const MAX_FREE_RECORDS = 4096

/** The records that no packet needs, shared by the connections of an endpoint: an idle one has none. */
export class SentPacketPool {
  /** Stands for packets without a record; nobody writes to it. */
  readonly absent: SentPacket = new SentPacket()
  readonly #free: SentPacket[] = []

  /** A record, the one given back last (its memory is warm); `SentPacket.begin` makes it that of a packet. */
  take(): SentPacket {
    return this.#free.pop() ?? new SentPacket()
  }

  /** Takes back a record that nobody looks at any more, its frames dropped. */
  give(packet: SentPacket): void {
    if (this.#free.length < MAX_FREE_RECORDS) this.#free.push(packet)
  }
}

const INITIAL_CAPACITY = 8

/** Places from which on a ring is large, and does not stay so once its packets are gone: it may be another connection's turn. */
const LARGE_CAPACITY = 512

/** Places of such a ring afterwards. It takes place when half of them suffice, so that the next packets find room. */
const KEPT_CAPACITY = 256

/**
 * The ring of one space. Every number from `base` up to `next` has a record, skipped numbers too; the place of a number is
 * its low bits, so nothing moves but when the ring grows.
 */
export class SentPackets {
  readonly #space: PacketSpace
  readonly #pool: SentPacketPool
  #slots = new Array<SentPacket | undefined>(INITIAL_CAPACITY)
  #capacity = INITIAL_CAPACITY
  #base = 0
  #next = 0

  constructor(space: PacketSpace, pool: SentPacketPool = new SentPacketPool()) {
    this.#space = space
    this.#pool = pool
  }

  /** The lowest number with a record. */
  get base(): number {
    return this.#base
  }

  /** The next number to be used; all numbers below have been used or skipped. */
  get next(): number {
    return this.#next
  }

  /** The record of a number from `base` up to `next`. */
  at(number: number): SentPacket {
    return this.#slots[number & (this.#capacity - 1)] ?? this.#pool.absent
  }

  /** Takes the next number and its record. */
  begin(path: PathRecovery): SentPacket {
    return this.#take(PacketState.building, path)
  }

  /** Leaves the next number out for ever (RFC 9000 §21.4). */
  skip(): void {
    this.#take(PacketState.none, undefined)
  }

  /** Gives the number of a packet that was never sent back. @throws Error unless it was the last to be taken. */
  cancel(packet: SentPacket): void {
    if (packet.number !== this.#next - 1 || packet.state !== PacketState.building) {
      throw new Error(`Only the packet begun last can be given back, got ${packet.number} of ${this.#next}`)
    }
    packet.begin(packet.number, PacketState.none, this.#space, undefined)
    this.#next -= 1
  }

  /** The lowest number, not below `from`, of a packet that may still be acknowledged; `next` if there is none. */
  nextLive(from: number): number {
    const first = Math.max(from, this.#base)
    let number = first
    while (number < this.#next) {
      const packet = this.at(number)
      if (packet.state !== PacketState.none && packet.state !== PacketState.acked) break
      number = packet.nextLive
    }
    // All that was stepped over points to the end now, so that walking the same numbers again costs one step.
    for (let at = first; at < number; ) {
      const packet = this.at(at)
      at = packet.nextLive
      packet.nextLive = number
    }
    return number
  }

  /** Forgets the record of the lowest number. */
  dropFirst(): void {
    const packet = this.at(this.#base)
    packet.dropFrames()
    packet.path = undefined
    packet.ecn = undefined
    packet.state = PacketState.none
    this.#slots[this.#base & (this.#capacity - 1)] = undefined
    this.#pool.give(packet)
    this.#base += 1
    if (this.#capacity >= LARGE_CAPACITY && this.#next - this.#base <= KEPT_CAPACITY / 2) this.#resize(KEPT_CAPACITY)
  }

  /** Places for records. */
  get capacity(): number {
    return this.#capacity
  }

  /** Forgets all records; numbers go on. */
  clear(): void {
    while (this.#base < this.#next) this.dropFirst()
    this.#slots = new Array<SentPacket | undefined>(INITIAL_CAPACITY)
    this.#capacity = INITIAL_CAPACITY
  }

  #take(state: PacketState, path: PathRecovery | undefined): SentPacket {
    if (this.#next - this.#base === this.#capacity) this.#resize(2 * this.#capacity)
    const number = this.#next
    const index = number & (this.#capacity - 1)
    const packet = this.#slots[index] ?? this.#pool.take()
    this.#slots[index] = packet
    packet.begin(number, state, this.#space, path)
    this.#next = number + 1
    return packet
  }

  #resize(capacity: number): void {
    const old = this.#slots
    const oldMask = this.#capacity - 1
    const mask = capacity - 1
    const slots = new Array<SentPacket | undefined>(capacity)
    for (let number = this.#base; number < this.#next; number++) {
      slots[number & mask] = old[number & oldMask]
    }
    this.#slots = slots
    this.#capacity = capacity
  }
}
