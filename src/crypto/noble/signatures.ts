/** Signatures by noble: ECDSA and Ed25519. It has no RSA. */
import { ed25519 } from '@noble/curves/ed25519.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { type CurveName, type PublicKey, parsePrivateKey, parsePublicKey, type SignatureHash } from '../key-format.ts'
import type { Signer, Verifier } from '../provider.ts'
import {
  CURVE_SCHEMES,
  requireScheme,
  type SchemeAlgorithm,
  schemeAlgorithm,
  signingSchemes,
  takesKey,
  verifiersOf,
} from '../signature-schemes.ts'

/** Verifiers of all schemes that noble has. */
export const nobleVerifiers: readonly Verifier[] = /* @__PURE__ */ verifiersOf(CURVE_SCHEMES, nobleVerify)

/** Verifies one signature. Schemes and keys that noble lacks are `false`, as is everything malformed. */
export function nobleVerify(scheme: number, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const parts = schemeAlgorithm(scheme)
  const key = parsePublicKey(spki)
  if (parts === undefined || key === undefined || !takesKey(parts, key)) return false
  try {
    return verifyWith(parts, key, message, signature)
  } catch {
    // noble throws for a point that is not on its curve and for DER that is malformed.
    return false
  }
}

/**
 * A signer of a PKCS #8 key. Signatures are deterministic (RFC 6979, RFC 8032).
 * @throws TypeError for a key that is malformed or of a kind that noble lacks.
 */
export function nobleSigner(pkcs8: Uint8Array): Signer {
  const key = parsePrivateKey(pkcs8)
  if (key === undefined) throw new TypeError('The private key is no PKCS #8 key of a supported algorithm')
  const { algorithm } = key
  if (algorithm.kind === 'rsa' || algorithm.kind === 'rsa-pss') {
    throw new TypeError('RSA keys need node:crypto or Web Crypto')
  }
  const secret = key.bytes.slice()
  const schemes = signingSchemes(algorithm)
  return {
    schemes,
    sign(scheme, message) {
      const parts = requireScheme(scheme, schemes)
      if (algorithm.kind === 'ed25519' || parts.family !== 'ecdsa') return ed25519.sign(message, secret)
      return curveOf(algorithm.curve).sign(digest(parts.hash, message), secret, {
        prehash: false,
        lowS: false,
        format: 'der',
      })
    },
  }
}

function verifyWith(parts: SchemeAlgorithm, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const { algorithm } = key
  // RFC 8032 §5.1.7 rather than the laxer ZIP 215, so that all engines agree.
  if (algorithm.kind === 'ed25519') return ed25519.verify(signature, message, key.bytes, { zip215: false })
  if (algorithm.kind !== 'ec' || parts.family !== 'ecdsa') return false
  return curveOf(algorithm.curve).verify(signature, digest(parts.hash, message), key.bytes, {
    prehash: false,
    lowS: false,
    format: 'der',
  })
}

function curveOf(curve: CurveName): typeof p256 {
  return curve === 'P-256' ? p256 : curve === 'P-384' ? p384 : p521
}

function digest(hash: SignatureHash, message: Uint8Array): Uint8Array {
  return hash === 'sha256' ? sha256(message) : hash === 'sha384' ? sha384(message) : sha512(message)
}
