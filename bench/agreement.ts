/**
 * `node bench/agreement.ts [BATCHES [SEED]]`: random batches, some of their packets forged, through WebAssembly and the hybrid, each
 * beside `node:crypto` alone, which must write the same bytes. The suite does this with a few; this is for the million before a release.
 */
import { seededRandom } from '../src/crypto/aead-suite.fixtures.ts'
import { AGREEMENT_ARENA, Agreement } from '../src/crypto/agreement.fixtures.ts'
import { createHybridEngine } from '../src/crypto/node/hybrid-packets.ts'
import { nodePackets } from '../src/crypto/node/packets.ts'
import type { PacketEngine } from '../src/crypto/provider.ts'
import { wasmPackets } from '../src/crypto/wasm/packets.ts'

const batches = Number(process.argv[2] ?? 10_000)
const seed = Number(process.argv[3] ?? 1)
const make = (engine: PacketEngine, offset: number): Agreement =>
  new Agreement([engine, nodePackets.createEngine(AGREEMENT_ARENA)], seededRandom(seed + offset))
// Blocks are shared whenever they can be, so that this way is tried with packets of all sizes.
const limits = { sharedFrom: 0, sharedAfter: 0, nodeFromAes: 8_000, nodeFromChaCha: 5_000 }
const agreements = [
  make(wasmPackets.createEngine(AGREEMENT_ARENA), 0),
  make(createHybridEngine(AGREEMENT_ARENA, limits), 1_000_000),
]
const start = performance.now()
for (let batch = 0; batch < batches; batch++) agreements[batch % 2]?.compare()
const seconds = (performance.now() - start) / 1000
const packets = agreements.map((agreement) => agreement.packets).join(' and ')
console.log(`${batches} batches, ${packets} packets, seed ${seed}: no difference (${seconds.toFixed(0)} s)`)
