import { poly1305 } from '@noble/ciphers/_poly1305.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../../base/bytes.ts'
import { Poly1305 } from './poly1305.ts'

/** Our tag of `text`, and noble's of what RFC 8439 §2.8 makes of it. */
function tags(key: Uint8Array, text: Uint8Array): readonly [string, string] {
  const keyView = new DataView(key.slice().buffer)
  const authenticator = new Poly1305()
  authenticator.begin(Int32Array.from({ length: 8 }, (_, i) => keyView.getInt32(4 * i, true)))
  authenticator.update(new DataView(text.slice().buffer), 0, text.length)
  authenticator.finish(0, text.length)
  const tag = new DataView(new ArrayBuffer(16))
  for (const [i, word] of authenticator.tag.entries()) tag.setInt32(4 * i, word, true)
  const lengths = new DataView(new ArrayBuffer(16))
  lengths.setUint32(8, text.length, true)
  const padded = concat(text, new Uint8Array(-text.length & 15), new Uint8Array(lengths.buffer))
  return [toHex(new Uint8Array(tag.buffer)), toHex(poly1305(padded, key))]
}

test('every tag agrees with noble', () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 400 }), (bytes, text) => {
      const [own, noble] = tags(bytes, text)
      expect(own).toBe(noble)
    }),
  )
})

test('sums at the prime and around 2^130 are reduced', () => {
  // With r = 1, 2 or 4 the sum is that of the blocks: many of ones reach the prime in all its neighbourhood.
  for (const r of ['01', '02', '04']) {
    for (let last = 0; last < 64; last++) {
      for (const blocks of [1, 2, 3, 4]) {
        const text = new Uint8Array(16 * blocks + 16).fill(0xff)
        text[16 * blocks] = 0xff - last
        const [own, noble] = tags(fromHex(r.padEnd(64, '0')), text)
        expect(own).toBe(noble)
      }
    }
  }
})

test('the largest key and text lose no bit', () => {
  const [own, noble] = tags(new Uint8Array(32).fill(0xff), new Uint8Array(4096).fill(0xff))
  expect(own).toBe(noble)
})
