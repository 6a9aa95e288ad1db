/** What the default door uses in Node, Deno and Bun: `node:crypto`, and the roots that the runtime ships. */
import { rootCertificates } from 'node:tls'
import { node } from '../../crypto/node/provider.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { certificatesFromPem } from '../../x509/pem.ts'

/** The engine of this runtime. */
export const defaultCrypto: CryptoProvider = node

/** The certificates that a client trusts where it is told of no others, DER; `undefined`: this runtime shows none. */
export function systemRoots(): readonly Uint8Array[] | undefined {
  return rootCertificates.flatMap((pem) => certificatesFromPem(pem))
}
