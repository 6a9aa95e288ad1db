import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RangeSet } from './range-set.ts'

function setOf(...ranges: ReadonlyArray<readonly [number, number]>): RangeSet {
  const set = new RangeSet()
  for (const [start, end] of ranges) set.add(start, end)
  return set
}

function rangesOf(set: RangeSet): [number, number][] {
  set.checkInvariants()
  return Array.from({ length: set.size }, (_, i) => [set.startAt(i), set.endAt(i)])
}

describe('adding', () => {
  test('at the upper end extends, appends, or changes nothing', () => {
    const set = setOf([0, 2], [2, 3], [5, 6], [5, 6])
    expect(rangesOf(set)).toEqual([
      [0, 3],
      [5, 6],
    ])
  })

  test('joins what it overlaps or touches on both sides', () => {
    expect(rangesOf(setOf([0, 2], [4, 6], [8, 10], [2, 4]))).toEqual([
      [0, 6],
      [8, 10],
    ])
    expect(rangesOf(setOf([0, 2], [4, 6], [8, 10], [1, 20]))).toEqual([[0, 20]])
  })

  test('below all others, again and again', () => {
    const set = new RangeSet()
    for (let i = 100; i >= 0; i--) set.add(2 * i, 2 * i + 1)
    expect(set.size).toBe(101)
    expect(set.total()).toBe(101)
    expect([set.min, set.max]).toEqual([0, 201])
  })

  test('an empty or reversed range adds nothing', () => {
    expect(rangesOf(setOf([3, 3], [5, 4]))).toEqual([])
  })

  test('numbers up to 2^53-1 are kept exactly', () => {
    const top = Number.MAX_SAFE_INTEGER
    const set = setOf([top - 1, top], [0, 1])
    expect(rangesOf(set)).toEqual([
      [0, 1],
      [top - 1, top],
    ])
    expect([set.has(top - 1), set.has(top - 2)]).toEqual([true, false])
  })
})

describe('removing', () => {
  test('splits, shortens and drops', () => {
    const set = setOf([0, 10], [20, 30], [40, 50])
    set.remove(3, 5)
    set.remove(25, 45)
    expect(rangesOf(set)).toEqual([
      [0, 3],
      [5, 10],
      [20, 25],
      [45, 50],
    ])
    set.remove(0, 100)
    expect(set.isEmpty).toBe(true)
  })

  test('removeBelow and removeFirst work on the lower end', () => {
    const set = setOf([0, 10], [20, 30], [40, 50])
    set.removeBelow(25)
    expect(rangesOf(set)).toEqual([
      [25, 30],
      [40, 50],
    ])
    set.removeFirst()
    expect(rangesOf(set)).toEqual([[40, 50]])
    set.removeFirst()
    set.removeFirst()
    expect(rangesOf(set)).toEqual([])
    set.add(7, 8)
    expect(rangesOf(set)).toEqual([[7, 8]])
  })
})

describe('asking', () => {
  test('an empty set', () => {
    const set = new RangeSet()
    expect([set.size, set.isEmpty, set.min, set.max, set.total(), set.has(0)]).toEqual([0, true, 0, 0, 0, false])
    expect(set.containsRange(5, 5)).toBe(true)
    expect(() => set.startAt(0)).toThrow(RangeError)
  })

  test('an index beyond the ranges is refused, also where room was left behind', () => {
    const set = setOf([0, 1], [2, 3], [4, 5])
    set.removeFirst()
    set.remove(4, 5)
    expect(set.startAt(0)).toBe(2)
    for (const index of [-1, 1, 2]) expect(() => set.endAt(index)).toThrow(RangeError)
  })

  test('a copy is independent', () => {
    const set = setOf([0, 1], [2, 3])
    const copy = set.clone()
    copy.add(1, 2)
    set.removeFirst()
    expect(rangesOf(copy)).toEqual([[0, 3]])
    copy.copyFrom(set)
    copy.copyFrom(copy)
    expect(rangesOf(copy)).toEqual([[2, 3]])
  })
})

// A set of single numbers, slow and obviously right, is the model.
type Step = (set: RangeSet, model: Set<number>) => void

const BOUND = 80
const span = fc.tuple(fc.nat(BOUND), fc.nat(12)).map(([start, length]) => [start, start + length] as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: span.map(
      ([start, end]): Step =>
        (set, model) => {
          set.add(start, end)
          for (let i = start; i < end; i++) model.add(i)
        },
    ),
  },
  {
    weight: 3,
    arbitrary: span.map(
      ([start, end]): Step =>
        (set, model) => {
          set.remove(start, end)
          for (let i = start; i < end; i++) model.delete(i)
        },
    ),
  },
  fc.nat(BOUND).map(
    (value): Step =>
      (set, model) => {
        set.removeBelow(value)
        for (let i = 0; i < value; i++) model.delete(i)
      },
  ),
  fc.constant<Step>((set, model) => {
    const end = set.isEmpty ? 0 : set.endAt(0)
    set.removeFirst()
    for (let i = 0; i < end; i++) model.delete(i)
  }),
)

test('after any steps the set equals the model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const set = new RangeSet()
      const model = new Set<number>()
      for (const run of steps) {
        run(set, model)
        set.checkInvariants()
      }
      const numbers = Array.from({ length: BOUND + 20 }, (_, i) => i).filter((i) => set.has(i))
      expect(numbers).toEqual([...model].sort((a, b) => a - b))
      expect(set.total()).toBe(model.size)
      for (let start = 0; start < BOUND; start += 7) {
        const expected = [0, 1, 2, 3].every((i) => model.has(start + i))
        expect(set.containsRange(start, start + 4)).toBe(expected)
      }
    }),
    { numRuns: 400 },
  )
})
