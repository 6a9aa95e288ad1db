import { describe, expect, test } from 'vitest'
import { equalBytes, fromHex } from '../base/bytes.ts'
import type { Verifier } from '../crypto/provider.ts'
import { type Issued, issue, TEST_TIME, testVerifier } from './authority.fixtures.ts'
import { CertificateError } from './certificate-error.ts'
import { insecureVerifier } from './certificate-verifier.ts'
import { derTime } from './dates.ts'
import { primitiveTag } from './der.ts'
import { derBitString, derElement, derInteger, derNull, derOctetString, derOid, derSequence } from './der-writer.ts'
import { KeyUsage } from './extensions.ts'
import { encodeExtendedKeyUsage, encodeExtension } from './generate.ts'
import { Oid } from './oids.ts'
import { judge, leaf, middle, root } from './path.fixtures.ts'
import { createPathVerifier } from './path.ts'

const DAY = 86_400_000

describe('chains', () => {
  test('one that leads to an anchor is accepted, at once where the verifier answers at once', async () => {
    expect(await judge([leaf, middle])).toBe('accepted')
    const verifier = createPathVerifier({ anchors: [root.der], verifiers: [testVerifier] })
    expect(verifier.verify([leaf.der, middle.der], 'a.example', 'server', TEST_TIME)).toBeUndefined()
  })

  //= rfc9846#4.5.1-p8-1
  test('intermediates may come in any order, with the root, duplicates and things that have no part in it', async () => {
    const stranger = issue({ subject: 'Stranger', ca: true })
    const lower = issue({ subject: 'Lower', issuer: middle, ca: true })
    const low = issue({ subject: 'low', issuer: lower, names: ['a.example'] })
    const garbage = fromHex('30030201')
    expect(await judge([low, root, garbage, stranger, middle, lower, middle])).toBe('accepted')
  })

  test('without an anchor there is advice', async () => {
    const advice = 'anchor: no trust anchor; pass ca or serverCertificateHashes'
    expect(await judge([leaf, middle], { anchors: [] })).toBe(advice)
    expect(await judge([leaf, middle, root], { anchors: [issue({ subject: 'Other', ca: true })] })).toBe(advice)
    expect(await judge([leaf])).toBe(advice)
    expect(await judge([issue({ subject: 'self', names: ['a.example'] })])).toBe(advice)
  })

  test('an empty chain is refused', async () => {
    expect(await judge([])).toBe('encoding: peer sent no certificate')
  })

  test('a malformed certificate of the peer is refused, a malformed issuer is said to be one', async () => {
    expect(await judge([fromHex('3000')])).toMatch(/^encoding: certificate is malformed/)
    const cut = middle.der.slice()
    // Within the extensions, behind the subject by which it is found.
    cut[cut.length - 50] = 0xff
    expect(await judge([leaf, cut])).toMatch(/^(encoding|signature|key-usage|basic-constraints): /)
  })

  test('a signature by another key of the same name is refused', async () => {
    const impostor = issue({ subject: 'Root', key: 'impostor', ca: true })
    expect(await judge([leaf, middle], { anchors: [impostor] })).toBe(
      'signature: signature of "Middle" is not by the key of "Root"',
    )
    expect(await judge([leaf, middle], { anchors: [impostor, root] })).toBe('accepted')
  })

  test('a changed certificate is refused', async () => {
    const changed = leaf.der.slice()
    const last = changed.length - 1
    changed[last] = (changed[last] ?? 0) ^ 1
    expect(await judge([changed, middle])).toMatch(/^signature: /)
  })

  test('a certificate that is an anchor itself needs no issuer, all other checks hold', async () => {
    const self = issue({ subject: 'dev', names: ['a.example'] })
    expect(await judge([self], { anchors: [self] })).toBe('accepted')
    expect(await judge([self], { anchors: [self], name: 'b.example' })).toBe(
      'name: name "b.example" is not in [a.example]',
    )
    expect(await judge([self], { anchors: [self], time: TEST_TIME + 30 * DAY })).toMatch(/^validity: /)
    const twin = issue({ subject: 'dev', key: 'dev', names: ['a.example'], notAfter: TEST_TIME + 5 * DAY })
    expect(await judge([twin], { anchors: [self] })).not.toBe('accepted')
  })

  test('an expired cross-certificate does not spoil the other way', async () => {
    const old = issue({ subject: 'Old Root', ca: true })
    const crossed = issue({ subject: 'Root', issuer: old, ca: true, notAfter: TEST_TIME - 1000 })
    expect(await judge([leaf, middle, crossed], { anchors: [old, root] })).toBe('accepted')
    expect(await judge([leaf, middle, crossed], { anchors: [old] })).toBe(
      'validity: issuer "Root" expired on 2026-05-31',
    )
  })

  test('certificates that sign each other in a circle lead nowhere and end', async () => {
    const first = issue({ subject: 'First', ca: true })
    const second = issue({ subject: 'Second', issuer: first, ca: true })
    const back = issue({ subject: 'First', issuer: second, ca: true })
    const low = issue({ subject: 'low', issuer: first, names: ['a.example'] })
    expect(await judge([low, back, second, first])).toMatch(/^anchor: /)
  })

  test('the issuer that the key identifier names is tried first', async () => {
    const id = (value: number): Uint8Array =>
      encodeExtension(Oid.subjectKeyIdentifier, false, derOctetString(Uint8Array.of(value)))
    const wanted = encodeExtension(
      Oid.authorityKeyIdentifier,
      false,
      derSequence(derElement(primitiveTag(0), Uint8Array.of(7))),
    )
    const twins = [3, 5, 7, 9].map((value) =>
      issue({ subject: 'Twin', key: `twin ${value}`, issuer: root, ca: true, extensions: [id(value)] }),
    )
    const [, , signer] = twins
    if (signer === undefined) throw new Error('four twins')
    const low = issue({ subject: 'low', issuer: signer, names: ['a.example'], extensions: [wanted] })
    const asked: Uint8Array[] = []
    const counting: Verifier = {
      scheme: testVerifier.scheme,
      verify(spki, message, signature) {
        asked.push(spki)
        return testVerifier.verify(spki, message, signature)
      },
    }
    expect(await judge([low, ...twins], { verifiers: [counting] })).toBe('accepted')
    expect(asked).toHaveLength(2)
    expect(equalBytes(asked[0] ?? new Uint8Array(), signer.spki)).toBe(true)
  })
})

describe('the peer’s certificate', () => {
  const direct = (options: Partial<Parameters<typeof issue>[0]>): Issued =>
    issue({ subject: 'leaf', issuer: root, names: ['a.example'], ...options })

  test('the name must match, and a server must have one to match', async () => {
    expect(await judge([leaf, middle], { name: 'b.example' })).toBe('name: name "b.example" is not in [a.example]')
    expect(await judge([leaf, middle], { name: undefined })).toBe(
      'name: no server name was given to check the certificate against',
    )
    expect(await judge([direct({ names: [] })])).toBe('name: name "a.example" is not in []')
  })

  test('both ends of the validity period belong to it, to the second', async () => {
    const issued = direct({ notBefore: TEST_TIME, notAfter: TEST_TIME + 5_000 })
    expect(await judge([issued], { time: TEST_TIME })).toBe('accepted')
    expect(await judge([issued], { time: TEST_TIME + 5_999 })).toBe('accepted')
    expect(await judge([issued], { time: TEST_TIME - 1 })).toBe('validity: certificate is not valid before 2026-06-01')
    expect(await judge([issued], { time: TEST_TIME + 6_000 })).toBe('validity: certificate expired on 2026-06-01')
    expect(await judge([issued], { time: Number.NaN })).toMatch(/^validity: /)
  })

  //= rfc9846#4.5.1.2-p2.2-2
  test('key usage, where there is one, must allow digital signatures', async () => {
    expect(await judge([direct({ keyUsage: 0 })])).toBe('accepted')
    expect(await judge([direct({ keyUsage: KeyUsage.keyEncipherment })])).toBe(
      'key-usage: key usage of the certificate does not allow digital signatures',
    )
  })

  test('extended key usage, where there is one, must name the role', async () => {
    const server = direct({ extensions: [encodeExtendedKeyUsage(['1.2.3', Oid.serverAuth])] })
    const client = direct({ extensions: [encodeExtendedKeyUsage([Oid.clientAuth])] })
    const any = direct({ extensions: [encodeExtendedKeyUsage([Oid.anyExtendedKeyUsage])] })
    expect(await judge([server])).toBe('accepted')
    expect(await judge([client])).toBe(
      'extended-key-usage: extended key usage of the certificate does not allow a TLS server',
    )
    expect(await judge([client], { role: 'client', name: undefined })).toBe('accepted')
    expect(await judge([server], { role: 'client', name: undefined })).toMatch(/^extended-key-usage: .* a TLS client$/)
    expect(await judge([any])).toMatch(/^extended-key-usage: /)
  })

  test('an unknown critical extension is fatal, another one is not', async () => {
    expect(await judge([direct({ extensions: [encodeExtension('1.2.3.4', false, derNull())] })])).toBe('accepted')
    expect(await judge([direct({ extensions: [encodeExtension('1.2.3.4', true, derNull())] })])).toBe(
      'extension: certificate has an unknown critical extension 1.2.3.4',
    )
  })

  //= rfc9846#4.5.1.2-p2.1-1
  test('versions before 3 are refused', async () => {
    const algorithm = derSequence(derOid(Oid.ecdsaWithSha256))
    const validity = derSequence(derTime(TEST_TIME - DAY), derTime(TEST_TIME + DAY))
    const tbs = derSequence(derInteger(1), algorithm, root.name, validity, leaf.name, leaf.spki)
    const der = derSequence(tbs, algorithm, derBitString(Uint8Array.of(0)))
    expect(await judge([der])).toBe('extension: certificate has version 1, TLS needs version 3')
  })

  test('a CA may serve, whatever path length it has', async () => {
    const keyUsage = KeyUsage.digitalSignature | KeyUsage.keyCertSign
    const upper = issue({ subject: 'Upper', issuer: root, ca: true, pathLength: 0 })
    const serving = direct({ issuer: upper, ca: true, pathLength: 0, keyUsage })
    expect(await judge([serving, upper])).toBe('accepted')
  })
})

describe('issuers', () => {
  const under = (options: Partial<Parameters<typeof issue>[0]>): Issued[] => {
    const upper = issue({ subject: 'Upper', issuer: root, ca: true, ...options })
    return [issue({ subject: 'leaf', issuer: upper, names: ['a.example'] }), upper]
  }

  test.each<[string, Partial<Parameters<typeof issue>[0]>, string]>([
    ['is no CA', { ca: false, keyUsage: 0 }, 'basic-constraints: issuer "Upper" is no CA'],
    [
      'may not sign certificates',
      { keyUsage: KeyUsage.digitalSignature },
      'key-usage: key usage of issuer "Upper" does not allow signing certificates',
    ],
    ['expired', { notAfter: TEST_TIME - 1000 }, 'validity: issuer "Upper" expired on 2026-05-31'],
    ['is not valid yet', { notBefore: TEST_TIME + 1000 }, 'validity: issuer "Upper" is not valid before 2026-06-01'],
    [
      'serves other purposes',
      { extensions: [encodeExtendedKeyUsage([Oid.clientAuth])] },
      'extended-key-usage: extended key usage of issuer "Upper" does not allow a TLS server',
    ],
    [
      'has an unknown critical extension',
      { extensions: [encodeExtension('1.2.3', true, derNull())] },
      'extension: issuer "Upper" has an unknown critical extension 1.2.3',
    ],
  ])('one that %s is refused, as intermediate and as anchor', async (_, options, message) => {
    const chain = under(options)
    expect(await judge(chain)).toBe(message)
    expect(await judge(chain.slice(0, 1), { anchors: chain.slice(1) })).toBe(message)
  })

  test.each<[string, Partial<Parameters<typeof issue>[0]>]>([
    ['has no key usage', { keyUsage: 0 }],
    ['serves TLS servers', { extensions: [encodeExtendedKeyUsage([Oid.serverAuth])] }],
    ['serves any purpose', { extensions: [encodeExtendedKeyUsage([Oid.anyExtendedKeyUsage])] }],
  ])('one that %s is accepted', async (_, options) => {
    expect(await judge(under(options))).toBe('accepted')
  })

  test('path length counts the intermediates below, without self-issued ones (RFC 5280 §4.2.1.9)', async () => {
    const upper = issue({ subject: 'Upper', issuer: root, ca: true, pathLength: 0 })
    const renewed = issue({ subject: 'Upper', key: 'new key', issuer: upper, ca: true })
    const lower = issue({ subject: 'Lower', issuer: upper, ca: true })
    const direct = issue({ subject: 'leaf', issuer: upper, names: ['a.example'] })
    const belowRenewed = issue({ subject: 'leaf', issuer: renewed, names: ['a.example'] })
    const belowLower = issue({ subject: 'leaf', issuer: lower, names: ['a.example'] })
    expect(await judge([direct, upper])).toBe('accepted')
    expect(await judge([belowRenewed, renewed, upper])).toBe('accepted')
    expect(await judge([belowLower, lower, upper])).toBe(
      'path-length: issuer "Upper" allows 0 intermediates, the chain has 1',
    )
  })

  test('depth is limited', async () => {
    const chain: Issued[] = []
    let issuer = root
    for (let i = 0; i < 9; i++) {
      issuer = issue({ subject: `CA ${i}`, issuer, ca: true })
      chain.unshift(issuer)
    }
    const [ninth, eighth] = chain
    if (ninth === undefined || eighth === undefined) throw new Error('nine issuers')
    const deep = issue({ subject: 'leaf', issuer: ninth, names: ['a.example'] })
    const less = issue({ subject: 'leaf', issuer: eighth, names: ['a.example'] })
    expect(await judge([less, ...chain.slice(1)])).toBe('accepted')
    expect(await judge([deep, ...chain])).toBe('path-length: chain has more than 8 intermediates')
    expect(await judge([deep, ...chain], { maxIntermediates: 9 })).toBe('accepted')
    expect(await judge([leaf, middle], { maxIntermediates: 0 })).toBe(
      'path-length: chain has more than 0 intermediates',
    )
  })

  test('self-issued certificates are no intermediates, yet their number has an end', async () => {
    const renewals: Issued[] = []
    let issuer = root
    for (let i = 0; i < 5; i++) {
      issuer = issue({ subject: 'Root', key: `renewal ${i}`, issuer, ca: true })
      renewals.unshift(issuer)
    }
    const below = (index: number): Issued[] => {
      const upper = renewals[index] ?? root
      return [issue({ subject: 'leaf', issuer: upper, names: ['a.example'] }), ...renewals.slice(index)]
    }
    expect(await judge(below(1), { maxIntermediates: 0 })).toBe('accepted')
    expect(await judge(below(0), { maxIntermediates: 0 })).toBe('path-length: chain has more than 0 intermediates')
    expect(await judge(below(0), { maxIntermediates: 1 })).toBe('accepted')
  })

  test('an anchor of version 1 is a CA because the caller says so', async () => {
    const algorithm = derSequence(derOid(Oid.ecdsaWithSha256))
    const validity = derSequence(derTime(TEST_TIME - DAY), derTime(TEST_TIME + DAY))
    const tbs = derSequence(derInteger(1), algorithm, root.name, validity, root.name, root.spki)
    const old = { ...root, der: derSequence(tbs, algorithm, derBitString(Uint8Array.of(0))) }
    expect(await judge([leaf, middle], { anchors: [old] })).toBe('accepted')
    const other = issue({ subject: 'Other', ca: true })
    expect(await judge([leaf, middle, old], { anchors: [other] })).toBe('basic-constraints: issuer "Root" is no CA')
  })
})

test('certificate policies hold from the anchor downwards', async () => {
  const policy = (id: string): Uint8Array =>
    encodeExtension(Oid.certificatePolicies, false, derSequence(derSequence(derOid(id))))
  const demand = encodeExtension(
    Oid.policyConstraints,
    true,
    derSequence(derElement(primitiveTag(0), Uint8Array.of(0))),
  )
  const upper = issue({ subject: 'Upper', issuer: root, ca: true, extensions: [demand, policy('1.2.3')] })
  const chain = (id: string): Issued[] => [
    issue({ subject: 'leaf', issuer: upper, names: ['a.example'], extensions: [policy(id)] }),
    upper,
  ]
  expect(await judge(chain('1.2.3'))).toBe('accepted')
  const mapping = derSequence(derSequence(derOid('1.2.3'), derOid('1.2.9')))
  const mapped = encodeExtension(Oid.policyMappings, true, mapping)
  const mapper = issue({ subject: 'Mapper', issuer: root, ca: true, extensions: [demand, policy('1.2.3'), mapped] })
  const under = issue({ subject: 'leaf', issuer: mapper, names: ['a.example'], extensions: [policy('1.2.9')] })
  expect(await judge([under, mapper])).toBe('accepted')
  expect(await judge(chain('1.2.4'))).toMatch(/^policy: an issuer demands an explicit certificate policy/)
})

//= rfc9846#4.5.1.2-p10-1
test('each check has its alert', () => {
  const alertOf = (check: ConstructorParameters<typeof CertificateError>[0]): number =>
    new CertificateError(check, '').alert
  expect(alertOf('encoding')).toBe(42)
  expect(alertOf('weak-algorithm')).toBe(42)
  expect(alertOf('extended-key-usage')).toBe(43)
  expect(alertOf('validity')).toBe(45)
  expect(alertOf('pin')).toBe(46)
  expect(alertOf('anchor')).toBe(48)
})

test('the insecure verifier believes anything', () => {
  expect(insecureVerifier.verify([], undefined, 'server', 0)).toBeUndefined()
})
