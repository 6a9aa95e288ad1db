/** Whom a client believes: pins, given anchors, or the anchors of the runtime. On by default; off takes the word `insecure`. */
import type { CryptoProvider } from '../crypto/provider.ts'
import { type CertificateVerifier, insecureVerifier } from '../x509/certificate-verifier.ts'
import type { PathVerifierOptions } from '../x509/path.ts'
import { certificatesFromPem } from '../x509/pem.ts'
import { type CertificateHash, createPinVerifier } from '../x509/pins.ts'

/** How the server is authenticated. Pins come before `ca`, `ca` before the roots of the runtime. */
export interface TrustOptions {
  /** Trust anchors: PEM (one text may hold several) or DER. Default: the runtime's, where it shows any (Node). */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** W3C's: SHA-256 of the certificate, which must be short-lived. */
  readonly serverCertificateHashes?: readonly CertificateHash[]
  /** SHA-256 of the server's SubjectPublicKeyInfo. */
  readonly spkiPins?: readonly Uint8Array[]
  /** `'insecure'` believes everybody: for experiments on one's own machine. */
  readonly verify?: 'insecure'
}

/** The verifier that `options` ask for. @throws TypeError for options of the wrong kind */
export function verifierOf(
  options: TrustOptions,
  crypto: CryptoProvider,
  systemRoots: () => readonly Uint8Array[] | undefined,
): CertificateVerifier {
  const { ca, serverCertificateHashes, spkiPins, verify } = options
  if (verify !== undefined) {
    if (verify !== 'insecure') throw new TypeError(`verify can only be 'insecure', got ${String(verify)}`)
    return insecureVerifier
  }
  if (serverCertificateHashes !== undefined || spkiPins !== undefined) {
    return createPinVerifier({
      ...(serverCertificateHashes !== undefined && { serverCertificateHashes }),
      ...(spkiPins !== undefined && { spkiPins }),
    })
  }
  const anchors = ca === undefined ? (systemRoots() ?? []) : derOf(ca)
  return pathVerifier({ anchors, verifiers: crypto.verifiers })
}

/** Chains are validated by a module of its own, loaded while the handshake begins: who trusts pins does without it. */
function pathVerifier(options: PathVerifierOptions): CertificateVerifier {
  const loading = import('../x509/path.ts').then(({ createPathVerifier }) => createPathVerifier(options))
  // Whoever asks for the verdict hears of it.
  loading.catch(() => {})
  return { verify: (...question) => loading.then((verifier) => verifier.verify(...question)) }
}

/** Certificates as DER. @throws TypeError for a text without a certificate */
export function derOf(given: string | Uint8Array | readonly (string | Uint8Array)[]): readonly Uint8Array[] {
  if (typeof given === 'string') {
    const certificates = certificatesFromPem(given)
    if (certificates.length === 0) throw new TypeError('The text holds no certificate in PEM')
    return certificates
  }
  if (given instanceof Uint8Array) return [given]
  return given.flatMap((each) => derOf(each))
}
