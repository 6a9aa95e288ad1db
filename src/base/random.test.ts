import { describe, expect, test } from 'vitest'
import { type RandomSource, randomBytes, randomInteger } from './random.ts'

/** Gives these bytes in turn, then zeros. */
function sourceOf(...bytes: readonly number[]): RandomSource {
  let at = 0
  return {
    fill(target) {
      for (let i = 0; i < target.length; i++) target[i] = bytes[at++] ?? 0
    },
  }
}

describe('randomBytes', () => {
  test('takes what the source gives', () => {
    expect([...randomBytes(sourceOf(1, 2, 3), 3)]).toEqual([1, 2, 3])
    expect(randomBytes(sourceOf(), 0)).toHaveLength(0)
  })
})

describe('randomInteger', () => {
  test('reduces a big-endian draw', () => {
    expect(randomInteger(sourceOf(0, 0, 1, 5), 256)).toBe(5)
    expect(randomInteger(sourceOf(0xff, 0xff, 0xff, 0xff), 2 ** 32)).toBe(0xffffffff)
    expect(randomInteger(sourceOf(9, 9, 9, 9), 1)).toBe(0)
  })

  test('draws again where the remainder would be likelier for small results', () => {
    // 2^32 = 3 * 1431655765 + 1: the highest value stands alone.
    expect(randomInteger(sourceOf(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 4), 3)).toBe(1)
    expect(randomInteger(sourceOf(0xff, 0xff, 0xff, 0xfe), 3)).toBe(2)
  })

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('a bound of %d is refused', (bound) => {
    expect(() => randomInteger(sourceOf(), bound)).toThrow(RangeError)
  })
})
