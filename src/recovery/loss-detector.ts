/**
 * Loss detection of a connection (RFC 9002 §6 and Appendix A): one object for three packet number spaces and all paths. It
 * reads ACK frames, declares packets lost by packet and time threshold, runs the probe timeout, establishes persistent
 * congestion, and tells the owners of frames what became of them. Windows, RTT and pacing are each path's (`path-recovery.ts`).
 *
 * Whatever carries a packet calls `beginPacket`, fills the record in, then `onPacketSent` or `cancelPacket`; controller and
 * pacer of the path are told from here. `nextTimeout` is valid after every call; setting a property may change it as well.
 */
import type { RandomSource } from '../base/random.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { AckFrame } from '../wire/frame.ts'
import type { LossTrigger, Observer } from '../wire/observer.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { checkBooks } from './books.ts'
import { observeLoss } from './loss-observation.ts'
import { PacketNumberSkips } from './packet-number-skips.ts'
import { PACKET_THRESHOLD, type PathRecovery } from './path-recovery.ts'
import { PacketState, type SentPacket, SentPacketPool } from './sent-packets.ts'
import { SpaceRecovery } from './space-recovery.ts'

/** kPersistentCongestionThreshold (RFC 9002 §7.6.1). */
export const PERSISTENT_CONGESTION_THRESHOLD: number = 3

/** Probe packets in the space whose PTO expired (RFC 9002 §6.2.4); one in each other space with data in flight. */
const PROBES = 2

/** Records beyond which packets that hold nothing but ACK are forgotten; they may never be acknowledged. */
const MAX_ACK_ONLY = 1024

/** Records beyond which the oldest packet is given up, so that a peer that acknowledges nothing takes no more memory. */
const MAX_TRACKED = 32768

/** 2 to this power is the longest back-off; far beyond any idle timeout. */
const MAX_BACKOFF = 20

/** What loss detection is made of. */
export interface LossDetectorOptions {
  readonly role: 'client' | 'server'
  /** kGranularity in ms; 1 (RFC 9002 §6.1.2). */
  readonly granularity?: Duration
  readonly random: RandomSource
  readonly observer?: Observer | undefined
  /** Where the records of packets come from; its own by default. */
  readonly records?: SentPacketPool
}

/** The loss detector of one connection. */
export class LossDetector {
  readonly #isClient: boolean
  readonly #granularity: Duration
  readonly #observer: Observer | undefined
  readonly #skips: PacketNumberSkips
  readonly #application: SpaceRecovery
  // Those that are not discarded.
  #spaces: readonly SpaceRecovery[]
  #paths: readonly PathRecovery[] = []
  #ptoCount = 0
  // What the PTO that is armed would probe.
  #ptoSpace: PacketSpace = PacketSpace.initial
  #isDeadlockPto = false
  // The anti-deadlock PTO runs from the last time that something happened.
  #lastEvent: Time = 0
  // Whether the ACK frame at hand acknowledges its largest number anew.
  #isLargestNew = false

  /** The peer's max_ack_delay in ms; known from its transport parameters. */
  maxAckDelay: Duration = 25
  /** Set once the handshake is confirmed (RFC 9001 §4.1.2): the application space has a PTO from then on. */
  handshakeConfirmed = false
  /** Set once there are keys to send Handshake packets. */
  handshakeKeys = false
  /** Of a client: whether the server is known to have validated our address (RFC 9002 §6.2.2.1). */
  peerValidatedAddress = false
  /** Of a server: whether the amplification limit lets nothing leave; no PTO is armed meanwhile (RFC 9002 §6.2.2.1). */
  amplificationLimited = false

  /** Counts since the start, in packets. Lost are packets in flight other than MTU probes. */
  packetsSent = 0
  packetsAcked = 0
  packetsLost = 0
  /** Of the lost ones, those that were acknowledged after all. */
  spuriousLosses = 0
  /** Bytes of the lost ones, less those of the spurious. */
  bytesLost = 0
  /** The highest key generation among the packets that the last ACK frame acknowledged anew; -1: none (RFC 9001 §6.2). */
  ackedKeyGeneration = -1

  constructor(options: LossDetectorOptions) {
    this.#isClient = options.role === 'client'
    this.#granularity = options.granularity ?? 1
    this.#observer = options.observer
    this.#skips = new PacketNumberSkips(options.random)
    const records = options.records ?? new SentPacketPool()
    this.#application = new SpaceRecovery(PacketSpace.application, records)
    this.#spaces = [
      new SpaceRecovery(PacketSpace.initial, records),
      new SpaceRecovery(PacketSpace.handshake, records),
      this.#application,
    ]
  }

  /** PTOs in a row without an acknowledgement. */
  get ptoCount(): number {
    return this.#ptoCount
  }

  /** bytes, on all paths */
  get bytesInFlight(): number {
    let bytes = 0
    for (const path of this.#paths) bytes += path.bytesInFlight
    return bytes
  }

  /** The largest number that the peer acknowledged; -1: none yet. */
  largestAcked(space: PacketSpace): number {
    return this.#of(space)?.largestAcked ?? -1
  }

  /** Packets of the space that are neither acknowledged nor lost, ACK-only ones included. */
  outstanding(space: PacketSpace): number {
    return this.#of(space)?.outstanding ?? 0
  }

  /** Ack-eliciting packets that a PTO owes in the space; each one sent takes one off. Neither window nor pacer holds them back. */
  probes(space: PacketSpace): number {
    return this.#of(space)?.probes ?? 0
  }

  /** A probe is owed and nothing is left for it to say: the oldest frames that were not, the last probe's included, are given back. */
  repeatForProbe(space: PacketSpace, now: Time): void {
    this.#of(space)?.repeatOldest(1, now)
  }

  /** The record of a new packet, with its number; its fields are then the caller's to fill. @throws Error where the space is discarded */
  beginPacket(space: PacketSpace, path: PathRecovery): SentPacket {
    const state = this.#kept(space)
    if (space === PacketSpace.application && this.#skips.shouldSkip(path.congestionWindow / path.maxDatagramSize)) {
      state.skip()
    }
    return state.sent.begin(path)
  }

  /** Nothing was written: gives the number back. @throws Error unless it is the packet that was begun last in its space. */
  cancelPacket(packet: SentPacket): void {
    this.#kept(packet.space).sent.cancel(packet)
  }

  /** The packet leaves now. Tells controller and pacer of its path. */
  onPacketSent(packet: SentPacket, now: Time): void {
    const { path } = packet
    if (path === undefined || packet.state !== PacketState.building) {
      throw new Error(`Packet ${packet.number} was not begun, or was sent before`)
    }
    const state = this.#kept(packet.space)
    packet.state = PacketState.outstanding
    packet.sentTime = now
    this.packetsSent += 1
    state.outstanding += 1
    if (packet.ecn !== undefined) state.ecn.onPacketSent(packet.ecn, now)
    if (this.#paths[0] !== path && !this.#paths.includes(path)) this.#paths = this.#paths.concat(path)
    // Probes of another path arm no PTO, so nothing would take them out of a window that they share and fill (RFC 9000 §9.4).
    if (packet.isPathProbe) packet.inFlight = false
    else if (packet.ackEliciting) packet.inFlight = true
    if (packet.inFlight) {
      this.#lastEvent = now
      path.onPacketSent(packet, now)
      if (packet.ackEliciting && state.probes > 0) state.probes -= 1
    }
    if (state.sent.next - state.sent.base > MAX_ACK_ONLY) this.#bound(state, now)
  }

  /**
   * Takes in an ACK frame. Returns whether it acknowledged anything anew.
   * @param ackDelay the frame's delay in ms
   * @param now when the frame arrived
   * @throws TransportError PROTOCOL_VIOLATION where it acknowledges a packet that was never sent
   */
  onAckReceived(space: PacketSpace, frame: AckFrame, ackDelay: Duration, now: Time): boolean {
    const state = this.#of(space)
    this.ackedKeyGeneration = -1
    if (state === undefined) return false
    state.checkAcknowledged(frame)
    const largest = frame.ranges.max - 1
    const isNewest = largest > state.largestAcked
    state.largestAcked = Math.max(state.largestAcked, largest)
    state.ecn.begin()
    const eliciting = this.#acknowledge(state, frame, now)
    const isCongested = state.ecn.onAckReceived(frame.ecn, isNewest, this.#paths, now)
    if (eliciting < 0) return false
    // RFC 9002 §5.1: the largest must be newly acknowledged, and something ack-eliciting with it.
    const newest = largest >= state.sent.base ? state.sent.at(largest) : undefined
    if (newest?.path !== undefined && eliciting > 0 && this.#isLargestNew && !newest.isPathProbe) {
      const delay = space === PacketSpace.initial ? 0 : ackDelay
      newest.path.rtt.onSample(now - newest.sentTime, delay, this.handshakeConfirmed, this.maxAckDelay)
    }
    if (isCongested) {
      const congested = state.ecn.newest ?? newest
      congested?.path?.onEcnCongestion(congested.sentTime, now)
    }
    this.#detectLosses(state, now)
    if (this.#isClient && space === PacketSpace.handshake) this.peerValidatedAddress = true
    // RFC 9002 §6.2.1: a client keeps backing off until the server is sure of its address.
    if (this.#isPeerSure) this.#ptoCount = 0
    this.#finish(state, now)
    return true
  }

  /** When `onTimeout` is to be called: the time threshold of a packet, else the PTO. */
  nextTimeout(): Time {
    const loss = this.#earliestLoss()
    // RFC 9002 §6.2.1: no PTO while a loss timer runs; nor while the server could not send a probe (§6.2.2.1).
    if (loss !== NEVER) return loss
    if (!this.#isClient && this.amplificationLimited) return NEVER
    return this.#findPto()
  }

  /** Declares losses whose time has come, or lets the PTO expire. Too early it does nothing. */
  onTimeout(now: Time): void {
    const loss = this.#earliestLoss()
    if (loss === NEVER) {
      if (this.nextTimeout() <= now) this.#onPto(now)
      return
    }
    for (const state of this.#spaces) {
      if (state.lossTime > now) continue
      this.#detectLosses(state, now)
      this.#finish(state, now)
    }
  }

  /** The keys of Initial or Handshake packets are gone: the packets are forgotten, and nobody is told (RFC 9002 §6.4). */
  discardSpace(space: PacketSpace, now: Time): void {
    const state = this.#of(space)
    if (state === undefined) return
    state.forgetAll(undefined)
    this.#spaces = this.#spaces.filter((other) => other !== state).slice()
    this.#ptoCount = 0
    this.#lastEvent = now
  }

  /**
   * The packets of the space were not, and will not be, processed by the peer (Retry, Version Negotiation):
   * each outstanding frame is lost to its owner. The controller hears nothing. Packet numbers go on.
   */
  resendSpace(space: PacketSpace, now: Time): void {
    this.#of(space)?.forgetAll(now)
    this.#ptoCount = 0
    this.#lastEvent = now
  }

  /** As {@link resendSpace}, where the peer said that it will not process them: an acknowledgement would be a lie (RFC 9001 §4.6.2). */
  refuseSpace(space: PacketSpace, now: Time): void {
    this.resendSpace(space, now)
    this.#of(space)?.refuse()
  }

  /** Data goes another way, seen to work: the back-off of the way before is not its own. */
  onPathChanged(): void {
    this.#ptoCount = 0
  }

  /** The path is given up: what is outstanding on it is lost to its owners; its controller hears nothing. */
  onPathRemoved(path: PathRecovery, now: Time): void {
    for (const state of this.#spaces) state.losePath(path, now)
    this.#paths = this.#paths.filter((other) => other !== path).slice()
    this.#lastEvent = now
  }

  /** Marks what the frame newly acknowledges; returns how much of it was ack-eliciting, -1 where nothing was new. */
  #acknowledge(state: SpaceRecovery, frame: AckFrame, now: Time): number {
    const { sent } = state
    const { ranges } = frame
    const largest = ranges.max - 1
    const numbers: number[] | undefined = this.#observer?.packetsAcked === undefined ? undefined : []
    let eliciting = -1
    this.#isLargestNew = false
    for (let i = state.firstRange(frame); i < ranges.size; i++) {
      const start = Math.max(ranges.startAt(i), sent.base)
      const end = ranges.endAt(i)
      for (let number = sent.nextLive(start); number < end; number = sent.nextLive(number + 1)) {
        const packet = sent.at(number)
        this.#onPacketAcked(state, packet, now)
        eliciting = Math.max(eliciting, 0) + (packet.ackEliciting ? 1 : 0)
        this.#isLargestNew = number === largest
        numbers?.push(number)
      }
    }
    if (numbers !== undefined && numbers.length > 0) this.#observer?.packetsAcked?.(state.space, numbers, now)
    return eliciting
  }

  #onPacketAcked(state: SpaceRecovery, packet: SentPacket, now: Time): void {
    const { path } = packet
    const wasLost = packet.state === PacketState.lost
    packet.state = PacketState.acked
    this.packetsAcked += 1
    this.ackedKeyGeneration = Math.max(this.ackedKeyGeneration, packet.keyGeneration)
    if (packet.ecn !== undefined) state.ecn.onPacketAcked(packet.ecn, packet)
    if (!wasLost) state.outstanding -= 1
    if (path !== undefined && packet.inFlight) {
      const newest = path.newestAckedSentTime[state.space] ?? -Infinity
      path.newestAckedSentTime[state.space] = Math.max(newest, packet.sentTime)
      if (wasLost) this.#onLateAck(state, packet, path, now)
      else path.onPacketAcked(packet, now)
    }
    packet.tellAcked(now)
  }

  #onLateAck(state: SpaceRecovery, packet: SentPacket, path: PathRecovery, now: Time): void {
    // A loss that was none does not belong to a run of losses; what came before it is no longer in a row with what follows.
    state.run.break()
    if (packet.lossEpoch >= 0 && !packet.isMtuProbe) {
      this.spuriousLosses += 1
      this.bytesLost -= packet.size
    }
    path.onLateAck(packet, now)
  }

  /** Declares lost what an acknowledgement of a later packet shows to be (RFC 9002 §6.1, Appendix A.10). */
  #detectLosses(state: SpaceRecovery, now: Time): void {
    const { sent, largestAcked } = state
    state.lossTime = NEVER
    let isSettled = true
    let congested: PathRecovery | undefined
    // Never more than the packet threshold lies between the first unsettled packet and the largest acknowledged one; on a
    // reliable carrier more, but there everything is acknowledged in order.
    for (let number = Math.max(state.settled, sent.base); number <= largestAcked; number++) {
      const packet = sent.at(number)
      if (packet.state === PacketState.outstanding) {
        const lossTime = packet.sentTime + (packet.path?.rtt.lossDelay(this.#granularity) ?? 0)
        const threshold = packet.path?.packetThreshold ?? PACKET_THRESHOLD
        if (largestAcked >= number + threshold) this.#onPacketLost(state, packet, 'reordering_threshold', now)
        else if (lossTime <= now) this.#onPacketLost(state, packet, 'time_threshold', now)
        else {
          isSettled = false
          state.lossTime = Math.min(state.lossTime, lossTime)
        }
      }
      if (isSettled) {
        state.settle(packet)
        if (packet.state === PacketState.lost) congested = this.#persistentlyCongested(state) ?? congested
      }
    }
    // After all losses of the round: they are one event, and this is the last word on it (Appendix B.8).
    congested?.onPersistentCongestion()
  }

  #onPacketLost(state: SpaceRecovery, packet: SentPacket, trigger: LossTrigger, now: Time): void {
    packet.state = PacketState.lost
    packet.lostTime = now
    state.outstanding -= 1
    packet.ecn?.onPacketLost(now)
    if (packet.inFlight) {
      if (!packet.isMtuProbe) {
        this.packetsLost += 1
        this.bytesLost += packet.size
      }
      packet.path?.onPacketLost(packet, now)
      if (this.#observer !== undefined) observeLoss(this.#observer, packet, trigger, now)
    }
    packet.tellLost(now)
  }

  /** The path whose run of losses lasts longer than persistent congestion takes (RFC 9002 §7.6.2). */
  #persistentlyCongested({ run, space }: SpaceRecovery): PathRecovery | undefined {
    const { path } = run
    if (path === undefined || path.isReliable) return undefined
    const period = path.rtt.ptoPeriod(this.maxAckDelay, this.#granularity) * PERSISTENT_CONGESTION_THRESHOLD
    if (run.duration <= period) return undefined
    // Something sent since the run began arrived in another space: rather no congestion than a false one.
    for (let other = 0; other < path.newestAckedSentTime.length; other++) {
      const newest = path.newestAckedSentTime[other] ?? -Infinity
      if (other !== space && newest > run.start) return undefined
    }
    run.break()
    return path
  }

  /** The end of every processing of acknowledgements or losses. */
  #finish(state: SpaceRecovery, now: Time): void {
    let keep: Duration = 0
    for (const path of this.#paths) {
      path.onAckProcessed(now)
      keep = Math.max(keep, path.rtt.ptoPeriod(this.maxAckDelay, this.#granularity))
      if (this.#observer?.metricsUpdated !== undefined) this.#observer.metricsUpdated(path.metrics(this.#ptoCount), now)
    }
    state.release(now, keep)
    this.#lastEvent = Math.max(this.#lastEvent, now)
  }

  #earliestLoss(): Time {
    let earliest = NEVER
    for (const { lossTime } of this.#spaces) earliest = Math.min(earliest, lossTime)
    return earliest
  }

  /** RFC 9002 Appendix A.8, PeerCompletedAddressValidation. */
  get #isPeerSure(): boolean {
    return !this.#isClient || this.peerValidatedAddress || this.handshakeConfirmed
  }

  /**
   * Whether silence could last for ever with nothing of the handshake in flight. RFC 9002 §6.2.2.1: the server may be waiting
   * for more bytes from us. Or the window may be full of 1-RTT packets, which have no PTO yet, and which the peer cannot read
   * before it has what of the handshake was lost.
   */
  get #mayDeadlock(): boolean {
    if (!this.#isPeerSure) return true
    return this.handshakeKeys && !this.handshakeConfirmed && this.#elicits(PacketSpace.application)
  }

  /** When the PTO expires, and for which space (RFC 9002 Appendix A.8). */
  #findPto(): Time {
    const backoff = 2 ** Math.min(this.#ptoCount, MAX_BACKOFF)
    let earliest: Time = NEVER
    this.#isDeadlockPto = false
    for (const { space } of this.#spaces) {
      // RFC 9002 §6.2.1: none for application data until the handshake is confirmed.
      const isApplication = space === PacketSpace.application
      if (isApplication && !this.handshakeConfirmed) continue
      for (const path of this.#paths) {
        if (!((path.ackElicitingInFlight[space] ?? 0) > 0)) continue
        const period = path.rtt.ptoPeriod(isApplication ? this.maxAckDelay : 0, this.#granularity) * backoff
        const time = (path.lastAckElicitingSent[space] ?? 0) + period
        if (time >= earliest) continue
        earliest = time
        this.#ptoSpace = space
      }
    }
    const path = this.#paths[this.#paths.length - 1]
    if (earliest !== NEVER || path === undefined || !this.#mayDeadlock) return earliest
    this.#isDeadlockPto = true
    this.#ptoSpace = this.handshakeKeys ? PacketSpace.handshake : PacketSpace.initial
    return this.#lastEvent + path.rtt.ptoPeriod(0, this.#granularity) * backoff
  }

  /** The PTO that `#findPto` found expires: probes are owed, and the oldest frames are given back for them to carry. */
  #onPto(now: Time): void {
    this.#ptoCount += 1
    this.#lastEvent = now
    for (const path of this.#paths) {
      path.mtu?.onPto(this.#ptoCount)
      path.ecn?.onPto(this.#ptoCount, now)
      if (this.#observer?.metricsUpdated !== undefined) this.#observer.metricsUpdated(path.metrics(this.#ptoCount), now)
    }
    const silent = this.#isDeadlockPto ? this.#of(this.#ptoSpace) : undefined
    if (silent !== undefined) silent.probes = 1
    for (const state of this.#spaces) {
      // RFC 9002 §6.2.4: other spaces with data in flight send a packet too; the peer may have keys for one of them only.
      const count = state.space === this.#ptoSpace ? PROBES : 1
      if (state.outstanding === 0 || !this.#elicits(state.space)) continue
      state.probes = Math.max(state.probes, count)
      state.repeatOldest(count, now)
    }
  }

  #elicits(space: PacketSpace): boolean {
    for (const path of this.#paths) if ((path.ackElicitingInFlight[space] ?? 0) > 0) return true
    return false
  }

  /** Keeps the books of a space within bounds where acknowledgements do not come. */
  #bound(state: SpaceRecovery, now: Time): void {
    const { sent } = state
    state.dropAckOnly(MAX_ACK_ONLY)
    if (sent.next - sent.base > MAX_TRACKED) {
      const first = sent.at(sent.base)
      if (first.state === PacketState.outstanding) this.#onPacketLost(state, first, 'time_threshold', now)
      sent.dropFirst()
    }
    state.settled = Math.max(state.settled, sent.base)
  }

  /** Throws where the books do not agree: bytes in flight, counts of packets, order of the rings. For tests. */
  checkInvariants(): void {
    checkBooks(this.#spaces, this.#paths)
  }

  #kept(space: PacketSpace): SpaceRecovery {
    const state = this.#of(space)
    if (state === undefined) throw new Error(`Packet number space ${space} is discarded`)
    return state
  }

  /** `undefined` once it is discarded. */
  #of(space: PacketSpace): SpaceRecovery | undefined {
    if (space === PacketSpace.application) return this.#application
    // A closure here would make an object of each call, of which a packet has six.
    for (const state of this.#spaces) if (state.space === space) return state
    return undefined
  }
}
