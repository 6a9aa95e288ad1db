/**
 * Randomness as an input. The core draws every random byte from the {@link RandomSource} it was given,
 * so that a seeded source makes a whole connection reproducible.
 */

/** A source of bytes that are unpredictable to a peer (in production) or reproducible (in a simulation). */
export interface RandomSource {
  /** Overwrites all of `bytes`. The source keeps no reference to it. */
  fill(bytes: Uint8Array): void
}

/** `length` fresh bytes of `source`. */
export function randomBytes(source: RandomSource, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  source.fill(bytes)
  return bytes
}

/** An integer that is evenly spread over 0 up to, not including, `bound` (1 to 2^32). */
export function randomInteger(source: RandomSource, bound: number): number {
  if (!(Number.isInteger(bound) && bound >= 1 && bound <= 0x1_0000_0000)) {
    throw new RangeError(`bound must be an integer from 1 to 2^32, got ${bound}`)
  }
  const bytes = new Uint8Array(4)
  const view = new DataView(bytes.buffer)
  // Values in the last, incomplete run of `bound` would make small results likelier: draw again.
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound)
  for (;;) {
    source.fill(bytes)
    const value = view.getUint32(0)
    if (value < limit) return value % bound
  }
}
