/**
 * Public-key work that costs nothing and protects nothing, so that a test can afford thousands of handshakes: a
 * Diffie-Hellman in a group without hard problems, and signatures that anybody can make. Packets are protected for real.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { equalBytes } from '../base/bytes.ts'
import { randomBytes } from '../base/random.ts'
import { CIPHERTEXT_LENGTH, ENCAPSULATION_KEY_LENGTH, hybridGroup, type MlKem768 } from '../crypto/hybrid-group.ts'
import { diffieHellmanGroup, X25519 } from '../crypto/key-exchange.ts'
import { noblePackets } from '../crypto/noble/packets.ts'
import type { CryptoProvider, PacketProvider } from '../crypto/provider.ts'

/** A prime below 2^31, so that products are exact in a bigint of one limb. */
const MODULUS = 2_147_483_647n
const GENERATOR = 16_807n
const ECDSA_SECP256R1_SHA256 = 0x0403

/** `share` = secret × G modulo a prime, in 32 bytes; as easy to undo as a division. */
const quickGroup = diffieHellmanGroup(X25519, (random) => {
  const bytes = new Uint8Array(4)
  random.fill(bytes)
  const secret = BigInt(new DataView(bytes.buffer).getUint32(0)) + 1n
  return {
    share: encode(secret * GENERATOR),
    agree: (peer) => sha256(encode(secret * decode(peer))),
  }
})

/** Packets by `packets`, public-key work by nobody. */
export function quickCrypto(packets: PacketProvider = noblePackets): CryptoProvider {
  return {
    ...packets,
    groups: [quickGroup],
    verifiers: [
      {
        scheme: ECDSA_SECP256R1_SHA256,
        verify: (_spki, message, signature) => equalBytes(sha256(message), signature),
      },
    ],
    createSigner: () => ({ schemes: [ECDSA_SECP256R1_SHA256], sign: (_scheme, message) => sha256(message) }),
  }
}

/** The same with shares of the size of X25519MLKEM768: a ClientHello then takes several datagrams. */
export function quickHybridCrypto(): CryptoProvider {
  return { ...quickCrypto(), groups: [hybridGroup(quickKem, quickGroup), quickGroup] }
}

/** The ciphertext is the secret, and the key is noise. */
const quickKem: MlKem768 = {
  generate: (random) => ({
    encapsulationKey: randomBytes(random, ENCAPSULATION_KEY_LENGTH),
    decapsulate: (ciphertext) => ciphertext.slice(0, 32),
  }),
  encapsulate: (_key, random) => {
    const ciphertext = randomBytes(random, CIPHERTEXT_LENGTH)
    return { ciphertext, secret: ciphertext.slice(0, 32) }
  },
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
