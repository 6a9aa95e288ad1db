/**
 * `node bench/crypto.ts`: packet protection alone, µs a packet, of each engine and suite: batches of 32 packets that fill
 * datagrams of 1,452 bytes are sealed, unmasked and opened again in place. Medians and spreads over the batches' means.
 */
import { table } from '../src/cli/table.ts'
import { noblePackets } from '../src/crypto/noble/packets.ts'
import { nodePackets } from '../src/crypto/node/packets.ts'
import { type CipherSuite, type PacketProtector, type PacketProvider, PacketStatus } from '../src/crypto/provider.ts'
import { PacketBatchBuffer } from '../src/protection/packet-batch.ts'
import { show } from './statistics.ts'

const PACKETS = 32
const DATAGRAM = 1452
/** First byte, connection id. */
const NUMBER_OFFSET = 9
const TAG_LENGTH = 16
/** ms for each engine and suite. */
const WARM_UP = 300
const DURATION = 500
/** Batches of which the mean is one value. */
const GROUP = 20

const ENGINES: readonly (readonly [name: string, provider: PacketProvider])[] = [
  ['node:crypto', nodePackets],
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

function rowOf(name: string, provider: PacketProvider, suite: CipherSuite): string[] {
  const engine = provider.createEngine(PACKETS * DATAGRAM)
  const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
  const protector = engine.createProtector(suite, bytes(suite.keyLength), bytes(12), bytes(suite.keyLength))
  const batch = new PacketBatchBuffer(engine.arena, PACKETS)
  measure(protector, batch, WARM_UP)
  const [seals, opens] = measure(protector, batch, DURATION)
  return [name, suite.name, show(seals), show(opens)]
}

const rows = ENGINES.flatMap(([name, provider]) => provider.suites.map((suite) => rowOf(name, provider, suite)))
console.log(`${PACKETS} packets of ${DATAGRAM} bytes at once, µs a packet: median (lowest–highest)\n`)
console.log(table([['engine', 'suite', 'seal', 'unmask and open'], ...rows]))
