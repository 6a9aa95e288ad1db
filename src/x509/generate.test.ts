import { p256 } from '@noble/curves/nist.js'
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import { hashOf } from '../crypto/hkdf.ts'
import type { Signer, Verifier } from '../crypto/provider.ts'
import { TEST_TIME, testKey, testSigner } from './authority.fixtures.ts'
import { parseCertificate } from './certificate.ts'
import { encodeCommonName } from './distinguished-name.ts'
import { KeyUsage } from './extensions.ts'
import { encodeBasicConstraints, encodeSubjectAltName, generateCertificate, signCertificate } from './generate.ts'
import { Oid } from './oids.ts'
import { createPathVerifier } from './path.ts'
import { ecPublicKey } from './private-key.ts'

const DAY = 86_400_000
const random = { fill: (bytes: Uint8Array): void => void bytes.fill(0xff) }
const spki = testKey('leaf')
const names = ['a.example', '*.b.example', '127.0.0.1', '::1']

function generate(options: Partial<Parameters<typeof generateCertificate>[0]> = {}): Uint8Array {
  const der = generateCertificate({ names, spki, ...options }, testSigner(spki), random, TEST_TIME)
  if (!(der instanceof Uint8Array)) throw new Error('pending')
  return der
}

test('a generated certificate says what it should', () => {
  const certificate = parseCertificate(generate())
  expect(certificate).toMatchObject({ version: 3, notBefore: TEST_TIME - 3_600_000, isSelfIssued: true, spki })
  expect(certificate.notAfter - certificate.notBefore).toBe(13 * DAY)
  expect(certificate.serialNumber).toHaveLength(16)
  expect(certificate.serialNumber[0]).toBe(0x7f)
  expect(certificate.subject.label).toBe('a.example')
  expect(certificate.extensions).toMatchObject({
    basicConstraints: { ca: false, pathLength: undefined },
    keyUsage: KeyUsage.digitalSignature,
    extendedKeyUsage: [Oid.serverAuth, Oid.clientAuth],
    unknownCritical: [],
  })
  expect(certificate.extensions.subjectAltName).toHaveLength(4)
})

test('wrong arguments are named', () => {
  expect(() => generate({ lifetime: 14 * DAY })).toThrow(`at most ${13 * DAY} ms, got ${14 * DAY}`)
  expect(() => generate({ lifetime: Number.NaN })).toThrow(RangeError)
  expect(() => generate({ names: [] })).toThrow('names must not be empty')
  expect(() => generate({ names: ['a b'] })).toThrow('got "a b"')
  const nobody: Signer = { schemes: [0x0101], sign: () => new Uint8Array() }
  expect(() => generateCertificate({ names, spki }, nobody, random, TEST_TIME)).toThrow('Signer has no scheme')
})

describe('with real keys', () => {
  const keys = (seed: string): { readonly spki: Uint8Array; readonly signer: Signer } => {
    const secret = hashOf('sha256', encodeUtf8(seed))
    const sign = (_: number, message: Uint8Array): Uint8Array => p256.sign(message, secret, { format: 'der' })
    return { spki: ecPublicKey(p256.getPublicKey(secret, false), Oid.p256), signer: { schemes: [0x0403], sign } }
  }
  const verifier: Verifier = {
    scheme: 0x0403,
    verify: (key, message, signature) =>
      p256.verify(signature, message, key.subarray(-65), { format: 'der', lowS: false }),
  }

  test('an authority and a server make a chain that is accepted', () => {
    const [authority, server] = [keys('authority'), keys('server')]
    const period = { serialNumber: Uint8Array.of(1), notBefore: TEST_TIME, notAfter: TEST_TIME + DAY }
    const issuer = encodeCommonName('CA')
    const extensions = [encodeBasicConstraints(true, 0)]
    const root = signCertificate(
      { ...period, issuer, subject: issuer, spki: authority.spki, extensions },
      authority.signer,
    )
    const alternative = [encodeSubjectAltName(['a.example'])]
    const template = { ...period, issuer, subject: encodeCommonName(''), spki: server.spki, extensions: alternative }
    const good = signCertificate(template, authority.signer)
    const bad = signCertificate(template, server.signer)
    if (!(root instanceof Uint8Array && good instanceof Uint8Array && bad instanceof Uint8Array))
      throw new Error('pending')
    const path = createPathVerifier({ anchors: [root], verifiers: [verifier] })
    expect(path.verify([good], 'a.example', 'server', TEST_TIME)).toBeUndefined()
    expect(() => path.verify([bad], 'a.example', 'server', TEST_TIME)).toThrow('is not by the key of "CA"')
  })
})
