/**
 * Reproducible randomness: the same seed draws the same numbers in every runtime. Good for simulations, and for nothing
 * that has to be unpredictable.
 */
import { encodeUtf8 } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'

/** FNV-1a, 32 bits. */
const HASH_BASIS = 0x811c9dc5
const HASH_PRIME = 0x0100_0193

/**
 * A small, quick, seeded generator (sfc32 by Chris Doty-Humphrey). One of its own for everything that draws, made by
 * {@link fork}, keeps what one part draws from changing what another gets.
 */
export class SeededRandom implements RandomSource {
  /** What it was made of. */
  readonly seed: number
  #a: number
  #b: number
  #c: number
  #counter = 1

  /**
   * @param seed an integer from 0 to 2^32 - 1
   * @throws RangeError for any other
   */
  constructor(seed: number, name = '') {
    checkSeed(seed)
    this.seed = seed
    this.#a = seed | 0
    this.#b = hash(name)
    this.#c = 0x9e37_79b9 | 0
    for (let round = 0; round < 12; round++) this.uint32()
  }

  /** A generator that depends on the seed and on `name` alone, not on what was drawn. */
  fork(name: string): SeededRandom {
    return new SeededRandom(this.seed, name)
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    return this.uint32() / 0x1_0000_0000
  }

  /** An integer from 0 up to, not including, `bound`. */
  integer(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  /** `true` with this probability. Draws nothing where the answer is certain. */
  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.next() < probability
  }

  fill(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 4) {
      const word = this.uint32()
      const end = Math.min(at + 4, bytes.length)
      for (let index = at; index < end; index++) bytes[index] = word >>> (8 * (index - at))
    }
  }
}

/** @throws RangeError where `seed` is no integer from 0 to 2^32 - 1 */
export function checkSeed(seed: number): void {
  if (!(Number.isInteger(seed) && seed >= 0 && seed <= 0xffff_ffff)) {
    throw new RangeError(`seed must be an integer from 0 to 2^32 - 1, got ${seed}`)
  }
}

function hash(text: string): number {
  let value = HASH_BASIS
  for (const byte of encodeUtf8(text)) value = Math.imul(value ^ byte, HASH_PRIME)
  return value
}
