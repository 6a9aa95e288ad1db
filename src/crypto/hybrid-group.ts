/**
 * X25519MLKEM768: ML-KEM-768 and X25519 side by side, so that a secret stays one as long as either holds
 * (draft-ietf-tls-ecdhe-mlkem §3). The halves come from whoever has them.
 */
import { concat } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { andThen, type Eventually } from './eventually.ts'
import type { KeyExchange, KeyShare } from './provider.ts'

/** The NamedGroup code point (draft-ietf-tls-ecdhe-mlkem §5). */
export const X25519_MLKEM768 = 0x11ec

/** Bytes of an ML-KEM-768 encapsulation key and ciphertext (FIPS 203 §8), and of an X25519 share. */
export const ENCAPSULATION_KEY_LENGTH = 1184
export const CIPHERTEXT_LENGTH = 1088
const CURVE_LENGTH = 32

/** A key pair of ML-KEM-768. */
export interface KemKeyPair {
  /** {@link ENCAPSULATION_KEY_LENGTH} bytes. */
  readonly encapsulationKey: Uint8Array
  /** The secret, 32 bytes, of a ciphertext of {@link CIPHERTEXT_LENGTH} bytes; a wrong one yields another secret. */
  decapsulate(ciphertext: Uint8Array): Eventually<Uint8Array>
}

/** ML-KEM-768 (FIPS 203). */
export interface MlKem768 {
  generate(random: RandomSource): Eventually<KemKeyPair>
  /**
   * A secret of 32 bytes, and the ciphertext that tells it to the owner of the key.
   * @throws (or rejects) where the key fails the check of FIPS 203 §7.2.
   */
  encapsulate(
    encapsulationKey: Uint8Array,
    random: RandomSource,
  ): Eventually<{ readonly ciphertext: Uint8Array; readonly secret: Uint8Array }>
}

/** Decapsulation failed, and not for the peer's share: TLS ends with internal_error (draft-ietf-tls-ecdhe-mlkem §3.1.2). */
export class DecapsulationError extends Error {
  override readonly name = 'DecapsulationError'
}

/** The group of an ML-KEM-768 and an X25519. */
export function hybridGroup(kem: MlKem768, x25519: KeyExchange): KeyExchange {
  return {
    group: X25519_MLKEM768,
    generate: (random) =>
      andThen(kem.generate(random), (pair) =>
        andThen(x25519.generate(random), (curve) => hybridShare(pair, { group: x25519.group, share: curve })),
      ),
    respond: (peer, random) => {
      checkLength(peer, ENCAPSULATION_KEY_LENGTH)
      const curveShare = peer.subarray(ENCAPSULATION_KEY_LENGTH)
      return andThen(kem.encapsulate(peer.subarray(0, ENCAPSULATION_KEY_LENGTH), random), ({ ciphertext, secret }) =>
        andThen(x25519.respond(curveShare, random), (curve): { share: Uint8Array; secret: Uint8Array } => ({
          share: concat(ciphertext, curve.share),
          secret: join(secret, curve.secret),
        })),
      )
    },
  }
}

function hybridShare(pair: KemKeyPair, half: { readonly group: number; readonly share: KeyShare }): KeyShare {
  const curve = half.share
  return {
    half,
    share: concat(pair.encapsulationKey, curve.share),
    agree(peer) {
      checkLength(peer, CIPHERTEXT_LENGTH)
      return andThen(curve.agree(peer.subarray(CIPHERTEXT_LENGTH)), (curveSecret) =>
        andThen(
          decapsulate(pair, peer.subarray(0, CIPHERTEXT_LENGTH)),
          (secret) => join(secret, curveSecret),
          wrapFailure,
        ),
      )
    },
  }
}

function decapsulate(pair: KemKeyPair, ciphertext: Uint8Array): Eventually<Uint8Array> {
  try {
    return pair.decapsulate(ciphertext)
  } catch (cause) {
    return wrapFailure(cause)
  }
}

function wrapFailure(cause: unknown): never {
  throw new DecapsulationError('ML-KEM could not decapsulate', { cause })
}

/** draft-ietf-tls-ecdhe-mlkem §3.1.3: that of ML-KEM first. Wipes the parts. */
function join(secret: Uint8Array, curveSecret: Uint8Array): Uint8Array {
  const joined = concat(secret, curveSecret)
  secret.fill(0)
  curveSecret.fill(0)
  return joined
}

function checkLength(peer: Uint8Array, kemLength: number): void {
  const length = kemLength + CURVE_LENGTH
  if (peer.length !== length) throw new RangeError(`A share of X25519MLKEM768 has ${length} bytes, got ${peer.length}`)
}
