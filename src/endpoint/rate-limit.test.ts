import { expect, test } from 'vitest'
import { RateLimit } from './rate-limit.ts'

test('lets a burst through, then so many a second', () => {
  const limit = new RateLimit(10, 3)
  expect([limit.take(5000), limit.take(5000), limit.take(5000), limit.take(5000)]).toEqual([true, true, true, false])
  expect(limit.take(5099)).toBe(false)
  expect(limit.take(5101)).toBe(true)
  expect(limit.take(5101)).toBe(false)
})

test('a long silence earns no more than a burst', () => {
  const limit = new RateLimit(10, 3)
  limit.take(0)
  let taken = 0
  while (limit.take(1e9)) taken += 1
  expect(taken).toBe(3)
})

test('may be without bound, or shut', () => {
  const open = new RateLimit(Infinity)
  const shut = new RateLimit(0)
  for (let now = 0; now < 100; now++) expect([open.take(now), shut.take(now)]).toEqual([true, false])
})
