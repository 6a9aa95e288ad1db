import { describe, expect, test } from 'vitest'
import { hashOf } from '../crypto/hkdf.ts'
import { type Issued, issue, TEST_TIME, testSigner } from './authority.fixtures.ts'
import { derBitString, derInteger, derNull, derOid, derSequence } from './der-writer.ts'
import { KeyUsage } from './extensions.ts'
import { signCertificate } from './generate.ts'
import { Oid } from './oids.ts'
import { certificateHash, createPinVerifier } from './pins.ts'

const DAY = 86_400_000

function verify(
  issued: { readonly der: Uint8Array },
  options: Parameters<typeof createPinVerifier>[0],
  time = TEST_TIME,
): void {
  void createPinVerifier(options).verify([issued.der], 'any.example', 'server', time)
}

const byHash = (
  { der }: { readonly der: Uint8Array },
  algorithm = 'sha-256',
): Parameters<typeof createPinVerifier>[0] => ({
  serverCertificateHashes: [{ algorithm, value: certificateHash(der) }],
})
const byKey = ({ spki }: Issued): Parameters<typeof createPinVerifier>[0] => ({ spkiPins: [hashOf('sha256', spki)] })

const lasting = (milliseconds: number): Issued =>
  issue({ subject: 'leaf', notBefore: TEST_TIME, notAfter: TEST_TIME + milliseconds })

const short = lasting(14 * DAY)

describe('serverCertificateHashes (W3C WebTransport, custom certificate requirements)', () => {
  test('the certificate with the hash is believed, whatever its names', () => {
    expect(() => verify(short, byHash(short))).not.toThrow()
    expect(() => verify(short, byHash(short, 'SHA-256'))).not.toThrow()
  })

  test('another one is refused, and the hashes that would fit are told', () => {
    expect(() => verify(lasting(DAY), byHash(short))).toThrow(
      /^certificate \(SHA-256 [0-9a-f]{64}, of its key [0-9a-f]{64}\) fits no pin$/,
    )
    expect(() => verify(short, {})).toThrow('fits no pin')
    expect(() =>
      verify(short, { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array() }] }),
    ).toThrow('fits no pin')
  })

  test('hashes of unknown algorithms are ignored', () => {
    expect(() => verify(short, byHash(short, 'sha-512'))).toThrow('fits no pin')
  })

  test('the validity period is at most two weeks', () => {
    const long = lasting(14 * DAY + 1000)
    expect(() => verify(long, byHash(long))).toThrow(
      'certificate is valid for 14.0 days, serverCertificateHashes allows at most 14',
    )
    expect(() => verify(long, byKey(long))).not.toThrow()
  })

  test('the time lies within it', () => {
    expect(() => verify(short, byHash(short), TEST_TIME - 1)).toThrow('certificate is not valid before 2026-06-01')
    expect(() => verify(short, byHash(short), TEST_TIME + 15 * DAY)).toThrow('certificate expired on 2026-06-15')
  })

  test('RSA keys are not allowed', () => {
    const modulus = derSequence(derInteger(0x7fffffff), derInteger(65537))
    const spki = derSequence(derSequence(derOid(Oid.rsaEncryption), derNull()), derBitString(modulus))
    const template = { serialNumber: Uint8Array.of(1), issuer: short.name, subject: short.name, spki, extensions: [] }
    const der = signCertificate({ ...template, notBefore: TEST_TIME, notAfter: TEST_TIME + DAY }, testSigner(spki))
    if (!(der instanceof Uint8Array)) throw new Error('pending')
    expect(() => verify({ der }, byHash({ der }))).toThrow(
      'certificate has an RSA key, which serverCertificateHashes does not allow',
    )
    expect(() => verify({ der }, { spkiPins: [hashOf('sha256', spki)] })).not.toThrow()
  })
})

describe('pins of keys', () => {
  test('any certificate around the key is believed while it is valid', () => {
    const renewed = issue({ subject: 'leaf', notAfter: TEST_TIME + 300 * DAY })
    expect(() => verify(renewed, byKey(short))).not.toThrow()
    expect(() => verify(renewed, byKey(short), TEST_TIME + 301 * DAY)).toThrow(/^certificate expired/)
    expect(() => verify(issue({ subject: 'leaf', key: 'other' }), byKey(short))).toThrow('fits no pin')
  })

  test('either kind of pin is enough', () => {
    expect(() => verify(short, { ...byHash(lasting(DAY)), ...byKey(short) })).not.toThrow()
  })
})

test('key usage must allow digital signatures', () => {
  const wrong = issue({ subject: 'leaf', keyUsage: KeyUsage.keyAgreement })
  expect(() => verify(wrong, byHash(wrong))).toThrow('key usage of the certificate does not allow digital signatures')
})

test('no certificate and a malformed one are refused', () => {
  const verifier = createPinVerifier(byHash(short))
  expect(() => verifier.verify([], undefined, 'server', TEST_TIME)).toThrow('peer sent no certificate')
  expect(() => verifier.verify([Uint8Array.of(1)], undefined, 'server', TEST_TIME)).toThrow('certificate is malformed')
})
