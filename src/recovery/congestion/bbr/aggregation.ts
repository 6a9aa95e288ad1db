/** BBR.extra_acked: how much more than expected is acknowledged at once, where networks or peers save up (§5.5.9). */
import type { Time } from '../../../base/time.ts'
import { WindowedMaximum } from './filters.ts'

/** BBR.ExtraAckedFilterLen, round trips. */
const FILTER_LENGTH = 10

/** Estimates aggregation on one path. */
export class Aggregation {
  #start: Time
  #delivered = 0
  readonly #filter = new WindowedMaximum()

  constructor(now: Time) {
    this.#start = now
  }

  /** Bytes that the window holds beyond the bandwidth-delay product. */
  get extra(): number {
    return this.#filter.value
  }

  /** A new interval begins: the path was idle. Its bytes count from zero, too, or each silence would pass for a heap. */
  restart(now: Time): void {
    this.#start = now
    this.#delivered = 0
  }

  /**
   * UpdateACKAggregation.
   * @param bandwidth bytes per ms
   * @param window bytes; no more than that can be saved up
   * @param isPipeFull in Startup only one round is remembered
   */
  onPacketsAcked(
    bytes: number,
    bandwidth: number,
    window: number,
    round: number,
    isPipeFull: boolean,
    now: Time,
  ): void {
    let expected = bandwidth * (now - this.#start)
    if (this.#delivered <= expected) {
      this.#delivered = 0
      this.#start = now
      expected = 0
    }
    this.#delivered += bytes
    const extra = Math.min(this.#delivered - expected, window)
    this.#filter.add(extra, round, isPipeFull ? FILTER_LENGTH : 1)
  }
}
