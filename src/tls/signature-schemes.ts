/** Which signature schemes a handshake may use, and with which keys (RFC 8446 §4.2.3, §4.4.3). */
import { parsePublicKey } from '../crypto/key-format.ts'
import { schemeAlgorithm, signingSchemes } from '../crypto/signature-schemes.ts'

/**
 * Whether a CertificateVerify may be signed so. RSASSA-PKCS1-v1_5 is for certificates alone, and what rests on MD5,
 * SHA-1 or SHA-224, or on DSA, for nothing (RFC 8446 §4.2.3).
 */
export function isHandshakeScheme(scheme: number): boolean {
  const hash = scheme >>> 8
  const signature = scheme & 0xff
  return hash > 3 && signature !== 1 && signature !== 2
}

/**
 * Whether a public key is of the kind that a scheme signs handshakes with: the curve belongs to the scheme (RFC 8446
 * §4.2.3). A scheme that is not known here is left to its verifier.
 * @param spki SubjectPublicKeyInfo, DER.
 */
export function keyFitsScheme(spki: Uint8Array, scheme: number): boolean {
  if (schemeAlgorithm(scheme) === undefined) return true
  const key = parsePublicKey(spki)
  return key !== undefined && signingSchemes(key.algorithm).includes(scheme)
}
