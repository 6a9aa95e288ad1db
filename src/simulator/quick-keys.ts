/**
 * Public-key work that costs nothing and protects nothing, so that a simulation can afford thousands of handshakes: a
 * Diffie-Hellman in a group without hard problems, and signatures that anybody can make. Like the checksum engine it is
 * for `quick-crypto.ts` alone.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { equalBytes } from '../base/bytes.ts'
import { diffieHellmanGroup, X25519 } from '../crypto/key-exchange.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'

/** A prime below 2^31, so that products are exact in a bigint of one limb. */
const MODULUS = 2_147_483_647n
const GENERATOR = 16_807n
const ECDSA_SECP256R1_SHA256 = 0x0403

/** Key agreement and signatures by nobody. */
export function quickKeys(): PublicKeyProvider {
  return {
    groups: [
      // `share` = secret × G modulo a prime, in 32 bytes; as easy to undo as a division.
      diffieHellmanGroup(X25519, (random) => {
        const bytes = new Uint8Array(4)
        random.fill(bytes)
        const secret = BigInt(new DataView(bytes.buffer).getUint32(0)) + 1n
        return {
          share: encode(secret * GENERATOR),
          agree: (peer) => sha256(encode(secret * decode(peer))),
        }
      }),
    ],
    verifiers: [
      {
        scheme: ECDSA_SECP256R1_SHA256,
        verify: (_spki, message, signature) => equalBytes(sha256(message), signature),
      },
    ],
    createSigner: () => ({ schemes: [ECDSA_SECP256R1_SHA256], sign: (_scheme, message) => sha256(message) }),
  }
}

function encode(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setBigUint64(24, value % MODULUS)
  return bytes
}

function decode(bytes: Uint8Array): bigint {
  const { buffer, byteOffset } = bytes.length === 32 ? bytes : new Uint8Array(32)
  return new DataView(buffer, byteOffset).getBigUint64(24)
}
