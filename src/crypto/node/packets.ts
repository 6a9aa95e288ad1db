/** The packet engine of `node:crypto`: AES first, which OpenSSL does in hardware. */
import type { PacketEngine, PacketProvider } from '../provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../suites.ts'
import { NodeProtector } from './protector.ts'

/** Packet protection by `node:crypto`, without its public-key half. */
export const nodePackets: PacketProvider = {
  suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256],
  createEngine(arenaBytes): PacketEngine {
    const arena = new Uint8Array(arenaBytes)
    return {
      arena,
      createProtector: (suite, key, iv, headerKey) => new NodeProtector(arena, suite, key, iv, headerKey),
    }
  },
}
