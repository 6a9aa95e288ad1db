import { expect, test } from 'vitest'
import { fromHex } from '../../base/bytes.ts'
import { seededRandom } from '../aead-suite.fixtures.ts'
import { KEY_PAIRS } from '../key-pairs.fixtures.ts'
import { noblePublicKey } from '../noble/public-key.ts'
import { publicKeySuite } from '../public-key-suite.fixtures.ts'
import { web, webProvider } from './provider.ts'
import { signerOfCryptoKey } from './signatures.ts'

publicKeySuite('Web Crypto', web, true)

const { subtle } = globalThis.crypto

function unsupported(): Promise<never> {
  return Promise.reject(new DOMException('Unrecognized name', 'NotSupportedError'))
}

test('a host that lacks every curve is helped out by noble', async () => {
  const poor = { ...stub(), importKey: unsupported, generateKey: unsupported }
  const provider = webProvider(() => poor)
  for (const group of provider.groups) {
    const share = await group.generate(seededRandom(4))
    expect(share.share).toEqual(
      (await noblePublicKey.groups.find((g) => g.group === group.group)?.generate(seededRandom(4)))?.share,
    )
  }
  const signer = await provider.createSigner(fromHex(KEY_PAIRS.ed25519.privateKey))
  const signature = await signer.sign(0x0807, fromHex('aa'))
  const verifier = provider.verifiers.find(({ scheme }) => scheme === 0x0807)
  expect(await verifier?.verify(fromHex(KEY_PAIRS.ed25519.publicKey), fromHex('aa'), signature)).toBe(true)
  expect(await verifier?.verify(fromHex(KEY_PAIRS.ed25519.publicKey), fromHex('ab'), signature)).toBe(false)
  await expect(async () => await provider.createSigner(fromHex(KEY_PAIRS.rsa.privateKey))).rejects.toThrow(
    'The private key cannot be read',
  )
})

test('a CryptoKey that is not extractable signs', async () => {
  const pair = (await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
    'sign',
    'verify',
  ])) as CryptoKeyPair
  const signer = signerOfCryptoKey(subtle, pair.privateKey)
  expect(signer.schemes).toEqual([0x0403])
  const spki = new Uint8Array(await subtle.exportKey('spki', pair.publicKey))
  const signature = await signer.sign(0x0403, fromHex('0102'))
  const verifier = noblePublicKey.verifiers.find(({ scheme }) => scheme === 0x0403)
  expect(await verifier?.verify(spki, fromHex('0102'), signature)).toBe(true)
  expect(() => signerOfCryptoKey(subtle, pair.publicKey)).toThrow('A public key for ECDSA does not sign')
})

test('an RSA-PSS CryptoKey signs with its own hash alone', async () => {
  const parameters = {
    name: 'RSA-PSS',
    modulusLength: 2048,
    publicExponent: fromHex('010001').slice(),
    hash: 'SHA-384',
  }
  const pair = (await subtle.generateKey(parameters, false, ['sign', 'verify'])) as CryptoKeyPair
  expect(signerOfCryptoKey(subtle, pair.privateKey).schemes).toEqual([0x0805])
})

/** A `SubtleCrypto` with no methods but those put in. */
function stub(): SubtleCrypto {
  return Object.create(subtle) as SubtleCrypto
}
