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
import type { Grid } from './section.ts'
import { ratio, show } from './statistics.ts'

/** First byte, connection id. */
const NUMBER_OFFSET = 9
const TAG_LENGTH = 16
/** ms for each engine and suite. */
const WARM_UP = 300
/** ms for each of them in one round. */
const DURATION = 150
/** Batches of which the mean is one value. */
const GROUP = 20

const ENGINES: readonly (readonly [name: string, provider: PacketProvider])[] = [
  ['node:crypto', nodePackets],
  ['hybrid', hybridPackets],
  ['wasm', wasmPackets],
  ['noble', noblePackets],
]

/** What is measured. */
export interface CryptoPlan {
  /** Bytes of a datagram, which a packet fills. */
  readonly datagram: number
  /** Packets of a batch. */
  readonly packets: number
  readonly rounds: number
}

/** µs a packet of one engine and suite, group by group. */
export interface CryptoNumbers {
  readonly name: string
  readonly suite: string
  readonly seals: readonly number[]
  readonly opens: readonly number[]
}

/** Packets of one batch, for either direction. */
function fill(batch: PacketBatchBuffer, { datagram, packets }: CryptoPlan, first: number, isSealed: boolean): void {
  batch.clear(0)
  for (let index = 0; index < packets; index++) {
    const start = index * datagram
    const number = first + index
    if (!isSealed) {
      // A short header with a packet number of 4 bytes.
      batch.arena[start] = 0x43
      for (let byte = 0; byte < 4; byte++) batch.arena[start + NUMBER_OFFSET + byte] = number >>> (24 - 8 * byte)
    }
    const end = start + datagram - (isSealed ? 0 : TAG_LENGTH)
    batch.append(start, start + NUMBER_OFFSET, end, isSealed ? first - 1 : number)
  }
}

/** Means of `GROUP` batches, µs a packet. */
function measure({ plan, protector, batch }: Candidate, duration: number): [number[], number[]] {
  const { packets } = plan
  const seals: number[] = []
  const opens: number[] = []
  let number = 0
  for (const end = performance.now() + duration; performance.now() < end; ) {
    let seal = 0
    let open = 0
    for (let count = 0; count < GROUP; count++, number += packets) {
      fill(batch, plan, number, false)
      const start = performance.now()
      protector.seal(batch, 0, packets)
      seal += performance.now() - start
      fill(batch, plan, number, true)
      const opening = performance.now()
      protector.unmask(batch, 0, packets)
      protector.open(batch, 0, packets)
      open += performance.now() - opening
      if (batch.status.subarray(0, packets).some((status) => status !== PacketStatus.done)) {
        throw new Error('A packet did not open')
      }
    }
    seals.push((seal * 1000) / (GROUP * packets))
    opens.push((open * 1000) / (GROUP * packets))
  }
  return [seals, opens]
}

/** One engine with one suite, at work over all rounds. */
interface Candidate {
  readonly plan: CryptoPlan
  readonly name: string
  readonly suite: string
  readonly protector: PacketProtector
  readonly batch: PacketBatchBuffer
  readonly seals: number[]
  readonly opens: number[]
}

function candidateOf(plan: CryptoPlan, name: string, provider: PacketProvider, suite: CipherSuite): Candidate {
  const engine = provider.createEngine(plan.packets * plan.datagram)
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
  const protector = engine.createProtector(suite, bytes(suite.keyLength), bytes(12), bytes(suite.keyLength))
  const batch = new PacketBatchBuffer(engine.arena, plan.packets)
  const candidate = { plan, name, suite: suite.name, protector, batch, seals: [], opens: [] }
  measure(candidate, WARM_UP)
  return candidate
}

/** Measures all engines, round by round. */
export function measureCrypto(plan: CryptoPlan): CryptoNumbers[] {
  const candidates = ENGINES.flatMap(([name, provider]) =>
    provider.suites.map((suite) => candidateOf(plan, name, provider, suite)),
  )
  for (let round = 0; round < plan.rounds; round++) {
    for (const candidate of candidates) {
      const [seals, opens] = measure(candidate, DURATION)
      candidate.seals.push(...seals)
      candidate.opens.push(...opens)
    }
  }
  return candidates.map(({ name, suite, seals, opens }) => ({ name, suite, seals, opens }))
}

/** The table, all engines beside noble. */
export function cryptoGrid(all: readonly CryptoNumbers[]): Grid {
  const costsOf = ({ seals, opens }: CryptoNumbers): number[] => seals.map((seal, i) => seal + (opens[i] ?? 0))
  const rows = all.map((numbers) => {
    const { name, suite, seals, opens } = numbers
    const reference = all.find((other) => other.name === 'noble' && other.suite === suite)
    const faster = reference === undefined ? '' : ratio(costsOf(reference), costsOf(numbers))
    return [name, suite, show(seals), show(opens), faster]
  })
  return [['engine', 'suite', 'seal, µs', 'unmask and open, µs', 'beside noble'], ...rows]
}

if (import.meta.main) {
  const [datagram = 1200, packets = 32] = process.argv.slice(2).map(Number)
  console.log(`${packets} packets of ${datagram} bytes at once, µs a packet: median (lowest–highest)\n`)
  console.log(table(cryptoGrid(measureCrypto({ datagram, packets, rounds: 5 }))))
}
