import { rootCertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { parseCertificate } from './certificate.ts'
import { CertificatePool } from './certificate-pool.ts'
import { checkIssuer } from './checks.ts'
import { certificatesFromPem } from './pem.ts'

test('every root that Node brings is an anchor that may issue', () => {
  const roots = certificatesFromPem(rootCertificates.join('\n'))
  expect(roots).toHaveLength(rootCertificates.length)
  const pool = new CertificatePool(roots, true)
  for (const der of roots) {
    const root = parseCertificate(der)
    expect(pool.has(root)).toBe(true)
    // In the middle of its own time: this is about what it says, not about today.
    const wallClock = (root.notBefore + root.notAfter) / 2
    expect(() => checkIssuer(root, { role: 'server', wallClock, intermediates: 1, isAnchor: true })).not.toThrow()
  }
})
