/**
 * NewReno as RFC 9002 §7 and Appendix B write it: slow start, congestion avoidance, one reduction by half for each round
 * trip with losses, the minimum window on persistent congestion. A reduction whose losses were all spurious is undone. The
 * first slow start is watched by HyStart++.
 */
import type { Time } from '../../base/time.ts'
import type { RttEstimator } from '../rtt.ts'
import type { SentInfo } from './controller.ts'
import { type AckSample, type CongestionController, type ControllerOptions, isUnderutilized } from './controller.ts'
import { HyStart } from './hystart.ts'
import { WindowLimits } from './window-limits.ts'

/** kLossReductionFactor (RFC 9002 Appendix B.1). */
const LOSS_REDUCTION_FACTOR = 0.5

/** A NewReno controller for one path. @throws RangeError for sizes that are not positive. */
export function newReno(options: ControllerOptions): CongestionController {
  return new NewReno(options)
}

class NewReno implements CongestionController {
  readonly #limits: WindowLimits
  readonly #hystart = new HyStart()
  #congestionWindow = 0
  #slowStartThreshold = Infinity
  // Packets sent up to this moment belong to the recovery period and its losses (Appendix B.5).
  #recoveryStart: Time = -Infinity
  // Bytes acknowledged in congestion avoidance since the last step: one datagram for each window (RFC 3465 §2.1).
  #ackedBytes = 0
  // As before the last reduction; no window: nothing to go back to.
  #undoWindow = 0
  #undoThreshold = Infinity
  #isUntouched: boolean

  constructor(options: ControllerOptions) {
    this.#limits = new WindowLimits(options)
    this.#congestionWindow = options.inherited?.congestionWindow ?? this.#limits.initial
    this.#slowStartThreshold = options.inherited?.slowStartThreshold ?? Infinity
    this.#isUntouched = options.inherited === undefined
  }

  get congestionWindow(): number {
    return this.#congestionWindow
  }

  get slowStartThreshold(): number {
    return this.#slowStartThreshold
  }

  get pacingRate(): undefined {
    return undefined
  }

  onPacketSent(_packet: SentInfo, _now: Time): void {}

  onPacketsAcked(acked: AckSample, _rtt: RttEstimator, now: Time): void {
    if (acked.newest.sentTime <= this.#recoveryStart) return
    const window = this.#congestionWindow
    if (isUnderutilized(acked, window, this.#limits.maxDatagramSize)) return
    this.#isUntouched = false
    if (window < this.#slowStartThreshold) {
      this.#slowStart(acked, now)
      return
    }
    // RFC 9002 §7.3.3: at most one datagram for each window that is acknowledged.
    this.#ackedBytes += acked.bytes
    if (this.#ackedBytes >= window) {
      this.#ackedBytes -= window
      this.#congestionWindow = window + this.#limits.maxDatagramSize
    }
  }

  onPacketLost(packet: SentInfo, _totalLost: number, now: Time): void {
    this.#onCongestionEvent(packet.sentTime, now, true)
  }

  onEcnCongestion(sentTime: Time, now: Time): void {
    this.#onCongestionEvent(sentTime, now, false)
  }

  onPersistentCongestion(): void {
    this.#congestionWindow = this.#limits.minimum
    this.#recoveryStart = -Infinity
    this.#undoWindow = 0
    this.#ackedBytes = 0
  }

  onSpuriousLoss(): void {
    // Later growth beyond the old window stays.
    if (this.#undoWindow > this.#congestionWindow) {
      this.#congestionWindow = this.#undoWindow
      this.#slowStartThreshold = this.#undoThreshold
      this.#recoveryStart = -Infinity
    }
    this.#undoWindow = 0
  }

  onMaxDatagramSize(bytes: number): void {
    this.#limits.maxDatagramSize = bytes
    // RFC 9002 §7.2: until it was first used, the initial window follows the size, down as well as up.
    if (this.#isUntouched) this.#congestionWindow = this.#limits.initial
    this.#congestionWindow = Math.max(this.#congestionWindow, this.#limits.minimum)
  }

  #slowStart(acked: AckSample, now: Time): void {
    if (this.#slowStartThreshold < Infinity) {
      this.#congestionWindow += acked.bytes
      return
    }
    this.#congestionWindow += Math.floor(this.#hystart.onPacketsAcked(acked, now))
    if (this.#hystart.isOver) this.#slowStartThreshold = this.#congestionWindow
  }

  #onCongestionEvent(sentTime: Time, now: Time, undoable: boolean): void {
    if (sentTime <= this.#recoveryStart) return
    this.#isUntouched = false
    this.#recoveryStart = now
    this.#undoWindow = undoable ? this.#congestionWindow : 0
    this.#undoThreshold = this.#slowStartThreshold
    this.#ackedBytes = 0
    this.#slowStartThreshold = Math.floor(this.#congestionWindow * LOSS_REDUCTION_FACTOR)
    this.#congestionWindow = Math.max(this.#slowStartThreshold, this.#limits.minimum)
  }
}
