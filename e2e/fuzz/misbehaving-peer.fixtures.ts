/** The misbehaving peer of the simulator, with cryptography of Node's and keys that cost nothing. */
import { nodePackets } from '../../src/crypto/node/packets.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import * as simulator from '../../src/simulator/misbehaving-peer.ts'
import type { PairOptions } from '../../src/simulator/pair.ts'
import type { Role } from '../../src/wire/stream-id.ts'

export type { PacketOptions, Stage } from '../../src/simulator/misbehaving-peer.ts'

/** Cheap public-key work, the packets of `node:crypto`. */
export const fuzzCrypto: CryptoProvider = quickCrypto(nodePackets)

/** One connection after the other between a real endpoint and a forger. */
export class MisbehavingPeer extends simulator.MisbehavingPeer {
  constructor(role: Role, options: PairOptions = {}) {
    super(role, { crypto: fuzzCrypto, ...options })
  }
}

/** A varint in its shortest form, or in `size` bytes. */
export const v: typeof simulator.varint = simulator.varint
