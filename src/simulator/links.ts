/**
 * One direction of a link: a queue before a bandwidth, then a delay, and the misfortunes of {@link LinkOptions}. When a
 * datagram enters, its whole way is decided: the link needs one event for each that arrives, and none for those it drops.
 */
import { Deque } from '../base/deque.ts'
import type { Duration, Time } from '../base/time.ts'
import type { VirtualClock } from './clock.ts'
import { type LinkOptions, type LinkSettings, linkSettings } from './link-options.ts'
import type { DropCause, Parcel, ParcelPool, ParcelReceiver } from './parcel.ts'
import type { SeededRandom } from './seeded-random.ts'

/** ECN codepoints (RFC 3168 §5). */
const NOT_ECT = 0
const CE = 3

/** What became of the datagrams that entered a link. */
export interface LinkStats {
  /** Datagrams, and bytes of them, that entered. */
  sent: number
  sentBytes: number
  /** Datagrams, and bytes of them, that arrived at the other end, copies included. */
  delivered: number
  deliveredBytes: number
  dropped: number
  /** By cause. */
  readonly drops: { [Cause in DropCause]?: number }
  /** CE marks set. */
  marked: number
  corrupted: number
  duplicated: number
  reordered: number
  /** Bytes that waited at most, the datagram being sent included. */
  maxQueue: number
}

/** What a link is made of. */
export interface LinkParts {
  readonly clock: VirtualClock
  readonly random: SeededRandom
  readonly pool: ParcelPool
  readonly receiver: ParcelReceiver
}

/** One direction of a link. */
export class Link implements ParcelReceiver {
  readonly stats: LinkStats = {
    sent: 0,
    sentBytes: 0,
    delivered: 0,
    deliveredBytes: 0,
    dropped: 0,
    drops: {},
    marked: 0,
    corrupted: 0,
    duplicated: 0,
    reordered: 0,
    maxQueue: 0,
  }
  readonly #parts: LinkParts
  #options: LinkOptions
  #settings: LinkSettings
  /** When the last datagram of the queue has been sent. */
  #busyUntil: Time = -Infinity
  /** When each datagram of the queue has been sent; counted only where the limit is in datagrams. */
  readonly #departures = new Deque<number>()
  /** What arrives in order; one event for all of them. */
  readonly #inOrder = new Deque<Parcel>()
  #lastArrival: Time = -Infinity
  #isScheduled = false
  #isBad = false
  #isUp = true
  /** What a reliable carrier sent while the link was down. */
  #stalled: Parcel[] = []
  /** Who waits for the link to live again. */
  #waiting: (() => void)[] = []

  /** @throws TypeError, RangeError as {@link linkSettings} does */
  constructor(options: LinkOptions, parts: LinkParts) {
    this.#options = options
    this.#settings = linkSettings(options)
    this.#parts = parts
  }

  /** What the link does at present. */
  get options(): LinkOptions {
    return this.#options
  }

  /**
   * Changes what `options` name, for what is sent from now on; `undefined` brings back the default.
   * @throws TypeError, RangeError as {@link linkSettings} does
   */
  configure(options: LinkOptions): void {
    const all = { ...this.#options, ...options }
    this.#settings = linkSettings(all)
    this.#options = all
  }

  /** Whether the link carries anything. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** The link dies: what is under way arrives, what is sent from now on does not (a reliable carrier waits). */
  down(): void {
    this.#isUp = false
  }

  /** The link lives again. */
  up(): void {
    this.#isUp = true
    const stalled = this.#stalled
    this.#stalled = []
    for (const parcel of stalled) this.#take(parcel, parcel.bytes.length)
    const waiting = this.#waiting
    this.#waiting = []
    for (const task of waiting) this.whenRoom(task)
  }

  /** Bytes in the queue, the datagram that is being sent included. */
  get queuedBytes(): number {
    const { rate } = this.#settings
    const busy = this.#busyUntil - this.#parts.clock.now
    return busy > 0 && rate < Infinity ? busy * rate : 0
  }

  /** Datagrams in the queue, the one that is being sent included. */
  get queuedPackets(): number {
    const { now } = this.#parts.clock
    const departures = this.#departures
    for (let at = departures.peek(); at !== undefined && at <= now; at = departures.peek()) departures.shift()
    return departures.length
  }

  /** Datagrams under way. */
  get underWay(): number {
    return this.#inOrder.length
  }

  /** Whether a carrier that pushes back should wait with the next datagram. A dead link holds up only what may not be lost. */
  isFull(isReliable: boolean): boolean {
    if (!this.#isUp) return isReliable
    const { queueBytes, queuePackets } = this.#settings
    return this.queuedBytes >= queueBytes || this.queuedPackets >= queuePackets
  }

  /** Calls `task` when a full queue is half empty, so that not every datagram needs a wake-up of its own; not while it is down. */
  whenRoom(task: () => void): void {
    if (!this.#isUp) return void this.#waiting.push(task)
    const { now } = this.#parts.clock
    this.#parts.clock.at(now + Math.max(0, this.#busyUntil - now) / 2, task)
  }

  /** Takes a datagram. What it returns is why it did not; then the parcel is the caller's again. */
  send(parcel: Parcel): DropCause | undefined {
    const { stats } = this
    const { length } = parcel.bytes
    stats.sent += 1
    stats.sentBytes += length
    const cause = this.#take(parcel, length)
    if (cause === undefined) return undefined
    stats.dropped += 1
    stats.drops[cause] = (stats.drops[cause] ?? 0) + 1
    return cause
  }

  #take(parcel: Parcel, length: number): DropCause | undefined {
    const settings = this.#settings
    const { now } = this.#parts.clock
    if (!this.#isUp) {
      if (!parcel.isReliable) return 'link-down'
      this.#stalled.push(parcel)
      return undefined
    }
    if (length > settings.mtu) return 'mtu'
    let departure = now
    if (settings.rate < Infinity) {
      const queued = this.queuedBytes
      const hasRoom = queued + length <= settings.queueBytes && this.queuedPackets < settings.queuePackets
      if (!hasRoom && !parcel.isReliable && queued > 0) return 'queue-full'
      this.#mark(parcel, queued)
      departure = Math.max(now, this.#busyUntil) + length / settings.rate
      this.#busyUntil = departure
      if (settings.queuePackets < Infinity) this.#departures.push(departure)
      this.stats.maxQueue = Math.max(this.stats.maxQueue, queued + length)
    }
    if (settings.rewrite !== undefined) parcel.ecn = settings.rewrite(parcel.ecn)
    const lost = this.#fate()
    if (lost !== undefined && !parcel.isReliable) return lost
    // A reliable carrier sends again what was lost, a round trip later.
    this.#launch(parcel, departure + (lost === undefined ? 0 : Math.max(1, 2 * settings.delay)))
    return undefined
  }

  #mark(parcel: Parcel, queued: number): void {
    if (parcel.ecn === NOT_ECT || queued <= this.#settings.markAbove) return
    parcel.ecn = CE
    this.stats.marked += 1
  }

  #fate(): 'loss' | 'burst-loss' | undefined {
    const { burst, loss } = this.#settings
    const { random } = this.#parts
    if (burst !== undefined) {
      this.#isBad = this.#isBad ? !random.chance(burst.leave) : random.chance(burst.enter)
      if (random.chance(this.#isBad ? burst.lossWhenBad : burst.lossWhenGood)) return 'burst-loss'
    }
    return random.chance(loss) ? 'loss' : undefined
  }

  #launch(parcel: Parcel, departure: Time): void {
    const { corrupt, delay, duplicate, jitter, reorder, reorderDelay } = this.#settings
    const { random, pool } = this.#parts
    const { isReliable } = parcel
    if (!isReliable && random.chance(corrupt)) this.#corrupt(parcel.bytes)
    const arrival = departure + delay + (jitter > 0 ? jitter * random.next() : 0)
    const copy = !isReliable && random.chance(duplicate) ? pool.copy(parcel) : undefined
    if (!isReliable && random.chance(reorder)) {
      this.stats.reordered += 1
      this.#arriveAlone(parcel, arrival + reorderDelay)
    } else this.#arriveInOrder(parcel, arrival)
    if (copy === undefined) return
    this.stats.duplicated += 1
    this.#arriveInOrder(copy, arrival)
  }

  #corrupt(bytes: Uint8Array): void {
    const { random } = this.#parts
    const index = random.integer(bytes.length)
    bytes[index] = (bytes[index] ?? 0) ^ (1 << random.integer(8))
    this.stats.corrupted += 1
  }

  #arriveAlone(parcel: Parcel, arrival: Time): void {
    parcel.arrival = arrival
    parcel.receiver = this
    this.#parts.clock.schedule(arrival, parcel)
  }

  #arriveInOrder(parcel: Parcel, arrival: Time): void {
    parcel.arrival = Math.max(arrival, this.#lastArrival)
    this.#lastArrival = parcel.arrival
    this.#inOrder.push(parcel)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.clock.schedule(parcel.arrival, this)
  }

  /** For the clock: what comes in order has come. */
  fire(now: Time): void {
    const queue = this.#inOrder
    this.#isScheduled = false
    for (let parcel = queue.peek(); parcel !== undefined && parcel.arrival <= now; parcel = queue.peek()) {
      queue.shift()
      this.onParcel(parcel, now)
    }
    const next = queue.peek()
    if (next === undefined || this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.clock.schedule(next.arrival, this)
  }

  /** For parcels that come alone. */
  onParcel(parcel: Parcel, now: Time): void {
    this.stats.delivered += 1
    this.stats.deliveredBytes += parcel.bytes.length
    this.#parts.receiver.onParcel(parcel, now)
  }
}

/** Both directions between two ends, which may be shared by several. */
export class Duplex {
  /** From the first end to the second. */
  readonly there: Link
  readonly back: Link

  constructor(there: Link, back: Link) {
    this.there = there
    this.back = back
  }

  /** Changes both directions. @throws TypeError, RangeError as {@link linkSettings} does */
  configure(options: LinkOptions): void {
    this.there.configure(options)
    this.back.configure(options)
  }

  /** Both directions die: what is sent from now on is lost. */
  down(): void {
    this.there.down()
    this.back.down()
  }

  /** Both directions live again. */
  up(): void {
    this.there.up()
    this.back.up()
  }

  /** Round-trip time without queues and jitter, ms. */
  get roundTrip(): Duration {
    return (this.there.options.delay ?? 0) + (this.back.options.delay ?? 0)
  }
}
