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

  /** Takes one if there is one. */
  take(now: Time): boolean {
    if (this.#at !== undefined && now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    }
    this.#at = this.#at === undefined ? now : Math.max(this.#at, now)
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
