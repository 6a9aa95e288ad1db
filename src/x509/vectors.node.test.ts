/** The samples of x509-limbo and of Netflix's BetterTLS, judged with the signatures of node:crypto. */
import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { node } from '../crypto/node/provider.ts'
import { CertificateError } from './certificate-error.ts'
import { createPathVerifier } from './path.ts'
import { certificatesFromPem } from './pem.ts'

interface TestCase {
  readonly id: string
  readonly trusted_certs: readonly string[]
  readonly untrusted_intermediates: readonly string[]
  readonly peer_certificate: string
  readonly expected_peer_name: { readonly value: string } | null
  readonly expected_result: 'SUCCESS' | 'FAILURE'
  readonly validation_kind: 'SERVER' | 'CLIENT'
  readonly validation_time: string | null
  readonly max_chain_depth: number | null
}

/** The time of a case that names none; all of those are valid for centuries. */
const SOME_TIME = '2026-06-01T00:00:00Z'

/** Cases of which we expect something else, and why. */
const DEVIATIONS: Readonly<Record<string, { readonly outcome: string; readonly reason: string }>> = {
  'crl::crlnumber-missing': {
    outcome: 'SUCCESS',
    reason: 'No revocation is checked, so a defect of a CRL is not seen',
  },
  'pathlen::validation-ignores-pathlen-in-leaf': {
    outcome: 'key-usage',
    reason: 'The path is good, but its end is a CA without digitalSignature, which TLS refuses (RFC 8446 §4.4.2.2)',
  },
  'webpki::aki::root-with-aki-all-fields': {
    outcome: 'SUCCESS',
    reason: 'The profile of the CA/Browser Forum for public roots is not applied to anchors that the caller chose',
  },
  'webpki::aki::root-with-aki-authoritycertserialnumber': {
    outcome: 'SUCCESS',
    reason: 'As before; private authorities write these fields',
  },
  'webpki::aki::root-with-aki-ski-mismatch': {
    outcome: 'SUCCESS',
    reason: 'As before; key identifiers guide the search and are not verified (RFC 5280 §4.2.1.2)',
  },
  'webpki::cn::ipv6-non-rfc5952-mismatch': {
    outcome: 'SUCCESS',
    reason: 'The common name is not read at all (RFC 9525 §2), so its form cannot matter; the subjectAltName is right',
  },
}

/** `SUCCESS`, or the check that failed. */
function judge(vector: TestCase, name = vector.expected_peer_name?.value): string {
  const { max_chain_depth: maxIntermediates } = vector
  const path = createPathVerifier({
    anchors: vector.trusted_certs.flatMap(certificatesFromPem),
    verifiers: node.verifiers,
    ...(maxIntermediates === null ? {} : { maxIntermediates }),
  })
  const chain = [vector.peer_certificate, ...vector.untrusted_intermediates].flatMap(certificatesFromPem)
  const role = vector.validation_kind === 'SERVER' ? 'server' : 'client'
  try {
    void path.verify(chain, name, role, Date.parse(vector.validation_time ?? SOME_TIME))
    return 'SUCCESS'
  } catch (error) {
    if (error instanceof CertificateError) return error.check
    throw error
  }
}

describe.skipIf(!hasVectors)('vectors', () => {
  const read = (name: string): readonly TestCase[] =>
    hasVectors ? readVectors<{ readonly testcases: readonly TestCase[] }>(`x509/${name}`).testcases : []

  describe('x509-limbo', () => {
    const cases = read('limbo-sample.json')

    test('there are 26, and each deviation is about one of them', () => {
      expect(cases).toHaveLength(26)
      expect(cases.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(DEVIATIONS)))
    })

    test.each(cases.filter(({ id }) => !(id in DEVIATIONS)))('$id: $expected_result', (vector) => {
      if (vector.expected_result === 'SUCCESS') expect(judge(vector)).toBe('SUCCESS')
      else expect(judge(vector)).not.toBe('SUCCESS')
    })

    test.each(cases.filter(({ id }) => id in DEVIATIONS))('$id: deviates for a reason', (vector) => {
      const deviation = DEVIATIONS[vector.id]
      expect(judge(vector), deviation?.reason).toBe(deviation?.outcome)
      expect(vector.expected_result === 'SUCCESS').not.toBe(deviation?.outcome === 'SUCCESS')
    })

    test.each([
      ['cve::cve-2025-61727-nc-permits-variant', 'name-constraints'],
      ['invalid::invalid-issuer-key', 'encoding'],
      ['pathlen::max-chain-depth-0-exhausted', 'path-length'],
      ['pathological::nc-dos-1', 'limit'],
      ['rfc5280::ee-critical-aia-invalid', 'extension'],
      ['rfc5280::eku::ee-eku-empty', 'encoding'],
      ['rfc5280::nc::invalid-email-address', 'encoding'],
      ['rfc5280::nc::nc-permits-invalid-email-san', 'name-constraints'],
      ['rfc5280::serial::negative', 'encoding'],
      ['webpki::san::no-san', 'name'],
    ])('%s fails for the right reason: %s', (id, check) => {
      const vector = cases.find((candidate) => candidate.id === id)
      expect(vector === undefined ? 'absent' : judge(vector)).toBe(check)
    })

    test('permitted-dns-mismatch fails by the constraint also under the name that the certificate has', () => {
      const vector = cases.find(({ id }) => id === 'rfc5280::nc::permitted-dns-mismatch')
      expect(vector === undefined ? 'absent' : judge(vector, 'not-example.com')).toBe('name-constraints')
    })
  })

  describe('BetterTLS', () => {
    const cases = read('bettertls-sample.json')

    test('there are 72', () => {
      expect(cases).toHaveLength(72)
    })

    test.each(cases)('$id: $expected_result', (vector) => {
      if (vector.expected_result === 'SUCCESS') expect(judge(vector)).toBe('SUCCESS')
      else expect(judge(vector)).not.toBe('SUCCESS')
    })
  })
})
