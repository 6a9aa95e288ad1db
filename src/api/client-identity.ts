/** Who a client is, where a server asks for a certificate. */
import { equalBytes } from '../base/bytes.ts'
import type { Eventually } from '../crypto/eventually.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'
import type { CertificateRequestSummary, Identity } from '../tls/config.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { type CertificateSource, identitySelector, type SelectIdentity } from './identity.ts'

/**
 * Several certificates: the first that can sign what the server verifies is shown, one of an authority that the server names
 * before others. Or a function that is asked when a server asks; where it gives none, none is shown.
 */
export type ClientCertificates = CertificateSource<CertificateRequestSummary>

/** How a client answers a server that asks. @throws (or rejects with) TypeError, CertificateError for what cannot be used */
export function clientSelector(
  given: ClientCertificates,
  crypto: PublicKeyProvider,
): Eventually<SelectIdentity<CertificateRequestSummary>> {
  return identitySelector(given, crypto, chooseByAuthority)
}

function chooseByAuthority(
  usable: readonly Identity[],
  { authorities }: CertificateRequestSummary,
): Identity | undefined {
  return usable.find(({ chain }) => chain.some((der) => isOf(der, authorities))) ?? usable[0]
}

/** RFC 8446 §4.4.2.2: one of the chain is issued by an authority that is named. */
function isOf(der: Uint8Array, authorities: readonly Uint8Array[]): boolean {
  const { issuer } = parseCertificate(der)
  return authorities.some((name) => equalBytes(name, issuer.der))
}
