/**
 * Loss recovery's state of one packet number space (RFC 9002 Appendix A.3): its sent packets, what of them is settled, probes
 * owed, numbers left out, and the run of losses that may show persistent congestion (§7.6). `loss-detector.ts` drives it.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { AckFrame } from '../wire/frame.ts'
import { FrameType } from '../wire/frame.ts'
import type { PacketSpace } from '../wire/packet-type.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { SpaceEcn } from './ecn.ts'
import type { PathRecovery } from './path-recovery.ts'
import { PacketState, type SentPacket, type SentPacketPool, SentPackets } from './sent-packets.ts'

/** Skipped numbers that are remembered: an optimistic acknowledgement covers the newest ones. */
const MAX_SKIPPED = 16

/** Ack-eliciting losses in a row on one path, none acknowledged between them (RFC 9002 §7.6.2). */
export class LossRun {
  path: PathRecovery | undefined = undefined
  start: Time = 0
  end: Time = 0

  /** Adds a loss; packets come in the order they were sent. */
  extend(path: PathRecovery, sentTime: Time): void {
    if (this.path !== path) {
      this.path = path
      this.start = sentTime
    }
    this.end = sentTime
  }

  /** Something that was sent in between has arrived. */
  break(): void {
    this.path = undefined
  }

  get duration(): Duration {
    return this.path === undefined ? 0 : this.end - this.start
  }
}

/** One packet number space. */
export class SpaceRecovery {
  readonly space: PacketSpace
  readonly sent: SentPackets
  readonly run: LossRun = new LossRun()
  readonly ecn: SpaceEcn = new SpaceEcn()
  /** -1: none yet. */
  largestAcked = -1
  /** All packets below this number are acknowledged, lost or forgotten. */
  settled = 0
  /** When the next packet becomes lost by the time threshold. */
  lossTime: Time = NEVER
  /** Packets neither acknowledged nor lost. */
  outstanding = 0
  /** Ack-eliciting packets owed by a PTO. */
  probes = 0
  readonly #skipped: number[] = []
  /** Packets below were refused; 0: none were. */
  #refused = 0

  constructor(space: PacketSpace, records: SentPacketPool) {
    this.space = space
    this.sent = new SentPackets(space, records)
  }

  /** Leaves a number out, against acknowledgements of what was never received (RFC 9000 §21.4). */
  skip(): void {
    this.#skipped.push(this.sent.next)
    if (this.#skipped.length > MAX_SKIPPED) this.#skipped.shift()
    this.sent.skip()
  }

  /** @throws TransportError PROTOCOL_VIOLATION where the frame acknowledges what was never sent (RFC 9000 §13.1). */
  checkAcknowledged(frame: AckFrame): void {
    const { sent } = this
    const largest = frame.ranges.max - 1
    const isUnsent = largest >= sent.base && sent.at(largest).state === PacketState.building
    if (largest >= sent.next || isUnsent) throw neverSent(largest, frame)
    for (const number of this.#skipped) if (frame.ranges.has(number)) throw neverSent(number, frame)
    if (frame.ranges.min < this.#refused) throw violation('Acknowledgement of 0-RTT packets, which were refused', frame)
  }

  /** The peer has refused all packets so far: it may not acknowledge them. */
  refuse(): void {
    this.#refused = this.sent.next
  }

  /** Takes what is settled off the books up to the first packet that is not, and notes losses in a row. */
  settle(packet: SentPacket): void {
    this.settled = packet.number + 1
    if (packet.state === PacketState.acked) this.run.break()
    else if (packet.state === PacketState.lost && packet.path !== undefined) {
      // RFC 9002 §7.6.2: only ack-eliciting packets sent after the first RTT sample. A probe of the MTU proves nothing.
      if (packet.ackEliciting && packet.hadRttSample && packet.lossEpoch > 0) {
        this.run.extend(packet.path, packet.sentTime)
      }
    }
  }

  /** The index of the first range of an ACK frame that reaches above the packets already forgotten. */
  firstRange({ ranges }: AckFrame): number {
    const { base } = this.sent
    let low = 0
    let high = ranges.size
    while (low < high) {
      const middle = (low + high) >> 1
      if (ranges.endAt(middle) > base) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Gives the oldest frames back to their owners, about as much as `count` datagrams hold; the packets stay outstanding. */
  repeatOldest(count: number, now: Time): void {
    const { sent } = this
    let bytes = 0
    for (let number = sent.nextLive(sent.base); number < sent.next; number = sent.nextLive(number + 1)) {
      const packet = sent.at(number)
      const isFit =
        packet.state === PacketState.outstanding && packet.ackEliciting && !packet.isMtuProbe && !packet.isPathProbe
      if (!isFit || packet.isRepeated) continue
      if (!packet.giveBack(now)) continue
      bytes += packet.size
      if (bytes >= count * (packet.path?.maxDatagramSize ?? 0)) break
    }
  }

  /** Takes an outstanding packet out of what is in flight; its path's controller hears nothing. */
  leave(packet: SentPacket): void {
    this.outstanding -= 1
    if (packet.inFlight) packet.path?.onPacketDiscarded(packet)
    packet.ecn?.onPacketDiscarded()
  }

  /** Forgets every packet; with `lostAt` their owners hear that their frames are lost. Numbers go on. */
  forgetAll(lostAt: Time | undefined): void {
    const { sent } = this
    for (let number = sent.base; number < sent.next; number++) {
      const packet = sent.at(number)
      if (packet.state !== PacketState.outstanding) continue
      this.leave(packet)
      packet.state = PacketState.none
      if (lostAt !== undefined) packet.tellLost(lostAt)
    }
    this.#clear()
  }

  /** What is outstanding on a path that is gone is lost to its owners. */
  losePath(path: PathRecovery, now: Time): void {
    const { sent } = this
    for (let number = sent.base; number < sent.next; number++) {
      const packet = sent.at(number)
      if (packet.path !== path || packet.state !== PacketState.outstanding) continue
      this.leave(packet)
      packet.state = PacketState.lost
      packet.lostTime = now
      packet.lossEpoch = -1
      packet.tellLost(now)
    }
  }

  /** Of more than `most` records the oldest are dropped as long as they hold nothing but acknowledgements, which nobody may acknowledge. */
  dropAckOnly(most: number): void {
    const { sent } = this
    for (; sent.next - sent.base > most; sent.dropFirst()) {
      const first = sent.at(sent.base)
      if (first.state === PacketState.lost || first.state === PacketState.building) break
      if (first.state === PacketState.outstanding) {
        if (first.inFlight) break
        this.outstanding -= 1
      }
    }
  }

  #clear(): void {
    this.sent.clear()
    this.run.break()
    this.settled = this.sent.next
    this.lossTime = NEVER
    this.outstanding = 0
    this.probes = 0
  }

  /** Forgets records at the lower end that are acknowledged, or lost for longer than `keep` ms. */
  release(now: Time, keep: Duration): void {
    const { sent } = this
    while (sent.base < sent.next) {
      const packet = sent.at(sent.base)
      const isDone = packet.state === PacketState.acked || packet.state === PacketState.none
      if (!isDone && !(packet.state === PacketState.lost && now - packet.lostTime >= keep)) break
      if (packet.number >= this.settled) break
      sent.dropFirst()
    }
  }
}

function neverSent(number: number, frame: AckFrame): TransportError {
  return violation(`Acknowledgement of packet ${number}, which was never sent`, frame)
}

function violation(reason: string, { ecn }: AckFrame): TransportError {
  const frameType = ecn === undefined ? FrameType.ack : FrameType.ackEcn
  return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, reason, { frameType })
}
