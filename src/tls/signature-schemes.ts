/** Which signature schemes a handshake may use, and with which keys (RFC 8446 §4.2.3, §4.4.3). */
import { toHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { SignatureScheme } from './code-points.ts'

/**
 * Whether a CertificateVerify may be signed so. RSASSA-PKCS1-v1_5 is for certificates alone, and what rests on MD5,
 * SHA-1 or SHA-224, or on DSA, for nothing (RFC 8446 §4.2.3).
 */
export function isHandshakeScheme(scheme: number): boolean {
  const hash = scheme >>> 8
  const signature = scheme & 0xff
  return hash > 3 && signature !== 1 && signature !== 2
}

/** AlgorithmIdentifiers as DER in hexadecimal, or how they begin: RFC 5480 §2.1.1, RFC 8410 §3, RFC 8017 §A. */
const P256 = '301306072a8648ce3d020106082a8648ce3d030107'
const P384 = '301006072a8648ce3d020106052b81040022'
const P521 = '301006072a8648ce3d020106052b81040023'
const ED25519 = '300506032b6570'
const RSA = '300d06092a864886f70d0101010500'
const RSA_PSS_OID = '06092a864886f70d01010a'

/**
 * Whether a public key is of the kind that a scheme signs with; the curve belongs to the scheme (RFC 8446 §4.2.3). A
 * scheme that is not known here is left to its verifier.
 * @param spki SubjectPublicKeyInfo, DER.
 */
export function keyFitsScheme(spki: Uint8Array, scheme: number): boolean {
  const algorithm = algorithmOf(spki)
  switch (scheme) {
    case SignatureScheme.ecdsaSecp256r1Sha256:
      return algorithm === P256
    case SignatureScheme.ecdsaSecp384r1Sha384:
      return algorithm === P384
    case SignatureScheme.ecdsaSecp521r1Sha512:
      return algorithm === P521
    case SignatureScheme.ed25519:
      return algorithm === ED25519
    case SignatureScheme.rsaPssRsaeSha256:
    case SignatureScheme.rsaPssRsaeSha384:
    case SignatureScheme.rsaPssRsaeSha512:
      return algorithm === RSA
    case SignatureScheme.rsaPssPssSha256:
    case SignatureScheme.rsaPssPssSha384:
    case SignatureScheme.rsaPssPssSha512:
      return algorithm.includes(RSA_PSS_OID)
    default:
      return true
  }
}

/** The AlgorithmIdentifier, the first element of the SEQUENCE that an SPKI is, in hexadecimal. */
function algorithmOf(spki: Uint8Array): string {
  const reader = new Reader(spki)
  reader.uint8()
  const length = reader.uint8()
  if (length > 0x80) reader.skip(length & 0x7f)
  const start = reader.offset
  reader.uint8()
  // No AlgorithmIdentifier of a public key known here is as long as 128 bytes; another does not compare equal.
  reader.skip(reader.uint8())
  return reader.ok ? toHex(spki.subarray(start, reader.offset)) : ''
}
