/**
 * The round-trip time of one path and what is computed of it: smoothed RTT, its variation, the minimum, the PTO period and
 * the time threshold of loss detection (RFC 9002 §5, §6.1.2, §6.2.1). Knows neither packets nor timers.
 */
import type { Duration } from '../base/time.ts'

/** kInitialRtt: the RTT assumed before there is a sample, in ms (RFC 9002 §6.2.2). */
export const INITIAL_RTT: Duration = 333

/** kTimeThreshold: how much reordering in time is borne, as a multiple of the RTT (RFC 9002 §6.1.2). */
export const TIME_THRESHOLD: number = 9 / 8

/** The RTT estimator of one path; all its figures are in ms. */
export class RttEstimator {
  #latest: Duration = 0
  // Numbers from the start, as in `pacer.ts`.
  #smoothed: Duration = INITIAL_RTT
  #variance: Duration = INITIAL_RTT / 2
  #min: Duration = 0
  #hasSample = false
  readonly #floor: Duration

  /**
   * @param initialRtt what to assume before the first sample, in ms
   * @param floor ms, beside four times the variation, below which neither PTO nor the time threshold of losses goes; 0: none
   * @throws RangeError unless `initialRtt` is positive
   */
  constructor(initialRtt: Duration = INITIAL_RTT, floor: Duration = 0) {
    if (!(initialRtt > 0 && initialRtt < Infinity)) {
      throw new RangeError(`initialRtt must be a positive number of milliseconds, got ${initialRtt}`)
    }
    this.#smoothed = initialRtt
    this.#variance = initialRtt / 2
    this.#floor = floor
  }

  /** The newest sample; 0 before the first. */
  get latest(): Duration {
    return this.#latest
  }

  /** The moving average of samples, less the peer's delays. Before the first sample: the initial RTT. */
  get smoothed(): Duration {
    return this.#smoothed
  }

  /** The mean deviation of samples, rttvar. */
  get variance(): Duration {
    return this.#variance
  }

  /** The least sample since the start or since persistent congestion; 0 before the first. */
  get min(): Duration {
    return this.#min
  }

  get hasSample(): boolean {
    return this.#hasSample
  }

  /**
   * Takes in a sample.
   * @param latest ms between sending a packet and its acknowledgement
   * @param ackDelay ms by which the peer says it delayed the acknowledgement
   * @param handshakeConfirmed whether the peer's `maxAckDelay` binds it yet (RFC 9002 §5.3)
   * @param maxAckDelay the peer's max_ack_delay, in ms
   */
  onSample(latest: Duration, ackDelay: Duration, handshakeConfirmed: boolean, maxAckDelay: Duration): void {
    // A time of receipt may lie a little before the time of processing at which the packet was sent.
    const sample = Math.max(0, latest)
    this.#latest = sample
    if (!this.#hasSample) {
      this.#hasSample = true
      this.#min = sample
      this.#smoothed = sample
      this.#variance = sample / 2
      return
    }
    // min_rtt leaves the peer's delays aside, so that a lying peer cannot lower it (RFC 9002 §5.2).
    this.#min = Math.min(this.#min, sample)
    const delay = handshakeConfirmed ? Math.min(ackDelay, maxAckDelay) : ackDelay
    const adjusted = sample >= this.#min + delay ? sample - delay : sample
    // The order of the pseudocode (Appendix A.7): the deviation is taken from the average before this sample.
    this.#variance = (3 * this.#variance + Math.abs(this.#smoothed - adjusted)) / 4
    this.#smoothed = (7 * this.#smoothed + adjusted) / 8
  }

  /**
   * Assumes an RTT that was learnt otherwise: from an earlier connection, a Retry, a path challenge (RFC 9002 §6.2.2). It is
   * no sample; once there is one it is ignored.
   */
  assume(rtt: Duration): void {
    if (this.#hasSample || !(rtt > 0)) return
    this.#smoothed = rtt
    this.#variance = rtt / 2
  }

  /** Forgets the minimum in favour of the newest sample (RFC 9002 §5.2). */
  onPersistentCongestion(): void {
    this.#min = this.#latest
  }

  /** The PTO period without back-off; `maxAckDelay` is 0 for Initial and Handshake (RFC 9002 §6.2.1). */
  ptoPeriod(maxAckDelay: Duration, granularity: Duration): Duration {
    return Math.max(this.#smoothed + Math.max(4 * this.#variance, granularity) + maxAckDelay, this.#least)
  }

  /** How long ago a packet must have been sent to count as lost once a later one is acknowledged (RFC 9002 §6.1.2). */
  lossDelay(granularity: Duration): Duration {
    return Math.max(TIME_THRESHOLD * Math.max(this.#latest, this.#smoothed), granularity, this.#least)
  }

  get #least(): Duration {
    return this.#floor > 0 ? this.#floor + 4 * this.#variance : 0
  }
}
