/** Signatures by `node:crypto`: ECDSA, Ed25519, RSA. */
import {
  constants,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
  verify,
} from 'node:crypto'
import { copyBytes, toLatin1 } from '../../base/bytes.ts'
import { RecentMap } from '../../base/recent-map.ts'
import { type PublicKey, parsePrivateKey, parsePublicKey } from '../key-format.ts'
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
import { bufferOf } from './buffer.ts'

/** Verifiers of all schemes. */
export const nodeVerifiers: readonly Verifier[] = /* @__PURE__ */ verifiersOf(ALL_SCHEMES, nodeVerify)

/** A key as OpenSSL holds it. */
interface VerifyingKey {
  readonly parsed: PublicKey
  readonly key: KeyObject
  /** Bytes of the modulus, which are those of a signature as well (RFC 8017 §8.1.2); `undefined` for curves. */
  readonly modulusLength: number | undefined
}

/** Keys that are kept: a client meets the same few servers and authorities again and again. */
const MAX_KEYS = 64

/** Bytes of a key that is kept: RSA of 8,192 bits, and some. */
const MAX_KEY_LENGTH = 1_200

const keys = /* @__PURE__ */ new RecentMap<string, VerifyingKey>(MAX_KEYS)

function nodeVerify(scheme: number, spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const parts = schemeAlgorithm(scheme)
  const known = verifyingKey(spki)
  if (parts === undefined || known === undefined || !takesKey(parts, known.parsed)) return false
  // OpenSSL takes a signature without its leading zeros, too.
  if (known.modulusLength !== undefined && signature.length !== known.modulusLength) return false
  try {
    return verify(hashOf(parts), message, keyWith(known.key, parts), signature)
  } catch {
    // A key whose parameters forbid the padding.
    return false
  }
}

/** `undefined` for what is malformed, of no known kind, or no point of its curve. */
function verifyingKey(spki: Uint8Array): VerifyingKey | undefined {
  if (spki.length > MAX_KEY_LENGTH) return readKey(spki)
  const name = toLatin1(spki)
  const known = keys.get(name)
  if (known !== undefined) return known
  const made = readKey(copyBytes(spki))
  if (made !== undefined) keys.set(name, made)
  return made
}

function readKey(spki: Uint8Array): VerifyingKey | undefined {
  const parsed = parsePublicKey(spki)
  if (parsed === undefined) return undefined
  try {
    const key = createPublicKey({ key: bufferOf(spki), format: 'der', type: 'spki' })
    const bits = key.asymmetricKeyDetails?.modulusLength
    return { parsed, key, modulusLength: bits === undefined ? undefined : Math.ceil(bits / 8) }
  } catch {
    return undefined
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
      return new Uint8Array(sign(hashOf(parts), message, keyWith(key, parts)))
    },
  }
}

function hashOf(parts: SchemeAlgorithm): string | undefined {
  return parts.family === 'ed25519' ? undefined : parts.hash
}

/** The key alone where there is no padding to name: Node then looks at nothing else. */
function keyWith(key: KeyObject, parts: SchemeAlgorithm): KeyObject | SignKeyObjectInput {
  if (parts.family === 'rsa-pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING }
  if (parts.family !== 'rsa-pss') return key
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
}
