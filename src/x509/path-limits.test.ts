import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import type { Verifier } from '../crypto/provider.ts'
import { type Issued, issue, TEST_TIME, testVerifier } from './authority.fixtures.ts'
import { derTime } from './dates.ts'
import { derBitString, derElement, derInteger, derNull, derOid, derSequence, derUnsigned } from './der-writer.ts'
import { encodeExtension } from './generate.ts'
import { Oid } from './oids.ts'
import { judge, leaf, middle, root } from './path.fixtures.ts'
import { createPathVerifier } from './path.ts'

const DAY = 86_400_000

describe('budgets', () => {
  test('a hundred and one certificates are too many', async () => {
    const many = Array.from({ length: 101 }, () => leaf)
    expect(await judge(many)).toBe('limit: chain of 101 certificates is longer than 100')
  })

  test('signatures are counted, and none is checked twice', async () => {
    // Issuers of one name and many keys that all sign each other: paths without end.
    const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`)
    const web = keys.flatMap((key, i) => {
      const signer = issue({ subject: 'Web', key: keys[(i + 1) % keys.length] ?? '', ca: true })
      return [
        issue({ subject: 'Web', key, issuer: signer, ca: true }),
        issue({
          subject: 'Web',
          key,
          issuer: issue({ subject: 'Web', key: keys[(i + 5) % 12] ?? '', ca: true }),
          ca: true,
        }),
      ]
    })
    const [first] = web
    if (first === undefined) throw new Error('a web')
    const low = issue({ subject: 'low', issuer: first, names: ['a.example'] })
    let checks = 0
    const counting: Verifier = {
      scheme: testVerifier.scheme,
      verify(spki, message, signature) {
        checks++
        return testVerifier.verify(spki, message, signature)
      },
    }
    expect(await judge([low, ...web], { verifiers: [counting] })).toMatch(/^limit: /)
    expect(checks).toBeLessThanOrEqual(100)
  })

  test('steps are counted, and known signatures are not checked again', async () => {
    // Seven authorities that have all certified each other, none of them an anchor: thousands of paths, 43 signatures.
    const names = Array.from({ length: 7 }, (_, i) => `CA ${i}`)
    const authorities = names.map((subject) => issue({ subject, ca: true }))
    const web = authorities.flatMap((issuer, i) =>
      names.filter((_, j) => j !== i).map((subject) => issue({ subject, issuer, ca: true })),
    )
    const [first = root] = authorities
    const low = issue({ subject: 'low', issuer: first, names: ['a.example'] })
    expect(await judge([low, ...web])).toBe('limit: no path found within 2000 steps')
  })

  test('comparisons with name constraints are counted', async () => {
    const names = Array.from({ length: 600 }, (_, i) => `n${i}.example`)
    const bases = names.map((name) =>
      derSequence(
        derElement(
          0x82,
          Uint8Array.from(name, (c) => c.charCodeAt(0)),
        ),
      ),
    )
    const constraints = encodeExtension(Oid.nameConstraints, true, derSequence(derElement(0xa0, ...bases)))
    const upper = issue({ subject: 'Upper', ca: true, extensions: [constraints] })
    const wide = issue({ subject: 'leaf', issuer: upper, names: ['a.example', ...names] })
    expect(await judge([wide], { anchors: [upper] })).toMatch(/^(limit|name-constraints): /)
    const all = issue({ subject: 'leaf', issuer: upper, names })
    expect(await judge([all], { anchors: [upper], name: 'n1.example' })).toBe(
      'limit: name constraints need too many comparisons',
    )
  })
})

describe('signature algorithms', () => {
  test('one that no verifier knows is named', async () => {
    expect(await judge([leaf, middle], { verifiers: [] })).toBe(
      'algorithm: signature scheme 0x0403 is not supported here',
    )
  })

  //= rfc9846#4.5.1.3-p4-1
  //= rfc9846#4.5.1.3-p4-2
  //= rfc9846#4.3.3-p1-1
  test.each([
    [Oid.md5WithRsa, 'weak-algorithm: signed with MD5, which is broken'],
    [Oid.sha1WithRsa, 'weak-algorithm: signed with SHA-1, which is broken'],
    [Oid.ecdsaWithSha1, 'weak-algorithm: signed with SHA-1, which is broken'],
    ['1.2.3.4', 'algorithm: signature algorithm 1.2.3.4 is not supported'],
    [Oid.sha256WithRsa, 'algorithm: signature algorithm does not belong to the key of its issuer'],
    [Oid.ed25519, 'algorithm: signature algorithm does not belong to the key of its issuer'],
  ])('%s: %s', async (oid, message) => {
    const algorithm = derSequence(derOid(oid))
    const validity = derSequence(derTime(TEST_TIME - DAY), derTime(TEST_TIME + DAY))
    const alternative = encodeExtension(Oid.subjectAltName, false, fromHex('300b8209612e6578616d706c65'))
    const tbs = derSequence(
      fromHex('a003020102'),
      derInteger(1),
      algorithm,
      root.name,
      validity,
      leaf.name,
      leaf.spki,
      derElement(0xa3, derSequence(alternative)),
    )
    expect(await judge([derSequence(tbs, algorithm, derBitString(Uint8Array.of(0)))])).toBe(message)
  })

  test('a verifier that rejects ends the search with its own error', async () => {
    const broken: Verifier = { scheme: 0x0403, verify: () => Promise.reject(new Error('no hardware')) }
    const verifier = createPathVerifier({ anchors: [root.der], verifiers: [broken] })
    await expect(verifier.verify([leaf.der, middle.der], 'a.example', 'server', TEST_TIME)).rejects.toThrow(
      'no hardware',
    )
  })
})

describe('keys', () => {
  const rsa = (bits: number): Uint8Array => {
    const modulus = new Uint8Array(bits / 8).fill(0xff)
    const key = derSequence(derUnsigned(modulus), derInteger(65537))
    return derSequence(derSequence(derOid(Oid.rsaEncryption), derNull()), derBitString(key))
  }
  const explicitCurve = derSequence(
    derSequence(derOid(Oid.ecPublicKey), derSequence()),
    derBitString(new Uint8Array(65)),
  )
  const leafWith = (spki: Uint8Array): Issued => issue({ subject: 'leaf', issuer: root, names: ['a.example'], spki })

  test('RSA keys have 2048 to 8192 bits', async () => {
    expect(await judge([leafWith(rsa(2048))])).toBe('accepted')
    expect(await judge([leafWith(rsa(8192))])).toBe('accepted')
    expect(await judge([leafWith(rsa(2040))])).toBe('key: certificate has an RSA key of 2040 bits, not of 2048 to 8192')
    expect(await judge([leafWith(rsa(8200))])).toMatch(/^key: /)
  })

  test('others than TLS 1.3 uses are refused, curves written out among them', async () => {
    expect(await judge([leafWith(explicitCurve)])).toBe('key: certificate has a key that TLS 1.3 does not use')
    const upper = issue({ subject: 'Upper', issuer: root, ca: true, spki: explicitCurve })
    const below = issue({ subject: 'leaf', issuer: upper, names: ['a.example'] })
    expect(await judge([below, upper])).toBe('key: issuer "Upper" has a key that TLS 1.3 does not use')
  })
})
