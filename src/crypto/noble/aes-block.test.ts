import { ecb } from '@noble/ciphers/aes.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { AesBlock } from './aes-block.ts'

function encrypt(key: Uint8Array, plain: Uint8Array): string {
  const view = new DataView(plain.slice().buffer)
  const block = new AesBlock(key)
  block.encrypt(view.getInt32(0, true), view.getInt32(4, true), view.getInt32(8, true), view.getInt32(12, true))
  for (const [i, word] of [block.s0, block.s1, block.s2, block.s3].entries()) view.setInt32(4 * i, word, true)
  return toHex(new Uint8Array(view.buffer))
}

test('the examples of FIPS 197 Appendix C come out', () => {
  const plain = fromHex('00112233445566778899aabbccddeeff')
  expect(encrypt(fromHex('000102030405060708090a0b0c0d0e0f'), plain)).toBe('69c4e0d86a7b0430d8cdb78070b4c55a')
  const longKey = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
  expect(encrypt(longKey, plain)).toBe('8ea2b7ca516745bfeafc49904b496089')
})

test('every block agrees with the AES of noble', () => {
  const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
  fc.assert(
    fc.property(fc.oneof(bytes(16), bytes(32)), bytes(16), (key, plain) => {
      expect(encrypt(key, plain)).toBe(toHex(ecb(key, { disablePadding: true }).encrypt(plain)))
    }),
  )
})
