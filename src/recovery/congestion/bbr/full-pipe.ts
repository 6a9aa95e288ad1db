/** The full pipe estimator: a delivery rate that grows no more although more is sent (draft-ietf-ccwg-bbr §5.3.1.2). */

/** A rate that grew by less than this factor did not grow. */
const GROWTH = 1.25
/** Rounds without growth after which the pipe is full. */
const ROUNDS = 3

/** Looks for the plateau, in Startup and in each probe for bandwidth. */
export class FullPipe {
  /** BBR.full_bw_reached: the pipe was full once. */
  wasReached = false
  /** BBR.full_bw_now: it is full since `reset`. */
  isReached = false
  #baseline = 0
  #rounds = 0

  /** ResetFullBW; what comes is measured against `baseline`, bytes per ms. */
  reset(baseline: number): void {
    this.#baseline = baseline
    this.#rounds = 0
    this.isReached = false
  }

  /** CheckFullBWReached: once for each round, with a sample that is not limited by the application. */
  onRound(deliveryRate: number): void {
    if (this.isReached) return
    if (deliveryRate >= this.#baseline * GROWTH) return this.reset(deliveryRate)
    this.#rounds += 1
    this.isReached = this.#rounds >= ROUNDS
    if (this.isReached) this.wasReached = true
  }
}
