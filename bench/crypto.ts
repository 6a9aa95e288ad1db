/**
 * `node bench/crypto.ts [BYTES] [PACKETS]`: packet protection alone, µs a packet, of each engine and suite: batches of packets that
 * fill datagrams of 1,200 bytes are sealed, unmasked and opened again in place, round by round, all engines in each round. Medians
 * and spreads over the batches' means, and how much faster than noble with the same suite.
 */
import { table } from '../src/cli/table.ts'
import { noblePackets } from '../src/crypto/noble/packets.ts'
import { hybridPackets } from '../src/crypto/node/hybrid-packets.ts'
import { nodePackets } from '../src/crypto/node/packets.ts'
import { type CipherSuite, type PacketProtector, type PacketProvider, PacketStatus } from '../src/crypto/provider.ts'
import { wasmPackets } from '../src/crypto/wasm/packets.ts'
import { PacketBatchBuffer } from '../src/protection/packet-batch.ts'
import { ratio, show } from './statistics.ts'

const DATAGRAM = Number(process.argv[2] ?? 1200)
const PACKETS = Number(process.argv[3] ?? 32)
/** First byte, connection id. */
const NUMBER_OFFSET = 9
const TAG_LENGTH = 16
/** ms for each engine and suite. */
const WARM_UP = 300
/** ms for each of them in one round. */
const DURATION = 150
const ROUNDS = 5
/** Batches of which the mean is one value. */
const GROUP = 20

const ENGINES: readonly (readonly [name: string, provider: PacketProvider])[] = [
  ['node:crypto', nodePackets],
  ['hybrid', hybridPackets],
  ['wasm', wasmPackets],
  ['noble', noblePackets],
]

/** Packets of one batch, for either direction. */
function fill(batch: PacketBatchBuffer, first: number, isSealed: boolean): void {
  batch.clear(0)
  for (let index = 0; index < PACKETS; index++) {
    const start = index * DATAGRAM
    const number = first + index
    if (!isSealed) {
      // A short header with a packet number of 4 bytes.
      batch.arena[start] = 0x43
      for (let byte = 0; byte < 4; byte++) batch.arena[start + NUMBER_OFFSET + byte] = number >>> (24 - 8 * byte)
    }
    const end = start + DATAGRAM - (isSealed ? 0 : TAG_LENGTH)
    batch.append(start, start + NUMBER_OFFSET, end, isSealed ? first - 1 : number)
  }
}

/** Means of `GROUP` batches, µs a packet. */
function measure(protector: PacketProtector, batch: PacketBatchBuffer, duration: number): [number[], number[]] {
  const seals: number[] = []
  const opens: number[] = []
  let number = 0
  for (const end = performance.now() + duration; performance.now() < end; ) {
    let seal = 0
    let open = 0
    for (let count = 0; count < GROUP; count++, number += PACKETS) {
      fill(batch, number, false)
      const start = performance.now()
      protector.seal(batch, 0, PACKETS)
      seal += performance.now() - start
      fill(batch, number, true)
      const opening = performance.now()
      protector.unmask(batch, 0, PACKETS)
      protector.open(batch, 0, PACKETS)
      open += performance.now() - opening
      if (batch.status.subarray(0, PACKETS).some((status) => status !== PacketStatus.done)) {
        throw new Error('A packet did not open')
      }
    }
    seals.push((seal * 1000) / (GROUP * PACKETS))
    opens.push((open * 1000) / (GROUP * PACKETS))
  }
  return [seals, opens]
}

/** One engine with one suite, at work over all rounds. */
interface Candidate {
  readonly name: string
  readonly suite: CipherSuite
  readonly protector: PacketProtector
  readonly batch: PacketBatchBuffer
  readonly seals: number[]
  readonly opens: number[]
}

function candidateOf(name: string, provider: PacketProvider, suite: CipherSuite): Candidate {
  const engine = provider.createEngine(PACKETS * DATAGRAM)
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
  const protector = engine.createProtector(suite, bytes(suite.keyLength), bytes(12), bytes(suite.keyLength))
  const batch = new PacketBatchBuffer(engine.arena, PACKETS)
  measure(protector, batch, WARM_UP)
  return { name, suite, protector, batch, seals: [], opens: [] }
}

const candidates = ENGINES.flatMap(([name, provider]) =>
  provider.suites.map((suite) => candidateOf(name, provider, suite)),
)
for (let round = 0; round < ROUNDS; round++) {
  for (const { protector, batch, seals, opens } of candidates) {
    const [sealing, opening] = measure(protector, batch, DURATION)
    seals.push(...sealing)
    opens.push(...opening)
  }
}

/** µs for both, batch by batch. */
const costsOf = ({ seals, opens }: Candidate): number[] => seals.map((seal, i) => seal + (opens[i] ?? 0))

function rowOf(candidate: Candidate): string[] {
  const { name, suite, seals, opens } = candidate
  const reference = candidates.find((other) => other.name === 'noble' && other.suite === suite)
  const faster = reference === undefined ? '' : ratio(costsOf(reference), costsOf(candidate))
  return [name, suite.name, show(seals), show(opens), faster]
}

console.log(`${PACKETS} packets of ${DATAGRAM} bytes at once, µs a packet: median (lowest–highest)\n`)
console.log(table([['engine', 'suite', 'seal', 'unmask and open', 'beside noble'], ...candidates.map(rowOf)]))
