import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { integerBits } from './asn1.ts'
import { encodePrivateKey, encodePublicKey, encodeRsaKey, parsePrivateKey, parsePublicKey } from './key-format.ts'
import { KEY_PAIRS } from './key-pairs.fixtures.ts'
import { schemeAlgorithm, signingSchemes, takesKey } from './signature-schemes.ts'

const KINDS = {
  p256: { kind: 'ec', curve: 'P-256' },
  p384: { kind: 'ec', curve: 'P-384' },
  p521: { kind: 'ec', curve: 'P-521' },
  ed25519: { kind: 'ed25519' },
  rsa: { kind: 'rsa' },
  rsaPss: { kind: 'rsa-pss', hash: undefined },
  rsaPssSha384: { kind: 'rsa-pss', hash: 'sha384' },
  rsa1024: { kind: 'rsa' },
} as const

describe('keys of OpenSSL', () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    const pair = KEY_PAIRS[name as keyof typeof KEY_PAIRS]
    test(`${name} is recognized, public and private`, () => {
      expect(parsePublicKey(fromHex(pair.publicKey))?.algorithm).toEqual(kind)
      expect(parsePrivateKey(fromHex(pair.privateKey))?.algorithm).toEqual(kind)
    })

    test(`${name} is refused when cut short, or with a byte too many`, () => {
      const spki = fromHex(pair.publicKey)
      for (let length = 0; length < spki.length; length++) {
        expect(parsePublicKey(spki.subarray(0, length))).toBeUndefined()
      }
      expect(parsePublicKey(concat(spki, Uint8Array.of(0)))).toBeUndefined()
      const pkcs8 = fromHex(pair.privateKey)
      for (let length = 0; length < pkcs8.length; length++) {
        expect(parsePrivateKey(pkcs8.subarray(0, length))).toBeUndefined()
      }
    })
  }

  test('an RSA key tells the size of its modulus', () => {
    expect(parsePublicKey(fromHex(KEY_PAIRS.rsa.publicKey))?.modulusBits).toBe(2048)
    expect(parsePublicKey(fromHex(KEY_PAIRS.rsa1024.publicKey))?.modulusBits).toBe(1024)
  })
})

test('a compressed point is no key', () => {
  const spki = fromHex(KEY_PAIRS.p256.publicKey)
  const point = spki.slice(-65)
  expect(toHex(encodePublicKey('P-256', point))).toBe(KEY_PAIRS.p256.publicKey)
  const compressed = concat(Uint8Array.of(2), point.subarray(1, 33))
  expect(parsePublicKey(encodePublicKey('P-256', compressed))).toBeUndefined()
})

test('what is encoded is parsed again', () => {
  const length = { 'P-256': 32, 'P-384': 48, 'P-521': 66, Ed25519: 32 }
  const curves = fc.constantFrom('P-256', 'P-384', 'P-521', 'Ed25519')
  fc.assert(
    fc.property(curves, fc.uint8Array({ minLength: 198, maxLength: 198 }), (curve, bytes) => {
      const size = length[curve]
      const secret = bytes.subarray(0, size)
      const point = curve === 'Ed25519' ? secret : concat(Uint8Array.of(4), bytes.subarray(size, 3 * size))
      expect(parsePrivateKey(encodePrivateKey(curve, secret, point))?.bytes).toEqual(secret)
      expect(parsePublicKey(encodePublicKey(curve, point))?.bytes).toEqual(point)
    }),
  )
})

test('an RSA-PSS key goes over into a plain one', () => {
  const pss = parsePublicKey(fromHex(KEY_PAIRS.rsaPssSha384.publicKey))
  const plain = parsePublicKey(encodeRsaKey(pss?.bytes ?? new Uint8Array(0), 'public'))
  expect(plain).toEqual({ algorithm: { kind: 'rsa' }, bytes: pss?.bytes, modulusBits: 2048 })
  const secret = parsePrivateKey(fromHex(KEY_PAIRS.rsaPssSha384.privateKey))
  const plainSecret = parsePrivateKey(encodeRsaKey(secret?.bytes ?? new Uint8Array(0), 'private'))
  expect(plainSecret).toEqual({ algorithm: { kind: 'rsa' }, bytes: secret?.bytes })
})

test('no bytes make the parsers throw', () => {
  const valid = fc.constantFrom(...Object.values(KEY_PAIRS).flatMap((pair) => [pair.publicKey, pair.privateKey]))
  const changed = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([hex, at, value]) => {
    const bytes = fromHex(hex)
    bytes[at % Math.min(60, bytes.length)] = value
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), changed), (bytes) => {
      parsePublicKey(bytes)
      parsePrivateKey(bytes)
    }),
    { numRuns: 2000 },
  )
})

test('the bits of a positive INTEGER, and none for any other', () => {
  const bits = (hex: string): number => integerBits(fromHex(hex))
  expect([bits('01'), bits('7f'), bits('0080'), bits('00ff'), bits('0100'), bits('7fffff')]).toEqual([
    1, 7, 8, 8, 9, 23,
  ])
  expect([bits(''), bits('00'), bits('80'), bits('ff01'), bits('0001'), bits('0000')]).toEqual([0, 0, 0, 0, 0, 0])
})

test('a key signs with the schemes of its kind, and verifiers of those take it', () => {
  const schemes = {
    p256: [0x0403],
    p384: [0x0503],
    p521: [0x0603],
    ed25519: [0x0807],
    rsa: [0x0804, 0x0805, 0x0806],
    rsaPss: [0x0809, 0x080a, 0x080b],
    rsaPssSha384: [0x080a],
  } as const
  for (const [name, expected] of Object.entries(schemes)) {
    const key = parsePublicKey(fromHex(KEY_PAIRS[name as keyof typeof schemes].publicKey))
    if (key === undefined) throw new RangeError(`${name} does not parse`)
    expect(signingSchemes(key.algorithm)).toEqual(expected)
    for (const scheme of expected) {
      const parts = schemeAlgorithm(scheme)
      expect(parts !== undefined && takesKey(parts, key)).toBe(true)
    }
  }
  expect(schemeAlgorithm(0x0201)).toBeUndefined()
})
