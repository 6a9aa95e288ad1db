import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { issue } from './authority.fixtures.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { checkName, formatIpAddress, isHostName, parseIpAddress, parseReferenceName } from './names.ts'

const certificateFor = (...names: string[]): Certificate => parseCertificate(issue({ subject: 'a.example', names }).der)

function isGoodFor(certificate: Certificate, name: string): boolean {
  try {
    checkName(certificate, name)
    return true
  } catch (error) {
    expect(error).toBeInstanceOf(CertificateError)
    expect(error).toMatchObject({ check: 'name', alert: 42 })
    return false
  }
}

describe('host names (RFC 9525 §6.3)', () => {
  test.each([
    ['a.example', 'a.example'],
    ['A.Example', 'a.eXAMPLE'],
    ['a.example', 'a.example.'],
    ['*.b.example', 'a.b.example'],
    ['*.b.example', 'A.B.example.'],
    ['*.b.example', 'xn--bcher-kva.b.example'],
    ['xn--bcher-kva.example', 'XN--BCHER-KVA.example'],
    ['_dns.example', '_dns.example'],
    ['localhost', 'localhost'],
  ])('a certificate for %s is good for %s', (presented, reference) => {
    expect(isGoodFor(certificateFor(presented), reference)).toBe(true)
  })

  test.each([
    ['a.example', 'b.example'],
    ['a.example', 'x.a.example'],
    ['x.a.example', 'a.example'],
    ['*.b.example', 'b.example'],
    ['*.b.example', 'x.a.b.example'],
    ['*.b.example', '.b.example'],
    ['*.example', 'a.example'],
    ['*.b.example', '*.b.example'],
    ['*.0.1', '127.0.0.1'],
    ['a.example', ''],
    ['a.example', 'a.example..'],
    ['a.example', 'bücher.example'],
    ['127.0.0.1', 'localhost'],
  ])('a certificate for %s is not good for %s', (presented, reference) => {
    expect(isGoodFor(certificateFor(presented), reference)).toBe(false)
  })

  test('the common name is never looked at', () => {
    expect(isGoodFor(parseCertificate(issue({ subject: 'a.example' }).der), 'a.example')).toBe(false)
  })

  test('the refusal tells which names there are', () => {
    const certificate = certificateFor('b.example', '127.0.0.1', '::1')
    expect(() => checkName(certificate, 'a.example')).toThrow('name "a.example" is not in [b.example, 127.0.0.1, ::1]')
    const many = certificateFor(...Array.from({ length: 30 }, (_, i) => `${i}.example`))
    expect(() => checkName(many, 'a.example')).toThrow('9.example, and 20 more]')
    expect(() => checkName(certificate, 'a\n.example')).toThrow('is neither a host name in A-labels nor an IP address')
  })
})

describe('addresses', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::1', '[0:0:0:0:0:0:0:1]'],
    ['2001:db8::1', '2001:DB8:0:0::1'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('a certificate for %s is good for %s', (presented, reference) => {
    expect(isGoodFor(certificateFor(presented), reference)).toBe(true)
  })

  test.each([
    ['127.0.0.1', '127.0.0.2'],
    ['127.0.0.1', '127.0.0.1.'],
    ['127.0.0.1', '[127.0.0.1]'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['::1', '::2'],
  ])('a certificate for %s is not good for %s', (presented, reference) => {
    expect(isGoodFor(certificateFor(presented), reference)).toBe(false)
  })

  test.each([
    '1.2.3',
    '1.2.3.256',
    '1.2.3.04',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '12345::',
    'g::',
    '1.2.3.4::1.2.3.4',
    '::1.2.3.4:1',
    'fe80::1%eth0',
    ':1:2:3:4:5:6:7',
  ])('"%s" is no address', (text) => {
    expect(parseIpAddress(text)).toBeUndefined()
  })

  test.each(['1.2.3', '256.1.1.1', '10', 'a.0', 'a b', 'a..b', '*.a', `${'a'.repeat(64)}.b`])(
    '"%s" is no reference name',
    (text) => {
      expect(parseReferenceName(text)).toBeUndefined()
    },
  )

  test.each([
    ['0:0:0:0:0:0:0:0', '::'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:0:0:0:0:0', '1::'],
  ])('%s is written %s (RFC 5952)', (text, shortest) => {
    expect(formatIpAddress(parseIpAddress(text) ?? new Uint8Array())).toBe(shortest)
  })

  test('addresses survive being written and read', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    )
    fc.assert(
      fc.property(address, (bytes) => {
        expect(toHex(parseIpAddress(formatIpAddress(bytes)) ?? new Uint8Array())).toBe(toHex(bytes))
      }),
    )
  })

  test('no text makes the parsers throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.stringMatching(/^[0-9a-f:.]{1,40}$/)), (text) => {
        parseReferenceName(text)
        isHostName(text)
      }),
    )
  })
})
