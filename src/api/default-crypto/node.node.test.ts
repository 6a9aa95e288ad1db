import { rootCertificates } from 'node:tls'
import { expect, test } from 'vitest'
import { toHex } from '../../base/bytes.ts'
import { certificatesFromPem } from '../../x509/pem.ts'
import { systemRoots } from './node.ts'

test('what the runtime ships is among the roots that a client trusts, and each is there once', () => {
  const roots = (systemRoots() ?? []).map((der) => toHex(der))
  const [shipped] = certificatesFromPem(rootCertificates[0] ?? '')
  expect(roots).toContain(toHex(shipped ?? new Uint8Array()))
  expect(roots.length).toBeGreaterThanOrEqual(rootCertificates.length)
  expect(systemRoots()).toBe(systemRoots())
})
