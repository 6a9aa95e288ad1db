/**
 * The QUIC bit, set in every packet until the peer says that it does not look at it; from then on at random, so that nobody on
 * the way comes to rely on it (RFC 9287 §3.1).
 */
import type { RandomSource } from '../base/random.ts'
import { FIXED_BIT } from '../wire/short-header.ts'

/** Random bytes that are drawn at a time: one is good for eight packets. */
const POOL = 32

/** The bit of one connection's packets. */
export class FixedBit {
  /** Whether the peer takes packets without it. */
  isGreased = false
  readonly #random: RandomSource
  readonly #pool = new Uint8Array(POOL)
  #next = POOL * 8

  constructor(random: RandomSource) {
    this.#random = random
  }

  /** For the first byte of the next packet: the bit, or 0. */
  take(): number {
    if (!this.isGreased) return FIXED_BIT
    if (this.#next === POOL * 8) {
      this.#random.fill(this.#pool)
      this.#next = 0
    }
    const at = this.#next
    this.#next = at + 1
    return ((this.#pool[at >> 3] ?? 0) >> (at & 7)) & 1 ? FIXED_BIT : 0
  }
}
