import { expect, test } from 'vitest'
import { Arena } from './arena.ts'

test('slots lie side by side and what is left over is unused', () => {
  const arena = new Arena(new Uint8Array(35), 10)
  expect([arena.slots, arena.free, arena.slotSize]).toEqual([3, 3, 10])
  expect([arena.acquire(), arena.acquire(), arena.acquire()]).toEqual([0, 10, 20])
})

test('when all are lent there is none, and the one given back last comes first', () => {
  const arena = new Arena(new Uint8Array(30), 10)
  const slots = [arena.acquire(), arena.acquire(), arena.acquire()]
  expect([arena.acquire(), arena.free]).toEqual([-1, 0])
  arena.release(slots[0] ?? -1)
  arena.release(slots[2] ?? -1)
  expect(arena.acquire()).toBe(slots[2])
  expect(arena.free).toBe(1)
})

test('misuse is refused', () => {
  const arena = new Arena(new Uint8Array(30), 10)
  const slot = arena.acquire()
  for (const start of [-10, 5, 10, 30, Number.NaN]) expect(() => arena.release(start)).toThrow(RangeError)
  arena.release(slot)
  expect(() => arena.release(slot)).toThrow(RangeError)
  expect(arena.free).toBe(3)
})

test.each([0, -1, 1.5, 31])('slots of %d bytes cannot be cut from 30', (slotSize) => {
  expect(() => new Arena(new Uint8Array(30), slotSize)).toThrow(RangeError)
})
