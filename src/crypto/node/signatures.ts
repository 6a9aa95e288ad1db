/** Signatures by `node:crypto`: ECDSA, Ed25519, RSA. */
import { Buffer } from 'node:buffer'
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { parsePrivateKey, parsePublicKey } from '../key-format.ts'
import type { Signer, Verifier } from '../provider.ts'
import {
  ALL_SCHEMES,
  requireScheme,
  type SchemeAlgorithm,
  schemeAlgorithm,
  signingSchemes,
  takesKey,
  verifiersOf,
} from '../signature-schemes.ts'

/** Verifiers of all schemes. */
export const nodeVerifiers: readonly Verifier[] = /* @__PURE__ */ verifiersOf(ALL_SCHEMES, nodeVerify)

function nodeVerify(scheme: number, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const parts = schemeAlgorithm(scheme)
  const parsed = parsePublicKey(spki)
  if (parts === undefined || parsed === undefined || !takesKey(parts, parsed)) return false
  try {
    const key = createPublicKey({ key: bufferOf(spki), format: 'der', type: 'spki' })
    // RFC 8017 §8.1.2: a signature is as long as the modulus. OpenSSL takes it without its leading zeros, too.
    const modulus = key.asymmetricKeyDetails?.modulusLength
    if (modulus !== undefined && signature.length !== Math.ceil(modulus / 8)) return false
    return verify(hashOf(parts), message, { key, ...padding(parts) }, signature)
  } catch {
    // OpenSSL refuses points that are not on their curve, and keys whose parameters forbid the padding.
    return false
  }
}

/**
 * A signer of a PKCS #8 key.
 * @throws TypeError for a key that is malformed or of a kind that TLS does not sign with.
 */
export function nodeSigner(pkcs8: Uint8Array): Signer {
  if (parsePrivateKey(pkcs8) === undefined) {
    throw new TypeError('The private key is no PKCS #8 key of a supported algorithm')
  }
  try {
    return signerOfKeyObject(createPrivateKey({ key: bufferOf(pkcs8), format: 'der', type: 'pkcs8' }))
  } catch (cause) {
    throw cause instanceof TypeError ? cause : new TypeError('The private key cannot be read', { cause })
  }
}

/**
 * A signer of a private key that Node holds.
 * @throws TypeError for a public key, or one of a kind that TLS does not sign with.
 */
export function signerOfKeyObject(key: KeyObject): Signer {
  if (key.type !== 'private') throw new TypeError(`A signer needs a private key, got a ${key.type} one`)
  const public_ = parsePublicKey(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  if (public_ === undefined) throw new TypeError(`Keys of type ${key.asymmetricKeyType} are not supported`)
  const schemes = signingSchemes(public_.algorithm)
  return {
    schemes,
    sign(scheme, message) {
      const parts = requireScheme(scheme, schemes)
      return new Uint8Array(sign(hashOf(parts), message, { key, ...padding(parts) }))
    },
  }
}

function hashOf(parts: SchemeAlgorithm): string | undefined {
  return parts.family === 'ed25519' ? undefined : parts.hash
}

function padding(parts: SchemeAlgorithm): { padding?: number; saltLength?: number } {
  if (parts.family === 'rsa-pkcs1') return { padding: constants.RSA_PKCS1_PADDING }
  if (parts.family !== 'rsa-pss') return {}
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
}

/** The same bytes as a `Buffer`, which is what Node takes keys from. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
