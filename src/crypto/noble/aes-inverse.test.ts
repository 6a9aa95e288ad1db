import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { AesBlock } from './aes-block.ts'
import { AesInverse } from './aes-inverse.ts'

test('decrypts the example of FIPS 197, Appendix C.1', () => {
  const block = fromHex('69c4e0d86a7b0430d8cdb78070b4c55a')
  new AesInverse(fromHex('000102030405060708090a0b0c0d0e0f')).decrypt(block)
  expect(toHex(block)).toBe('00112233445566778899aabbccddeeff')
})

test('undoes what AesBlock does, for every key and block', () => {
  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(bytes, bytes, (key, plain) => {
      const aes = new AesBlock(key)
      const words = new Int32Array(plain.slice().buffer)
      aes.encrypt(words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0)
      const block = new Uint8Array(Int32Array.of(aes.s0, aes.s1, aes.s2, aes.s3).buffer)
      new AesInverse(key).decrypt(block)
      expect(toHex(block)).toBe(toHex(plain))
    }),
    { numRuns: 50 },
  )
})
