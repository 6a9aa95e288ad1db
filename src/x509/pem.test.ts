import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { CertificateError } from './certificate-error.ts'
import { certificatesFromPem, decodePem, encodePem } from './pem.ts'

test('blocks of any bytes survive, among other text', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (parts) => {
      const text = parts.map((der) => `some text\r\n${encodePem('A LABEL', der)}`).join('\n')
      expect(decodePem(text)).toEqual(parts.map((der) => ({ label: 'A LABEL', der })))
    }),
  )
})

test('a line has 64 characters (RFC 7468 §3)', () => {
  expect(encodePem('X', new Uint8Array(49))).toBe(`-----BEGIN X-----\n${'A'.repeat(64)}\nAA==\n-----END X-----\n`)
})

test('RFC 4648 §10: test vectors', () => {
  const decode = (body: string): Uint8Array | undefined =>
    decodePem(`-----BEGIN X-----\n${body}\n-----END X-----`)[0]?.der
  expect(decode('Zg==')).toEqual(fromHex('66'))
  expect(decode('Zm8=')).toEqual(fromHex('666f'))
  expect(decode('Zm9v')).toEqual(fromHex('666f6f'))
  expect(decode('Zm9\r\n vYg ==')).toEqual(fromHex('666f6f62'))
  expect(decode('')).toEqual(new Uint8Array())
})

describe('refused', () => {
  test.each([
    ['no end', '-----BEGIN X-----\nAAAA', 'PEM block has no end'],
    ['another end', '-----BEGIN X-----\nAAAA\n-----END Y-----', 'PEM block has no end'],
    ['a label without end', '-----BEGIN X\n', 'PEM block has no end'],
    ['a wrong length', '-----BEGIN X-----\nAAA\n-----END X-----', 'wrong length'],
    ['what is no base64', '-----BEGIN X-----\nA!AA\n-----END X-----', 'no base64'],
    ['padding within', '-----BEGIN X-----\nA==A\n-----END X-----', 'no base64'],
    ['headers', '-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END X-----', 'PEM block X is encrypted'],
  ])('%s', (_, text, message) => {
    expect(() => decodePem(text)).toThrow(CertificateError)
    expect(() => decodePem(text)).toThrow(message)
  })

  test('a text without certificates', () => {
    expect(() => certificatesFromPem('')).toThrow('PEM holds no certificate')
    expect(() => certificatesFromPem(encodePem('PRIVATE KEY', new Uint8Array(3)))).toThrow('PEM holds no certificate')
  })
})

test('certificates come in their order, keys between them are passed over', () => {
  const blocks = [
    encodePem('CERTIFICATE', Uint8Array.of(1)),
    encodePem('PRIVATE KEY', Uint8Array.of(2)),
    encodePem('X509 CERTIFICATE', Uint8Array.of(3)),
  ]
  expect(certificatesFromPem(blocks.join(''))).toEqual([Uint8Array.of(1), Uint8Array.of(3)])
})

test('no text makes the decoder throw anything but a CertificateError', () => {
  const fragment = fc.constantFrom('-----BEGIN ', '-----', 'X', '-----END X-----', '\n', 'AAAA', '=', ':')
  fc.assert(
    fc.property(fc.array(fc.oneof(fragment, fc.string())), (fragments) => {
      try {
        decodePem(fragments.join(''))
      } catch (error) {
        expect(error).toBeInstanceOf(CertificateError)
      }
    }),
  )
})
