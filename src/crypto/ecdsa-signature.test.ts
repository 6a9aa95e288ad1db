import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { ecdsaToDer, ecdsaToRaw } from './ecdsa-signature.ts'

test('both forms say the same, whatever the numbers', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(32, 48, 66),
      fc.uint8Array({ minLength: 132, maxLength: 132 }),
      fc.nat(40),
      (size, bytes, zeros) => {
        const raw = bytes.slice(0, 2 * size)
        // Leading zeros are what makes the two forms differ; a number of nothing else is no number of a signature.
        raw.fill(0, 0, Math.min(zeros, size - 1))
        raw[size - 1] = (raw[size - 1] ?? 0) | 1
        raw[2 * size - 1] = (raw[2 * size - 1] ?? 0) | 1
        expect(ecdsaToRaw(ecdsaToDer(raw), size)).toEqual(raw)
      },
    ),
  )
})

test('a signature of P-521 needs a length of two bytes', () => {
  const raw = new Uint8Array(132).fill(0xff)
  raw[0] = raw[66] = 1
  expect(toHex(ecdsaToDer(raw).subarray(0, 3))).toBe('308188')
  expect(ecdsaToRaw(ecdsaToDer(raw), 66)).toEqual(raw)
})

test('what is not DER, or no positive number of the size, is refused', () => {
  const bad = [
    '',
    '3006020101020101ff',
    '300602010102010100',
    '3007020101020101',
    '3006020100020101',
    '3006020101020100',
    '3006020181020101',
    '300702020001020101',
    '308106020101020101',
    '300902010102010102010100',
    `3046022101${'00'.repeat(32)}022101${'00'.repeat(32)}`,
  ]
  for (const hex of bad) expect(ecdsaToRaw(fromHex(hex), 32), hex).toBeUndefined()
  expect(ecdsaToRaw(fromHex('3006020101020101'), 32)).toHaveLength(64)
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      ecdsaToRaw(bytes, 32)
    }),
  )
})
