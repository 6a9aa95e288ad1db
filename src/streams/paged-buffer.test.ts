import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pattern } from './packets.fixtures.ts'
import { PAGE_SIZE, PagedBuffer, PagePool, SMALL_PAGE_SIZE } from './paged-buffer.ts'

function readBack(buffer: PagedBuffer, offset: number, length: number): Uint8Array {
  const target = new Uint8Array(length + 2)
  buffer.copyTo(target, 1, offset, length)
  expect([target[0], target[length + 1]]).toEqual([0, 0])
  return target.subarray(1, length + 1)
}

test('bytes written in any order and any pieces are read back from their offsets', () => {
  const write = fc.record({
    offset: fc.integer({ min: 0, max: 5 * PAGE_SIZE }),
    length: fc.integer({ min: 0, max: 3000 }),
  })
  fc.assert(
    fc.property(fc.array(write, { maxLength: 20 }), fc.integer({ min: 0, max: 2 ** 40 }), (writes, base) => {
      const buffer = new PagedBuffer(new PagePool())
      for (const { offset, length } of writes)
        buffer.write(base + offset, pattern(length + 4, base + offset - 4), 4, length)
      for (const { offset, length } of writes) {
        expect(readBack(buffer, base + offset, length)).toEqual(pattern(length, base + offset))
      }
    }),
    { numRuns: 60 },
  )
})

test('the first page of a stream begins small and grows with its content kept', () => {
  const buffer = new PagedBuffer(new PagePool())
  buffer.write(0, pattern(100), 0, 100)
  expect(buffer.heldBytes).toBe(SMALL_PAGE_SIZE)
  buffer.write(SMALL_PAGE_SIZE - 10, pattern(20, SMALL_PAGE_SIZE - 10), 0, 20)
  expect(buffer.heldBytes).toBe(PAGE_SIZE)
  expect(readBack(buffer, 0, 100)).toEqual(pattern(100))
  expect(readBack(buffer, SMALL_PAGE_SIZE - 10, 20)).toEqual(pattern(20, SMALL_PAGE_SIZE - 10))
})

test('released pages are used again, and writing goes on behind them', () => {
  const pool = new PagePool()
  const buffer = new PagedBuffer(pool)
  const length = 4 * PAGE_SIZE
  buffer.write(0, pattern(length), 0, length)
  buffer.releaseBelow(2 * PAGE_SIZE + 5)
  expect(buffer.heldBytes).toBe(2 * PAGE_SIZE)
  expect(() => readBack(buffer, PAGE_SIZE, 1)).toThrow(RangeError)
  buffer.releasePage(3)
  expect(buffer.heldBytes).toBe(PAGE_SIZE)
  const recycled = pool.takePage()
  pool.give(recycled)
  buffer.write(length, pattern(10, length), 0, 10)
  expect(readBack(buffer, length, 10)).toEqual(pattern(10, length))
  expect(recycled.subarray(0, 10)).toEqual(pattern(10, length))
  buffer.releaseAll()
  expect(buffer.heldBytes).toBe(0)
  buffer.write(9 * PAGE_SIZE + 1, pattern(10), 0, 10)
  expect(readBack(buffer, 9 * PAGE_SIZE + 1, 10)).toEqual(pattern(10))
})

test('a pool keeps a bounded number of pages', () => {
  const pool = new PagePool()
  const pages = Array.from({ length: 100 }, () => pool.takePage())
  for (const page of pages) pool.give(page)
  const again = new Set(Array.from({ length: 100 }, () => pool.takePage()))
  expect(pages.filter((page) => again.has(page)).length).toBe(64)
})
