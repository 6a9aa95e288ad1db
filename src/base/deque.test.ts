import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deque } from './deque.ts'

test('an empty queue has nothing to give', () => {
  const deque = new Deque<number>()
  expect([deque.length, deque.peek(), deque.shift(), deque.at(0), [...deque]]).toEqual([
    0,
    undefined,
    undefined,
    undefined,
    [],
  ])
})

test('clear forgets everything and the queue goes on', () => {
  const deque = new Deque<number>()
  for (let i = 0; i < 20; i++) deque.push(i)
  deque.clear()
  deque.push(7)
  expect([...deque]).toEqual([7])
})

test('after any steps the queue equals an array', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('push' as const), value: fc.nat() }) },
    fc.record({ kind: fc.constant('pushFront' as const), value: fc.nat() }),
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('shift' as const), value: fc.constant(0) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const deque = new Deque<number>()
      const model: number[] = []
      for (const { kind, value } of steps) {
        if (kind === 'push') {
          deque.push(value)
          model.push(value)
        } else if (kind === 'pushFront') {
          deque.pushFront(value)
          model.unshift(value)
        } else {
          expect(deque.shift()).toBe(model.shift())
        }
        expect(deque.length).toBe(model.length)
        expect(deque.peek()).toBe(model[0])
      }
      expect([...deque]).toEqual(model)
      expect(model.map((_, i) => deque.at(i))).toEqual(model)
      expect([deque.at(-1), deque.at(model.length)]).toEqual([undefined, undefined])
    }),
  )
})
