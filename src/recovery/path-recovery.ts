/**
 * What loss recovery knows of one path: RTT, congestion controller, pacer, bytes in flight, and which losses belong to one
 * congestion event. Packet number spaces are shared by paths, these are not (RFC 9000 §9.4, RFC 9002 §5, §7).
 */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { ObservedMetrics } from '../wire/observer.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { CongestionController, ControllerFactory, ControllerOptions } from './congestion/controller.ts'
import { type EcnStateListener, PathEcn } from './ecn.ts'
import type { MtuDiscovery } from './mtu-discovery.ts'
import { Pacer } from './pacer.ts'
import { RateSampler } from './rate-sample.ts'
import { INITIAL_RTT, RttEstimator } from './rtt.ts'
import { SentPacket } from './sent-packets.ts'

/**
 * On a reliable carrier nothing is lost but with the carrier. Its own loss recovery shows as delay, and packets sent again
 * meanwhile would wait behind the ones that they repeat: timers are generous, ms beside four times the RTT's variation.
 */
const RELIABLE_FLOOR: Duration = 1000

/** kPacketThreshold (RFC 9002 §6.1.1). */
export const PACKET_THRESHOLD: number = 3

/** What recovery on a path is made of. */
export interface PathRecoveryOptions {
  readonly id: PathId
  /** Makes the controller, here and when it is exchanged. */
  readonly controller: ControllerFactory
  /** bytes of UDP payload; 1200 until more is known to pass. */
  readonly maxDatagramSize?: number
  /** ms; 333 (RFC 9002 §6.2.2). */
  readonly initialRtt?: Duration
  /** bytes; RFC 9002 §7.2 if absent. */
  readonly initialWindow?: number | undefined
  /** bytes; RFC 9002 §7.2 if absent. */
  readonly minimumWindow?: number | undefined
  /** `false`: no pacing. */
  readonly pacing?: boolean
  /** How late a timer may fire, in ms. */
  readonly granularity?: Duration
  /** Whether the carrier has ECN marks; `false` if absent. */
  readonly ecn?: boolean
  /** Told of what becomes of them. */
  readonly onEcnState?: EcnStateListener | undefined
  /** For controllers that need randomness. */
  readonly random?: RandomSource | undefined
  /** The carrier loses nothing and keeps the order: what is late is not lost, and congestion is not ours to find. */
  readonly isReliable?: boolean
}

/** What stands for "no packet" in the samples of all paths; nobody writes to it. */
const NO_PACKET = /* @__PURE__ */ new SentPacket()

/** Recovery's side of one path. */
export class PathRecovery {
  readonly id: PathId
  readonly rtt: RttEstimator
  /** Losses are found by time alone, and are never persistent congestion. */
  readonly isReliable: boolean
  readonly pacer: Pacer
  /** DPLPMTUD of this path; it puts itself here. */
  mtu: MtuDiscovery | undefined = undefined
  /** For `LossDetector` alone: of each packet number space, without probes of paths, which have a timer of their own (RFC 9000 §9.4). */
  readonly ackElicitingInFlight: number[] = [0, 0, 0]
  readonly lastAckElicitingSent: Time[] = [0, 0, 0]
  readonly newestAckedSentTime: Time[] = [-Infinity, -Infinity, -Infinity]
  #controller: CongestionController
  #maxDatagramSize: number
  readonly #initialWindow: number | undefined
  readonly #minimumWindow: number | undefined
  #ecn: PathEcn | undefined
  readonly #random: RandomSource | undefined
  readonly #sampler = new RateSampler(NO_PACKET)
  // When the newest congestion event began; packets sent up to then belong to it (RFC 9002 §7.3.2).
  #recoveryStart: Time = -Infinity
  #isInRecovery = false
  #lossEpoch = 0
  // Losses of that event that have not turned out spurious.
  #epochLosses = 0

  /** @throws RangeError for sizes and times that are not positive. */
  constructor(options: PathRecoveryOptions) {
    this.id = options.id
    this.#maxDatagramSize = options.maxDatagramSize ?? 1200
    this.#initialWindow = options.initialWindow
    this.#minimumWindow = options.minimumWindow
    this.#random = options.random
    this.isReliable = options.isReliable ?? false
    this.rtt = new RttEstimator(options.initialRtt ?? INITIAL_RTT, this.isReliable ? RELIABLE_FLOOR : 0)
    this.#ecn = options.ecn === true ? new PathEcn(options.onEcnState) : undefined
    this.#controller = options.controller(this.#controllerOptions(undefined))
    this.pacer = new Pacer({
      maxDatagramSize: this.#maxDatagramSize,
      granularity: options.granularity ?? 1,
      enabled: options.pacing ?? true,
    })
  }

  get controller(): CongestionController {
    return this.#controller
  }

  /** The path's ECN marks; `undefined`: its carrier has none. */
  get ecn(): PathEcn | undefined {
    return this.#ecn
  }

  /** Whether the packets of a flight that leaves now are marked ECT(0) (RFC 9000 §13.4). */
  marksPackets(now: Time): boolean {
    return this.#ecn?.isMarking(this.rtt.ptoPeriod(0, 1), now) ?? false
  }

  /** The network below may be another one: what it makes of ECN marks is to be found out anew. */
  renewEcn(now: Time): void {
    this.#ecn = this.#ecn?.renew(now)
  }

  /** bytes */
  get congestionWindow(): number {
    return this.#controller.congestionWindow
  }

  /** bytes of packets that are ack-eliciting or padded, neither acknowledged nor lost */
  get bytesInFlight(): number {
    return this.#sampler.bytesInFlight
  }

  /** bytes */
  get totalDelivered(): number {
    return this.#sampler.totalDelivered
  }

  /** bytes */
  get totalLost(): number {
    return this.#sampler.totalLost
  }

  /** bytes of UDP payload */
  get maxDatagramSize(): number {
    return this.#maxDatagramSize
  }

  /** Packets acknowledged later that make a packet count as lost. */
  get packetThreshold(): number {
    return this.isReliable ? Infinity : PACKET_THRESHOLD
  }

  /** Whether packets are in flight that left while data was lacking (RFC 9002 §7.8). */
  get isAppLimited(): boolean {
    return this.#sampler.isAppLimited
  }

  /** Whether the window was reduced and nothing sent since has been acknowledged (RFC 9002 §7.3.2). */
  get isInRecovery(): boolean {
    return this.#isInRecovery
  }

  /** Whether a packet of `bytes` fits into the congestion window (RFC 9002 §7). */
  hasWindowFor(bytes: number): boolean {
    return this.#sampler.bytesInFlight + bytes <= this.#controller.congestionWindow
  }

  /** Sets the datagram size that packets of this path may have, bytes. */
  setMaxDatagramSize(bytes: number): void {
    if (bytes === this.#maxDatagramSize) return
    this.#maxDatagramSize = bytes
    this.#controller.onMaxDatagramSize(bytes)
    this.pacer.onMaxDatagramSize(bytes)
    this.pacer.update(this.#controller, this.rtt)
  }

  /**
   * A controller to take the place of the one at hand, which tells it window and threshold: it starts from no more than that.
   * @throws what `factory` throws
   */
  successor(factory: ControllerFactory): CongestionController {
    return factory(this.#controllerOptions(this.#controller))
  }

  /** Exchanges the controller of a live path. Bytes in flight, RTT and pacing go on. */
  setController(controller: CongestionController): void {
    this.#controller = controller
    // Losses from before say nothing to the new controller.
    this.#epochLosses = Infinity
    this.pacer.update(controller, this.rtt)
  }

  /**
   * There is no more data to send: not application data, not credit for it. Call it whenever a flight ends for that reason;
   * it has an effect only where the window has room (RFC 9002 §7.8).
   */
  onAppLimited(): void {
    if (this.hasWindowFor(this.#maxDatagramSize)) this.#sampler.onAppLimited()
  }

  // What follows is called by LossDetector.

  /** A packet in flight leaves. */
  onPacketSent(packet: SentPacket, now: Time): void {
    packet.hadRttSample = this.rtt.hasSample
    this.#sampler.onPacketSent(packet, now)
    if (packet.ackEliciting) {
      this.ackElicitingInFlight[packet.space] = (this.ackElicitingInFlight[packet.space] ?? 0) + 1
      this.lastAckElicitingSent[packet.space] = now
    }
    this.#controller.onPacketSent(packet, now)
    const isFull = !this.hasWindowFor(this.#maxDatagramSize)
    this.pacer.onPacketSent(packet.size, now, this.#controller, this.rtt, isFull)
  }

  /** A packet in flight is acknowledged. */
  onPacketAcked(packet: SentPacket, now: Time): void {
    this.#leaveFlight(packet)
    this.#sampler.onPacketAcked(packet, true, now)
    if (packet.sentTime > this.#recoveryStart) this.#isInRecovery = false
    if (packet.isMtuProbe) this.mtu?.onProbeAcked(packet.size, now)
    else this.mtu?.onPacketAcked(packet.size, now)
  }

  /** A packet that had been declared lost is acknowledged. */
  onLateAck(packet: SentPacket, now: Time): void {
    this.#sampler.onPacketAcked(packet, false, now)
    if (packet.isMtuProbe) {
      this.mtu?.onProbeAcked(packet.size, now)
      return
    }
    this.mtu?.onPacketAcked(packet.size, now)
    if (packet.lossEpoch !== this.#lossEpoch) return
    this.#epochLosses -= 1
    if (this.#epochLosses === 0) {
      this.#recoveryStart = -Infinity
      this.#isInRecovery = false
      this.#controller.onSpuriousLoss()
    }
  }

  /** A packet in flight is declared lost. */
  onPacketLost(packet: SentPacket, now: Time): void {
    this.#leaveFlight(packet)
    this.#sampler.onPacketLost(packet)
    // RFC 9000 §14.4: the loss of a probe is no sign of congestion.
    if (packet.isMtuProbe) {
      this.mtu?.onProbeLost(packet.size, now)
      return
    }
    if (packet.sentTime > this.#recoveryStart) {
      this.#recoveryStart = now
      this.#isInRecovery = true
      this.#lossEpoch += 1
      this.#epochLosses = 0
    }
    packet.lossEpoch = this.#lossEpoch
    this.#epochLosses += 1
    this.#controller.onPacketLost(packet, this.#sampler.totalLost, now)
    this.mtu?.onPacketLost(packet.size, packet.sentTime, now)
  }

  /** The peer reports CE marks; `sentTime` is that of the newest packet acknowledged with them (RFC 9002 §7.1, Appendix B.7). */
  onEcnCongestion(sentTime: Time, now: Time): void {
    // Marks are no mistake: whatever becomes of the losses of this event, it is not undone.
    this.#epochLosses = Infinity
    if (sentTime <= this.#recoveryStart) return
    this.#recoveryStart = now
    this.#isInRecovery = true
    this.#lossEpoch += 1
    this.#controller.onEcnCongestion(sentTime, now)
  }

  /** A packet in flight is forgotten: its keys are gone, or its frames go out anew. The controller hears nothing. */
  onPacketDiscarded(packet: SentPacket): void {
    this.#leaveFlight(packet)
    this.#sampler.bytesInFlight -= packet.size
  }

  /** RFC 9002 §7.6. */
  onPersistentCongestion(): void {
    this.rtt.onPersistentCongestion()
    this.#epochLosses = Infinity
    this.#recoveryStart = -Infinity
    this.#isInRecovery = false
    this.#controller.onPersistentCongestion()
  }

  /** The ACK frame at hand and its losses are done with. */
  onAckProcessed(now: Time): void {
    const sampler = this.#sampler
    if (sampler.hasSample) {
      sampler.finish(this.rtt.min)
      if (sampler.bytes > 0) this.#controller.onPacketsAcked(sampler, this.rtt, now)
      sampler.clear()
    }
    this.pacer.update(this.#controller, this.rtt)
  }

  /** The path's figures as an observer sees them. */
  metrics(ptoCount: number): ObservedMetrics {
    const { congestionWindow, pacingRate, slowStartThreshold } = this.#controller
    return {
      path: this.id,
      smoothedRtt: this.rtt.smoothed,
      minRtt: this.rtt.min,
      latestRtt: this.rtt.latest,
      rttVariance: this.rtt.variance,
      congestionWindow,
      bytesInFlight: this.bytesInFlight,
      slowStartThreshold,
      ptoCount,
      pacingRate,
      congestionState: this.#isInRecovery
        ? 'recovery'
        : congestionWindow < slowStartThreshold
          ? 'slow_start'
          : 'congestion_avoidance',
    }
  }

  #leaveFlight(packet: SentPacket): void {
    if (packet.ackEliciting) {
      this.ackElicitingInFlight[packet.space] = (this.ackElicitingInFlight[packet.space] ?? 0) - 1
    }
  }

  #controllerOptions(old: CongestionController | undefined): ControllerOptions {
    return {
      maxDatagramSize: this.#maxDatagramSize,
      initialWindow: this.#initialWindow,
      minimumWindow: this.#minimumWindow,
      random: this.#random,
      inherited:
        old === undefined
          ? undefined
          : { congestionWindow: old.congestionWindow, slowStartThreshold: old.slowStartThreshold },
    }
  }
}
