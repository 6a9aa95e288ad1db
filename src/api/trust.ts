/** Whom a client believes: pins, given anchors, or the anchors of the runtime. On by default; off takes the word `insecure`. */
import type { CryptoProvider } from '../crypto/provider.ts'
import { type CertificateVerifier, insecureVerifier } from '../x509/certificate-verifier.ts'
import { certificatesFromPem } from '../x509/pem.ts'
import type { CertificateHash } from '../x509/pins.ts'
import type { Handshake } from './handshake.ts'

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

/** How to make the verifier that `options` ask for. @throws TypeError for options of the wrong kind */
export function verifierOf(
  options: TrustOptions,
  crypto: CryptoProvider,
  systemRoots: () => readonly Uint8Array[] | undefined,
): (handshake: Handshake) => CertificateVerifier {
  const { ca, serverCertificateHashes, spkiPins, verify } = options
  if (verify !== undefined) {
    if (verify !== 'insecure') throw new TypeError(`verify can only be 'insecure', got ${String(verify)}`)
    return () => insecureVerifier
  }
  if (serverCertificateHashes !== undefined || spkiPins !== undefined) {
    const pins = {
      ...(serverCertificateHashes !== undefined && { serverCertificateHashes }),
      ...(spkiPins !== undefined && { spkiPins }),
    }
    return ({ createPinVerifier }) => createPinVerifier(pins)
  }
  const anchors = ca === undefined ? (systemRoots() ?? []) : derOf(ca)
  return ({ createPathVerifier }) => createPathVerifier({ anchors, verifiers: crypto.verifiers })
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
