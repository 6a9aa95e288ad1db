/**
 * The QUIC bit, set in every packet until the peer says that it does not look at it; from then on at random, so that nobody on
 * the way comes to rely on it (RFC 9287 §3.1).
 */
import type { RandomSource } from '../base/random.ts'
import { FIXED_BIT } from '../wire/short-header.ts'

/** Random bytes that are drawn at a time: one is good for eight packets. */
const POOL = 32

/** Random bits, for the connections of an endpoint in turn. */
export class FixedBitPool {
  readonly bytes: Uint8Array = new Uint8Array(POOL)
  /** The next bit; at first all are used up. */
  next: number = POOL * 8
}

/** The bit of one connection's packets. */
export class FixedBit {
  /** Whether the peer takes packets without it. */
  isGreased = false
  readonly #random: RandomSource
  readonly #pool: FixedBitPool

  constructor(random: RandomSource, pool: FixedBitPool = new FixedBitPool()) {
    this.#random = random
    this.#pool = pool
  }

  /** For the first byte of the next packet: the bit, or 0. */
  take(): number {
    if (!this.isGreased) return FIXED_BIT
    const pool = this.#pool
    if (pool.next === POOL * 8) {
      this.#random.fill(pool.bytes)
      pool.next = 0
    }
    const at = pool.next
    pool.next = at + 1
    return ((pool.bytes[at >> 3] ?? 0) >> (at & 7)) & 1 ? FIXED_BIT : 0
  }
}
