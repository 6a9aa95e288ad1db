/**
 * HyStart++ (draft-ietf-tcpm-hystartplusplus): ends the first slow start when the RTT of a round rises, before anything is
 * lost. Conservative slow start comes between, to see whether the rise lasts. A part of the loss-based controllers; the
 * window is theirs. Growth is not limited per ACK: pacing takes care of bursts (RFC 9002 §7.7).
 */
import type { Duration, Time } from '../../base/time.ts'
import type { AckSample } from './controller.ts'
import { Rounds } from './rounds.ts'

/** MIN_RTT_THRESH and MAX_RTT_THRESH, ms (§4.3). */
const MIN_RTT_THRESHOLD: Duration = 4
const MAX_RTT_THRESHOLD: Duration = 16
/** N_RTT_SAMPLE (§4.3). */
const RTT_SAMPLES = 8
/** CSS_GROWTH_DIVISOR (§4.3). */
const GROWTH_DIVISOR = 4
/** CSS_ROUNDS (§4.3). */
const CONSERVATIVE_ROUNDS = 5

/** Watches the first slow start of one controller. */
export class HyStart {
  readonly #rounds = new Rounds()
  #lastRoundMinRtt: Duration = Infinity
  #roundMinRtt: Duration = Infinity
  #samples = 0
  /** cssBaselineMinRtt; Infinity: not in conservative slow start. */
  #baseline: Duration = Infinity
  #conservativeRounds = 0
  #isOver = false

  /** Whether the window is to stay in congestion avoidance from here on; the threshold is then the window. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Whether the window grows more slowly, because the RTT has risen. */
  get isConservative(): boolean {
    return this.#baseline !== Infinity
  }

  /** Takes in an ACK frame of slow start and returns the bytes by which the window grows. */
  onPacketsAcked(acked: AckSample, now: Time): number {
    this.#rounds.onPacketsAcked(acked)
    if (this.#rounds.isStart) this.#beginRound()
    this.#roundMinRtt = Math.min(this.#roundMinRtt, now - acked.newest.sentTime)
    this.#samples += 1
    if (this.#samples >= RTT_SAMPLES) this.#judge()
    return this.isConservative ? acked.bytes / GROWTH_DIVISOR : acked.bytes
  }

  #beginRound(): void {
    this.#lastRoundMinRtt = this.#roundMinRtt
    this.#roundMinRtt = Infinity
    this.#samples = 0
    if (!this.isConservative) return
    // §4.2: the round in which conservative slow start began counts, however little was left of it.
    this.#conservativeRounds += 1
    if (this.#conservativeRounds >= CONSERVATIVE_ROUNDS) this.#isOver = true
  }

  /** §4.2: into conservative slow start where the RTT rose, back where it fell again. */
  #judge(): void {
    if (this.isConservative) {
      if (this.#roundMinRtt < this.#baseline) this.#baseline = Infinity
      return
    }
    if (this.#lastRoundMinRtt === Infinity) return
    const threshold = Math.min(Math.max(MIN_RTT_THRESHOLD, this.#lastRoundMinRtt / 8), MAX_RTT_THRESHOLD)
    if (this.#roundMinRtt < this.#lastRoundMinRtt + threshold) return
    this.#baseline = this.#roundMinRtt
    this.#conservativeRounds = 0
  }
}
