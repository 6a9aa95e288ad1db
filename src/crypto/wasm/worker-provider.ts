/** The door `isoquic/crypto/wasm` in Workers: the same with kernels that are imported as modules. */
import type { PacketProvider } from '../provider.ts'
import { wasmPackets } from './static-packets.ts'

/** Packet protection by WebAssembly. It has no public keys. */
export const wasm: PacketProvider = wasmPackets
