/**
 * Certificates that were taken apart before: a client meets the same chain with each connection to a server, and looks at it several
 * times in one. What is remembered is the encoding alone. Whether a certificate is valid now, for this name, under these anchors, is
 * judged each time anew.
 */
import { copyBytes, toLatin1 } from '../base/bytes.ts'
import { RecentMap } from '../base/recent-map.ts'
import type { Verifier } from '../crypto/provider.ts'
import { type Certificate, parseCertificate } from './certificate.ts'

/** Certificates that are kept. */
const CAPACITY = 64

/** Bytes of a certificate that is kept at most. */
const MAX_LENGTH = 8_192

/** Bytes at the end of a certificate, of its signature, by which it is looked for. */
const MARK = 16

/** Keys that are remembered to have signed one certificate. */
const MAX_ISSUERS = 4

const certificates = /* @__PURE__ */ new RecentMap<string, Certificate>(CAPACITY)

/** The certificate, the same object for the same bytes while it is remembered. `der` is copied. @throws CertificateError */
export function recallCertificate(der: Uint8Array): Certificate {
  if (der.length < MARK || der.length > MAX_LENGTH) return parseCertificate(copyBytes(der))
  const mark = toLatin1(der, der.length - MARK)
  const known = certificates.get(mark)
  if (known !== undefined && hasSameBytes(known.der, der)) return known
  const parsed = parseCertificate(copyBytes(der))
  certificates.set(mark, parsed)
  return parsed
}

/** The keys, as SubjectPublicKeyInfo, that signatures of certificates were found valid with; of each set of verifiers. */
const issuers = /* @__PURE__ */ new WeakMap<readonly Verifier[], WeakMap<Certificate, Uint8Array[]>>()

/** Whether `verifiers` have found before that the key signed the certificate; nothing but the two decides that. */
export function wasSignedBy(verifiers: readonly Verifier[], subject: Certificate, spki: Uint8Array): boolean {
  const known = issuers.get(verifiers)?.get(subject)
  return known?.some((key) => hasSameBytes(key, spki)) === true
}

/** Remembers that they have. */
export function rememberSignature(verifiers: readonly Verifier[], subject: Certificate, spki: Uint8Array): void {
  let bySubject = issuers.get(verifiers)
  if (bySubject === undefined) {
    bySubject = new WeakMap()
    issuers.set(verifiers, bySubject)
  }
  const known = bySubject.get(subject)
  if (known === undefined) bySubject.set(subject, [spki])
  else if (known.length < MAX_ISSUERS) known.push(spki)
}

/** Nothing here is secret: it need not take the same time for all. */
function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
