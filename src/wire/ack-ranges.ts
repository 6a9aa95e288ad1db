/** The ranges of an ACK frame (RFC 9000 §19.3.1): newest first and relative on the wire, ascending in a `RangeSet`. */
import type { RangeSet } from '../base/range-set.ts'
import type { Reader } from '../base/reader.ts'
import { varintSize } from '../base/varint.ts'
import type { Writer } from '../base/writer.ts'

/**
 * Reads ACK Range Count, First ACK Range and the ranges below `largest` into `ranges`, which is cleared before.
 * `bounds` is room to work in. Fails the reader for more ranges than there are bytes for and for a negative number.
 */
export function readAckRanges(reader: Reader, largest: number, ranges: RangeSet, bounds: number[]): void {
  ranges.clear()
  const count = reader.varintSaturated()
  let smallest = largest - reader.varintSaturated()
  // A count is believed only as far as there are bytes: two for each range at least.
  if (smallest < 0 || count > reader.remaining / 2) {
    reader.fail()
    return
  }
  if (count === 0) {
    ranges.add(smallest, largest + 1)
    return
  }
  let used = 0
  bounds[used++] = largest + 1
  bounds[used++] = smallest
  for (let i = 0; i < count; i++) {
    const top = smallest - reader.varintSaturated() - 2
    smallest = top - reader.varintSaturated()
    if (smallest < 0 || !reader.ok) {
      reader.fail()
      return
    }
    bounds[used++] = top + 1
    bounds[used++] = smallest
  }
  // Lowest first: each range then is an extension at the upper end.
  while (used > 0) {
    const start = bounds[--used] ?? 0
    ranges.add(start, bounds[--used] ?? 0)
  }
}

/** Bytes of ACK Range Count, First ACK Range and the newest `count` ranges. */
export function ackRangesSize(ranges: RangeSet, count: number): number {
  const last = ranges.size - 1
  let size = varintSize(count - 1) + varintSize(ranges.endAt(last) - ranges.startAt(last) - 1)
  for (let i = last - 1; i > last - count; i--) size += rangeSize(ranges, i)
  return size
}

/** How many ranges, newest first, fit into `room` bytes; 0 if not even one does. */
export function ackRangesThatFit(ranges: RangeSet, room: number): number {
  const last = ranges.size - 1
  let left = room - varintSize(last) - varintSize(ranges.endAt(last) - ranges.startAt(last) - 1)
  if (left < 0) return 0
  let count = 1
  for (let i = last - 1; i >= 0; i--, count++) {
    left -= rangeSize(ranges, i)
    if (left < 0) break
  }
  return count
}

/** Writes ACK Range Count, First ACK Range and the newest `count` ranges. */
export function writeAckRanges(writer: Writer, ranges: RangeSet, count: number): void {
  const last = ranges.size - 1
  writer.varint(count - 1)
  writer.varint(ranges.endAt(last) - ranges.startAt(last) - 1)
  for (let i = last - 1; i > last - count; i--) {
    writer.varint(gapAbove(ranges, i))
    writer.varint(ranges.endAt(i) - ranges.startAt(i) - 1)
  }
}

/** The Gap field between a range and the next higher one: numbers missing between them, less one. */
function gapAbove(ranges: RangeSet, index: number): number {
  return ranges.startAt(index + 1) - ranges.endAt(index) - 1
}

function rangeSize(ranges: RangeSet, index: number): number {
  return varintSize(gapAbove(ranges, index)) + varintSize(ranges.endAt(index) - ranges.startAt(index) - 1)
}
