import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageDesk } from './page-desk.ts'

const PAGE = 64
const PLACE = 1000

/** A page with bytes of its own. */
function page(seed: number): Uint8Array {
  return Uint8Array.from({ length: PAGE }, (_, index) => (seed * 31 + index * 7 + 1) & 0xff)
}

const piece = fc.record({
  page: fc.nat({ max: 2 }),
  start: fc.nat({ max: PAGE - 1 }),
  length: fc.integer({ min: 1, max: 40 }),
  flightEnds: fc.boolean(),
})

test('pieces are what the pages hold when they are cut, whatever was cut before, and nothing is written but the place', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const desk = new PageDesk()
      const array = new Uint8Array(PLACE + PAGE + 8).fill(0xee)
      const pages = [page(1), page(2), page(3)]
      desk.begin(array, PLACE)
      let at = 0
      for (const [index, { flightEnds, length, page: number, start }] of pieces.entries()) {
        const source = pages[number] as Uint8Array
        const count = Math.min(length, PAGE - start, PLACE - at)
        desk.copy(source, start, count, array, at)
        expect(array.subarray(at, at + count)).toEqual(source.subarray(start, start + count))
        at += count
        if (!flightEnds) continue
        // Between flights pages are written to, and the place is somebody else's.
        desk.end()
        for (const each of pages) each.fill(index)
        array.fill(0xee)
        at = 0
        desk.begin(array, PLACE)
      }
      expect(array.subarray(at, PLACE)).toEqual(new Uint8Array(PLACE - at).fill(0xee))
      expect(array.subarray(PLACE + PAGE)).toEqual(new Uint8Array(8).fill(0xee))
    }),
  )
})

test('a page is laid out once several small pieces of it are wanted, and no array but the flight’s is used for it', () => {
  const desk = new PageDesk()
  const array = new Uint8Array(PLACE + PAGE)
  const other = new Uint8Array(PAGE)
  const source = page(1)
  const isLaid = (): boolean => array[PLACE] !== 0
  desk.begin(array, PLACE)
  desk.copy(source, 0, 16, other, 0)
  desk.copy(source, 16, 16, other, 16)
  desk.copy(source, 0, 40, array, 0)
  desk.copy(source, 0, 40, array, 40)
  expect(isLaid()).toBe(false)
  desk.copy(source, 0, 16, array, 80)
  expect(isLaid()).toBe(true)
  expect(array.subarray(80, 96)).toEqual(source.subarray(0, 16))
})
