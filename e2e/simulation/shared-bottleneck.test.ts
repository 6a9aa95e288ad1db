import { expect, test } from 'vitest'
import { fairness } from './fairness.ts'
import { jain, sharedBottleneck } from './shared-bottleneck.ts'
import { standing } from './standing.fixtures.ts'

standing(sharedBottleneck)

test('no controller starves another, or itself', () => {
  for (const { one, other, median, worst } of fairness(2)) {
    const names = `${one.name} beside ${other.name}`
    expect(median, names).toBeGreaterThan(0.8)
    expect(worst, names).toBeGreaterThan(0.65)
  }
})

test("Jain's index is 1 for equals and a half for one that takes all", () => {
  expect([jain(3, 3), jain(0, 5), jain(5, 0), jain(0, 0)]).toEqual([1, 0.5, 0.5, 1])
  expect(jain(1, 2)).toBeCloseTo(0.9)
})
