/** Reserved values that keep the peer's extension points open (RFC 8701). */
import { type RandomSource, randomInteger } from '../base/random.ts'

/** One of the sixteen two-byte values reserved by RFC 8701 §2. */
export function greaseValue(random: RandomSource): number {
  return (0x0a + 0x10 * randomInteger(random, 16)) * 0x0101
}
