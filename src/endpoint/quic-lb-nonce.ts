/**
 * The nonces of one QUIC-LB configuration (draft-ietf-quic-load-balancers §9.6): a counter from a random start, which never
 * yields a value twice. Where ids are not encrypted, observers must see no relation between nonces (§5.4): the counter then
 * goes through a permutation of its own, under a key that nobody else has.
 */
import { equalBytes } from '../base/bytes.ts'
import { type RandomSource, randomBytes } from '../base/random.ts'
import { QuicLbCipher } from './quic-lb-cipher.ts'

/** Nonces of one length. */
export class QuicLbNonces {
  readonly #start: Uint8Array
  readonly #next: Uint8Array
  readonly #permutation: QuicLbCipher | undefined
  #left: number

  /**
   * @param length bytes, at least 4
   * @param isHidden whether they are shown to observers as if they were random
   */
  constructor(random: RandomSource, length: number, isHidden: boolean) {
    this.#start = randomBytes(random, length)
    this.#next = this.#start.slice()
    this.#permutation = isHidden ? new QuicLbCipher(randomBytes(random, 16), length) : undefined
    this.#left = Math.min(2 ** (8 * length), Number.MAX_SAFE_INTEGER)
  }

  /** How many are left, up to 2^53-1. */
  get left(): number {
    return this.#left
  }

  /** Writes the next nonce to `target` at `at`. `false`: all have been used. */
  take(target: Uint8Array, at: number): boolean {
    if (this.#left === 0) return false
    const next = this.#next
    const nonce = target.subarray(at, at + next.length)
    nonce.set(next)
    this.#permutation?.encrypt(nonce)
    for (let i = next.length - 1; i >= 0; i--) {
      next[i] = ((next[i] ?? 0) + 1) & 0xff
      if (next[i] !== 0) break
    }
    // Beyond 2^53 nobody counts; the end is known by where the counter began.
    if (equalBytes(next, this.#start)) this.#left = 0
    else if (this.#left < Number.MAX_SAFE_INTEGER) this.#left -= 1
    return true
  }
}
