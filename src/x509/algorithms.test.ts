import { describe, expect, test } from 'vitest'
import { parsePublicKeyInfo, rsaPssAlgorithm, signatureAlgorithm, signatureScheme } from './algorithms.ts'
import { derBitString, derInteger, derNull, derOid, derSequence } from './der-writer.ts'
import { Oid } from './oids.ts'

const rsaKey = derBitString(derSequence(derInteger(0x40000001), derInteger(65537)))
const key = (algorithm: Uint8Array, bits = derBitString(new Uint8Array(32))): ReturnType<typeof parsePublicKeyInfo> =>
  parsePublicKeyInfo(derSequence(algorithm, bits))

const keys = {
  rsa: key(derSequence(derOid(Oid.rsaEncryption), derNull()), rsaKey),
  pss: key(derSequence(derOid(Oid.rsaPss)), rsaKey),
  pss384: key(rsaPssAlgorithm(1), rsaKey),
  p256: key(derSequence(derOid(Oid.ecPublicKey), derOid(Oid.p256))),
  p384: key(derSequence(derOid(Oid.ecPublicKey), derOid(Oid.p384))),
  p521: key(derSequence(derOid(Oid.ecPublicKey), derOid(Oid.p521))),
  ed25519: key(derSequence(derOid(Oid.ed25519))),
  ed448: key(derSequence(derOid(Oid.ed448))),
}

test('keys are told apart', () => {
  const kinds = Object.values(keys).map(({ kind }) => kind)
  expect(kinds).toEqual(['rsa', 'rsa-pss', 'rsa-pss', 'ec-p256', 'ec-p384', 'ec-p521', 'ed25519', 'ed448'])
  expect(keys.rsa.modulusBits).toBe(31)
  expect(key(derSequence(derOid(Oid.ecPublicKey), derOid('1.3.132.0.10'))).kind).toBe('unsupported')
  expect(key(derSequence(derOid(Oid.ecPublicKey))).kind).toBe('unsupported')
  expect(key(derSequence(derOid('1.2.840.10040.4.1'))).kind).toBe('unsupported')
})

describe('signature schemes', () => {
  test.each([0x0403, 0x0503, 0x0603])('ECDSA 0x%s goes with every curve', (scheme) => {
    const algorithm = signatureAlgorithm(scheme) ?? new Uint8Array()
    for (const name of ['p256', 'p384', 'p521'] as const) expect(signatureScheme(algorithm, keys[name])).toBe(scheme)
    expect(() => signatureScheme(algorithm, keys.rsa)).toThrow('does not belong to the key')
  })

  test.each([0x0401, 0x0501, 0x0601])('PKCS #1 0x%s goes with rsaEncryption', (scheme) => {
    const algorithm = signatureAlgorithm(scheme) ?? new Uint8Array()
    expect(signatureScheme(algorithm, keys.rsa)).toBe(scheme)
    expect(() => signatureScheme(algorithm, keys.pss)).toThrow('does not belong to the key')
  })

  test('EdDSA goes with its own keys', () => {
    expect(signatureScheme(signatureAlgorithm(0x0807) ?? new Uint8Array(), keys.ed25519)).toBe(0x0807)
    expect(signatureScheme(derSequence(derOid(Oid.ed448)), keys.ed448)).toBe(0x0808)
    expect(() => signatureScheme(derSequence(derOid(Oid.ed448)), keys.ed25519)).toThrow('does not belong to the key')
  })

  //= rfc9846#4.3.3-p13.6-2
  //= rfc9846#4.3.3-p13.10-2
  test('RSASSA-PSS is one scheme for keys of rsaEncryption, another for its own', () => {
    for (const index of [0, 1, 2]) {
      for (const withNull of [true, false]) {
        expect(signatureScheme(rsaPssAlgorithm(index, withNull), keys.rsa)).toBe(0x0804 + index)
        expect(signatureScheme(rsaPssAlgorithm(index, withNull), keys.pss)).toBe(0x0809 + index)
      }
      expect(signatureAlgorithm(0x0804 + index)).toEqual(rsaPssAlgorithm(index))
      expect(signatureAlgorithm(0x0809 + index)).toEqual(rsaPssAlgorithm(index))
    }
    expect(() => signatureScheme(rsaPssAlgorithm(0), keys.p256)).toThrow('does not belong to the key')
  })

  //= rfc9846#4.3.3-p13.10-3
  test('parameters of RSASSA-PSS that TLS does not name are refused', () => {
    expect(() => signatureScheme(derSequence(derOid(Oid.rsaPss)), keys.pss)).toThrow('are none that TLS supports')
    expect(() => signatureScheme(derSequence(derOid(Oid.rsaPss), derSequence()), keys.rsa)).toThrow('none that TLS')
  })

  //= rfc9846#4.3.3-p13.10-4
  test('a key with parameters signs with these and no others', () => {
    expect(signatureScheme(rsaPssAlgorithm(1), keys.pss384)).toBe(0x080a)
    expect(() => signatureScheme(rsaPssAlgorithm(0), keys.pss384)).toThrow('does not belong to the key')
  })

  test('what certificates cannot be signed with has no algorithm', () => {
    expect(signatureAlgorithm(0x0101)).toBeUndefined()
    expect(signatureAlgorithm(0x0807)).toEqual(derSequence(derOid(Oid.ed25519)))
  })
})
