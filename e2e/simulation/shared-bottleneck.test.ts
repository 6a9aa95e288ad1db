import { expect, test } from 'vitest'
import { jain } from './bulk-flows.ts'
import { controllerPairs } from './controllers.ts'
import { compete, sharedBottleneck } from './shared-bottleneck.ts'
import { standing } from './standing.fixtures.ts'

standing(sharedBottleneck)

/** Bytes of each of the two transfers: half a minute of the link. */
const BYTES = 3_750_000

test('no controller starves another, or itself', () => {
  for (const [one, other] of controllerPairs()) {
    const indices = [1, 2].map((seed) => compete(seed, one, other, BYTES).fairness)
    const names = `${one.name} beside ${other.name}`
    expect(Math.max(...indices), names).toBeGreaterThan(0.8)
    expect(Math.min(...indices), names).toBeGreaterThan(0.65)
  }
})

test("Jain's index is 1 for equals and a half for one that takes all", () => {
  expect([jain(3, 3), jain(0, 5), jain(5, 0), jain(0, 0)]).toEqual([1, 0.5, 0.5, 1])
  expect(jain(1, 2)).toBeCloseTo(0.9)
})
