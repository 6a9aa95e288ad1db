import { describe, expect, test } from 'vitest'
import { SeededRandom } from './seeded-random.ts'

describe('SeededRandom', () => {
  test('draws the same from the same seed, in every runtime', () => {
    const random = new SeededRandom(1)
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([3_987_381_080, 3_938_298_746, 1_405_740_770])
  })

  test('draws something else from another seed, and for another name', () => {
    const draws = [
      new SeededRandom(1),
      new SeededRandom(2),
      new SeededRandom(1).fork('a'),
      new SeededRandom(1).fork('b'),
    ]
    expect(new Set(draws.map((random) => random.uint32())).size).toBe(4)
  })

  test('a fork does not depend on what was drawn before', () => {
    const random = new SeededRandom(9)
    const early = random.fork('link').uint32()
    random.uint32()
    expect(random.fork('link').uint32()).toBe(early)
  })

  test('fills every byte, and spreads evenly', () => {
    const random = new SeededRandom(3)
    const bytes = new Uint8Array(65_537)
    random.fill(bytes)
    const counts = new Array<number>(256).fill(0)
    for (const byte of bytes) counts[byte] = (counts[byte] ?? 0) + 1
    expect(Math.min(...counts)).toBeGreaterThan(180)
    expect(Math.max(...counts)).toBeLessThan(340)
    const tail = new Uint8Array(7)
    random.fill(tail)
    expect(tail.subarray(4).some((byte) => byte !== 0)).toBe(true)
  })

  test('a chance of a third comes true a third of the time, and none draws nothing', () => {
    const random = new SeededRandom(4)
    let count = 0
    for (let index = 0; index < 30_000; index++) if (random.chance(1 / 3)) count += 1
    expect(Math.abs(count - 10_000)).toBeLessThan(300)
    const next = random.fork('x')
    const other = random.fork('x')
    expect([next.chance(0), next.chance(1)]).toEqual([false, true])
    expect(next.uint32()).toBe(other.uint32())
  })

  test.each([-1, 1.5, 2 ** 32, Number.NaN])('a seed of %d is refused', (seed) => {
    expect(() => new SeededRandom(seed)).toThrow(`seed must be an integer from 0 to 2^32 - 1, got ${seed}`)
  })
})
