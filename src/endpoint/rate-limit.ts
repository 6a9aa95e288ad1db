/** A token bucket: so many a second, a few at once. For answers that anyone can provoke. */
import type { Time } from '../base/time.ts'

/** Lets `perSecond` through on average, at most `burst` together. */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at: Time | undefined = undefined

  constructor(perSecond: number, burst: number = perSecond) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /** Takes `amount`, by default one, if there is as much. */
  take(now: Time, amount = 1): boolean {
    if (this.#at !== undefined && now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    }
    this.#at = this.#at === undefined ? now : Math.max(this.#at, now)
    if (this.#tokens < amount) return false
    this.#tokens -= amount
    return true
  }
}
