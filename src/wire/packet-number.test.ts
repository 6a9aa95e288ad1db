import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Writer } from '../base/writer.ts'
import { decodePacketNumber, packetNumberLength, readPacketNumber, writePacketNumber } from './packet-number.ts'

/** The low bytes of `full` as a number, by another road than the code under test. */
function truncate(full: number, length: number): number {
  return Number(BigInt.asUintN(8 * length, BigInt(full)))
}

/** Ranges at which the length changes, and their neighbours. */
const bounds = fc.constantFrom(...[7, 15, 23].flatMap((bits) => [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]))

describe('length', () => {
  // RFC 9000 A.2.
  test.each([
    [0xac5c02, 0xabe8b3, 2],
    [0xace8fe, 0xabe8b3, 3],
  ])('RFC 9000 A.2: %d after %d takes %d bytes', (full, acked, length) => {
    expect(packetNumberLength(full, acked)).toBe(length)
  })

  //= rfc9000#17.1-p3-1
  //# Prior to receiving an acknowledgment for a packet number space, the
  //# full packet number MUST be included; it is not to be truncated, as
  //# described below.
  test('before anything is acknowledged the whole number is sent', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31 - 2), (full) => {
        expect(truncate(full, packetNumberLength(full, -1))).toBe(full)
      }),
    )
  })

  //= rfc9000#17.1-p4-1
  //# After an acknowledgment is received for a packet number space, the
  //# sender MUST use a packet number size able to represent more than
  //# twice as large a range as the difference between the largest
  //# acknowledged packet number and the packet number being sent.
  test('the size represents more than twice the range under way, and is the shortest that does', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.oneof(bounds, fc.integer({ min: 1, max: 2 ** 31 - 1 })), (acked, range) => {
        fc.pre(acked + range <= Number.MAX_SAFE_INTEGER)
        const length = packetNumberLength(acked + range, acked)
        expect(2 ** (8 * length)).toBeGreaterThan(2 * range)
        expect(length === 1 || 2 ** (8 * (length - 1)) <= 2 * range).toBe(true)
      }),
    )
  })

  test('more than 2^31 packets under way cannot be told apart', () => {
    expect(packetNumberLength(2 ** 31 - 1, 0)).toBe(4)
    expect(() => packetNumberLength(2 ** 31, 0)).toThrow(RangeError)
  })
})

describe('decoding', () => {
  test('RFC 9000 A.3: 0x9b32 after 0xa82f30ea is 0xa82f9b32', () => {
    expect(decodePacketNumber(0x9b32, 2, 0xa82f30ea)).toBe(0xa82f9b32)
  })

  test('the first number of a space', () => {
    expect(decodePacketNumber(0, 1, -1)).toBe(0)
    expect(decodePacketNumber(255, 1, -1)).toBe(255)
  })

  test('of the numbers that end in these bytes the one closest to the next expected, the higher of two', () => {
    const expected = fc.oneof(
      fc.nat(1200),
      fc.nat(2 ** 18),
      fc.maxSafeNat().map((number) => number % 2 ** 50),
    )
    const half = fc.constantFrom(-129, -128, -127, 127, 128, 129)
    const offset = fc.oneof(half, fc.integer({ min: -300, max: 300 }))
    fc.assert(
      fc.property(expected, offset, fc.constantFrom(1, 2), (next, distance, length) => {
        const truncated = truncate(Math.max(0, next + distance), length)
        const window = 2 ** (8 * length)
        // RFC 9000 A.3: greater than expected - half, less than or equal to expected + half; never negative.
        let closest = Math.floor((next + window / 2 - truncated) / window) * window + truncated
        if (closest < 0) closest += window
        expect(decodePacketNumber(truncated, length, next - 1)).toBe(closest)
      }),
      { numRuns: 500 },
    )
  })

  //= rfc9000#17.1-p4-2
  test('what an encoder sends comes back while less than half the range is outstanding or reordered', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat().map((number) => number % 2 ** 50),
        fc.nat(2 ** 31 - 2),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (acked, range, progress) => {
          const full = acked + 1 + range
          const length = packetNumberLength(full, acked)
          // The receiver has processed something from what was acknowledged up to as much again beyond this packet.
          const processed = acked + Math.floor(progress * 2 * range)
          expect(decodePacketNumber(truncate(full, length), length, processed)).toBe(full)
        },
      ),
    )
  })
})

test('bytes are written and read most significant first', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.constantFrom(1, 2, 3, 4), (full, length) => {
      const writer = new Writer()
      writePacketNumber(writer, full, length)
      const bytes = writer.finish()
      expect(bytes).toHaveLength(length)
      expect(readPacketNumber(bytes, 0, length)).toBe(truncate(full, length))
      expect(bytes[0]).toBe(truncate(full, length) >>> (8 * (length - 1)))
    }),
  )
})
