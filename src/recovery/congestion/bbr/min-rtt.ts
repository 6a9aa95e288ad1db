/** BBR.min_rtt, the path's delay without queues, and when it must be measured anew (draft-ietf-ccwg-bbr §5.3.4.3, §5.5.7). */
import type { Duration, Time } from '../../../base/time.ts'

/** BBR.MinRTTFilterLen, ms. */
const FILTER_LENGTH: Duration = 10_000
/** BBR.ProbeRTTInterval, ms; the same for every flow, so that they drain the queue together. */
const PROBE_INTERVAL: Duration = 5000

/** An RTT that is this close to the least one is as low, ms: the draft's clocks count microseconds, and so see equal ones. */
const RESOLUTION: Duration = 0.001

/** The least RTT of the last 10 seconds, and that of the last 5. */
export class MinRtt {
  /** ms; Infinity before there is a sample. */
  value: Duration = Infinity
  /** BBR.probe_rtt_expired: nothing as low as the estimate was seen for 5 seconds. */
  isExpired = false
  #stamp: Time
  #recent: Duration = Infinity
  #recentStamp: Time

  constructor(now: Time) {
    this.#stamp = now
    this.#recentStamp = now
  }

  /** UpdateMinRTT, for the RTT of the packet acknowledged that left last. */
  onSample(rtt: Duration, now: Time): void {
    this.isExpired = now > this.#recentStamp + PROBE_INTERVAL
    if (rtt <= this.#recent + RESOLUTION || this.isExpired) {
      this.#recent = this.isExpired ? rtt : Math.min(rtt, this.#recent)
      this.#recentStamp = now
    }
    if (this.#recent <= this.value || now > this.#stamp + FILTER_LENGTH) {
      this.value = this.#recent
      this.#stamp = this.#recentStamp
    }
  }

  /** The queue was drained just now: the next time is 5 seconds away. */
  onDrained(now: Time): void {
    this.#recentStamp = now
  }
}
