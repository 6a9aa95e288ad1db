/**
 * What the parts of one BBR controller share: the state machine's place, the model of the path, and the rate sample of the
 * ACK frame at hand (draft-ietf-ccwg-bbr §2). Times in ms, rates in bytes per ms, volumes in bytes.
 */
import type { Duration, Time } from '../../../base/time.ts'
import type { AckSample } from '../controller.ts'
import { Rounds } from '../rounds.ts'
import type { WindowLimits } from '../window-limits.ts'
import { Aggregation } from './aggregation.ts'
import { CycleMaximum } from './filters.ts'
import { FullPipe } from './full-pipe.ts'
import { MinRtt } from './min-rtt.ts'
import { Phase } from './phase.ts'

/** BBR.LossThresh: the share of a round trip's packets whose loss shows that too much is in flight. */
export const LOSS_THRESHOLD: number = 0.02
/** BBR.Beta: what one round trip with losses leaves at the least. */
export const BETA: number = 0.7
/** BBR.Headroom: the share of the long-term bound that is left to others. */
const HEADROOM = 0.15
/** BBR.MinPipeCwnd, datagrams. */
const MIN_PIPE_DATAGRAMS = 4
/** The most that is sent as a unit, bytes (§5.6.3). */
const MAX_QUANTUM = 65_536

/** One flow: state and model. */
export class Flow {
  readonly limits: WindowLimits
  readonly rounds: Rounds = new Rounds()
  readonly fullPipe: FullPipe = new FullPipe()
  readonly bandwidths: CycleMaximum = new CycleMaximum()
  readonly minRtt: MinRtt
  readonly aggregation: Aggregation
  phase: Phase = Phase.startup
  /** C.cwnd */
  window: number
  /** C.pacing_rate */
  pacingRate: number
  /** BBR.bw: what the path is thought to deliver. */
  bandwidth = 0
  /** BBR.bw_shortterm, BBR.inflight_shortterm: what losses since the last probe leave. */
  bandwidthShortTerm: number = Infinity
  inflightShortTerm: number = Infinity
  /** BBR.inflight_longterm: what caused too much loss when it was last tried. */
  inflightLongTerm: number = Infinity
  /** BBR.is_bw_probe_sample: what is acknowledged, or lost, was sent while probing. */
  isProbeSample = false
  /** BBR.prev_probe_too_high: the last probe lost too much. */
  lastProbeTooHigh = false
  /** BBR.idle_restart */
  isIdleRestart = false
  /** C.is_cwnd_limited: the window was used up at some time of the last round trip. */
  isWindowLimited = false

  // The sample at hand (§2.3), and totals as of it.
  now: Time
  delivered = 0
  inflight = 0
  newlyAcked = 0
  deliveryRate = 0
  isAppLimited = false
  rtt: Duration = Infinity
  /** RS.delivered: bytes delivered since the newest packet left. */
  deliveredSince = 0
  /** RS.prior_delivered */
  deliveredBefore = 0
  /** RS.tx_in_flight: bytes in flight as the newest packet left, itself included. */
  inflightAtSend = 0
  /** RS.lost: bytes lost since it left. */
  lostSince = 0
  // Packets that left from #limitedFrom on, until so much was delivered, count as application-limited (§5.3.4.3).
  #limitedFrom: Time = Infinity
  #limitedUntil = 0

  constructor(limits: WindowLimits, window: number, pacingRate: number, now: Time) {
    this.limits = limits
    this.window = window
    this.pacingRate = pacingRate
    this.now = now
    this.minRtt = new MinRtt(now)
    this.aggregation = new Aggregation(now)
  }

  /** GenerateRateSample: takes over the sample of an ACK frame. */
  takeSample(acked: AckSample, now: Time): void {
    const { newest } = acked
    this.now = now
    this.delivered = acked.totalDelivered
    this.inflight = acked.bytesInFlight
    this.newlyAcked = acked.bytes
    this.deliveryRate = acked.deliveryRate
    this.rtt = Math.max(0, now - newest.sentTime)
    this.deliveredBefore = newest.totalDelivered
    this.deliveredSince = acked.totalDelivered - newest.totalDelivered
    this.inflightAtSend = newest.bytesInFlight
    this.lostSince = acked.totalLost - newest.totalLost
    this.isAppLimited =
      newest.appLimited || (newest.sentTime >= this.#limitedFrom && newest.totalDelivered <= this.#limitedUntil)
  }

  /** MarkConnectionAppLimited: the window is kept small on purpose, so rates measured now say nothing. */
  markLimited(): void {
    if (this.delivered > this.#limitedUntil) this.#limitedFrom = this.now
    this.#limitedUntil = Math.max(1, this.delivered + this.inflight)
  }

  /** C.SMSS */
  get datagram(): number {
    return this.limits.maxDatagramSize
  }

  /** BBR.MinPipeCwnd */
  get minPipe(): number {
    return Math.max(MIN_PIPE_DATAGRAMS * this.datagram, this.limits.minimum)
  }

  /** BDPMultiple of a bandwidth (§5.6.4.2). */
  bdpMultiple(gain: number, bandwidth: number = this.bandwidth): number {
    return this.minRtt.value === Infinity ? this.limits.initial : gain * bandwidth * this.minRtt.value
  }

  /** C.send_quantum (§5.6.3) */
  get quantum(): number {
    return Math.max(Math.min(this.pacingRate, MAX_QUANTUM), 2 * this.datagram)
  }

  /** QuantizationBudget: no less than what moves at a time. */
  quantized(volume: number): number {
    const least = Math.max(volume, this.quantum, this.minPipe)
    return this.phase === Phase.up ? least + 2 * this.datagram : least
  }

  /** Inflight(gain) of a bandwidth. */
  inflightFor(gain: number, bandwidth: number = this.bandwidth): number {
    return this.quantized(this.bdpMultiple(gain, bandwidth))
  }

  /** TargetInflight */
  get target(): number {
    return Math.min(this.bdpMultiple(1), this.window)
  }

  /** InflightWithHeadroom */
  get inflightWithHeadroom(): number {
    const bound = this.inflightLongTerm
    if (bound === Infinity) return Infinity
    return Math.max(bound - Math.max(this.datagram, HEADROOM * bound), this.minPipe)
  }

  /** ResetShortTermModel */
  resetShortTerm(): void {
    this.bandwidthShortTerm = Infinity
    this.inflightShortTerm = Infinity
  }

  /** BoundBWForModel */
  boundBandwidth(): void {
    this.bandwidth = Math.min(this.bandwidths.value, this.bandwidthShortTerm)
  }

  /** IsInflightTooHigh, of the newest packet acknowledged. */
  get isInflightTooHigh(): boolean {
    return this.lostSince > this.inflightAtSend * LOSS_THRESHOLD
  }
}
