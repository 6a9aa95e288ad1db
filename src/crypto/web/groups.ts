/**
 * Key agreement by Web Crypto: X25519, P-256, P-384, and X25519MLKEM768 where it is native. Private keys are the host's, drawn by it and not extractable; the given
 * source of randomness serves noble, which is loaded where the host lacks a group.
 */
import type { RandomSource } from '../../base/random.ts'
import { hybridGroup } from '../hybrid-group.ts'
import { checkSecret, checkShare, diffieHellmanGroup, SECP256R1, SECP384R1, X25519 } from '../key-exchange.ts'
import type { KeyExchange, KeyShare } from '../provider.ts'
import { hasWebMlKem768, webMlKem768 } from './ml-kem.ts'

/** How Web Crypto names a group. */
interface GroupName {
  readonly group: number
  readonly algorithm: { readonly name: string; readonly namedCurve?: string }
  /** Bits of the secret. */
  readonly secretBits: number
}

const X25519_NAME: GroupName = { group: X25519, algorithm: { name: 'X25519' }, secretBits: 256 }
const P256_NAME: GroupName = { group: SECP256R1, algorithm: { name: 'ECDH', namedCurve: 'P-256' }, secretBits: 256 }
const P384_NAME: GroupName = { group: SECP384R1, algorithm: { name: 'ECDH', namedCurve: 'P-384' }, secretBits: 384 }

/** The groups of a host: X25519MLKEM768 where it has ML-KEM, X25519, P-256, P-384. `subtle` is asked for at each use. */
export function webGroups(subtle: () => SubtleCrypto): readonly KeyExchange[] {
  const curves = [X25519_NAME, P256_NAME, P384_NAME].map((name) =>
    diffieHellmanGroup(name.group, (random) => generate(subtle(), name, random)),
  )
  const [x25519] = curves
  if (x25519 === undefined || !hasWebMlKem768(subtle())) return curves
  return [hybridGroup(webMlKem768(subtle), x25519), ...curves]
}

async function generate(subtle: SubtleCrypto, name: GroupName, random: RandomSource): Promise<KeyShare> {
  let pair: CryptoKeyPair
  let share: Uint8Array
  try {
    pair = (await subtle.generateKey(name.algorithm, false, ['deriveBits'])) as CryptoKeyPair
    share = new Uint8Array(await subtle.exportKey('raw', pair.publicKey))
  } catch {
    return await generateByNoble(name.group, random)
  }
  return {
    share,
    async agree(peer) {
      checkShare(name.group, peer)
      const key = await subtle.importKey('raw', peer.slice(), name.algorithm, false, [])
      const deriving = { name: name.algorithm.name, public: key }
      const secret = new Uint8Array(await subtle.deriveBits(deriving, pair.privateKey, name.secretBits))
      return name.group === X25519 ? checkSecret(secret) : secret
    },
  }
}

async function generateByNoble(group: number, random: RandomSource): Promise<KeyShare> {
  const { nobleP256, nobleP384, nobleX25519 } = await import('../noble/groups.ts')
  const exchange = group === X25519 ? nobleX25519 : group === SECP256R1 ? nobleP256 : nobleP384
  return await exchange.generate(random)
}
