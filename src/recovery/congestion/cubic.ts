/**
 * CUBIC (RFC 9438, draft-ietf-tcpm-rfc8312bis) in bytes: the cubic window of §4.2, the Reno-friendly region of §4.3, fast
 * convergence, undo of spurious reductions. Time without growth for lack of data does not count (§5.8). Slow start is Reno's,
 * the first one watched by HyStart++ (§4.10).
 */
import type { Time } from '../../base/time.ts'
import type { RttEstimator } from '../rtt.ts'
import {
  type AckSample,
  type CongestionController,
  type ControllerOptions,
  isUnderutilized,
  type SentInfo,
} from './controller.ts'
import { HyStart } from './hystart.ts'
import { WindowLimits } from './window-limits.ts'

/** β_cubic (RFC 9438 §4.6). */
const BETA = 0.7
/** C, in segments per second³ (RFC 9438 §5.1). */
const C = 0.4
/** α_cubic (RFC 9438 §4.3). */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)

/** A CUBIC controller for one path. @throws RangeError for sizes that are not positive. */
export function cubic(options: ControllerOptions): CongestionController {
  return new Cubic(options)
}

/** The variables of RFC 9438 §4.1.2, windows in bytes and times in seconds. */
interface CubicState {
  window: number
  threshold: number
  /** cwnd_prior */
  prior: number
  /** W_max; 0: undefined, the next congestion avoidance begins with K = 0. */
  maximum: number
  /** W_est */
  estimate: number
  k: number
  /** t: time spent in this congestion avoidance stage; -1: the stage has not begun. */
  elapsed: number
}

class Cubic implements CongestionController {
  readonly #limits: WindowLimits
  readonly #hystart = new HyStart()
  #state: CubicState
  // As before the last reduction.
  #undo: CubicState | undefined = undefined
  #recoveryStart: Time = -Infinity
  // Up to where #state.elapsed has counted, ms.
  #countedUntil: Time = 0
  #isUntouched: boolean

  constructor(options: ControllerOptions) {
    this.#limits = new WindowLimits(options)
    const { inherited } = options
    this.#isUntouched = inherited === undefined
    this.#state = {
      window: inherited?.congestionWindow ?? this.#limits.initial,
      threshold: inherited?.slowStartThreshold ?? Infinity,
      prior: 0,
      maximum: 0,
      estimate: 0,
      k: 0,
      elapsed: -1,
    }
  }

  get congestionWindow(): number {
    return Math.floor(this.#state.window)
  }

  get slowStartThreshold(): number {
    return Math.floor(this.#state.threshold)
  }

  get pacingRate(): undefined {
    return undefined
  }

  onPacketSent(packet: SentInfo, now: Time): void {
    // The path was idle: that time is not time of this stage (RFC 9438 §5.8).
    if (packet.bytesInFlight === packet.bytes) this.#countedUntil = now
  }

  onPacketsAcked(acked: AckSample, rtt: RttEstimator, now: Time): void {
    if (acked.newest.sentTime <= this.#recoveryStart) return
    const state = this.#state
    if (isUnderutilized(acked, state.window, this.#limits.maxDatagramSize)) {
      this.#countedUntil = now
      return
    }
    this.#isUntouched = false
    if (state.window < state.threshold) {
      this.#slowStart(acked, now)
      return
    }
    if (state.elapsed < 0) this.#beginStage(now)
    state.elapsed += Math.max(0, now - this.#countedUntil) / 1000
    this.#countedUntil = now
    this.#grow(acked.bytes, rtt.smoothed / 1000)
  }

  onPacketLost(packet: SentInfo, _totalLost: number, now: Time): void {
    this.#onCongestionEvent(packet.sentTime, now, true)
  }

  onEcnCongestion(sentTime: Time, now: Time): void {
    this.#onCongestionEvent(sentTime, now, false)
  }

  onPersistentCongestion(): void {
    const state = this.#state
    state.window = this.#limits.minimum
    // RFC 9438 §4.8: the first stage after it begins with K = 0 and W_max = cwnd.
    state.maximum = 0
    state.elapsed = -1
    this.#recoveryStart = -Infinity
    this.#undo = undefined
  }

  onSpuriousLoss(): void {
    // RFC 9438 §4.9.2: where the window has outgrown the old one by now, what is newer stays.
    if (this.#undo !== undefined && this.#state.window < this.#undo.window) {
      this.#state = this.#undo
      this.#recoveryStart = -Infinity
    }
    this.#undo = undefined
  }

  onMaxDatagramSize(bytes: number): void {
    this.#limits.maxDatagramSize = bytes
    // RFC 9002 §7.2: until it was first used, the initial window follows the size, down as well as up.
    if (this.#isUntouched) this.#state.window = this.#limits.initial
    this.#state.window = Math.max(this.#state.window, this.#limits.minimum)
  }

  #slowStart(acked: AckSample, now: Time): void {
    const state = this.#state
    if (state.threshold < Infinity) {
      state.window += acked.bytes
      return
    }
    state.window += this.#hystart.onPacketsAcked(acked, now)
    if (this.#hystart.isOver) state.threshold = state.window
  }

  /** The first acknowledgement of a congestion avoidance stage (RFC 9438 §4.2). */
  #beginStage(now: Time): void {
    const state = this.#state
    state.elapsed = 0
    state.estimate = state.window
    this.#countedUntil = now
    if (state.maximum === 0) {
      state.maximum = state.window
      state.prior = state.window
    }
    const below = state.maximum - state.window
    state.k = below > 0 ? Math.cbrt(below / this.#limits.maxDatagramSize / C) : 0
  }

  /** W_cubic at `time` seconds into the stage, in bytes (RFC 9438 Figure 1). */
  #cubicWindow(time: number): number {
    const fromPlateau = time - this.#state.k
    return C * fromPlateau * fromPlateau * fromPlateau * this.#limits.maxDatagramSize + this.#state.maximum
  }

  /** Growth in congestion avoidance for `bytes` acknowledged; `rtt` in seconds. */
  #grow(bytes: number, rtt: number): void {
    const state = this.#state
    // RFC 9438 §4.3: once the estimate has reached the old window, it grows as fast as Reno's.
    const alpha = state.estimate >= state.prior ? 1 : ALPHA
    state.estimate += (alpha * bytes * this.#limits.maxDatagramSize) / state.window
    if (this.#cubicWindow(state.elapsed) < state.estimate) {
      state.window = Math.max(state.window, state.estimate)
      return
    }
    const target = Math.min(Math.max(this.#cubicWindow(state.elapsed + rtt), state.window), 1.5 * state.window)
    state.window += ((target - state.window) * bytes) / state.window
  }

  #onCongestionEvent(sentTime: Time, now: Time, undoable: boolean): void {
    if (sentTime <= this.#recoveryStart) return
    this.#isUntouched = false
    this.#recoveryStart = now
    const state = this.#state
    this.#undo = undoable ? { ...state } : undefined
    // Fast convergence (RFC 9438 §4.7): a flow that meets congestion earlier than last time gives up some more.
    state.maximum = state.window < state.maximum ? (state.window * (1 + BETA)) / 2 : state.window
    state.prior = state.window
    state.threshold = Math.max(state.window * BETA, this.#limits.minimum)
    state.window = state.threshold
    state.elapsed = -1
  }
}
