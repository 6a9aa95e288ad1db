import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { RangeSet } from '../base/range-set.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { ackRangesSize, ackRangesThatFit, readAckRanges, writeAckRanges } from './ack-ranges.ts'

function rangesOf(set: RangeSet): [number, number][] {
  set.checkInvariants()
  return Array.from({ length: set.size }, (_, i) => [set.startAt(i), set.endAt(i)])
}

/** Sets of up to a hundred ranges, with gaps and lengths of all sizes. */
const anyRanges: fc.Arbitrary<RangeSet> = fc
  .array(fc.tuple(fc.oneof(fc.nat(3), fc.nat(2 ** 20), fc.nat(2 ** 35)), fc.oneof(fc.nat(3), fc.nat(2 ** 16))), {
    minLength: 1,
    maxLength: 100,
  })
  .map((steps) => {
    const set = new RangeSet()
    let at = 0
    for (const [gap, length] of steps) {
      at += gap
      set.add(at, at + length + 1)
      at += length + 2
    }
    return set
  })

function decode(bytes: Uint8Array, largest: number): RangeSet | undefined {
  const ranges = new RangeSet()
  // What an earlier frame left behind must not show.
  ranges.add(1000, 2000)
  const reader = new Reader(bytes)
  readAckRanges(reader, largest, ranges, [])
  return reader.ok && reader.remaining === 0 ? ranges : undefined
}

test('what is written is read, whole', () => {
  fc.assert(
    fc.property(anyRanges, (ranges) => {
      const writer = new Writer()
      writeAckRanges(writer, ranges, ranges.size)
      const bytes = writer.finish()
      expect(bytes).toHaveLength(ackRangesSize(ranges, ranges.size))
      expect(rangesOf(decode(bytes, ranges.max - 1) ?? new RangeSet())).toEqual(rangesOf(ranges))
    }),
  )
})

//= rfc9000#13.2.3-p7-1
//# A receiver SHOULD include an ACK Range containing the largest
//# received packet number in every ACK frame.
test('where room is short the newest ranges are kept, as many as fit', () => {
  fc.assert(
    fc.property(anyRanges, fc.nat(300), (ranges, room) => {
      const count = ackRangesThatFit(ranges, room)
      if (count === 0) {
        expect(ackRangesSize(ranges, 1)).toBeGreaterThan(room - 2)
        return
      }
      const writer = new Writer()
      writeAckRanges(writer, ranges, count)
      expect(writer.length).toBeLessThanOrEqual(room)
      // One more would not fit, but for the byte that a shorter count might have saved.
      if (count < ranges.size) expect(ackRangesSize(ranges, count + 1)).toBeGreaterThan(room - 2)
      expect(rangesOf(decode(writer.finish(), ranges.max - 1) ?? new RangeSet())).toEqual(
        rangesOf(ranges).slice(-count),
      )
    }),
  )
})

describe('refused', () => {
  //= rfc9000#19.3.1-p14-1
  //# If any computed packet number is negative, an endpoint MUST generate
  //# a connection error of type FRAME_ENCODING_ERROR.
  test.each([
    ['first range reaches below 0', 5, '0006'],
    ['gap reaches below 0', 5, '01000400'],
    ['second range reaches below 0', 5, '01000302'],
    ['third range reaches below 0', 10, '0200000000' + '07'],
  ])('%s', (_why, largest, hex) => {
    expect(decode(fromHex(hex), largest)).toBeUndefined()
  })

  test.each([
    ['exactly down to 0 is fine', 5, '0005', [[0, 6]]],
    [
      'a gap down to 0 is fine',
      5,
      '01000300',
      [
        [0, 1],
        [5, 6],
      ],
    ],
  ])('%s', (_why, largest, hex, expected) => {
    expect(rangesOf(decode(fromHex(hex), largest) ?? new RangeSet())).toEqual(expected)
  })

  test('a count of 2^62-1 with hardly any bytes costs nothing', () => {
    expect(decode(fromHex('ffffffffffffffff' + '00' + '0000'), 2 ** 40)).toBeUndefined()
    expect(decode(fromHex('05' + '00' + '0000'), 2 ** 40)).toBeUndefined()
  })

  test('a range cut short', () => {
    expect(decode(fromHex('0100' + '00' + '40'), 100)).toBeUndefined()
    expect(decode(fromHex('01'), 100)).toBeUndefined()
  })
})
