import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { seededRandom } from '../aead-suite.fixtures.ts'
import { KEY_PAIRS } from '../key-pairs.fixtures.ts'
import { publicKeySuite } from '../public-key-suite.fixtures.ts'
import { generateP256KeyPair } from './key-pair.ts'
import { noblePublicKey } from './public-key.ts'

publicKeySuite('noble', noblePublicKey, false)

test('the same seed gives the same key shares and key pairs', async () => {
  for (const group of noblePublicKey.groups) {
    const first = await group.generate(seededRandom(1))
    const second = await group.generate(seededRandom(1))
    expect(toHex(first.share)).toBe(toHex(second.share))
    expect(toHex((await group.generate(seededRandom(2))).share)).not.toBe(toHex(first.share))
  }
  expect(generateP256KeyPair(seededRandom(1))).toEqual(generateP256KeyPair(seededRandom(1)))
})

test('a generated key pair signs and verifies', async () => {
  const pair = generateP256KeyPair(seededRandom(3))
  const signer = await noblePublicKey.createSigner(pair.privateKey)
  const signature = await signer.sign(0x0403, fromHex('00'))
  expect(await noblePublicKey.verifiers[0]?.verify(pair.publicKey, fromHex('00'), signature)).toBe(true)
})

test('RSA is refused by name, for noble has none', async () => {
  await expect(async () => await noblePublicKey.createSigner(fromHex(KEY_PAIRS.rsa.privateKey))).rejects.toThrow(
    'RSA keys need node:crypto or Web Crypto',
  )
})
