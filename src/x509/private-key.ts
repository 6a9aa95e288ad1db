/**
 * Private keys as files hold them, turned into PKCS #8 (RFC 5958), the one form the engines read: PKCS #8 itself, SEC 1 for
 * elliptic curves (RFC 5915), PKCS #1 for RSA (RFC 8017 §A.1.2). Nothing is computed with the keys.
 */
import { CertificateError } from './certificate-error.ts'
import { constructedTag, DerError, DerTag, parseDer } from './der.ts'
import { derBitString, derElement, derInteger, derNull, derOctetString, derOid, derSequence } from './der-writer.ts'
import { Oid } from './oids.ts'
import { decodePem } from './pem.ts'

/**
 * The first private key of a PEM text as PKCS #8 DER. Blocks of other kinds (certificates, EC PARAMETERS) may stand around it.
 * @throws CertificateError if there is none, or it is encrypted.
 */
export function privateKeyFromPem(text: string): Uint8Array {
  for (const { label, der } of decodePem(text)) {
    switch (label) {
      case 'PRIVATE KEY':
        return der
      case 'EC PRIVATE KEY':
        return pkcs8FromSec1(der)
      case 'RSA PRIVATE KEY':
        return pkcs8FromPkcs1(der)
      case 'ENCRYPTED PRIVATE KEY':
        throw new CertificateError('encoding', 'private key is encrypted; decrypt it first (openssl pkey)')
    }
  }
  throw new CertificateError('encoding', 'PEM holds no private key')
}

/** PKCS #8 of an ECPrivateKey (RFC 5915), which must name its curve. @throws CertificateError */
export function pkcs8FromSec1(der: Uint8Array): Uint8Array {
  const curve = readOrRefuse('EC', () =>
    parseDer(der, (reader) => {
      const fields = reader.read(DerTag.sequence)
      if (fields.unsigned() !== 1) throw new DerError('version must be 1')
      fields.contents(DerTag.octetString)
      const oid = fields.read(constructedTag(0)).oid()
      fields.readOptional(constructedTag(1))
      fields.expectEnd()
      return oid
    }),
  )
  return encodePkcs8(derSequence(derOid(Oid.ecPublicKey), derOid(curve)), der)
}

/** PKCS #8 of an RSAPrivateKey (RFC 8017 §A.1.2). @throws CertificateError */
export function pkcs8FromPkcs1(der: Uint8Array): Uint8Array {
  readOrRefuse('RSA', () =>
    parseDer(der, (reader) => {
      const fields = reader.read(DerTag.sequence)
      // Two primes, and nine numbers in all.
      if (fields.unsigned() !== 0) throw new DerError('version must be 0')
      for (let field = 1; field < 9; field++) fields.integer()
      fields.expectEnd()
    }),
  )
  return encodePkcs8(derSequence(derOid(Oid.rsaEncryption), derNull()), der)
}

/**
 * PKCS #8 of a key on a named curve.
 *
 * @param secret the scalar, big-endian, as long as the curve's order.
 * @param publicKey the point, uncompressed.
 * @param curve object identifier, such as {@link Oid.p256}.
 */
export function ecPrivateKey(secret: Uint8Array, publicKey: Uint8Array, curve: string): Uint8Array {
  const publicPart = derElement(constructedTag(1), derBitString(publicKey))
  const sec1 = derSequence(derInteger(1), derOctetString(secret), publicPart)
  return encodePkcs8(derSequence(derOid(Oid.ecPublicKey), derOid(curve)), sec1)
}

/** SubjectPublicKeyInfo (RFC 5480 §2) of a point, uncompressed, on a named curve. */
export function ecPublicKey(publicKey: Uint8Array, curve: string): Uint8Array {
  return derSequence(derSequence(derOid(Oid.ecPublicKey), derOid(curve)), derBitString(publicKey))
}

function encodePkcs8(algorithm: Uint8Array, privateKey: Uint8Array): Uint8Array {
  return derSequence(derInteger(0), algorithm, derOctetString(privateKey))
}

function readOrRefuse<T>(kind: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw new CertificateError('encoding', `${kind} private key is malformed: ${error.message}`, { cause: error })
  }
}
