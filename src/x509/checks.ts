/** What RFC 5280 §6.1 demands of single certificates, by their place in the path. */
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { formatDate } from './dates.ts'
import { KeyUsage } from './extensions.ts'
import { Oid } from './oids.ts'

/** Bits of an RSA modulus: fewer are too weak (as in the WebPKI), more too slow to check for a stranger. */
const MIN_MODULUS_BITS = 2048
const MAX_MODULUS_BITS = 8192

/** Where an issuer stands. */
export interface IssuerPlace {
  /** Which side the peer is. */
  readonly role: 'server' | 'client'
  /** Unix milliseconds. */
  readonly wallClock: number
  /** Certificates between this issuer and the peer's own that are not self-issued. */
  readonly intermediates: number
  readonly isAnchor: boolean
}

/** Demands that a certificate may be the peer's own: a TLS 1.3 server's or client's (RFC 8446 §4.4.2.2). @throws CertificateError */
export function checkEndEntity(certificate: Certificate, role: 'server' | 'client', wallClock: number): void {
  const { extensions } = certificate
  if (certificate.version !== 3) {
    throw new CertificateError('extension', `certificate has version ${certificate.version}, TLS needs version 3`)
  }
  checkValidity(certificate, wallClock)
  checkUnknownExtensions(certificate, 'certificate')
  checkKey(certificate, 'certificate')
  if (extensions.keyUsage !== undefined && !(extensions.keyUsage & KeyUsage.digitalSignature)) {
    throw new CertificateError('key-usage', 'key usage of the certificate does not allow digital signatures')
  }
  const purpose = role === 'server' ? Oid.serverAuth : Oid.clientAuth
  // RFC 5280 §4.2.1.12 allows to refuse anyExtendedKeyUsage where a purpose is wanted; a peer must say what it is.
  if (extensions.extendedKeyUsage !== undefined && !extensions.extendedKeyUsage.includes(purpose)) {
    throw new CertificateError(
      'extended-key-usage',
      `extended key usage of the certificate does not allow a TLS ${role}`,
    )
  }
  if (extensions.nameConstraints !== undefined && extensions.basicConstraints?.ca !== true) {
    throw new CertificateError('name-constraints', 'certificate has name constraints and is no CA')
  }
}

/** Demands that a certificate may issue the one below it. An anchor is held to what it says of itself. @throws CertificateError */
export function checkIssuer(issuer: Certificate, place: IssuerPlace): void {
  const { extensions } = issuer
  const who = `issuer "${issuer.subject.label}"`
  checkUnknownExtensions(issuer, who)
  // RFC 5280 §6.1.4 (k): an old anchor without extensions is a CA because the caller says so.
  const isDeclared = place.isAnchor && issuer.version < 3
  if (!isDeclared && extensions.basicConstraints?.ca !== true) {
    throw new CertificateError('basic-constraints', `${who} is no CA`)
  }
  if (extensions.keyUsage !== undefined && !(extensions.keyUsage & KeyUsage.keyCertSign)) {
    throw new CertificateError('key-usage', `key usage of ${who} does not allow signing certificates`)
  }
  const pathLength = extensions.basicConstraints?.pathLength
  if (pathLength !== undefined && place.intermediates > pathLength) {
    throw new CertificateError(
      'path-length',
      `${who} allows ${pathLength} intermediates, the chain has ${place.intermediates}`,
    )
  }
  const purpose = place.role === 'server' ? Oid.serverAuth : Oid.clientAuth
  const purposes = extensions.extendedKeyUsage
  if (purposes !== undefined && !purposes.includes(purpose) && !purposes.includes(Oid.anyExtendedKeyUsage)) {
    throw new CertificateError('extended-key-usage', `extended key usage of ${who} does not allow a TLS ${place.role}`)
  }
  checkKey(issuer, who)
  checkValidity(issuer, place.wallClock, who)
}

/** RFC 5280 §4.1.2.5: both ends belong to the period, to the second. @throws CertificateError */
export function checkValidity(certificate: Certificate, wallClock: number, who = 'certificate'): void {
  if (wallClock < certificate.notBefore) {
    throw new CertificateError('validity', `${who} is not valid before ${formatDate(certificate.notBefore)}`)
  }
  if (Math.floor(wallClock / 1000) * 1000 > certificate.notAfter) {
    throw new CertificateError('validity', `${who} expired on ${formatDate(certificate.notAfter)}`)
  }
  // Also what compares with nothing: a clock that is no number.
  if (!Number.isFinite(wallClock))
    throw new CertificateError('validity', `wall clock must be a number, got ${wallClock}`)
}

function checkUnknownExtensions({ extensions }: Certificate, who: string): void {
  const [first] = extensions.unknownCritical
  if (first !== undefined) throw new CertificateError('extension', `${who} has an unknown critical extension ${first}`)
}

function checkKey({ publicKey }: Certificate, who: string): void {
  if (publicKey.kind === 'unsupported') throw new CertificateError('key', `${who} has a key that TLS 1.3 does not use`)
  const bits = publicKey.modulusBits
  if (publicKey.kind.startsWith('rsa') && (bits < MIN_MODULUS_BITS || bits > MAX_MODULUS_BITS)) {
    throw new CertificateError(
      'key',
      `${who} has an RSA key of ${bits} bits, not of ${MIN_MODULUS_BITS} to ${MAX_MODULUS_BITS}`,
    )
  }
}
