import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, equalBytes, fromHex } from '../base/bytes.ts'
import { issue, TEST_TIME, testKey } from './authority.fixtures.ts'
import { type Certificate, MAX_CERTIFICATE_LENGTH, parseCertificate, peekSubject } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { derTime } from './dates.ts'
import { constructedTag, DerError, DerReader, DerTag, primitiveTag } from './der.ts'
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derUtf8String,
} from './der-writer.ts'
import { encodeCommonName } from './distinguished-name.ts'
import { KeyUsage } from './extensions.ts'
import { encodeExtendedKeyUsage, encodeExtension } from './generate.ts'
import { Oid } from './oids.ts'

const ECDSA = derSequence(derOid(Oid.ecdsaWithSha256))
const name = encodeCommonName('a.example')

/** A certificate put together field by field, each of which may be wrong. */
function build(parts: Readonly<Record<string, Uint8Array | undefined>>): Uint8Array {
  const fields = {
    version: derElement(constructedTag(0), derInteger(2)),
    serial: derInteger(1),
    inner: ECDSA,
    issuer: name,
    validity: derSequence(derTime(TEST_TIME), derTime(TEST_TIME + 1000)),
    subject: name,
    spki: testKey('a'),
    ids: undefined,
    extensions: undefined,
    outer: ECDSA,
    signature: derBitString(Uint8Array.of(1)),
    extra: undefined,
    ...parts,
  }
  const present = (...all: (Uint8Array | undefined)[]): Uint8Array[] => all.filter((part) => part !== undefined)
  const { version, serial, inner, issuer, validity, subject, spki, ids, extensions, outer, signature, extra } = fields
  const tbs = derSequence(...present(version, serial, inner, issuer, validity, subject, spki, ids, extensions))
  return derSequence(...present(tbs, outer, signature, extra))
}

const withExtensions = (...extensions: Uint8Array[]): Uint8Array =>
  build({ extensions: derElement(constructedTag(3), derSequence(...extensions)) })

function refusal(der: Uint8Array): string {
  try {
    parseCertificate(der)
  } catch (error) {
    expect(error).toBeInstanceOf(CertificateError)
    expect(error).toMatchObject({ check: 'encoding', alert: 42 })
    return error instanceof Error ? error.message : ''
  }
  return 'accepted'
}

test('every field comes out', () => {
  const issuer = issue({ subject: 'Root', ca: true })
  const issued = issue({
    subject: 'a.example',
    issuer,
    names: ['a.example', '::1'],
    extensions: [
      encodeExtendedKeyUsage([Oid.serverAuth]),
      encodeExtension(Oid.subjectKeyIdentifier, false, derOctetString(fromHex('0102'))),
      encodeExtension(Oid.authorityKeyIdentifier, false, derSequence(derElement(primitiveTag(0), fromHex('0304')))),
      encodeExtension('1.2.3.4', false, derNull()),
      encodeExtension('1.2.3.5', true, derNull()),
    ],
  })
  const certificate = parseCertificate(issued.der)
  expect(certificate.version).toBe(3)
  expect(certificate.issuer.key).toBe(parseCertificate(issuer.der).subject.key)
  expect(certificate.subject.label).toBe('a.example')
  expect(certificate.isSelfIssued).toBe(false)
  expect(certificate.notAfter - certificate.notBefore).toBe(2 * 86_400_000)
  expect(equalBytes(certificate.spki, issued.spki)).toBe(true)
  expect(certificate.publicKey).toMatchObject({ kind: 'ec-p256', modulusBits: 0 })
  expect(certificate.extensions).toEqual({
    basicConstraints: { ca: false, pathLength: undefined },
    keyUsage: KeyUsage.digitalSignature,
    subjectAltName: [
      { type: 'dNSName', value: 'a.example' },
      { type: 'iPAddress', value: fromHex('00000000000000000000000000000001') },
    ],
    extendedKeyUsage: [Oid.serverAuth],
    subjectKeyIdentifier: fromHex('0102'),
    authorityKeyIdentifier: fromHex('0304'),
    unknownCritical: ['1.2.3.5'],
  })
  expect(peekSubject(issued.der).key).toBe(certificate.subject.key)
})

describe('malformed certificates', () => {
  test.each<[string, Uint8Array, string | RegExp]>([
    ['nothing', new Uint8Array(), /found the end/],
    ['bytes behind it', concat(build({}), Uint8Array.of(0)), /Unexpected 1 bytes/],
    ['a field behind the signature', build({ extra: derNull() }), /Unexpected 2 bytes/],
    ['different signature algorithms', build({ outer: derSequence(derOid(Oid.ecdsaWithSha384)) }), /algorithms differ/],
    [
      'version 1 spelled out',
      build({ version: derElement(constructedTag(0), derInteger(0)) }),
      /version must be 2 or 3/,
    ],
    ['version 4', build({ version: derElement(constructedTag(0), derInteger(3)) }), /got 4/],
    ['extensions in version 1', build({ version: undefined, extensions: derElement(constructedTag(3)) }), /Unexpected/],
    ['a negative serial number', build({ serial: fromHex('0201ff') }), /serial number is negative/],
    ['a serial number of 21 bytes', build({ serial: derElement(2, new Uint8Array(21).fill(1)) }), /more than 20 bytes/],
    ['an empty issuer', build({ issuer: derSequence() }), /issuer has an empty name/],
    ['an empty RDN', build({ subject: derSequence(derSet()) }), /Relative distinguished name/],
    ['a signature with spare bits', build({ signature: fromHex('03020180') }), /whole bytes/],
    [
      'a time without seconds',
      build({ validity: derSequence(derElement(DerTag.utcTime), derTime(0)) }),
      /Time must be/,
    ],
    ['no extension in extensions', withExtensions(), /Extensions must not be empty/],
    ['critical FALSE spelled out as 01', withExtensions(derSequence(derOid('1.2.3'), fromHex('010101'))), /BOOLEAN/],
    [
      'an extension twice',
      withExtensions(encodeExtension('1.2.3', false, derNull()), encodeExtension('1.2.3', true, derNull())),
      /1\.2\.3 occurs twice/,
    ],
    ['an empty key usage', withExtensions(encodeExtension(Oid.keyUsage, true, fromHex('030100'))), /at least one use/],
    ['an empty extended key usage', withExtensions(encodeExtendedKeyUsage([])), /found the end/],
    [
      'an empty subjectAltName',
      withExtensions(encodeExtension(Oid.subjectAltName, true, derSequence())),
      /GeneralName/,
    ],
    [
      'an address of 5 bytes',
      withExtensions(encodeExtension(Oid.subjectAltName, false, derSequence(derElement(0x87, new Uint8Array(5))))),
      /4 or 16 bytes, got 5/,
    ],
    [
      'a name beyond ASCII',
      withExtensions(encodeExtension(Oid.subjectAltName, false, derSequence(derElement(0x82, Uint8Array.of(0xe9))))),
      /must be ASCII/,
    ],
    [
      'a name of no form',
      withExtensions(encodeExtension(Oid.subjectAltName, false, derSequence(derElement(0x89)))),
      /tag 0x89/,
    ],
    [
      'bytes behind an extension',
      withExtensions(encodeExtension(Oid.basicConstraints, true, concat(derSequence(), derNull()))),
      /Unexpected/,
    ],
    [
      'a negative path length',
      withExtensions(encodeExtension(Oid.basicConstraints, true, derSequence(derBoolean(true), fromHex('0201ff')))),
      /negative/,
    ],
    [
      'empty policy constraints',
      withExtensions(encodeExtension(Oid.policyConstraints, true, derSequence())),
      /must not be empty/,
    ],
    [
      'empty name constraints',
      withExtensions(encodeExtension(Oid.nameConstraints, true, derSequence())),
      /must not be empty/,
    ],
    [
      'a policy twice',
      withExtensions(
        encodeExtension(
          Oid.certificatePolicies,
          false,
          derSequence(derSequence(derOid('1.2.3')), derSequence(derOid('1.2.3'))),
        ),
      ),
      /occurs twice/,
    ],
  ])('%s: refused', (_, der, message) => {
    expect(refusal(der)).toMatch(message)
  })

  test('one that is too long is not even read', () => {
    expect(refusal(new Uint8Array(MAX_CERTIFICATE_LENGTH + 1))).toMatch(/is longer than/)
  })

  test('a critical key identifier counts as an unknown extension (RFC 5280 §4.2.1.1, §4.2.1.2)', () => {
    const der = withExtensions(encodeExtension(Oid.subjectKeyIdentifier, true, derOctetString(Uint8Array.of(1))))
    expect(parseCertificate(der).extensions.unknownCritical).toEqual([Oid.subjectKeyIdentifier])
  })

  test('unique identifiers are passed over, a version 1 certificate is read', () => {
    const ids = concat(
      derElement(primitiveTag(1), Uint8Array.of(0, 1)),
      derElement(primitiveTag(2), Uint8Array.of(0, 1)),
    )
    expect(parseCertificate(build({ ids })).version).toBe(3)
    expect(parseCertificate(build({ version: undefined })).version).toBe(1)
  })
})

describe('names', () => {
  const attribute = (tag: number, text: string, type: string = Oid.commonName): Uint8Array =>
    derSequence(
      derOid(type),
      derElement(
        tag,
        Uint8Array.from(text, (c) => c.charCodeAt(0)),
      ),
    )
  const subjectOf = (...rdns: Uint8Array[]): Certificate['subject'] =>
    parseCertificate(build({ subject: derSequence(...rdns) })).subject

  test('compare without regard to string type, case and runs of spaces (RFC 5280 §7.1)', () => {
    const plain = subjectOf(derSet(attribute(DerTag.utf8String, 'Test Root CA')))
    expect(subjectOf(derSet(attribute(DerTag.printableString, ' TEST  root ca'))).key).toBe(plain.key)
    expect(subjectOf(derSet(attribute(DerTag.bmpString, '\0T\0e\0s\0t\0 \0R\0o\0o\0t\0 \0C\0A'))).key).toBe(plain.key)
    expect(subjectOf(derSet(attribute(DerTag.utf8String, 'TestRootCA'))).key).not.toBe(plain.key)
  })

  test('no two different sequences of attributes share a key', () => {
    const [a, b] = [attribute(DerTag.utf8String, 'a'), attribute(DerTag.utf8String, 'b')]
    const keys = [
      subjectOf(derSet(a), derSet(b)),
      subjectOf(derSet(a, b)),
      subjectOf(derSet(b), derSet(a)),
      subjectOf(derSet(attribute(DerTag.utf8String, 'a,2.5.4.32=b'))),
      subjectOf(derSet(attribute(DerTag.utf8String, 'a'), attribute(DerTag.utf8String, 'b', '2.5.4.10'))),
      subjectOf(derSet(attribute(DerTag.utf8String, '\xff'))),
      subjectOf(derSet(attribute(DerTag.utf8String, '\xfe'))),
    ].map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('are labelled by the common name, without what would upset a terminal', () => {
    const organisation = derSet(derSequence(derOid('2.5.4.10'), derUtf8String('Org')))
    expect(subjectOf(organisation).label).toBe('Org')
    expect(subjectOf(derSet(attribute(DerTag.utf8String, 'a\x1b[31m\n')), organisation).label).toBe('a\ufffd[31m\ufffd')
    expect(subjectOf(derSet(attribute(DerTag.utf8String, 'x'.repeat(100)))).label).toHaveLength(65)
  })
})

describe('hostile bytes', () => {
  const whole = issue({
    subject: 'a.example',
    names: ['a.example'],
    extensions: [encodeExtendedKeyUsage([Oid.serverAuth])],
  }).der

  test('a certificate cut at any byte is refused with a CertificateError', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(refusal(whole.subarray(0, length))).not.toBe('accepted')
      expect(() => peekSubject(whole.subarray(0, length))).toThrow(DerError)
    }
  })

  test('a certificate with any byte changed parses or is refused with a CertificateError', () => {
    const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(change, (changes) => {
        const bytes = whole.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        refusal(bytes)
      }),
      { numRuns: 1_500 },
    )
  })

  test('random bytes are refused with a CertificateError, and give no subject but a DerError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refusal(derSequence(derSequence(bytes), ECDSA, derBitString(bytes)))).not.toBe('accepted')
        expect(refusal(bytes)).not.toBe('accepted')
        expect(() => peekSubject(bytes)).toThrow(DerError)
      }),
    )
  })

  test('deep nesting costs nothing', () => {
    let nested = derNull()
    for (let depth = 0; depth < 5_000; depth++) nested = derElement(DerTag.sequence, nested)
    expect(new DerReader(nested).element()).toHaveLength(nested.length)
    expect(refusal(nested)).not.toBe('accepted')
  })
})
