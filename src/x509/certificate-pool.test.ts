import { expect, test } from 'vitest'
import { issue } from './authority.fixtures.ts'
import { parseCertificate } from './certificate.ts'
import { CertificatePool } from './certificate-pool.ts'

const root = issue({ subject: 'Root', ca: true })
const key = parseCertificate(root.der).subject.key

test('certificates are found by subject, each once, and parsed when they are asked', () => {
  const twin = issue({ subject: 'Root', key: 'other', ca: true })
  const pool = new CertificatePool([root.der, twin.der, root.der.slice(), issue({ subject: 'Other' }).der], true)
  const found = pool.withSubject(key)
  expect(found.map(({ der }) => der)).toEqual([root.der, twin.der])
  expect(found[0]?.isAnchor).toBe(true)
  expect(found[0]?.certificate).toBe(found[0]?.certificate)
  expect(pool.withSubject('nobody')).toEqual([])
  expect(pool.has(parseCertificate(twin.der))).toBe(true)
  expect(pool.has(parseCertificate(issue({ subject: 'Root', key: 'third' }).der))).toBe(false)
})

test('garbage has no subject, and what is malformed behind its subject is refused once and for all', () => {
  const broken = root.der.slice()
  // The first byte of the signature, which says how many bits are spare.
  broken[broken.length - 33] = 8
  const pool = new CertificatePool([Uint8Array.of(1, 2, 3), new Uint8Array(), broken], false)
  const [found] = pool.withSubject(key)
  const refusals = [1, 2].map(() => {
    try {
      return found?.certificate
    } catch (error) {
      return error
    }
  })
  expect(refusals[0]).toBeInstanceOf(Error)
  expect(refusals[0]).toBe(refusals[1])
})
