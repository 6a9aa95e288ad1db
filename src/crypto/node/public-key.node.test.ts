import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { fromHex } from '../../base/bytes.ts'
import { KEY_PAIRS } from '../key-pairs.fixtures.ts'
import { publicKeySuite } from '../public-key-suite.fixtures.ts'
import { nodePublicKey } from './public-key.ts'
import { signerOfKeyObject } from './signatures.ts'

publicKeySuite('node:crypto', nodePublicKey, true)

test('a KeyObject signs if it is a private key of a kind that TLS signs with', async () => {
  const key = Buffer.from(fromHex(KEY_PAIRS.p384.privateKey))
  const signer = signerOfKeyObject(createPrivateKey({ key, format: 'der', type: 'pkcs8' }))
  expect(signer.schemes).toEqual([0x0503])
  const spki = fromHex(KEY_PAIRS.p384.publicKey)
  const verifier = nodePublicKey.verifiers.find(({ scheme }) => scheme === 0x0503)
  expect(await verifier?.verify(spki, spki, await signer.sign(0x0503, spki))).toBe(true)

  expect(() => signerOfKeyObject(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }))).toThrow(
    'A signer needs a private key, got a public one',
  )
  expect(() => signerOfKeyObject(createSecretKey(new Uint8Array(16)))).toThrow(TypeError)
})

test('an RSA signature that begins with a zero does not verify without it', async () => {
  const signer = await nodePublicKey.createSigner(fromHex(KEY_PAIRS.rsaPss.privateKey))
  const [scheme = 0] = signer.schemes
  const verifier = nodePublicKey.verifiers.find((each) => each.scheme === scheme)
  const message = new Uint8Array(2)
  // Salted: one signature in 256 begins with a zero.
  let signature = await signer.sign(scheme, message)
  for (let tries = 0; signature[0] !== 0 && tries < 10_000; tries++) signature = await signer.sign(scheme, message)
  expect(signature[0]).toBe(0)
  expect(await verifier?.verify(fromHex(KEY_PAIRS.rsaPss.publicKey), message, signature)).toBe(true)
  expect(await verifier?.verify(fromHex(KEY_PAIRS.rsaPss.publicKey), message, signature.subarray(1))).toBe(false)
})
