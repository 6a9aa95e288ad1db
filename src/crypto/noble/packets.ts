/**
 * The portable packet engine: ciphers in TypeScript, in every runtime, and the oracle that other engines are held to.
 * ChaCha20-Poly1305 comes first: it is faster here than AES, and its time does not depend on key or data.
 */
import type { PacketEngine, PacketProvider } from '../provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../suites.ts'
import { NobleProtector } from './protector.ts'

/** Packet protection alone: what goes with noble's curves. */
export const noblePackets: PacketProvider = {
  suites: [TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384],
  createEngine(arenaBytes): PacketEngine {
    const arena = new Uint8Array(arenaBytes)
    return {
      arena,
      createProtector: (suite, key, iv, headerKey) => new NobleProtector(arena, suite, key, iv, headerKey),
    }
  },
}
