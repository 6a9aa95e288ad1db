import { chacha20 } from '@noble/ciphers/chacha.js'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { randomBytes } from '../base/random.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { ChaCha20Block } from './chacha20-block.ts'

function blockOf(key: Uint8Array, sample: Uint8Array): string {
  const block = new ChaCha20Block(key)
  block.makeFromSample(new DataView(sample.buffer, sample.byteOffset, sample.byteLength), 0)
  return toHex(block.bytes)
}

test('the block of RFC 8439 §2.3.2', () => {
  const key = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
  expect(blockOf(key, fromHex('01000000000000090000004a00000000'))).toBe(
    '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
      'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
  )
})

test('blocks are those of noble', () => {
  const random = seededRandom(21)
  for (let i = 0; i < 200; i++) {
    const key = randomBytes(random, 32)
    const sample = randomBytes(random, 16)
    const counter = new DataView(sample.buffer).getUint32(0, true)
    expect(blockOf(key, sample)).toBe(toHex(chacha20(key, sample.slice(4), new Uint8Array(64), undefined, counter)))
  }
})

test('a sample may begin with any counter, the last included', () => {
  // Computed by OpenSSL; a stream cipher of noble refuses this counter.
  expect(blockOf(new Uint8Array(32), fromHex('ffffffff000000000000000000000000')).slice(0, 32)).toBe(
    'ace4cd09e294d1912d4ad205d06f95d9',
  )
})

test('wiping forgets the key', () => {
  const block = new ChaCha20Block(new Uint8Array(32).fill(1))
  block.make(0, 0, 0, 0)
  block.wipe()
  expect(block.bytes).toEqual(new Uint8Array(64))
})
