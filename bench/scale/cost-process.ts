/**
 * Holds a pair of endpoints with many streams or connections open, in a process of its own so that nobody else's heap is collected
 * with it, and tells on request what packets cost: CPU time of both ends of the core together. Arguments: `streams N` or `connections N`.
 */

import type { Stream } from '../../src/streams/stream.ts'
import { type Connected, CorePair } from '../core-pair.ts'
import { obeyLines, tell } from '../peers/harness.ts'

/** What is open beside each other. */
export type Dimension = 'streams' | 'connections'

/** Who sends: one of those that are open while the others are idle, or all of them in turn. */
export type Activity = 'one' | 'all'

/** What the process is asked. */
export interface CostCommand {
  readonly activity: Activity
  /** At least so many are sent; where all send, each has its turn. */
  readonly packets: number
}

/** What it answers. */
export interface Cost {
  /** User and system time, µs. */
  readonly cpu: number
  readonly packets: number
}

/** Bytes of a turn: a flight of packets of one stream, then comes the next. */
const TURN = 64_000

interface Sender {
  readonly connected: Connected
  readonly stream: Stream
}

function openStream(connected: Connected): Sender {
  const stream = connected.client.streams.open('unidirectional')
  if (stream === undefined) throw new Error('The peer allows no more streams')
  return { connected, stream }
}

const [dimension, given] = process.argv.slice(2)
const count = Number(given)
const pair = new CorePair({
  connection: {
    maxIncomingUnidirectionalStreams: Math.max(100, count),
    maxIdleTimeout: 0,
    // The same for one connection, which has sent much, and for those that send seldom.
    initialWindow: 1_048_576,
  },
})

function openAll(): Sender[] {
  if (dimension === 'connections') return Array.from({ length: count }, () => openStream(pair.connect()))
  const connected = pair.connect()
  return Array.from({ length: count }, () => openStream(connected))
}

const senders = openAll()

/** A turn of one sender. */
function turn({ connected, stream }: Sender): void {
  pair.transfer(connected.client, stream, TURN)
}

function measure({ activity, packets }: CostCommand): Cost {
  const before = process.cpuUsage()
  const first = pair.packets
  const active = activity === 'one' ? senders.slice(0, 1) : senders
  while (pair.packets - first < packets) for (const sender of active) turn(sender)
  const { user, system } = process.cpuUsage(before)
  return { cpu: user + system, packets: pair.packets - first }
}

// Each has been used before the first measurement: a stream exists at the peer with its first byte.
for (const sender of senders) pair.transfer(sender.connected.client, sender.stream, 1)
tell({ open: senders.length })
await obeyLines(measure)
