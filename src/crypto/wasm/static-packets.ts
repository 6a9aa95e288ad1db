/**
 * Packet protection by WebAssembly in Workers, which compile nothing at run time: the kernels are imported as modules, as wrangler
 * and workerd do it. A Worker's V8 has had relaxed SIMD since 2023.
 */
import { noblePackets } from '../noble/packets.ts'
import type { PacketProvider } from '../provider.ts'
import aesGcm from './aes-gcm-relaxed.wasm'
import chaCha20Poly1305 from './chacha20-poly1305.wasm'
import { WasmEngine } from './engine.ts'
import { EngineMemory } from './memory.ts'

/** Packet protection by WebAssembly. */
export const wasmPackets: PacketProvider = {
  suites: noblePackets.suites,
  createEngine: (arenaBytes) => new WasmEngine({ chaCha20Poly1305, aesGcm }, new EngineMemory(arenaBytes)),
}
