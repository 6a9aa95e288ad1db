import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { TimerQueue } from './timer-queue.ts'

test('yields what is due, the earliest first, and equal times in the order in which they were set', () => {
  const queue = new TimerQueue<string>()
  queue.set('c', 30)
  queue.set('a', 10)
  queue.set('b', 10)
  expect(queue.next).toBe(10)
  expect(queue.takeDue(9)).toBeUndefined()
  expect([queue.takeDue(30), queue.takeDue(30), queue.takeDue(30), queue.takeDue(30)]).toEqual([
    'a',
    'b',
    'c',
    undefined,
  ])
  expect([queue.next, queue.size]).toEqual([NEVER, 0])
})

test('moves and removes what waits', () => {
  const queue = new TimerQueue<string>()
  queue.set('a', 10)
  queue.set('a', 50)
  queue.set('b', 20)
  expect([queue.next, queue.size]).toEqual([20, 2])
  queue.set('b', NEVER)
  queue.delete('nothing')
  expect([queue.next, queue.size]).toEqual([50, 1])
  queue.delete('a')
  queue.set('a', 5)
  expect(queue.takeDue(5)).toBe('a')
})

test('agrees with a list that is sorted each time', () => {
  const step = fc.tuple(fc.nat(9), fc.oneof(fc.nat(50), fc.constant(NEVER)))
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const queue = new TimerQueue<number>()
      const model = new Map<number, number>()
      for (const [item, time] of steps) {
        queue.set(item, time)
        if (time === NEVER) model.delete(item)
        else model.set(item, time)
        expect(queue.next).toBe(Math.min(NEVER, ...model.values()))
      }
      const due: number[] = []
      for (let item = queue.takeDue(25); item !== undefined; item = queue.takeDue(25)) due.push(item)
      expect(due.map((item) => model.get(item))).toEqual(
        [...model.values()].filter((t) => t <= 25).sort((a, b) => a - b),
      )
    }),
  )
})
