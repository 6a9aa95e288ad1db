/**
 * Trust without a chain: the peer's certificate, or its key, is known beforehand by its hash. `serverCertificateHashes` as W3C
 * WebTransport defines them (custom certificate requirements), and hashes of the SubjectPublicKeyInfo (RFC 7858 §4.2).
 * The hash says who the peer is; a host name is not looked at.
 */
import { equalBytes, toHex } from '../base/bytes.ts'
import { hashOf } from '../crypto/hkdf.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { recallCertificate } from './certificate-memory.ts'
import type { CertificateVerifier } from './certificate-verifier.ts'
import { checkValidity } from './checks.ts'
import { MILLISECONDS_PER_DAY } from './dates.ts'
import { KeyUsage } from './extensions.ts'

/** `WebTransportHash` of the W3C: what a certificate hashes to. */
export interface CertificateHash {
  /** `sha-256` in any case; hashes of other algorithms are ignored. */
  readonly algorithm: string
  readonly value: Uint8Array
}

/** Any one pin that fits is enough. */
export interface PinVerifierOptions {
  /** Hashes of the whole certificate, which must then be short-lived and not RSA. */
  readonly serverCertificateHashes?: readonly CertificateHash[]
  /** SHA-256 of the peer's SubjectPublicKeyInfo; the certificate around it may change. */
  readonly spkiPins?: readonly Uint8Array[]
}

/** The longest validity period of a certificate that is trusted by its hash: two weeks, in milliseconds. */
const MAX_VALIDITY_PERIOD = 14 * MILLISECONDS_PER_DAY

/** A verifier that believes a peer whose certificate or key fits a pin. */
export function createPinVerifier(options: PinVerifierOptions): CertificateVerifier {
  const hashes = (options.serverCertificateHashes ?? []).filter(
    ({ algorithm }) => algorithm.toLowerCase() === 'sha-256',
  )
  const spkiPins = options.spkiPins ?? []
  return {
    verify(chain, _name, _role, wallClock): void {
      const [own] = chain
      if (own === undefined) throw new CertificateError('encoding', 'peer sent no certificate')
      const certificate = recallCertificate(own)
      const hash = certificateHash(own)
      const isPinned = hashes.some(({ value }) => equalBytes(value, hash))
      const spkiHash = hashOf('sha256', certificate.spki)
      if (isPinned) checkCustomRequirements(certificate)
      else if (!spkiPins.some((pin) => equalBytes(pin, spkiHash))) {
        const message = `certificate (SHA-256 ${toHex(hash)}, of its key ${toHex(spkiHash)}) fits no pin`
        throw new CertificateError('pin', message)
      }
      checkValidity(certificate, wallClock)
      checkSigningKey(certificate)
    },
  }
}

/** SHA-256 of a DER certificate: the `value` of W3C's `serverCertificateHashes`. */
export function certificateHash(der: Uint8Array): Uint8Array {
  return hashOf('sha256', der)
}

/** W3C WebTransport, "custom certificate requirements", all but the current time. */
function checkCustomRequirements(certificate: Certificate): void {
  if (certificate.version !== 3) {
    throw new CertificateError(
      'pin',
      `certificate has version ${certificate.version}, serverCertificateHashes needs version 3`,
    )
  }
  if (certificate.publicKey.kind.startsWith('rsa')) {
    throw new CertificateError(
      'key',
      'certificate has an RSA key, which serverCertificateHashes does not allow; use ECDSA P-256',
    )
  }
  const period = certificate.notAfter - certificate.notBefore
  if (period > MAX_VALIDITY_PERIOD) {
    const days = (period / MILLISECONDS_PER_DAY).toFixed(1)
    throw new CertificateError(
      'pin',
      `certificate is valid for ${days} days, serverCertificateHashes allows at most 14`,
    )
  }
}

function checkSigningKey({ publicKey, extensions }: Certificate): void {
  if (publicKey.kind === 'unsupported')
    throw new CertificateError('key', 'certificate has a key that TLS 1.3 does not use')
  if (extensions.keyUsage !== undefined && !(extensions.keyUsage & KeyUsage.digitalSignature)) {
    throw new CertificateError('key-usage', 'key usage of the certificate does not allow digital signatures')
  }
}
