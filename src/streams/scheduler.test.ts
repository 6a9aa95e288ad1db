import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  checkPriority,
  checkSendOrder,
  DEFAULT_PRIORITY,
  Scheduler,
  type SendGroup,
  type StreamPriority,
} from './scheduler.ts'

interface Item {
  readonly id: number
  priority: StreamPriority
  sendOrder: number
  sendGroup: SendGroup | undefined
}

function item(id: number, urgency = 3, incremental = false, sendOrder = 0, sendGroup?: SendGroup): Item {
  return { id, priority: { urgency, incremental }, sendOrder, sendGroup }
}

/** The ids of the next `count` turns, in each of which a stream sends as many bytes as `bytes` says. */
function turns(scheduler: Scheduler<Item>, count: number, bytes: (id: number) => number = () => 1): number[] {
  return Array.from({ length: count }, () => {
    const next = scheduler.peek()
    if (next !== undefined) scheduler.onTurn(next, bytes(next.id))
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

describe('A send order', () => {
  test('is strict: nothing lower is sent while anything higher waits, whatever its id or kind', () => {
    const scheduler = new Scheduler<Item>()
    const [low, none, high] = [item(0, 3, false, -5), item(4), item(8, 3, true, 2 ** 40)]
    for (const one of [low, none, high]) scheduler.add(one)
    expect(turns(scheduler, 3)).toEqual([8, 8, 8])
    scheduler.remove(high)
    expect(turns(scheduler, 2)).toEqual([4, 4])
    scheduler.remove(none)
    expect(turns(scheduler, 1)).toEqual([0])
    scheduler.add(high)
    expect(turns(scheduler, 1)).toEqual([8])
  })

  test('is shared as streams of one urgency are', () => {
    const scheduler = new Scheduler<Item>()
    for (const one of [item(0, 3, true, 7), item(4, 3, true, 7), item(8, 3, true)]) scheduler.add(one)
    expect(turns(scheduler, 4)).toEqual([0, 4, 0, 4])
  })

  test('counts for less than urgency', () => {
    const scheduler = new Scheduler<Item>()
    for (const one of [item(0, 3, false, 100), item(4, 2, false, -100)]) scheduler.add(one)
    expect(turns(scheduler, 2)).toEqual([4, 4])
  })

  test('that changes takes effect while the stream waits', () => {
    const scheduler = new Scheduler<Item>()
    const [a, b] = [item(0), item(4)]
    scheduler.add(a)
    scheduler.add(b)
    b.sendOrder = 1
    scheduler.reprioritize(b)
    expect(turns(scheduler, 2)).toEqual([4, 4])
    b.sendOrder = -1
    scheduler.reprioritize(b)
    expect(turns(scheduler, 2)).toEqual([0, 0])
  })

  test.each([0.5, Number.NaN, Infinity, 2 ** 53])('of %s is refused by name', (order) => {
    expect(() => checkSendOrder(order)).toThrow(new RangeError(`sendOrder must be a safe integer, got ${order}`))
  })
})

describe('Groups', () => {
  /** How many of these bytes each id sent. */
  function shares(scheduler: Scheduler<Item>, rounds: number, bytes: (id: number) => number): Record<number, number> {
    const sent: Record<number, number> = {}
    for (const id of turns(scheduler, rounds, bytes)) sent[id] = (sent[id] ?? 0) + bytes(id)
    return sent
  }

  test('share equally by bytes, however many streams they have and however small their frames are', () => {
    const scheduler = new Scheduler<Item>()
    const [one, other] = [{}, {}]
    for (let id = 0; id < 40; id += 4) scheduler.add(item(id, 3, true, 0, one))
    scheduler.add(item(100, 3, true, 0, other))
    scheduler.add(item(200, 3, true))
    const sent = shares(scheduler, 3000, (id) => (id < 100 ? 1200 : id === 100 ? 50 : 600))
    const total = [0, 0, 0]
    for (const [id, bytes] of Object.entries(sent)) {
      const group = Number(id) < 100 ? 0 : Number(id) === 100 ? 1 : 2
      total[group] = (total[group] ?? 0) + bytes
    }
    const most = Math.max(...total)
    expect(most - Math.min(...total)).toBeLessThanOrEqual(1200)
    expect(most).toBeGreaterThan(10_000)
    // Within the group as well.
    expect(new Set(Object.entries(sent).map(([id, bytes]) => (Number(id) < 100 ? bytes : 0))).size).toBeLessThanOrEqual(
      3,
    )
  })

  test('have orders of their own', () => {
    const scheduler = new Scheduler<Item>()
    const [one, other] = [{}, {}]
    for (const each of [item(0, 3, true, 1, one), item(4, 3, true, 9, one), item(8, 3, true, -100, other)]) {
      scheduler.add(each)
    }
    expect(turns(scheduler, 6)).toEqual([4, 8, 4, 8, 4, 8])
  })

  test('that come and go gain nothing by it, and lose nothing', () => {
    const scheduler = new Scheduler<Item>()
    const restless = item(0, 3, true, 0, {})
    const steady = item(4, 3, true, 0, {})
    scheduler.add(restless)
    scheduler.add(steady)
    const sent = [0, 0]
    for (let round = 0; round < 1000; round++) {
      const next = scheduler.peek()
      if (next === undefined) throw new Error('Nobody')
      // As a stream does that is written to chunk by chunk: it leaves before its frame is counted, and comes back.
      if (next === restless) scheduler.remove(restless)
      scheduler.onTurn(next, 100)
      sent[next === restless ? 0 : 1] = (sent[next === restless ? 0 : 1] ?? 0) + 100
      scheduler.add(restless)
    }
    expect(Math.abs((sent[0] ?? 0) - (sent[1] ?? 0))).toBeLessThanOrEqual(100)
    // A pause is not made up for.
    scheduler.remove(restless)
    turns(scheduler, 1000, () => 100)
    scheduler.add(restless)
    expect(turns(scheduler, 6, () => 100).filter((id) => id === 0)).toHaveLength(3)
  })
})

test('with orders and groups, too, the next is the one that the rule names', () => {
  const groups = [undefined, {}, {}]
  const step = fc.record({
    id: fc.nat(9),
    urgency: fc.nat(2),
    order: fc.integer({ min: -2, max: 2 }),
    group: fc.nat(2),
  })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const scheduler = new Scheduler<Item>()
      const present = new Map<number, Item>()
      for (const { id, urgency, order, group } of steps) {
        const known = present.get(id)
        if (known === undefined) {
          const fresh = item(id, urgency, false, order, groups[group])
          present.set(id, fresh)
          scheduler.add(fresh)
        } else {
          present.delete(id)
          scheduler.remove(known)
        }
        const next = scheduler.peek()
        expect(next === undefined).toBe(present.size === 0)
        if (next === undefined) continue
        const rivals = [...present.values()].filter((each) => each.priority.urgency <= next.priority.urgency)
        expect(rivals.every((each) => each.priority.urgency === next.priority.urgency)).toBe(true)
        const [first] = rivals
          .filter((each) => each.sendGroup === next.sendGroup)
          .sort((a, b) => b.sendOrder - a.sendOrder || a.id - b.id)
        expect(next).toBe(first)
        scheduler.onTurn(next, 1 + id)
      }
    }),
  )
})

test('a hundred thousand streams, each with an order of its own, come and go in no time', () => {
  const scheduler = new Scheduler<Item>()
  const count = 100_000
  const items = Array.from({ length: count }, (_, id) => item(id, id % 8, id % 3 === 0, (id * 7919) % count))
  const began = performance.now()
  for (const each of items) scheduler.add(each)
  for (let turn = 0; turn < count; turn++) {
    const next = scheduler.peek()
    if (next !== undefined) scheduler.onTurn(next, 100)
    if (next !== undefined && turn % 2 === 0) scheduler.remove(next)
  }
  for (const each of items) scheduler.remove(each)
  expect(scheduler.isEmpty).toBe(true)
  // What takes time in proportion to all that wait would need minutes.
  expect(performance.now() - began).toBeLessThan(5000)
})
