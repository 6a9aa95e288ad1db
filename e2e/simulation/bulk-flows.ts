/**
 * Bulk flows through one bottleneck, each of a connection of its own under a controller of its own: how well one fills it, how
 * two share it, and how long a small question waits behind one. Packets carry a checksum: a minute of 100 Mbit/s takes seconds.
 */
import type { Duration } from '../../src/base/time.ts'
import { Bulk, type BulkTransfer, Pair } from '../../src/simulator.ts'
import type { Controller } from './controllers.ts'

/** What a bottleneck is like. */
export interface Bottleneck {
  /** Bits per second. */
  readonly bandwidth: number
  /** ms there and back, without the queue. */
  readonly roundTrip: Duration
  /** Bandwidth-delay products that the queue holds; default 1. */
  readonly queue?: number
  /** Share of the datagrams that are lost, whatever the queue; default 0. */
  readonly loss?: number
}

/** Bulk flows from the server, each on a connection of its own. */
export class BulkFlows {
  readonly pair: Pair
  readonly #bulk: Bulk

  constructor(seed: number, { bandwidth, roundTrip, queue = 1, loss = 0 }: Bottleneck) {
    const bytes = Math.round((bandwidth / 8000) * roundTrip * queue)
    const link = { delay: roundTrip / 2, bandwidth, queue: { bytes } }
    // The data come from the server.
    this.pair = new Pair({ seed, link, back: { ...link, loss }, protection: 'checksum', recordEvents: false })
    this.#bulk = new Bulk(this.pair)
  }

  /** Lets so many virtual ms pass. */
  pass(duration: Duration): void {
    this.pair.run(() => false, duration)
  }

  /** Begins one more flow, without an end. */
  begin({ algorithm: congestionControl }: Controller): BulkTransfer {
    const { pair } = this
    pair.onIncomingConnection = (incoming) => void pair.accept(incoming, { congestionControl })
    const { client, server } = pair.handshake()
    return this.#bulk.send(server, client)
  }
}

/** ms. */
const SETTLING = 5000
const MEASURED = 60_000
const SAMPLED = 20

/** The part of the bandwidth that one flow makes goodput of, in virtual seconds 5 to 65. */
export function utilization(seed: number, controller: Controller, bottleneck: Bottleneck): number {
  const flows = new BulkFlows(seed, bottleneck)
  const flow = flows.begin(controller)
  flows.pass(flow.startedAt + SETTLING - flows.pair.now)
  const before = flow.received
  flows.pass(MEASURED)
  return ((flow.received - before) * 8000) / MEASURED / bottleneck.bandwidth
}

/** Jain's index of two flows over the second half of two minutes, the second begun `apart` ms after the first. */
export function fairnessOf(
  seed: number,
  [one, other]: readonly [Controller, Controller],
  bottleneck: Bottleneck,
  apart: Duration = SETTLING,
): number {
  const flows = new BulkFlows(seed, bottleneck)
  const first = flows.begin(one)
  flows.pass(first.startedAt + apart - flows.pair.now)
  const second = flows.begin(other)
  flows.pass(first.startedAt + MEASURED - flows.pair.now)
  const before = [first.received, second.received] as const
  flows.pass(MEASURED)
  return jain(first.received - before[0], second.received - before[1])
}

/** How long what is sent waits in the queue of a bottleneck, ms. */
export interface Queueing {
  readonly median: Duration
  readonly worst: Duration
}

/** How long the datagrams of one flow wait in the queue, in virtual seconds 5 to 65: bufferbloat, where the queue is deep. */
export function queueing(seed: number, controller: Controller, bottleneck: Bottleneck): Queueing {
  const flows = new BulkFlows(seed, bottleneck)
  const { startedAt } = flows.begin(controller)
  flows.pass(startedAt + SETTLING - flows.pair.now)
  const waits: number[] = []
  const end = flows.pair.network.every(SAMPLED, () => {
    waits.push(flows.pair.link.back.queuedBytes / (bottleneck.bandwidth / 8000))
  })
  flows.pass(MEASURED)
  end()
  waits.sort((one, other) => one - other)
  return { median: waits[waits.length >> 1] ?? Number.NaN, worst: waits.at(-1) ?? Number.NaN }
}

/** Jain's fairness index of two shares: from 0.5, all for one, to 1. */
export function jain(one: number, other: number): number {
  const squares = one * one + other * other
  return squares === 0 ? 1 : (one + other) ** 2 / (2 * squares)
}
