/**
 * `node bench/calibrate.ts`: which way to protect packets is fastest in this runtime, by size and number of packets: the kernels
 * alone, `node:crypto` for the blocks of a batch (AES), `node:crypto` alone. µs a packet to seal, the tenth percentile of short
 * slices taken in turns, so that another program's load counts little. The limits of `hybrid-packets.ts` come from this table.
 */
import { table } from '../src/cli/table.ts'
import { createHybridEngine } from '../src/crypto/node/hybrid-packets.ts'
import { nodePackets } from '../src/crypto/node/packets.ts'
import type { CipherSuite, PacketEngine } from '../src/crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 } from '../src/crypto/suites.ts'
import { wasmPackets } from '../src/crypto/wasm/packets.ts'
import { PacketBatchBuffer } from '../src/protection/packet-batch.ts'
import { short } from './statistics.ts'

const SIZES = [100, 300, 600, 1200, 1452, 2400, 4000, 6000, 9000, 16_000, 64_000] as const
const COUNTS = [1, 2, 4, 8, 32] as const
/** Bytes of a batch at most. */
const LARGEST = 600_000
const SLICES = 120
/** ms */
const SLICE = 0.2
const NUMBER_OFFSET = 9
const TAG_LENGTH = 16

type Way = readonly [name: string, createEngine: (arenaBytes: number) => PacketEngine]

const NEVER = Infinity
const KERNELS: Way = ['kernels', wasmPackets.createEngine]
const SHARED: Way = [
  'shared blocks',
  (bytes) => createHybridEngine(bytes, { sharedFrom: 0, sharedAfter: 0, nodeFromAes: NEVER, nodeFromChaCha: NEVER }),
]
const NODE: Way = ['node:crypto', nodePackets.createEngine]

/** Seals one batch again and again; returns µs a packet of one slice. */
function sliceOf(way: Way, suite: CipherSuite, size: number, count: number): () => number {
  const engine = way[1](size * count)
  const key = new Uint8Array(suite.keyLength).fill(7)
  const protector = engine.createProtector(suite, key, new Uint8Array(12), key)
  const batch = new PacketBatchBuffer(engine.arena, count)
  let number = 0
  const seal = (): void => {
    batch.clear(0)
    for (let index = 0; index < count; index++) {
      const start = index * size
      engine.arena[start] = 0x43
      batch.append(start, start + NUMBER_OFFSET, start + size - TAG_LENGTH, number++)
    }
    protector.seal(batch, 0, count)
  }
  return () => {
    let batches = 0
    const start = performance.now()
    let now = start
    for (; now - start < SLICE; now = performance.now(), batches++) seal()
    return ((now - start) * 1000) / (batches * count)
  }
}

function rowOf(suite: CipherSuite, ways: readonly Way[], size: number, count: number): string[] {
  const slices = ways.map((way) => sliceOf(way, suite, size, count))
  const values = slices.map((slice) => {
    for (let i = 0; i < SLICES / 3; i++) slice()
    return [] as number[]
  })
  for (let i = 0; i < SLICES; i++) for (const [way, slice] of slices.entries()) values[way]?.push(slice())
  const best = values.map((all) => all.sort((a, b) => a - b)[Math.floor(all.length / 10)] ?? Infinity)
  const fastest = ways[best.indexOf(Math.min(...best))]?.[0] ?? ''
  return [`${size}`, `${count}`, ...best.map(short), fastest]
}

for (const [suite, ways] of [
  [TLS_AES_128_GCM_SHA256, [KERNELS, SHARED, NODE]],
  [TLS_CHACHA20_POLY1305_SHA256, [KERNELS, NODE]],
] as const) {
  const rows = SIZES.flatMap((size) =>
    COUNTS.filter((count) => size * count <= LARGEST).map((count) => rowOf(suite, ways, size, count)),
  )
  console.log(`${suite.name}, µs a packet\n`)
  console.log(`${table([['bytes', 'packets', ...ways.map(([name]) => name), 'fastest'], ...rows])}\n`)
}
