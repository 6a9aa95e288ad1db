/**
 * `node bench/agreement.ts [BATCHES [SEED]]`: random batches, some of their packets forged, through the engines of WebAssembly and
 * of `node:crypto`, which must write the same bytes. The suite does this with a few; this is for the million before a release.
 */
import { seededRandom } from '../src/crypto/aead-suite.fixtures.ts'
import { AGREEMENT_ARENA, Agreement } from '../src/crypto/agreement.fixtures.ts'
import { nodePackets } from '../src/crypto/node/packets.ts'
import { wasmPackets } from '../src/crypto/wasm/packets.ts'

const batches = Number(process.argv[2] ?? 10_000)
const seed = Number(process.argv[3] ?? 1)
const engines = [wasmPackets.createEngine(AGREEMENT_ARENA), nodePackets.createEngine(AGREEMENT_ARENA)] as const
const agreement = new Agreement(engines, seededRandom(seed))
const start = performance.now()
for (let batch = 0; batch < batches; batch++) agreement.compare()
const seconds = (performance.now() - start) / 1000
console.log(`${batches} batches, ${agreement.packets} packets, seed ${seed}: no difference (${seconds.toFixed(0)} s)`)
