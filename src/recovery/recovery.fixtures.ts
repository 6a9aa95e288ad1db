/** What the tests of this room share: a sender with explicit times, and owners that keep account of their frames. */
import { type RandomSource, randomInteger } from '../base/random.ts'
import { RangeSet } from '../base/range-set.ts'
import type { Duration, Time } from '../base/time.ts'
import { type AckFrame, type EcnCounts, type Frame, FrameType, type PingFrame } from '../wire/frame.ts'
import type { FrameOwner, PacketWriter } from '../wire/packet-content.ts'
import { PacketSpace, PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import type { ControllerFactory } from './congestion/controller.ts'
import { newReno } from './congestion/new-reno.ts'
import { LossDetector, type LossDetectorOptions } from './loss-detector.ts'
import { PathRecovery, type PathRecoveryOptions } from './path-recovery.ts'

/** Random bytes by a seed (xorshift32). */
export function seeded(seed: number): RandomSource {
  let state = seed | 1
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        bytes[i] = state & 0xff
      }
    },
  }
}

/** A source whose numbers are as large as can be: no packet number is skipped for the next 2,047 packets. */
export const LARGEST: RandomSource = { fill: (bytes) => void bytes.fill(0xff) }

/** A fraction from 0 up to 1. */
export function fraction(random: RandomSource): number {
  return randomInteger(random, 0x1_0000_0000) / 0x1_0000_0000
}

/** A set of half-open ranges. */
export function rangesOf(...ranges: ReadonlyArray<readonly [number, number]>): RangeSet {
  const set = new RangeSet()
  for (const [start, end] of ranges) set.add(start, end)
  return set
}

/** The set of these numbers. */
export function setOf(numbers: Iterable<number>): RangeSet {
  const set = new RangeSet()
  for (const number of numbers) set.add(number, number + 1)
  return set
}

/** All numbers of a set. */
export function numbersOf(set: RangeSet): number[] {
  const numbers: number[] = []
  for (let i = 0; i < set.size; i++) for (let n = set.startAt(i); n < set.endAt(i); n++) numbers.push(n)
  return numbers
}

/** An ACK frame of these ranges. */
export function ackOf(ranges: RangeSet): AckFrame {
  return { type: FrameType.ack, ranges, ackDelay: 0, ecn: undefined }
}

/** A frame of the tests: a PING that remembers the packet it was first sent in. */
export interface TestFrame extends PingFrame {
  readonly packet: number
  readonly space: PacketSpace
}

/** An owner that writes down what it is told. */
export class Ledger implements FrameOwner {
  readonly acked: TestFrame[] = []
  readonly lost: TestFrame[] = []

  onAcked(frame: Frame): void {
    this.acked.push(frame as TestFrame)
  }

  onLost(frame: Frame): void {
    this.lost.push(frame as TestFrame)
  }

  ackedIn(space: PacketSpace): number[] {
    return this.acked.filter((frame) => frame.space === space).map((frame) => frame.packet)
  }

  lostIn(space: PacketSpace): number[] {
    return this.lost.filter((frame) => frame.space === space).map((frame) => frame.packet)
  }
}

export const APP: PacketSpace = PacketSpace.application

/** How a packet of a scenario differs from a full-sized ack-eliciting one. */
export interface Sending {
  readonly space?: PacketSpace
  readonly size?: number
  readonly ackEliciting?: boolean
  /** Padded but not ack-eliciting. */
  readonly padded?: boolean
  readonly path?: PathRecovery
  readonly isMtuProbe?: boolean
  readonly isPathProbe?: boolean
  /** It leaves as ECT(0). */
  readonly isMarked?: boolean
}

export interface ScenarioOptions extends Partial<LossDetectorOptions> {
  readonly controller?: ControllerFactory
  readonly path?: Partial<PathRecoveryOptions>
  /** `true` unless given: application data has a PTO. */
  readonly confirmed?: boolean
}

/** A sender: a loss detector, one path, and a ledger of frames. */
export class Scenario {
  readonly loss: LossDetector
  readonly path: PathRecovery
  readonly ledger: Ledger = new Ledger()

  constructor(options: ScenarioOptions = {}) {
    this.loss = new LossDetector({ role: 'server', random: LARGEST, ...options })
    const controller = options.controller ?? newReno
    this.path = new PathRecovery({ id: 0, controller, pacing: false, ...options.path })
    this.loss.handshakeConfirmed = options.confirmed ?? true
  }

  /** Sends one packet and returns its number. */
  send(now: Time, sending: Sending = {}): number {
    const space = sending.space ?? APP
    const packet = this.loss.beginPacket(space, sending.path ?? this.path)
    packet.size = sending.size ?? 1200
    packet.isMtuProbe = sending.isMtuProbe ?? false
    packet.isPathProbe = sending.isPathProbe ?? false
    if (sending.isMarked === true) packet.ecn = (sending.path ?? this.path).ecn
    packet.ackEliciting = sending.ackEliciting ?? sending.padded !== true
    packet.inFlight = packet.ackEliciting || sending.padded === true
    const frame: TestFrame = { type: FrameType.ping, packet: packet.number, space }
    packet.addFrame(frame, this.ledger)
    this.loss.onPacketSent(packet, now)
    return packet.number
  }

  /** Sends one packet at each of the times. */
  sendAt(...times: readonly Time[]): void {
    for (const time of times) this.send(time)
  }

  /** The peer acknowledges ranges of the application space. */
  ack(now: Time, ...ranges: ReadonlyArray<readonly [number, number]>): boolean {
    return this.ackIn(APP, now, 0, ...ranges)
  }

  ackIn(space: PacketSpace, now: Time, delay: Duration, ...ranges: ReadonlyArray<readonly [number, number]>): boolean {
    const isNew = this.loss.onAckReceived(space, ackOf(rangesOf(...ranges)), delay, now)
    this.loss.checkInvariants()
    return isNew
  }

  /** The peer acknowledges numbers from `start` up to `end`, and reports these counts: ECT(0), CE, ECT(1). */
  ackWith(now: Time, start: number, end: number, ect0?: number, ce = 0, ect1 = 0): boolean {
    const ecn: EcnCounts | undefined = ect0 === undefined ? undefined : { ect0, ect1, ce }
    const isNew = this.loss.onAckReceived(APP, { ...ackOf(rangesOf([start, end])), ecn }, 0, now)
    this.loss.checkInvariants()
    return isNew
  }

  /** Lets a timer fire that is due at exactly this time. */
  fire(): Time {
    const at = this.loss.nextTimeout()
    this.loss.onTimeout(at)
    this.loss.checkInvariants()
    return at
  }

  /** Takes a first RTT sample: packet sent at `at`, acknowledged `rtt` later. */
  sample(at: Time, rtt: Duration): void {
    const number = this.send(at)
    this.ack(at + rtt, [number, number + 1])
  }
}

/** A packet that frames are written to, with a given room. */
export class TestPacket implements PacketWriter {
  readonly type: ProtectedPacketType
  readonly space: PacketSpace
  readonly path = 0
  remaining: number
  readonly #sizeOf: (frame: Frame) => number
  readonly frames: Frame[] = []
  readonly owners: FrameOwner<never>[] = []

  constructor(room = 1200, sizeOf: (frame: Frame) => number = () => 1, space: PacketSpace = APP) {
    this.remaining = room
    this.#sizeOf = sizeOf
    this.space = space
    this.type = space === APP ? PacketType.oneRtt : PacketType.initial
  }

  write<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): boolean {
    const size = this.#sizeOf(frame)
    if (size > this.remaining) return false
    this.remaining -= size
    this.frames.push(frame)
    this.owners.push(owner as FrameOwner<never>)
    return true
  }

  streamFrame(): never {
    throw new Error('No payload frames here')
  }

  writePayload(): void {
    throw new Error('No payload frames here')
  }

  expandDatagram(): void {}
}
