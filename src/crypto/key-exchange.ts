/** Diffie-Hellman as a {@link KeyExchange}: whoever can generate and agree can respond. */
import type { RandomSource } from '../base/random.ts'
import { andThen, type Eventually } from './eventually.ts'
import type { KeyExchange, KeyShare } from './provider.ts'

/** NamedGroup code points (RFC 8446 §4.2.7). */
export const SECP256R1 = 0x0017
export const SECP384R1 = 0x0018
export const X25519 = 0x001d

/** The group of a Diffie-Hellman whose key shares `generate` makes. */
export function diffieHellmanGroup(
  group: number,
  generate: (random: RandomSource) => Eventually<KeyShare>,
): KeyExchange {
  return {
    group,
    generate,
    respond: (peer, random) =>
      andThen(generate(random), (own) =>
        andThen(own.agree(peer), (secret): { share: Uint8Array; secret: Uint8Array } => ({ share: own.share, secret })),
      ),
  }
}

/**
 * Refuses what is no share of a group, before an engine sees it: P-256 and P-384 take uncompressed points alone (RFC 8446
 * §4.2.8.2), X25519 takes 32 bytes.
 * @throws RangeError naming the length or form.
 */
export function checkShare(group: number, peer: Uint8Array): void {
  const length = group === X25519 ? 32 : group === SECP256R1 ? 65 : 97
  if (peer.length !== length) throw new RangeError(`A key share of this group has ${length} bytes, got ${peer.length}`)
  if (group !== X25519 && peer[0] !== 4) throw new RangeError(`A point must be uncompressed, got form ${peer[0]}`)
}

/**
 * Refuses the all-zero secret that a point of small order leads to (RFC 8446 §7.4.2).
 * @throws RangeError
 */
export function checkSecret(secret: Uint8Array): Uint8Array {
  let bits = 0
  for (const byte of secret) bits |= byte
  if (bits === 0) throw new RangeError('The key share leads to a secret of zeros')
  return secret
}
