import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RandomSource } from '../base/random.ts'
import { SealingKeys } from './sealing-keys.ts'

const KEY = new Uint8Array(32).fill(1)
const OTHER = new Uint8Array(32).fill(2)

function counting(): RandomSource {
  let count = 0
  return {
    fill(bytes) {
      count += 1
      bytes.fill(count)
    },
  }
}

test('what was sealed opens, and is never sealed the same way twice', () => {
  const keys = new SealingKeys('test', KEY, counting())
  fc.assert(
    fc.property(fc.nat(255), fc.uint8Array({ maxLength: 300 }), (kind, plaintext) => {
      const sealed = keys.seal(kind, plaintext)
      expect(sealed[0]).toBe(kind)
      expect(keys.open(sealed)).toEqual(plaintext)
      expect(keys.seal(kind, plaintext)).not.toEqual(sealed)
    }),
    { numRuns: 50 },
  )
})

test('one changed bit anywhere, one byte less, or another purpose, and it does not open', () => {
  const keys = new SealingKeys('test', KEY, counting())
  const sealed = keys.seal(7, Uint8Array.of(1, 2, 3))
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const changed = sealed.slice()
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(keys.open(changed)).toBeUndefined()
  }
  expect(keys.open(sealed.subarray(0, -1))).toBeUndefined()
  expect(keys.open(new Uint8Array(0))).toBeUndefined()
  expect(new SealingKeys('other', KEY, counting()).open(sealed)).toBeUndefined()
})

test('after a rotation the key before still opens, and after two no more', () => {
  const keys = new SealingKeys('test', KEY, counting())
  const sealed = keys.seal(1, Uint8Array.of(9))
  keys.rotate(OTHER)
  expect(keys.open(sealed)).toEqual(Uint8Array.of(9))
  expect(keys.open(keys.seal(1, Uint8Array.of(8)))).toEqual(Uint8Array.of(8))
  keys.rotate(new Uint8Array(32).fill(3))
  expect(keys.open(sealed)).toBeUndefined()
})

test('a key of less than 32 bytes is refused', () => {
  expect(() => new SealingKeys('test', new Uint8Array(31), counting())).toThrow(RangeError)
})
