import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Heap, type HeapEntry } from './heap.ts'

function drain<T>(heap: Heap<T>): T[] {
  const values: T[] = []
  for (let entry = heap.shift(); entry !== undefined; entry = heap.shift()) values.push(entry.value)
  return values
}

describe('order', () => {
  test('lowest key first, equal keys in the order of arrival', () => {
    const heap = new Heap<string>()
    heap.push(2, 'c')
    heap.push(1, 'a')
    heap.push(2, 'd')
    heap.push(1, 'b')
    heap.push(Infinity, 'e')
    expect(heap.peek()?.value).toBe('a')
    expect(drain(heap)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect([heap.size, heap.peek(), heap.shift()]).toEqual([0, undefined, undefined])
  })

  test('an update that changes nothing keeps the place among equals, another goes last', () => {
    const heap = new Heap<string>()
    const a = heap.push(1, 'a')
    heap.push(1, 'b')
    heap.update(a, 1)
    expect(heap.peek()?.value).toBe('a')
    heap.update(a, 5)
    heap.update(a, 1)
    expect(drain(heap)).toEqual(['b', 'a'])
  })
})

test('what takes the place of a removed entry may have to rise', () => {
  const heap = new Heap<number>()
  // In the order of the array; 5, the last, takes the place of 20, below 10 and 11.
  const keys = [1, 10, 2, 11, 12, 3, 4, 20, 21, 22, 23, 6, 7, 8, 5]
  const removed = keys.map((key) => heap.push(key, key)).find(({ key }) => key === 20)
  expect(removed !== undefined && heap.remove(removed)).toBe(true)
  expect(drain(heap)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 21, 22, 23])
})

describe('handles', () => {
  test('of entries that left or belong elsewhere are refused', () => {
    const heap = new Heap<string>()
    const entry = heap.push(1, 'a')
    const other = new Heap<string>().push(1, 'b')
    expect([heap.has(entry), heap.has(other)]).toEqual([true, false])
    expect([heap.remove(other), heap.remove(entry), heap.remove(entry)]).toEqual([false, true, false])
    expect(() => heap.update(entry, 2)).toThrow(RangeError)
    const cleared = heap.push(1, 'c')
    heap.clear()
    expect([heap.has(cleared), heap.size]).toEqual([false, 0])
  })
})

test('after any steps the heap gives what a sorted list gives', () => {
  const step = fc.record({ kind: fc.nat(4), key: fc.nat(20), which: fc.nat() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new Heap<number>()
      let live: { entry: HeapEntry<number>; sequence: number }[] = []
      let sequence = 0
      for (const { kind, key, which } of steps) {
        const chosen = live[which % Math.max(1, live.length)]
        if (kind <= 1) {
          live.push({ entry: heap.push(key, sequence), sequence: sequence++ })
        } else if (kind === 2 && chosen !== undefined) {
          if (chosen.entry.key !== key) chosen.sequence = sequence++
          heap.update(chosen.entry, key)
        } else if (kind === 3 && chosen !== undefined) {
          expect(heap.remove(chosen.entry)).toBe(true)
          live = live.filter((other) => other !== chosen)
        } else {
          live.sort((a, b) => a.entry.key - b.entry.key || a.sequence - b.sequence)
          expect(heap.shift()).toBe(live.shift()?.entry)
        }
        expect(heap.size).toBe(live.length)
      }
      live.sort((a, b) => a.entry.key - b.entry.key || a.sequence - b.sequence)
      expect(drain(heap)).toEqual(live.map(({ entry }) => entry.value))
    }),
  )
})
