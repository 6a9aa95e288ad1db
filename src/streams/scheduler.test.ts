import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkPriority, DEFAULT_PRIORITY, Scheduler, type StreamPriority } from './scheduler.ts'

interface Item {
  readonly id: number
  priority: StreamPriority
}

function item(id: number, urgency = 3, incremental = false): Item {
  return { id, priority: { urgency, incremental } }
}

/** The ids of the next `count` turns. */
function turns(scheduler: Scheduler<Item>, count: number): number[] {
  return Array.from({ length: count }, () => {
    const next = scheduler.peek()
    if (next !== undefined) scheduler.onTurn(next)
    return next?.id ?? -1
  })
}

//= rfc9000#2.3-p3-1
test('the most urgent goes first, however late it comes', () => {
  const scheduler = new Scheduler<Item>()
  const [late, early, middle] = [item(0, 7), item(4, 0), item(8, 3)]
  for (const one of [late, middle, early]) scheduler.add(one)
  expect(turns(scheduler, 2)).toEqual([4, 4])
  expect(scheduler.urgency).toBe(0)
  scheduler.remove(early)
  expect(turns(scheduler, 1)).toEqual([8])
  scheduler.remove(middle)
  expect(turns(scheduler, 1)).toEqual([0])
  scheduler.remove(late)
  expect([scheduler.peek(), scheduler.urgency, scheduler.isEmpty]).toEqual([undefined, 8, true])
})

test('streams of one urgency that are not incremental go one after another in the order of their ids', () => {
  const scheduler = new Scheduler<Item>()
  const items = [item(8), item(0), item(4)]
  for (const one of items) scheduler.add(one)
  expect(turns(scheduler, 3)).toEqual([0, 0, 0])
  scheduler.remove(items[1] as Item)
  expect(turns(scheduler, 2)).toEqual([4, 4])
})

test('incremental streams take turns, one that comes later after those that wait', () => {
  const scheduler = new Scheduler<Item>()
  const items = [item(0, 3, true), item(4, 3, true), item(8, 3, true)]
  scheduler.add(items[0] as Item)
  scheduler.add(items[1] as Item)
  expect(turns(scheduler, 3)).toEqual([0, 4, 0])
  scheduler.add(items[2] as Item)
  expect(turns(scheduler, 6)).toEqual([4, 0, 8, 4, 0, 8])
})

test('neither kind starves the other within a level', () => {
  const scheduler = new Scheduler<Item>()
  for (const one of [item(0), item(4), item(8, 3, true), item(12, 3, true)]) scheduler.add(one)
  expect(turns(scheduler, 6)).toEqual([0, 8, 0, 12, 0, 8])
})

test('a changed priority takes effect while the stream waits', () => {
  const scheduler = new Scheduler<Item>()
  const [a, b] = [item(0), item(4)]
  scheduler.add(a)
  scheduler.add(b)
  b.priority = { urgency: 1, incremental: true }
  scheduler.reprioritize(b)
  expect(turns(scheduler, 2)).toEqual([4, 4])
  scheduler.remove(b)
  scheduler.reprioritize(b)
  expect([scheduler.has(b), scheduler.size]).toEqual([false, 1])
})

test('urgencies outside 0 to 7 are refused by name', () => {
  for (const urgency of [-1, 8, 1.5, NaN]) {
    expect(() => checkPriority({ urgency, incremental: false })).toThrow(
      `urgency must be an integer from 0 to 7, got ${urgency}`,
    )
  }
  checkPriority(DEFAULT_PRIORITY)
})

test('the next is always the one that the rule names, whatever joins and leaves', () => {
  const step = fc.record({ id: fc.nat(9), urgency: fc.nat(7), join: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const scheduler = new Scheduler<Item>()
      const present = new Map<number, Item>()
      for (const { id, urgency, join } of steps) {
        const known = present.get(id)
        if (join && known === undefined) {
          const fresh = item(id, urgency)
          present.set(id, fresh)
          scheduler.add(fresh)
        } else if (!join && known !== undefined) {
          present.delete(id)
          scheduler.remove(known)
        }
        const expected = [...present.values()].sort((a, b) => a.priority.urgency - b.priority.urgency || a.id - b.id)[0]
        expect(scheduler.peek()).toBe(expected)
        expect(scheduler.size).toBe(present.size)
      }
    }),
  )
})
