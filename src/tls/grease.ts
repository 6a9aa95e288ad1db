/** Reserved values that keep the peer's extension points open (RFC 8701). */
import { type RandomSource, randomInteger } from '../base/random.ts'

/** Whether `value` is one of the sixteen two-byte values reserved by RFC 8701 §2. */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff)
}

/** One of the sixteen two-byte values reserved by RFC 8701 §2. */
export function greaseValue(random: RandomSource): number {
  return (0x0a + 0x10 * randomInteger(random, 16)) * 0x0101
}
