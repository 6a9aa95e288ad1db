/**
 * Makes certificates: the short-lived one for development, and, in its parts, whatever a test's authority needs. The caller
 * brings keys, randomness and the time.
 */
import { encodeUtf8 } from '../base/bytes.ts'
import { type RandomSource, randomBytes } from '../base/random.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import type { Signer } from '../crypto/provider.ts'
import { signatureAlgorithm } from './algorithms.ts'
import { derTime, MILLISECONDS_PER_DAY } from './dates.ts'
import { constructedTag, primitiveTag } from './der.ts'
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derSequence,
  derUnsigned,
} from './der-writer.ts'
import { encodeCommonName } from './distinguished-name.ts'
import { KeyUsage } from './extensions.ts'
import { isHostName, parseIpAddress } from './names.ts'
import { Oid } from './oids.ts'

/** The fields of a certificate to be signed. */
export interface CertificateTemplate {
  /** Big-endian, not negative, at most 20 bytes. */
  readonly serialNumber: Uint8Array
  /** Names, DER (see `encodeCommonName`). */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Unix milliseconds, rounded down to seconds; both belong to the period. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array
  /** Elements as {@link encodeExtension} makes them. */
  readonly extensions: readonly Uint8Array[]
}

/** What a self-signed certificate says. */
export interface SelfSignedOptions {
  /** Host names and IP addresses for the subjectAltName, at least one; a name may begin with `*.`. */
  readonly names: readonly string[]
  /** SubjectPublicKeyInfo of the signer's key, DER. */
  readonly spki: Uint8Array
  /** The length of the validity period in milliseconds. Default, and at most: 13 days, one less than W3C allows. */
  readonly lifetime?: number
}

const MAX_LIFETIME = 13 * MILLISECONDS_PER_DAY
/** The period begins this much before now, since clocks differ (milliseconds). */
const BACKDATE = 3_600_000
const SERIAL_LENGTH = 16

/**
 * A self-signed certificate for a TLS server or client: version 3, CA:FALSE, digitalSignature, valid from an hour ago.
 *
 * @param signer holds the private key of `options.spki`; its best scheme is used.
 * @param wallClock Unix milliseconds.
 * @throws RangeError for a lifetime out of bounds, TypeError for something that is no name or a signer that fits no certificate.
 */
export function generateCertificate(
  options: SelfSignedOptions,
  signer: Signer,
  random: RandomSource,
  wallClock: number,
): Eventually<Uint8Array> {
  const { names, spki, lifetime = MAX_LIFETIME } = options
  if (!(lifetime > BACKDATE && lifetime <= MAX_LIFETIME)) {
    throw new RangeError(`lifetime must be more than ${BACKDATE} and at most ${MAX_LIFETIME} ms, got ${lifetime}`)
  }
  const name = encodeCommonName(names[0] ?? '')
  const serialNumber = randomBytes(random, SERIAL_LENGTH)
  // A positive number of the full length (RFC 5280 §4.1.2.2).
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40
  const notBefore = Math.floor((wallClock - BACKDATE) / 1000) * 1000
  const extensions = [
    encodeBasicConstraints(false),
    encodeKeyUsage(KeyUsage.digitalSignature),
    encodeExtendedKeyUsage([Oid.serverAuth, Oid.clientAuth]),
    encodeSubjectAltName(names),
  ]
  const period = { notBefore, notAfter: notBefore + lifetime }
  return signCertificate({ serialNumber, issuer: name, subject: name, ...period, spki, extensions }, signer)
}

/** Signs a certificate with the first of the signer's schemes that certificates know. @throws TypeError if there is none. */
export function signCertificate(template: CertificateTemplate, signer: Signer): Eventually<Uint8Array> {
  const scheme = signer.schemes.find((candidate) => signatureAlgorithm(candidate) !== undefined)
  const algorithm = scheme === undefined ? undefined : signatureAlgorithm(scheme)
  if (scheme === undefined || algorithm === undefined)
    throw new TypeError('Signer has no scheme that certificates know')
  const tbs = derSequence(
    derElement(constructedTag(0), derInteger(2)),
    derUnsigned(template.serialNumber),
    algorithm,
    template.issuer,
    derSequence(derTime(template.notBefore), derTime(template.notAfter)),
    template.subject,
    template.spki,
    ...(template.extensions.length > 0 ? [derElement(constructedTag(3), derSequence(...template.extensions))] : []),
  )
  return andThen(signer.sign(scheme, tbs), (signature) => derSequence(tbs, algorithm, derBitString(signature)))
}

/** One Extension (RFC 5280 §4.1); `value` is the DER inside. */
export function encodeExtension(id: string, isCritical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(derOid(id), ...(isCritical ? [derBoolean(true)] : []), derOctetString(value))
}

/** RFC 5280 §4.2.1.9, critical. */
export function encodeBasicConstraints(ca: boolean, pathLength?: number): Uint8Array {
  const fields = [...(ca ? [derBoolean(true)] : []), ...(pathLength === undefined ? [] : [derInteger(pathLength)])]
  return encodeExtension(Oid.basicConstraints, true, derSequence(...fields))
}

/** RFC 5280 §4.2.1.3, critical; a mask of {@link KeyUsage}. */
export function encodeKeyUsage(mask: number): Uint8Array {
  return encodeExtension(Oid.keyUsage, true, derNamedBits(mask))
}

/** RFC 5280 §4.2.1.12. */
export function encodeExtendedKeyUsage(purposes: readonly string[]): Uint8Array {
  return encodeExtension(Oid.extendedKeyUsage, false, derSequence(...purposes.map(derOid)))
}

/** RFC 5280 §4.2.1.6 from host names and IP addresses. @throws TypeError for what is neither. */
export function encodeSubjectAltName(names: readonly string[]): Uint8Array {
  if (names.length === 0) throw new TypeError('names must not be empty')
  return encodeExtension(Oid.subjectAltName, false, derSequence(...names.map(encodeName)))
}

function encodeName(name: string): Uint8Array {
  const address = parseIpAddress(name)
  if (address !== undefined) return derElement(primitiveTag(7), address)
  if (!isHostName(name.startsWith('*.') ? name.slice(2) : name)) {
    throw new TypeError(`names must be host names in A-labels or IP addresses, got "${name}"`)
  }
  return derElement(primitiveTag(2), encodeUtf8(name))
}
