/** Key agreement by noble: X25519, P-256, P-384. Private keys are drawn from the given source, so a seed reproduces them. */
import { x25519 as curve25519 } from '@noble/curves/ed25519.js'
import { p256, p384 } from '@noble/curves/nist.js'
import { type RandomSource, randomBytes } from '../../base/random.ts'
import { checkSecret, checkShare, diffieHellmanGroup, SECP256R1, SECP384R1, X25519 } from '../key-exchange.ts'
import type { KeyExchange, KeyShare } from '../provider.ts'

/** X25519 (RFC 7748). */
export const nobleX25519: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(X25519, generateX25519)

/** P-256 (secp256r1). */
export const nobleP256: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(SECP256R1, (random) =>
  generatePoint(SECP256R1, p256, random),
)

/** P-384 (secp384r1). */
export const nobleP384: KeyExchange = /* @__PURE__ */ diffieHellmanGroup(SECP384R1, (random) =>
  generatePoint(SECP384R1, p384, random),
)

function generateX25519(random: RandomSource): KeyShare {
  const secret = randomBytes(random, 32)
  return {
    share: curve25519.getPublicKey(secret),
    agree(peer) {
      checkShare(X25519, peer)
      return checkSecret(curve25519.getSharedSecret(secret, peer))
    },
  }
}

function generatePoint(group: number, curve: typeof p256, random: RandomSource): KeyShare {
  // More bytes than the order has, so that the reduction is without bias (FIPS 186-5 §A.2.1).
  const { secretKey } = curve.keygen(randomBytes(random, curve.lengths.seed ?? 48))
  return {
    share: curve.getPublicKey(secretKey, false),
    agree(peer) {
      checkShare(group, peer)
      // RFC 8446 §7.4.2: the secret is the x coordinate.
      return curve.getSharedSecret(secretKey, peer, false).slice(1, (peer.length + 1) / 2)
    },
  }
}
