/**
 * The long run of `mutations.node.test.ts`, outside of the test runner, which is three times as quick:
 * `node e2e/fuzz/mutate.ts [packets] [first block] [step between blocks]`. Prints what it did; fails with the block's number.
 */
import { heldBytes } from '../stress/memory.ts'
import { recordCorpus, runBlock, type Tally } from './mutations.fixtures.ts'

const [packets = 1_000_000, first = 1, step = 1] = process.argv.slice(2).map(Number)
const corpus = recordCorpus()
const tally: Tally = { packets: 0, connections: 0, ends: new Map() }
const began = performance.now()
let block = first
for (let count = 1; tally.packets < packets; count++, block += step) {
  runBlock(block, corpus, tally, packets)
  if (count % 50 !== 0) continue
  const memory = (heldBytes() / 1_048_576).toFixed(1)
  const rss = (process.memoryUsage().rss / 1_048_576).toFixed(0)
  console.info(
    `${tally.packets} packets, ${tally.connections} connections, ${memory} MB used, ${rss} MB resident, block ${block}`,
  )
}
console.info(
  `${tally.packets} packets to ${tally.connections} connections in ${((performance.now() - began) / 1000).toFixed(0)} s`,
)
for (const [end, count] of [...tally.ends].sort((one, other) => other[1] - one[1])) console.info(`${end}: ${count}`)
