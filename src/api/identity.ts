/** Who an end is: certificates with their keys, and the choice among them. What is given is read once. */
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import { parsePublicKey } from '../crypto/key-format.ts'
import type { PublicKeyProvider, Signer } from '../crypto/provider.ts'
import { signingSchemes } from '../crypto/signature-schemes.ts'
import type { Identity } from '../tls/config.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { privateKeyFromPem } from '../x509/private-key.ts'
import { shown } from './checks.ts'
import { isCryptoKey } from './crypto-key.ts'
import { derOf } from './trust.ts'

/** A certificate with its key. The result of `devCertificate()` is one. */
export interface CertificateOptions {
  /** The chain, leaf first: PEM, or DER each. */
  readonly certificate: string | Uint8Array | readonly (string | Uint8Array)[]
  /**
   * PEM or PKCS #8 DER; a `CryptoKey` that may sign, extractable or not; or a signer that keeps the key elsewhere, whose
   * `sign` may return a promise.
   */
  readonly privateKey: string | Uint8Array | CryptoKey | Signer
}

/** One certificate, or several to choose from. */
export type Certificates = CertificateOptions | readonly CertificateOptions[]

/**
 * Certificates, or a function that is asked for them in each handshake. What it returns is read at the first time: the same
 * object again costs nothing.
 */
export type CertificateSource<Question> = Certificates | ((question: Question) => Eventually<Certificates | undefined>)

/** Answers a peer that wants to know who we are; `undefined`: nobody in particular. */
export type SelectIdentity<Question> = (question: Question) => Eventually<Identity | undefined>

/**
 * How to answer by what was given.
 * @param choose among the identities of which at least one can sign with a scheme that the peer verifies.
 * @throws (or rejects with) TypeError, CertificateError for what cannot be used.
 */
export function identitySelector<Question extends { readonly schemes: readonly number[] }>(
  given: CertificateSource<Question>,
  crypto: PublicKeyProvider,
  choose: (usable: readonly Identity[], question: Question) => Identity | undefined,
): Eventually<SelectIdentity<Question>> {
  const read = new WeakMap<CertificateOptions, Eventually<Identity>>()
  const among = (identities: readonly Identity[], question: Question): Identity | undefined =>
    choose(
      identities.filter((identity) => canSign(identity, question.schemes)),
      question,
    ) ?? identities[0]
  if (typeof given !== 'function') {
    return andThen(
      identitiesOf(given, crypto, read),
      (identities) => (question: Question) => among(identities, question),
    )
  }
  return (question) =>
    andThen(given(question), (certificates) => {
      if (certificates === undefined) return undefined
      return andThen(identitiesOf(certificates, crypto, read), (identities) => among(identities, question))
    })
}

function canSign({ signer }: Identity, schemes: readonly number[]): boolean {
  return signer.schemes.some((scheme) => schemes.includes(scheme))
}

function identitiesOf(
  given: Certificates,
  crypto: PublicKeyProvider,
  read: WeakMap<CertificateOptions, Eventually<Identity>>,
): Eventually<readonly Identity[]> {
  const list: readonly CertificateOptions[] = Array.isArray(given) ? given : [given as CertificateOptions]
  if (list.length === 0) throw new TypeError('certificate must name at least one certificate')
  const identities = list.map((each) => {
    const identity = read.get(each) ?? identityOf(each, crypto)
    read.set(each, identity)
    // From then on without a turn of its own.
    if (isPending(identity)) identity.then((value) => read.set(each, value), ignore)
    return identity
  })
  return identities.some(isPending) ? Promise.all(identities) : (identities as readonly Identity[])
}

function identityOf(options: CertificateOptions, crypto: PublicKeyProvider): Eventually<Identity> {
  const { certificate, privateKey } = options ?? {}
  if (certificate === undefined || privateKey === undefined) {
    throw new TypeError(`certificate must have the members certificate and privateKey, got ${shown(options)}`)
  }
  const chain = derOf(certificate, 'certificate')
  const [leaf] = chain.map((der) => parseCertificate(der))
  const key = leaf === undefined ? undefined : parsePublicKey(leaf.spki)
  return andThen(signerOf(privateKey, crypto), (signer) => {
    // Another kind of key would be noticed by every peer; that it is another key of the same kind, too.
    if (key !== undefined && !canSign({ chain, signer }, signingSchemes(key.algorithm))) {
      throw new TypeError(`privateKey does not belong to the certificate, which has a key for ${key.algorithm.kind}`)
    }
    return { chain, signer }
  })
}

function signerOf(key: CertificateOptions['privateKey'], crypto: PublicKeyProvider): Eventually<Signer> {
  if (typeof key === 'string') return crypto.createSigner(privateKeyFromPem(key))
  if (key instanceof Uint8Array) return crypto.createSigner(key)
  if (isCryptoKey(key)) return signerOfHandle(key)
  if (typeof key === 'object' && key !== null && 'schemes' in key && typeof key.sign === 'function') return key
  throw new TypeError('privateKey must be PEM, DER, a CryptoKey or a signer with schemes and sign')
}

async function signerOfHandle(key: CryptoKey): Promise<Signer> {
  const { signerOfCryptoKey } = await import('../crypto/web/signatures.ts')
  return signerOfCryptoKey(globalThis.crypto.subtle, key)
}

function ignore(): void {}
