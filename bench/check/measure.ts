/** The measurements that have bounds: short ones, of which some are bound by counts and the others by ratios within a run. */
import { CorePair } from '../core-pair.ts'
import { measureHandshakes } from '../handshakes.ts'
import { HotPath } from '../hot-path.ts'
import { measurePath } from '../path-costs.ts'
import { measureCost, measureIdle } from '../scale/measure.ts'
import { spread } from '../statistics.ts'
import type { Measure } from './bounds.ts'
import { handshakeReference, packetReference } from './reference.ts'

/** What some of the bounds are about. */
export type Measured = Partial<Readonly<Record<Measure, number>>>

/** Measurements that share their work, so that a bound that fails is measured again with its neighbours alone. */
export const MEASUREMENTS: readonly (() => Measured | Promise<Measured>)[] = [
  allocations,
  flights,
  packets,
  connections,
  handshakes,
  idle,
]

/** Counts, the same on every machine. */
function allocations(): Measured {
  const plan = { bytes: 40_000_000, rounds: 1, streams: 0, allocations: true, profile: false }
  const { packets, answers, packetsPerSeal, sender, receiver } = measurePath(plan)
  return {
    senderAllocations: (sender.allocated ?? NaN) + (sender.external ?? NaN),
    receiverAllocations: (receiver.allocated ?? NaN) + (receiver.external ?? NaN),
    packetsPerSeal,
    packetsPerAnswer: packets / answers,
  }
}

function flights(): Measured {
  const pair = new CorePair()
  const { client } = pair.connect()
  const stream = client.streams.open('unidirectional')
  if (stream === undefined) throw new Error('The peer allows no stream')
  pair.transfer(client, stream, 1_000_000)
  const { datagrams, flights } = { ...pair.client.sent }
  pair.transfer(client, stream, 10_000_000)
  const { sent } = pair.client
  return { packetsPerFlight: (sent.datagrams - datagrams) / (sent.flights - flights) }
}

const ROUNDS = 7
const STREAMS = 10_000

/** The core alone, round by round beside a reference, and beside itself with many streams open. */
function packets(): Measured {
  const [few, many] = [new HotPath('cpu', 0), new HotPath('cpu', STREAMS)]
  const bytes = 8_000_000
  const cost = (path: HotPath): number => {
    const before = path.counts.packets
    path.spent()
    path.move(bytes)
    const { sender, receiver } = path.spent()
    return (sender.cpu + receiver.cpu) / (path.counts.packets - before)
  }
  for (let round = 0; round < 3; round++) for (const path of [few, many]) cost(path)
  packetReference(5000)
  const besideReference: number[] = []
  const besideFew: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const reference = packetReference(3000)
    const own = cost(few)
    besideReference.push(own / reference)
    besideFew.push(cost(many) / own)
  }
  return { packet: median(besideReference), streams: median(besideFew) }
}

async function connections(): Promise<Measured> {
  const costs = await measureCost('connections', 200, { rounds: 3, packets: 10_000 })
  const ratios = costs.map(({ ofOne, ofMany }) => median(ofMany) / median(ofOne))
  return { connections: Math.max(...ratios) }
}

async function handshakes(): Promise<Measured> {
  const reference = [handshakeReference(100), handshakeReference(200)]
  const [numbers] = await measureHandshakes({ kinds: ['full'], ways: ['pipe'], atOnce: [1], count: 100, rounds: 3 })
  reference.push(handshakeReference(200))
  return { handshake: median(numbers?.cpu ?? []) / Math.min(...reference) }
}

async function idle(): Promise<Measured> {
  const ends = await measureIdle(300)
  return { idle: Math.max(...ends.map(({ heap }) => heap)) }
}

function median(values: readonly number[]): number {
  return spread(values)?.median ?? NaN
}
