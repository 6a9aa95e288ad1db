/** What the default door uses in Node, Deno and Bun: `node:crypto`, and the roots of the runtime and of its system. */
import * as tls from 'node:tls'
import { node } from '../../crypto/node/provider.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { parseCertificate } from '../../x509/certificate.ts'
import { certificatesFromPem } from '../../x509/pem.ts'

/** The engine of this runtime. */
export const defaultCrypto: CryptoProvider = node

/** Read once: several hundred certificates. */
let roots: readonly Uint8Array[] | undefined

/** The certificates that a client trusts where it is told of no others, DER; `undefined`: this runtime shows none. */
export function systemRoots(): readonly Uint8Array[] | undefined {
  roots ??= [...new Set(rootTexts())].flatMap((pem) => certificatesFromPem(pem)).filter(isAuthority)
  return roots
}

/** A system's store may hold certificates of servers, which vouch for nobody else. */
function isAuthority(der: Uint8Array): boolean {
  try {
    return parseCertificate(der).extensions.basicConstraints?.ca !== false
  } catch {
    return false
  }
}

/** Those that the runtime trusts, and those of the operating system where it shows them (Node 22.15, 24 and newer). */
function rootTexts(): readonly string[] {
  const { getCACertificates } = tls
  if (typeof getCACertificates !== 'function') return tls.rootCertificates
  return [...getCACertificates('default'), ...getCACertificates('system')]
}
