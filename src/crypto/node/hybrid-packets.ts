/**
 * The packet engine of Node, Deno and Bun: WebAssembly with `node:crypto`. AES comes first, which `node:crypto` does in hardware.
 * Where there is no WebAssembly (`--jitless`) it is `node:crypto` alone.
 */
import type { PacketEngine, PacketProvider } from '../provider.ts'
import { WasmEngine } from '../wasm/engine.ts'
import { EngineMemory } from '../wasm/memory.ts'
import { embeddedModules, type KernelModules, relaxed } from '../wasm/modules.ts'
import { HYBRID_AES_GCM, HYBRID_RELAXABLE } from './hybrid-kernel.ts'
import { type HybridLimits, HybridProtector, STREAM_BYTES } from './hybrid-protector.ts'
import { nodePackets } from './packets.ts'

/**
 * Node, as measured in 24 by `bench/calibrate.ts`: 1,200 bytes sealed alone take 2.1 µs with shared blocks and 3.1 with the kernels,
 * 32 at once 1.1 and 2.8; the lines of blocks and of `node:crypto` cross between 4,000 and 5,500 bytes, garbage collection counted.
 */
const NODE: HybridLimits = { sharedFrom: 400, sharedAfter: 8, nodeFromAes: 5_000, nodeFromChaCha: 5_000 }
/** Deno: a cipher object of GCM takes 4 µs, and as much again for each 1,000 bytes; shared blocks 1.7 for 1,200. */
const DENO: HybridLimits = { ...NODE, nodeFromAes: Infinity }
/** Bun: a cipher object costs so little that GCM takes 0.9 µs for 1,200 bytes; it has no ChaCha20-Poly1305. */
const BUN: HybridLimits = { sharedFrom: Infinity, sharedAfter: 0, nodeFromAes: 0, nodeFromChaCha: Infinity }

function limitsHere(): HybridLimits {
  const { versions } = process
  if (versions['bun'] !== undefined) return BUN
  return versions['deno'] === undefined ? NODE : DENO
}

let compiled: KernelModules | undefined

/** The kernels, compiled at the first use; `undefined` where they cannot be. */
function hybridModules(): KernelModules | undefined {
  const modules = embeddedModules()
  if (modules === undefined) return undefined
  compiled ??= { ...modules, aesGcm: new WebAssembly.Module(relaxed(HYBRID_AES_GCM, HYBRID_RELAXABLE)) }
  return compiled
}

/** An engine with limits of one's own, to measure them. */
export function createHybridEngine(arenaBytes: number, limits: HybridLimits = limitsHere()): PacketEngine {
  const modules = hybridModules()
  if (modules === undefined) return nodePackets.createEngine(arenaBytes)
  const engine = new WasmEngine(modules, new EngineMemory(arenaBytes, STREAM_BYTES))
  return {
    arena: engine.arena,
    createProtector: (suite, key, iv, headerKey) => new HybridProtector(engine, limits, suite, key, iv, headerKey),
  }
}

/** Packet protection by WebAssembly and `node:crypto`, without a public-key half. */
export const hybridPackets: PacketProvider = {
  suites: nodePackets.suites,
  createEngine: (arenaBytes) => createHybridEngine(arenaBytes),
}
