import { expect, test } from 'vitest'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { FixedBit } from './fixed-bit.ts'

test('the bit is set until it is greased, and then as often as not', () => {
  const bit = new FixedBit(new TestRandom(3))
  for (let count = 0; count < 100; count++) expect(bit.take()).toBe(0x40)
  bit.isGreased = true
  const taken = Array.from({ length: 4000 }, () => bit.take())
  expect([...new Set(taken)].sort()).toEqual([0, 0x40])
  const share = taken.filter((each) => each === 0).length / taken.length
  expect(share).toBeGreaterThan(0.45)
  expect(share).toBeLessThan(0.55)
})
