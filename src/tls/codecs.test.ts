import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { hashLength } from '../crypto/hkdf.ts'
import { AlertDescription, alertName, TlsAlert } from './alert.ts'
import {
  decodeCertificate,
  decodeCertificateRequest,
  decodeCertificateVerify,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  requestedExtensions,
  signedContent,
} from './certificate-messages.ts'
import { type ClientHelloFields, decodeClientHello, drawGrease, encodeClientHello } from './client-hello.ts'
import { ExtensionType } from './code-points.ts'
import {
  decodeAlpn,
  decodeCodePoint,
  decodeCodePoints,
  decodeCookie,
  decodeKeyShare,
  decodeKeyShares,
  decodeServerName,
  decodeVersions,
  type Extensions,
  readExtensions,
  writeAlpn,
  writeCodePoints,
  writeCookie,
  writeExtension,
  writeKeyShareEntry,
  writeKeyShares,
  writeServerName,
  writeVersions,
} from './extensions.ts'
import { greaseValue } from './grease.ts'
import { isGrease, seededRandom } from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import {
  bindersLength,
  checkEarlyDataIndication,
  decodeOfferedPsks,
  decodePskModes,
  decodeSelectedPsk,
} from './psk-extensions.ts'
import {
  decodeEncryptedExtensions,
  decodeServerHello,
  encodeEncryptedExtensions,
  encodeRetryRequest,
  encodeServerHello,
} from './server-hello.ts'
import { isAddressLiteral } from './server-name.ts'
import { decodeNewSessionTicket, encodeNewSessionTicket } from './ticket-message.ts'

const uint16 = fc.integer({ min: 0, max: 0xffff })
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })
const keyShare = fc.record({ group: uint16, share: bytes(1, 100) })

/** The body of the one extension that is written. */
function bodyOf(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  write(writer)
  return writer.finish().subarray(4)
}

/** The message that is written, without its header. */
function body(message: Uint8Array): Uint8Array {
  return message.subarray(HEADER_LENGTH)
}

describe('extensions round-trip', () => {
  test('supported_groups and signature_algorithms', () => {
    fc.assert(
      fc.property(fc.array(uint16, { minLength: 1, maxLength: 50 }), (values) => {
        const written = bodyOf((writer) => writeExtension(writer, 10, () => writeCodePoints(writer, values)))
        expect(decodeCodePoints(written, 'supported_groups')).toEqual(values)
      }),
    )
  })

  test('supported_versions', () => {
    fc.assert(
      fc.property(fc.array(uint16, { minLength: 1, maxLength: 50 }), (values) => {
        expect(decodeVersions(bodyOf((writer) => writeVersions(writer, values)))).toEqual(values)
      }),
    )
  })

  test('key_share of either side', () => {
    fc.assert(
      fc.property(fc.array(keyShare, { maxLength: 5 }), (shares) => {
        expect(decodeKeyShares(bodyOf((writer) => writeKeyShares(writer, shares)))).toEqual(shares)
        for (const share of shares) {
          const written = bodyOf((writer) => writeExtension(writer, 51, () => writeKeyShareEntry(writer, share)))
          expect(decodeKeyShare(written)).toEqual(share)
        }
      }),
    )
  })

  test('ALPN and cookie', () => {
    fc.assert(
      fc.property(fc.array(bytes(1, 255), { minLength: 1, maxLength: 5 }), bytes(1, 600), (names, cookie) => {
        expect(decodeAlpn(bodyOf((writer) => writeAlpn(writer, names)))).toEqual(names)
        expect(decodeCookie(bodyOf((writer) => writeCookie(writer, cookie)))).toEqual(cookie)
      }),
    )
  })

  test('server_name, in lower case', () => {
    for (const [name, expected] of [
      ['Example.ORG', 'example.org'],
      ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
      ['127.0.0.1', undefined],
    ] as const) {
      expect(decodeServerName(bodyOf((writer) => writeServerName(writer, name)))).toBe(expected)
    }
  })
})

test('addresses are told from names', () => {
  for (const name of ['192.0.2.1', '::1', '2001:db8::1', '1.2.3.4.', '0x7f.1', '127'])
    expect(isAddressLiteral(name)).toBe(true)
  for (const name of ['example.org', '1.example', '1.2.3.4.example', 'a1', '3com.', 'localhost', '1e5']) {
    expect(isAddressLiteral(name)).toBe(false)
  }
})

const IDENTITIES = '0007' + '000101' + '00000000'
const BINDER = `20${'00'.repeat(32)}`
const PSK_OFFERS = [
  '',
  `00000021${BINDER}`,
  `00060000000000000021${BINDER}`,
  `00060001010000000021${BINDER}`,
  IDENTITIES,
  `${IDENTITIES}0000`,
  `${IDENTITIES}00201f${'00'.repeat(31)}`,
  `${IDENTITIES}0022${BINDER}00`,
  `${IDENTITIES}0021${BINDER}00`,
]

describe('malformed extensions are decode_error', () => {
  const cases: readonly (readonly [string, (body: Uint8Array) => unknown, readonly string[]])[] = [
    ['lists', (b) => decodeCodePoints(b, 'list'), ['', '00', '0000', '0001aa', '0002aa', '0003aabbcc', '0002aabb00']],
    ['versions', decodeVersions, ['', '00', '01aa', '03aabbcc', '02aabb00']],
    ['one code point', (b) => decodeCodePoint(b, 'version'), ['', '03', '030400']],
    ['key shares', decodeKeyShares, ['', '0004001d0000', '0005001d0002aa', '0005001d0001aabb', '0001aa']],
    ['one key share', decodeKeyShare, ['', '001d', '001d0000', '001d0002aa', '001d0001aabb']],
    ['ALPN', decodeAlpn, ['', '0000', '000100', '00020261', '000201610a', '0003026161ff']],
    ['keys on offer', decodeOfferedPsks, PSK_OFFERS],
    ['a selected key', decodeSelectedPsk, ['', '00', '000000']],
    ['modes of keys', decodePskModes, ['', '00', '02aa', '01aabb']],
    ['early data', checkEarlyDataIndication, ['00']],
    ['cookies', decodeCookie, ['', '0000', '0001', '0001aabb']],
    ['server names', decodeServerName, ['', '0000', '00020000', '0003000000', '000400000261', '00050000016100']],
  ]
  test.each(cases)('%s', (_name, decode, inputs) => {
    for (const input of inputs) {
      expect(() => decode(fromHex(input)), input).toThrow(expect.objectContaining({ description: 50 }))
    }
  })
})

test('as many identities as binders, or illegal_parameter', () => {
  expect(decodeOfferedPsks(fromHex(`${IDENTITIES}0021${BINDER}`)).identities).toHaveLength(1)
  expect(() => decodeOfferedPsks(fromHex(`${IDENTITIES}0042${BINDER}${BINDER}`))).toThrow(
    expect.objectContaining({ description: 47 }),
  )
})

test('an extension block keeps its order, and refuses a type that comes twice', () => {
  const reader = new Reader(fromHex('000c' + '00070001aa' + '0005000100' + '0000'))
  readExtensions(reader, 'it')
  expect(reader.ok).toBe(false)
  const whole = new Reader(fromHex('000a' + '00070001aa' + '0005000100'))
  expect([...readExtensions(whole, 'it').keys()]).toEqual([7, 5])
  expect(whole.ok).toBe(true)
  const twice = new Reader(fromHex('000800070000' + '00070000'))
  expect(() => readExtensions(twice, 'it')).toThrow(expect.objectContaining({ description: 47 }))
})

describe('messages round-trip', () => {
  test('ClientHello', () => {
    const fields: fc.Arbitrary<ClientHelloFields> = fc.record({
      random: bytes(32, 32),
      suites: fc.array(uint16, { minLength: 1, maxLength: 10 }),
      groups: fc.array(uint16, { minLength: 1, maxLength: 10 }),
      keyShares: fc.array(keyShare, { maxLength: 3 }),
      schemes: fc.array(uint16, { minLength: 1, maxLength: 10 }),
      certificateSchemes: fc.option(fc.array(uint16, { minLength: 1, maxLength: 10 }), { nil: undefined }),
      alpn: fc.array(bytes(1, 20), { minLength: 1, maxLength: 3 }),
      serverName: fc.option(fc.constantFrom('a', 'www.example.org'), { nil: undefined }),
      cookie: fc.option(bytes(1, 300), { nil: undefined }),
      parameters: bytes(0, 100),
      grease: fc.constant(undefined),
      pskModes: fc.array(fc.nat(255), { maxLength: 3 }),
      psks: fc.array(
        fc.record({
          identity: bytes(1, 200),
          obfuscatedAge: fc.nat(0xffff_ffff),
          hash: fc.constantFrom('sha256', 'sha384'),
        }),
        { maxLength: 3 },
      ),
      hasEarlyData: fc.boolean(),
    })
    fc.assert(
      fc.property(fields, (sent) => {
        const { grease: _, certificateSchemes, psks, pskModes, ...expected } = sent
        const hello = decodeClientHello(body(encodeClientHello(sent)))
        expect(hello).toMatchObject({ ...expected, versions: [0x0304], legacyVersion: 0x0303 })
        expect(hello.pskModes ?? []).toEqual(pskModes)
        expect(hello.psks?.identities ?? []).toEqual(psks.map(({ hash: _hash, ...identity }) => identity))
        expect(hello.psks?.binders ?? []).toEqual(psks.map(({ hash }) => new Uint8Array(hashLength(hash))))
        expect(hello.psks?.bindersLength ?? 2).toBe(bindersLength(psks.map(({ hash }) => hash)))
        expect(hello.extensions.has(ExtensionType.signatureAlgorithmsCert)).toBe(certificateSchemes !== undefined)
      }),
    )
  })

  test('ServerHello and HelloRetryRequest', () => {
    fc.assert(
      fc.property(bytes(32, 32), uint16, keyShare, bytes(1, 50), (random, suite, share, cookie) => {
        const hello = decodeServerHello(body(encodeServerHello(random, suite, share)))
        expect(hello).toMatchObject({
          random,
          suite,
          isRetryRequest: false,
          legacyVersion: 0x0303,
          compressionMethod: 0,
        })
        expect(decodeKeyShare(hello.extensions.get(ExtensionType.keyShare) ?? EMPTY)).toEqual(share)
        const retry = decodeServerHello(body(encodeRetryRequest(suite, share.group, cookie)))
        expect(retry).toMatchObject({ suite, isRetryRequest: true })
        expect(decodeCodePoint(retry.extensions.get(ExtensionType.keyShare) ?? EMPTY, 'group')).toBe(share.group)
        expect(decodeCookie(retry.extensions.get(ExtensionType.cookie) ?? EMPTY)).toEqual(cookie)
      }),
    )
  })

  test('EncryptedExtensions', () => {
    fc.assert(
      fc.property(fc.boolean(), bytes(1, 20), bytes(0, 100), (serverNameUsed, alpn, parameters) => {
        const message = encodeEncryptedExtensions({ serverNameUsed, alpn, parameters })
        const extensions = decodeEncryptedExtensions(body(message))
        expect(extensions.has(ExtensionType.serverName)).toBe(serverNameUsed)
        expect(decodeAlpn(extensions.get(ExtensionType.alpn) ?? EMPTY)).toEqual([alpn])
        expect(extensions.get(ExtensionType.quicTransportParameters)).toEqual(parameters)
      }),
    )
  })

  test('Certificate and CertificateVerify', () => {
    fc.assert(
      fc.property(
        fc.array(bytes(1, 500), { maxLength: 4 }),
        bytes(0, 20),
        uint16,
        bytes(0, 200),
        (chain, context, scheme, signature) => {
          const certificate = decodeCertificate(body(encodeCertificate(chain, context)))
          expect(certificate.entries.map((entry) => entry.certificate)).toEqual(chain)
          expect(certificate.context).toEqual(context)
          const proof = decodeCertificateVerify(body(encodeCertificateVerify(scheme, signature)))
          expect(proof).toEqual({ scheme, signature })
        },
      ),
    )
  })

  test('NewSessionTicket', () => {
    const fields = fc.record({
      lifetime: fc.nat(604_800),
      ageAdd: fc.nat(0xffff_ffff),
      nonce: bytes(0, 255),
      ticket: bytes(1, 500),
      allowsEarlyData: fc.boolean(),
    })
    fc.assert(
      fc.property(fields, (ticket) => {
        expect(decodeNewSessionTicket(body(encodeNewSessionTicket(ticket)))).toEqual(ticket)
      }),
    )
  })

  test('CertificateRequest', () => {
    const schemes = fc.array(uint16, { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(
        schemes,
        fc.option(schemes, { nil: undefined }),
        fc.array(bytes(1, 50), { maxLength: 5 }),
        (wanted, ofCertificates, authorities) => {
          const fields = { schemes: wanted, certificateSchemes: ofCertificates, authorities }
          const request = decodeCertificateRequest(body(encodeCertificateRequest(fields)))
          expect(request).toEqual({
            context: EMPTY,
            schemes: wanted,
            certificateSchemes: ofCertificates ?? wanted,
            authorities,
          })
          expect(requestedExtensions(fields).size).toBe(
            1 + Number(ofCertificates !== undefined) + Number(authorities.length > 0),
          )
        },
      ),
    )
  })
})

test('what is signed is padding, the role, a zero and the transcript', () => {
  const content = signedContent('server', fromHex('aabb'))
  expect(content).toHaveLength(64 + 33 + 1 + 2)
  expect(content.subarray(0, 64).every((byte) => byte === 0x20)).toBe(true)
  expect(String.fromCharCode(...content.subarray(64, 97))).toBe('TLS 1.3, server CertificateVerify')
  expect(content.subarray(97)).toEqual(fromHex('00aabb'))
  expect(signedContent('client', EMPTY)).not.toEqual(signedContent('server', EMPTY))
})

//= rfc9846#4.7.1-p9.2-2
test('a ticket lives no longer than seven days, whatever it says', () => {
  const ticket = decodeNewSessionTicket(fromHex('ffffffff' + '01020304' + '0100' + '0001aa' + '0000'))
  expect(ticket).toMatchObject({ lifetime: 604_800, ageAdd: 0x01020304, allowsEarlyData: false })
  const early = decodeNewSessionTicket(fromHex('00000001' + '00000000' + '00' + '0001aa' + '0008002a0004ffffffff'))
  expect(early).toMatchObject({ lifetime: 1, allowsEarlyData: true })
})

const DECODERS: Readonly<Record<string, (body: Uint8Array) => unknown>> = {
  ClientHello: decodeClientHello,
  ServerHello: decodeServerHello,
  EncryptedExtensions: decodeEncryptedExtensions,
  Certificate: decodeCertificate,
  CertificateVerify: decodeCertificateVerify,
  CertificateRequest: decodeCertificateRequest,
  NewSessionTicket: decodeNewSessionTicket,
}

const hello = encodeClientHello({
  random: new Uint8Array(32),
  suites: [0x1301],
  groups: [29],
  keyShares: [{ group: 29, share: new Uint8Array(32) }],
  schemes: [0x0403],
  certificateSchemes: [0x0401],
  alpn: [fromHex('6833')],
  serverName: 'example.org',
  cookie: fromHex('aa'),
  parameters: fromHex('0102'),
  grease: drawGrease(seededRandom(3)),
  pskModes: [1],
  psks: [{ identity: fromHex('0a0b'), obfuscatedAge: 7, hash: 'sha256' }],
  hasEarlyData: true,
})
const VALID: Readonly<Record<string, Uint8Array>> = {
  ClientHello: body(hello),
  ServerHello: body(encodeServerHello(new Uint8Array(32), 0x1301, { group: 29, share: new Uint8Array(32) })),
  EncryptedExtensions: body(
    encodeEncryptedExtensions({ serverNameUsed: true, alpn: fromHex('6833'), parameters: EMPTY }),
  ),
  Certificate: body(encodeCertificate([fromHex('3000'), fromHex('3001ff')])),
  CertificateVerify: body(encodeCertificateVerify(0x0403, fromHex('aabbcc'))),
  CertificateRequest: fromHex(
    '00' + '001d' + '000d000400020403' + '00320004000204ff' + '002f0009' + '0007000230000001ff',
  ),
  NewSessionTicket: fromHex('00000e10' + '01020304' + '0101' + '0002aabb' + '0008002a0004ffffffff'),
}

describe.each(Object.keys(DECODERS))('%s', (name) => {
  const decode = DECODERS[name] ?? (() => undefined)
  const valid = VALID[name] ?? EMPTY
  const onlyAlerts = (input: Uint8Array): void => {
    try {
      decode(input)
    } catch (error) {
      if (!(error instanceof TlsAlert)) throw error
      expect([AlertDescription.decodeError, 47, 42, 109]).toContain(error.description)
    }
  }

  test('random bytes bring forth nothing but alerts', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), onlyAlerts))
  })

  test('changed bytes bring forth nothing but alerts', () => {
    fc.assert(
      fc.property(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const copy = valid.slice()
        copy[at] = value
        onlyAlerts(copy)
      }),
    )
  })

  //= rfc9846#6-p5-1
  test('every truncation, and a byte too many, is an alert', () => {
    decode(valid)
    for (let length = 0; length < valid.length; length++) {
      // A ClientHello may lack its extensions, as those of old do; it is refused for its version.
      if (name.endsWith('Hello') && decodesWithoutExtensions(decode, valid.subarray(0, length))) continue
      expect(() => decode(valid.subarray(0, length)), `${length}`).toThrow(TlsAlert)
    }
    expect(() => decode(concat(valid, Uint8Array.of(0)))).toThrow(TlsAlert)
  })
})

function decodesWithoutExtensions(decode: (body: Uint8Array) => unknown, input: Uint8Array): boolean {
  try {
    return (decode(input) as { extensions: Extensions }).extensions.size === 0
  } catch {
    return false
  }
}

test('grease values are the sixteen reserved ones', () => {
  const random = seededRandom(4)
  const seen = new Set<number>()
  for (let i = 0; i < 500; i++) seen.add(greaseValue(random))
  expect(seen.size).toBe(16)
  for (const value of seen) expect(isGrease(value)).toBe(true)
  expect([0x0a1a, 0x1301, 0x001d, 0xabab].some(isGrease)).toBe(false)
})

test('alerts have the names of the RFC', () => {
  expect(alertName(AlertDescription.noApplicationProtocol)).toBe('no_application_protocol')
  expect(alertName(AlertDescription.unknownCa)).toBe('unknown_ca')
  expect(alertName(200)).toBe('alert_200')
})
