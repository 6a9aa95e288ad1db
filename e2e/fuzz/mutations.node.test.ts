/**
 * Proves: mutations of valid packets with valid protection leave the process alive, memory bounded, and every error a
 * protocol error. ISOQUIC_FUZZ says how many packets (default 10,000), ISOQUIC_SEED with which block to begin.
 */
import { expect, test } from 'vitest'
import { heldBytes } from '../stress/memory.ts'
import { recordCorpus, runBlock, type Tally } from './mutations.fixtures.ts'

const PACKETS = Number(process.env['ISOQUIC_FUZZ'] ?? 10_000)
const FIRST = Number(process.env['ISOQUIC_SEED'] ?? 1)
const MB = 1_048_576
/** Blocks between two looks at the memory. */
const SAMPLE = 8

test(`${PACKETS} mutated packets, each with valid protection`, { timeout: 0 }, () => {
  const corpus = recordCorpus()
  expect([...corpus.values()].every(({ frames }) => frames.length > 0)).toBe(true)
  const tally: Tally = { packets: 0, connections: 0, ends: new Map() }
  const samples: number[] = []
  const began = performance.now()
  let block = FIRST
  for (; tally.packets < PACKETS; block++) {
    runBlock(block, corpus, tally, PACKETS)
    if ((block - FIRST) % SAMPLE === SAMPLE - 1) samples.push(heldBytes() / MB)
  }
  const ends = [...tally.ends].sort((one, other) => other[1] - one[1]).map(([end, count]) => `${end}: ${count}`)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.info(
    [
      `${tally.packets} packets to ${tally.connections} connections in ${seconds} s, blocks ${FIRST} to ${block - 1}`,
      `memory in MB: ${samples.map((sample) => sample.toFixed(0)).join(' ')}`,
      ...ends,
    ].join('\n'),
  )
  expect(tally.packets).toBeGreaterThanOrEqual(PACKETS)
  // The first sample has everything that is made once.
  const first = samples[0] ?? 0
  for (const sample of samples) expect(sample).toBeLessThan(first + 10)
})
