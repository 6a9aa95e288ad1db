import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { fromHex } from '../base/bytes.ts'
import { noblePublicKey } from './noble/public-key.ts'
import { nodePublicKey } from './node/public-key.ts'
import type { PublicKeyProvider } from './provider.ts'
import { web } from './web/provider.ts'
import { caseName, type SignatureGroup, type Wycheproof } from './wycheproof.fixtures.ts'

const CURVE_FILES = [
  { file: 'ecdsa_secp256r1_sha256_test', scheme: 0x0403 },
  { file: 'ecdsa_secp384r1_sha384_test', scheme: 0x0503 },
  { file: 'ecdsa_secp521r1_sha512_test', scheme: 0x0603 },
  { file: 'ed25519_test', scheme: 0x0807 },
] as const
const RSA_FILES = [
  { file: 'rsa_pss_2048_sha256_mgf1_32_test', scheme: 0x0804 },
  { file: 'rsa_pss_2048_sha384_mgf1_48_test', scheme: 0x0805 },
  { file: 'rsa_pss_3072_sha256_mgf1_32_test', scheme: 0x0804 },
  { file: 'rsa_pss_4096_sha384_mgf1_48_test', scheme: 0x0805 },
  { file: 'rsa_pss_4096_sha512_mgf1_64_test', scheme: 0x0806 },
  { file: 'rsa_signature_2048_sha256_test', scheme: 0x0401 },
  { file: 'rsa_signature_3072_sha384_test', scheme: 0x0501 },
  { file: 'rsa_signature_4096_sha512_test', scheme: 0x0601 },
] as const

async function verifies(
  provider: PublicKeyProvider,
  scheme: number,
  group: SignatureGroup,
  each: SignatureGroup['tests'][number],
): Promise<boolean> {
  const verifier = provider.verifiers.find((candidate) => candidate.scheme === scheme)
  if (verifier === undefined) throw new RangeError(`There is no verifier of ${scheme}`)
  return await verifier.verify(fromHex(group.publicKeyDer), fromHex(each.msg), fromHex(each.sig))
}

async function judge(provider: PublicKeyProvider, file: string, scheme: number): Promise<void> {
  for (const group of readVectors<Wycheproof<SignatureGroup>>(`wycheproof/${file}.json`).testGroups) {
    for (const each of group.tests) {
      // What is acceptable may go either way: none of it is a forgery.
      const isExpected = each.result === 'valid'
      const isVerified = await verifies(provider, scheme, group, each)
      if (each.result !== 'acceptable') expect(isVerified, caseName(each)).toBe(isExpected)
    }
  }
}

describe.skipIf(!hasVectors)('Wycheproof', () => {
  for (const { file, scheme } of CURVE_FILES) {
    test(`noble judges ${file}`, () => judge(noblePublicKey, file, scheme))
    test(`node:crypto judges ${file}`, () => judge(nodePublicKey, file, scheme))
    test(`Web Crypto judges ${file}`, () => judge(web, file, scheme))
  }
  for (const { file, scheme } of RSA_FILES) {
    test(`node:crypto judges ${file}`, () => judge(nodePublicKey, file, scheme))
    test(`Web Crypto judges ${file}`, () => judge(web, file, scheme))
  }

  for (const [name, provider] of [
    ['node:crypto', nodePublicKey],
    ['Web Crypto', web],
  ] as const) {
    test(`${name} takes of rsa_pss_misc_test what has one hash throughout and a salt of its length`, async () => {
      let taken = 0
      for (const group of readVectors<Wycheproof<SignatureGroup>>('wycheproof/rsa_pss_misc_test.json').testGroups) {
        for (const each of group.tests) {
          for (const [scheme, sha, length] of [
            [0x0804, 'SHA-256', 32],
            [0x0805, 'SHA-384', 48],
            [0x0806, 'SHA-512', 64],
          ] as const) {
            const isOurs = group.sha === sha && group.mgfSha === sha && group.sLen === length
            const isExpected = isOurs && each.result === 'valid'
            expect(await verifies(provider, scheme, group, each), caseName(each)).toBe(isExpected)
            if (isExpected) taken += 1
          }
        }
      }
      expect(taken).toBeGreaterThan(0)
    })
  }
})
