/** What a server wants of its clients' certificates: whether it asks, and whom it believes. */
import type { CryptoProvider } from '../crypto/provider.ts'
import { type ClientCertificatePolicy, MAX_AUTHORITIES } from '../tls/config.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { createPathVerifier } from '../x509/path.ts'
import { createPinVerifier } from '../x509/pins.ts'
import { derOf, type TrustOptions, verifierOf } from './trust.ts'

/** How clients are authenticated by certificate (mutual TLS). One of `ca`, `spkiPins` and `verify` says whom to believe. */
export interface ClientCertificateOptions {
  /** `'request'`: a client may go without one; `'require'`: it may not. One that is shown must be believed in both cases. */
  readonly mode: 'request' | 'require'
  /** Trust anchors of clients, PEM or DER. Their names are told to clients, which may choose by them. */
  readonly ca?: TrustOptions['ca'] | undefined
  /** The keys of clients: SHA-256 of the SubjectPublicKeyInfo, or the public key as a `CryptoKey`. */
  readonly spkiPins?: TrustOptions['spkiPins'] | undefined
  /** A function that judges the chain, or `'insecure'`: then a certificate proves the possession of its key, and nothing else. */
  readonly verify?: TrustOptions['verify'] | undefined
}

const KEYS = ['mode', 'ca', 'spkiPins', 'verify']

/** What TLS is told. @throws TypeError for options of the wrong kind, CertificateError for anchors that cannot be read */
export function clientCertificatePolicy(
  options: ClientCertificateOptions,
  crypto: CryptoProvider,
): ClientCertificatePolicy {
  const { mode, ca, spkiPins, verify } = options
  const [unknown] = Object.keys(options).filter((key) => !KEYS.includes(key))
  if (unknown !== undefined) throw new TypeError(`Unknown option clientCertificates.${unknown}`)
  if (mode !== 'request' && mode !== 'require') {
    throw new TypeError(`clientCertificates.mode must be 'request' or 'require', got ${String(mode)}`)
  }
  // The roots of the runtime vouch for servers; whom a server lets in is for nobody else to say.
  if ([ca, spkiPins, verify].every((each) => each === undefined)) {
    throw new TypeError('clientCertificates must have ca, spkiPins or verify')
  }
  const trust = {
    ...(ca !== undefined && { ca }),
    ...(spkiPins !== undefined && { spkiPins }),
    ...(verify !== undefined && { verify }),
  }
  return {
    isRequired: mode === 'require',
    verifier: verifierOf(trust, crypto, () => undefined)({ createPathVerifier, createPinVerifier }),
    authorities: ca === undefined ? [] : namesOf(derOf(ca)),
  }
}

/** Names are a help to clients with several certificates: where they are too many, there are none. */
function namesOf(anchors: readonly Uint8Array[]): readonly Uint8Array[] {
  const names = anchors.map((der) => parseCertificate(der).subject.der)
  const length = names.reduce((sum, name) => sum + 2 + name.length, 0)
  return length > MAX_AUTHORITIES ? [] : names
}
