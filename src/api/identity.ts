/** Who a server is: certificates with their keys, chosen by the name that the client asks for. */
import { isPending } from '../crypto/eventually.ts'
import type { CryptoProvider, Signer } from '../crypto/provider.ts'
import type { ClientHelloSummary, Identity } from '../tls/config.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { checkName } from '../x509/names.ts'
import { privateKeyFromPem } from '../x509/private-key.ts'
import { derOf } from './trust.ts'

/** A certificate with its key. The result of `devCertificate()` is one. */
export interface CertificateOptions {
  /** The chain, leaf first: PEM, or DER each. */
  readonly certificate: string | Uint8Array | readonly (string | Uint8Array)[]
  /** PEM or PKCS #8 DER, or a signer that keeps the key elsewhere. */
  readonly privateKey: string | Uint8Array | Signer
}

/** Several certificates: the first that fits the client's name and signature schemes is shown, else the first of all. */
export type ServerCertificates = CertificateOptions | readonly CertificateOptions[]

/** Reads the certificates of a server. Rejects with a `TypeError` or `CertificateError` for what cannot be used. */
export async function identitiesOf(given: ServerCertificates, crypto: CryptoProvider): Promise<readonly Identity[]> {
  const list: readonly CertificateOptions[] = Array.isArray(given) ? given : [given as CertificateOptions]
  if (list.length === 0) throw new TypeError('certificate must name at least one certificate')
  return await Promise.all(list.map((each) => identityOf(each, crypto)))
}

async function identityOf(options: CertificateOptions, crypto: CryptoProvider): Promise<Identity> {
  const { certificate, privateKey } = options
  if (certificate === undefined || privateKey === undefined) {
    throw new TypeError('certificate must have the members certificate and privateKey')
  }
  const chain = derOf(certificate)
  for (const der of chain) parseCertificate(der)
  if (typeof privateKey === 'object' && 'schemes' in privateKey) return { chain, signer: privateKey }
  const pkcs8 = typeof privateKey === 'string' ? privateKeyFromPem(privateKey) : privateKey
  const signer = crypto.createSigner(pkcs8)
  return { chain, signer: isPending(signer) ? await signer : signer }
}

/** The identity to show to a client. */
export function chooseIdentity(identities: readonly Identity[], hello: ClientHelloSummary): Identity | undefined {
  const usable = identities.filter(({ signer }) => signer.schemes.some((scheme) => hello.schemes.includes(scheme)))
  const { serverName } = hello
  const named = serverName === undefined ? undefined : usable.find((identity) => isFor(identity, serverName))
  return named ?? usable[0] ?? identities[0]
}

function isFor(identity: Identity, name: string): boolean {
  const [leaf] = identity.chain
  if (leaf === undefined) return false
  try {
    checkName(parseCertificate(leaf), name)
    return true
  } catch (error) {
    if (error instanceof CertificateError) return false
    throw error
  }
}
