/**
 * `isoquic/crypto/ml-kem`: X25519MLKEM768 for runtimes that have no ML-KEM of their own, by `@noble/post-quantum`, an optional
 * peer dependency that this module alone imports. Keys are drawn from the given source, so a seed reproduces them.
 */
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { randomBytes } from '../../base/random.ts'
import { hybridGroup, type MlKem768 } from '../hybrid-group.ts'
import type { KeyExchange } from '../provider.ts'
import { nobleX25519 } from './groups.ts'

/** ML-KEM-768 by noble, synchronous. */
export const nobleMlKem768: MlKem768 = {
  generate(random) {
    const { publicKey, secretKey } = ml_kem768.keygen(randomBytes(random, 64))
    return {
      encapsulationKey: publicKey,
      decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey),
    }
  },
  encapsulate(encapsulationKey, random) {
    // Checks the key's length and modulus (FIPS 203 §7.2).
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(encapsulationKey, randomBytes(random, 32))
    return { ciphertext: cipherText, secret: sharedSecret }
  },
}

/**
 * The group, to hand to `connect` and `listen`.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { x25519MlKem768 } from 'isoquic/crypto/ml-kem'
 * import { udp } from 'isoquic/transports/udp'
 *
 * // 0x001d is X25519, for servers that do not have the other.
 * const connection = await connect(await udp(), { address: 'example.org:4433', alpn: ['echo'], groups: [x25519MlKem768, 0x001d] })
 * ```
 */
export const x25519MlKem768: KeyExchange = /* @__PURE__ */ hybridGroup(nobleMlKem768, nobleX25519)
