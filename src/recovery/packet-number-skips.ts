/**
 * Decides which packet numbers are left out, so that a peer that acknowledges what it has not received is found out
 * (RFC 9000 §21.4). The larger the window, the more such a peer could gain, and the more often a number is skipped.
 */
import { type RandomSource, randomInteger } from '../base/random.ts'

/** Mean distance between skips, in packets: the bounds, and the product with the window that lies between them. */
const MIN_MEAN = 256
const MAX_MEAN = 1024
const MEAN_TIMES_WINDOW = 65536

/** The distance to the next number to be left out. */
export class PacketNumberSkips {
  readonly #random: RandomSource
  #left: number

  constructor(random: RandomSource) {
    this.#random = random
    this.#left = this.#draw(MAX_MEAN)
  }

  /** Whether to leave out the number that is next; asked once for each packet. `window` in packets. */
  shouldSkip(window: number): boolean {
    this.#left -= 1
    if (this.#left > 0) return false
    this.#left = this.#draw(Math.round(Math.min(Math.max(MEAN_TIMES_WINDOW / window, MIN_MEAN), MAX_MEAN)))
    return true
  }

  /** Evenly spread from 1 to twice the mean, so that no packet tells of the next skip. */
  #draw(mean: number): number {
    return 1 + randomInteger(this.#random, 2 * mean)
  }
}
