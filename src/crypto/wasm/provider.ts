/** The door `isoquic/crypto/wasm`: packets by WebAssembly, to go with public keys of another: `{ ...wasm, ...web }`. */
import type { PacketProvider } from '../provider.ts'
import { wasmPackets } from './packets.ts'

/** Packet protection by WebAssembly, by TypeScript where the host has none. It has no public keys. */
export const wasm: PacketProvider = wasmPackets
