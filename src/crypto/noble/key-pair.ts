/** Making key pairs for certificates in any host. */
import { p256 } from '@noble/curves/nist.js'
import { type RandomSource, randomBytes } from '../../base/random.ts'
import { encodePrivateKey, encodePublicKey } from '../key-format.ts'

/** A key pair as it is exchanged, DER. */
export interface EncodedKeyPair {
  /** PKCS #8. */
  readonly privateKey: Uint8Array
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array
}

/** A P-256 key pair for ECDSA, drawn from `random`. */
export function generateP256KeyPair(random: RandomSource): EncodedKeyPair {
  const { secretKey } = p256.keygen(randomBytes(random, p256.lengths.seed ?? 48))
  const point = p256.getPublicKey(secretKey, false)
  return { privateKey: encodePrivateKey('P-256', secretKey, point), publicKey: encodePublicKey('P-256', point) }
}
