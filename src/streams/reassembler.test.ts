import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pattern } from './packets.fixtures.ts'
import { PAGE_SIZE, PagePool } from './paged-buffer.ts'
import { Reassembler } from './reassembler.ts'

function readAll(reassembler: Reassembler): Uint8Array {
  const bytes = new Uint8Array(reassembler.readableBytes + 5)
  const length = reassembler.read(bytes)
  return bytes.subarray(0, length)
}

//= rfc9000#2.2-p2-1
test('pieces in any order, repeated and overlapping, come out as the stream they were cut from', () => {
  const size = 3 * PAGE_SIZE
  const piece = fc.record({
    offset: fc.oneof(fc.nat(size), fc.nat(40)),
    length: fc.oneof(fc.nat(3000), fc.nat(20)),
    read: fc.option(fc.nat(4000)),
  })
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.infiniteStream(fc.nat(9000)), (pieces, steps) => {
      const stream = pattern(size)
      const reassembler = new Reassembler(new PagePool())
      const got: number[] = []
      const insert = (offset: number, length: number): void => {
        const end = Math.min(size, offset + length)
        if (offset < end) reassembler.insert(offset, stream, offset, end - offset)
      }
      const read = (length: number): void => {
        const into = new Uint8Array(length)
        got.push(...into.subarray(0, reassembler.read(into)))
      }
      for (const { offset, length, read: wanted } of pieces) {
        insert(offset, length)
        if (wanted !== null) read(wanted)
      }
      // The rest, backwards in blocks, so that every gap is closed at last.
      for (let end = size; end > 0; ) {
        const start = Math.max(0, end - 1 - (steps.next().value ?? 0))
        insert(start, end - start)
        end = start
      }
      expect(reassembler.contiguousEnd).toBe(size)
      read(size)
      expect(Uint8Array.from(got)).toEqual(stream)
      expect(reassembler.heldBytes).toBe(0)
    }),
    { numRuns: 40 },
  )
})

test('what is readable ends at the first gap', () => {
  const reassembler = new Reassembler(new PagePool())
  reassembler.insert(10, pattern(10, 10), 0, 10)
  expect(reassembler.readableBytes).toBe(0)
  reassembler.insert(30, pattern(10, 30), 0, 10)
  reassembler.insert(0, pattern(10), 0, 10)
  expect(reassembler.readableBytes).toBe(20)
  expect(readAll(reassembler)).toEqual(pattern(20))
  reassembler.insert(19, pattern(12, 19), 0, 12)
  expect(readAll(reassembler)).toEqual(pattern(20, 20))
  expect([reassembler.readOffset, reassembler.contiguousEnd]).toEqual([40, 40])
})

test('a stream that was read to its end so far holds no memory', () => {
  const reassembler = new Reassembler(new PagePool())
  for (let offset = 0; offset < 10 * PAGE_SIZE; offset += 1000) {
    reassembler.insert(offset, pattern(1000, offset), 0, 1000)
    expect(readAll(reassembler)).toEqual(pattern(1000, offset))
    expect(reassembler.heldBytes).toBe(0)
  }
})

const WINDOW = 2 ** 20

test('alternate bytes over a whole window cost the window and an eighth of it', () => {
  const reassembler = new Reassembler(new PagePool())
  const byte = new Uint8Array(1)
  for (let offset = 1; offset < WINDOW; offset += 2) {
    byte[0] = offset
    reassembler.insert(offset, byte, 0, 1)
  }
  expect(reassembler.heldBytes).toBeLessThanOrEqual(WINDOW + WINDOW / 8)
  // The other half backwards: each byte closes a gap, the last one all of the stream.
  for (let offset = WINDOW - 2; offset >= 0; offset -= 2) {
    byte[0] = offset
    reassembler.insert(offset, byte, 0, 1)
  }
  expect(reassembler.readableBytes).toBe(WINDOW)
  expect(readAll(reassembler).every((value, index) => value === (index & 0xff))).toBe(true)
  expect(reassembler.heldBytes).toBe(0)
})

test('single bytes far apart cost a page each, as their window does, and give it back', () => {
  const reassembler = new Reassembler(new PagePool())
  for (let offset = PAGE_SIZE - 1; offset < WINDOW; offset += PAGE_SIZE) reassembler.insert(offset, pattern(1), 0, 1)
  expect(reassembler.heldBytes).toBeLessThanOrEqual(WINDOW + WINDOW / 8)
  reassembler.discard()
  expect(reassembler.heldBytes).toBe(0)
})

test('pages come back whatever was in them', () => {
  const pool = new PagePool()
  const page = pool.takeSmallPage().fill(0xff)
  pool.give(page)
  const reassembler = new Reassembler(pool)
  // Were marks not cleared, bytes never received would count as there.
  reassembler.insert(100, pattern(10, 100), 0, 10)
  reassembler.insert(0, pattern(50), 0, 50)
  expect(reassembler.readableBytes).toBe(50)
})
