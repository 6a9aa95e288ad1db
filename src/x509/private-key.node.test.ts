import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { CertificateError } from './certificate-error.ts'
import { encodePem } from './pem.ts'
import { pkcs8FromPkcs1, pkcs8FromSec1, privateKeyFromPem } from './private-key.ts'

const pkcs8 = (key: KeyObject): Uint8Array => new Uint8Array(key.export({ format: 'der', type: 'pkcs8' }))
const text = (key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1'): string =>
  key.export({ format: 'pem', type }).toString()

const curves = ['P-256', 'P-384', 'P-521'].map((namedCurve) => ({
  namedCurve,
  key: generateKeyPairSync('ec', { namedCurve }).privateKey,
}))
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey

describe('the files that people have', () => {
  test.each(curves)('SEC 1 of $namedCurve', ({ key }) => {
    const converted = createPrivateKey({
      key: Buffer.from(privateKeyFromPem(text(key, 'sec1'))),
      format: 'der',
      type: 'pkcs8',
    })
    expect(converted.equals(key)).toBe(true)
  })

  test('PKCS #1', () => {
    expect(privateKeyFromPem(text(rsa, 'pkcs1'))).toEqual(pkcs8(rsa))
  })

  test('PKCS #8, also behind a certificate and EC PARAMETERS', () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    const file =
      encodePem('CERTIFICATE', new Uint8Array(3)) +
      encodePem('EC PARAMETERS', new Uint8Array(3)) +
      text(privateKey, 'pkcs8')
    expect(privateKeyFromPem(file)).toEqual(pkcs8(privateKey))
  })
})

describe('refused', () => {
  test('an encrypted key, and a text without key', () => {
    const locked = rsa.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-128-cbc', passphrase: 'x' }).toString()
    const older = rsa.export({ format: 'pem', type: 'pkcs1', cipher: 'aes-128-cbc', passphrase: 'x' }).toString()
    expect(() => privateKeyFromPem(locked)).toThrow('private key is encrypted; decrypt it first')
    expect(() => privateKeyFromPem(older)).toThrow('PEM block RSA PRIVATE KEY is encrypted')
    expect(() => privateKeyFromPem('')).toThrow('PEM holds no private key')
  })

  test('a key cut at any byte', () => {
    const [{ key } = { key: rsa }] = curves
    const sec1 = new Uint8Array(key.export({ format: 'der', type: 'sec1' }))
    for (let length = 0; length < sec1.length; length++) {
      expect(() => pkcs8FromSec1(sec1.subarray(0, length))).toThrow(CertificateError)
    }
    const pkcs1 = new Uint8Array(rsa.export({ format: 'der', type: 'pkcs1' }))
    for (let length = 0; length < pkcs1.length; length += 7) {
      expect(() => pkcs8FromPkcs1(pkcs1.subarray(0, length))).toThrow(/^RSA private key is malformed/)
    }
  })
})
