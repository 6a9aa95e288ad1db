/**
 * A certificate taken apart (RFC 5280 §4.1): everything a validator needs, nothing judged yet but the encoding. Bounded by
 * the size of the certificate; every malformation is a {@link CertificateError}.
 */
import { equalBytes } from '../base/bytes.ts'
import { type PublicKeyInfo, parsePublicKeyInfo } from './algorithms.ts'
import { CertificateError } from './certificate-error.ts'
import { readTime } from './dates.ts'
import { constructedTag, DerError, type DerReader, DerTag, parseDer, primitiveTag } from './der.ts'
import { type DistinguishedName, readName } from './distinguished-name.ts'
import { type Extensions, readExtensions } from './extensions.ts'

/** Certificates above this are refused unread (bytes); those of real chains have one to five thousand. */
export const MAX_CERTIFICATE_LENGTH = 262_144

/** RFC 5280 §4.1.2.2: a serial number has at most 20 bytes. */
const MAX_SERIAL_LENGTH = 20

/** A parsed certificate. Byte fields are views into {@link der}. */
export interface Certificate {
  /** The whole certificate, DER. */
  readonly der: Uint8Array
  /** The signed part, tbsCertificate. */
  readonly tbs: Uint8Array
  /** 1, 2 or 3 as people count, not as the field does. */
  readonly version: number
  readonly serialNumber: Uint8Array
  /** The AlgorithmIdentifier of the signature; the inner and the outer one are the same (RFC 5280 §4.1.1.2). */
  readonly signatureAlgorithm: Uint8Array
  readonly signature: Uint8Array
  readonly issuer: DistinguishedName
  readonly subject: DistinguishedName
  /** Unix milliseconds; both ends belong to the validity period. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  readonly publicKey: PublicKeyInfo
  readonly extensions: Extensions
  /** Whether subject and issuer are the same name (RFC 5280 §3.2), whoever signed. */
  readonly isSelfIssued: boolean
}

/** Takes a certificate apart; keeps views of `der`, which must not change. @throws CertificateError */
export function parseCertificate(der: Uint8Array): Certificate {
  if (der.length > MAX_CERTIFICATE_LENGTH) {
    throw new CertificateError(
      'encoding',
      `certificate of ${der.length} bytes is longer than ${MAX_CERTIFICATE_LENGTH}`,
    )
  }
  try {
    return parseDer(der, (reader) => readCertificate(der, reader))
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw new CertificateError('encoding', `certificate is malformed: ${error.message}`, { cause: error })
  }
}

/** The subject of a certificate that is not worth parsing yet. @throws DerError */
export function peekSubject(der: Uint8Array): DistinguishedName {
  const tbs = parseDer(der, (reader) => reader.read(DerTag.sequence)).read(DerTag.sequence)
  tbs.readOptional(constructedTag(0))
  for (let field = 0; field < 4; field++) tbs.element()
  return readName(tbs)
}

function readCertificate(der: Uint8Array, reader: DerReader): Certificate {
  const outer = reader.read(DerTag.sequence)
  const tbs = outer.element()
  const signatureAlgorithm = outer.element()
  const signature = outer.bitString()
  outer.expectEnd()
  const inner = parseDer(tbs, readTbs)
  // RFC 5280 §4.1.1.2: otherwise the signature would not cover the algorithm.
  if (!equalBytes(signatureAlgorithm, inner.signatureAlgorithm)) {
    throw new DerError('the two signature algorithms differ')
  }
  return { der, tbs, signature, ...inner }
}

function readTbs(reader: DerReader): Omit<Certificate, 'der' | 'tbs' | 'signature'> {
  const fields = reader.read(DerTag.sequence)
  const version = readVersion(fields)
  const serialNumber = readSerialNumber(fields)
  const signatureAlgorithm = readAlgorithm(fields)
  const issuer = readName(fields)
  const validity = fields.read(DerTag.sequence)
  const notBefore = readTime(validity)
  const notAfter = readTime(validity)
  validity.expectEnd()
  const subject = readName(fields)
  const spki = fields.element()
  const publicKey = parsePublicKeyInfo(spki)
  if (version > 1) {
    // Unique identifiers are read and mean nothing (RFC 5280 §4.1.2.8).
    fields.readOptional(primitiveTag(1))
    fields.readOptional(primitiveTag(2))
  }
  const extensions = readOptionalExtensions(version, fields)
  fields.expectEnd()
  if (issuer.key === '') throw new DerError('the issuer has an empty name')
  const isSelfIssued = issuer.key === subject.key
  return {
    version,
    serialNumber,
    signatureAlgorithm,
    issuer,
    subject,
    notBefore,
    notAfter,
    spki,
    publicKey,
    extensions,
    isSelfIssued,
  }
}

function readVersion(fields: DerReader): number {
  const explicit = fields.readOptional(constructedTag(0))
  if (explicit === undefined) return 1
  const version = explicit.unsigned() + 1
  explicit.expectEnd()
  // Version 1 is the default, which DER leaves out.
  if (version !== 2 && version !== 3) throw new DerError(`version must be 2 or 3 where it is given, got ${version}`)
  return version
}

function readSerialNumber(fields: DerReader): Uint8Array {
  const serial = fields.integer()
  const first = serial[0] ?? 0
  if (first >= 0x80) throw new DerError('serial number is negative')
  if (serial.length - (first === 0 ? 1 : 0) > MAX_SERIAL_LENGTH)
    throw new DerError('serial number has more than 20 bytes')
  return serial
}

function readAlgorithm(fields: DerReader): Uint8Array {
  const algorithm = fields.element()
  parseDer(algorithm, (reader) => reader.read(DerTag.sequence)).oid()
  return algorithm
}

function readOptionalExtensions(version: number, fields: DerReader): Extensions {
  const explicit = version === 3 ? fields.readOptional(constructedTag(3)) : undefined
  if (explicit === undefined) return { unknownCritical: [] }
  const extensions = readExtensions(explicit)
  explicit.expectEnd()
  return extensions
}
