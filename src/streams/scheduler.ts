/**
 * Which stream sends next. The most urgent level first (RFC 9218 §4 and §10); within a level the groups share equally, by
 * bytes, and streams without a group are one more group; within a group the highest send order first, strictly (W3C
 * WebTransport, send-order rules); within one order, streams that are not incremental one after another in the order of
 * their ids, incremental ones in turn, a frame each. Where there are both kinds, they take turns, so that neither starves the
 * other. Each step costs the logarithm of what waits.
 */
import { Heap, type HeapEntry } from '../base/heap.ts'

/** How a stream competes with its neighbours (RFC 9218 §4). */
export interface StreamPriority {
  /** 0 (first) to 7 (last). */
  readonly urgency: number
  /** Whether the receiver gains from parts of it, so that it shares with its neighbours. */
  readonly incremental: boolean
}

/** RFC 9218 §4.1 and §4.2. */
export const DEFAULT_PRIORITY: StreamPriority = { urgency: 3, incremental: false }

const LEVELS = 8

/**
 * A set of streams that has its own send orders, and as large a share as any other (W3C `WebTransportSendGroup`). The
 * scheduler looks at nothing but which object it is.
 */
export type SendGroup = object

/** @throws RangeError unless the order is a safe integer. */
export function checkSendOrder(sendOrder: number): void {
  if (!Number.isSafeInteger(sendOrder)) throw new RangeError(`sendOrder must be a safe integer, got ${sendOrder}`)
}

/** @throws RangeError unless the urgency is one of RFC 9218 §4.1. */
export function checkPriority(priority: StreamPriority): void {
  const { urgency } = priority
  if (!(Number.isInteger(urgency) && urgency >= 0 && urgency < LEVELS)) {
    throw new RangeError(`urgency must be an integer from 0 to 7, got ${urgency}`)
  }
}

/** What can be scheduled. */
export interface Schedulable {
  readonly id: number
  readonly priority: StreamPriority
  /** Higher goes first within a group; 0 by default. */
  readonly sendOrder: number
  readonly sendGroup: SendGroup | undefined
}

interface Place<T> {
  readonly level: Level<T>
  readonly group: Group<T>
  readonly order: Order<T>
  readonly heap: Heap<T>
  readonly entry: HeapEntry<T>
}

/** The streams that could send if a packet had room. */
export class Scheduler<T extends Schedulable> {
  readonly #levels: (Level<T> | undefined)[] = []
  /** Made for the first stream. */
  #places: Map<T, Place<T>> | undefined
  #turn = 0

  get size(): number {
    return this.#places?.size ?? 0
  }

  get isEmpty(): boolean {
    return this.#places === undefined || this.#places.size === 0
  }

  /** The urgency of the next stream; 8 if there is none. */
  get urgency(): number {
    for (let urgency = 0; urgency < LEVELS; urgency++) {
      const level = this.#levels[urgency]
      if (level !== undefined && level.groups.size > 0) return urgency
    }
    return LEVELS
  }

  has(stream: T): boolean {
    return this.#places?.has(stream) === true
  }

  /** Lets `stream` compete, at the end of its order if it is incremental. Nothing happens if it does already. */
  add(stream: T): void {
    if (this.has(stream)) return
    const { urgency, incremental } = stream.priority
    let level = this.#levels[urgency]
    if (level === undefined) {
      level = new Level()
      this.#levels[urgency] = level
    }
    const group = level.groupOf(stream.sendGroup)
    const order = group.orderOf(stream.sendOrder)
    const heap = order.heapOf(incremental)
    const entry = heap.push(incremental ? this.#turn++ : stream.id, stream)
    this.#places ??= new Map()
    this.#places.set(stream, { level, group, order, heap, entry })
  }

  /** Takes `stream` out; nothing happens if it is not there. */
  remove(stream: T): void {
    if (this.isEmpty) return
    const place = this.#places?.get(stream)
    if (place === undefined) return
    const { level, group, order, heap, entry } = place
    heap.remove(entry)
    this.#places?.delete(stream)
    if (!order.isEmpty) return
    group.drop(order)
    if (group.orders.size === 0) level.drop(group)
  }

  /** The stream that sends next; `undefined` if there is none. */
  peek(): T | undefined {
    return this.#levels[this.urgency]?.groups.peek()?.value.orders.peek()?.value.peek()
  }

  /** `stream` has sent a frame of so many bytes: whoever shares its level comes before it. */
  onTurn(stream: T, bytes: number): void {
    const { urgency, incremental } = stream.priority
    const level = this.#levels[urgency]
    if (level === undefined) return
    level.charge(stream.sendGroup, bytes)
    const place = this.#places?.get(stream)
    const order = place?.order ?? level.find(stream.sendGroup)?.find(stream.sendOrder)
    if (order !== undefined) order.incrementalNext = !incremental
    if (place !== undefined && incremental) place.heap.update(place.entry, this.#turn++)
  }

  /** To be called when what `stream` competes with has changed: finds it a new place if it has one. */
  reprioritize(stream: T): void {
    if (!this.has(stream)) return
    this.remove(stream)
    this.add(stream)
  }

  /** Takes all out. */
  clear(): void {
    this.#places = undefined
    this.#levels.length = 0
  }
}

/**
 * What is equally urgent. Shares are kept by start-time fair queueing: a group's place is the number of bytes that it was
 * served, and one that comes back after a pause is not behind whoever was served meanwhile, nor before where it left.
 */
class Level<T> {
  /** Those with streams, by their places. */
  readonly groups = new Heap<Group<T>>()
  readonly #known = new Map<SendGroup | undefined, Group<T>>()
  /** The places of groups that have no streams for now. */
  readonly #places = new WeakMap<SendGroup, number>()
  /** The place of the group that was served last. */
  #now = 0

  find(id: SendGroup | undefined): Group<T> | undefined {
    return this.#known.get(id)
  }

  groupOf(id: SendGroup | undefined): Group<T> {
    let group = this.#known.get(id)
    if (group === undefined) {
      group = new Group<T>(id, id === undefined ? 0 : (this.#places.get(id) ?? 0))
      this.#known.set(id, group)
    }
    if (group.entry === undefined) {
      group.place = Math.max(group.place, this.#now)
      group.entry = this.groups.push(group.place, group)
    }
    return group
  }

  /** The group has no streams any more. The one of those without a group is kept: most connections have no other. */
  drop(group: Group<T>): void {
    if (group.entry !== undefined) this.groups.remove(group.entry)
    group.entry = undefined
    if (group.id === undefined) return
    this.#known.delete(group.id)
    this.#places.set(group.id, group.place)
  }

  charge(id: SendGroup | undefined, bytes: number): void {
    const group = this.#known.get(id)
    if (group !== undefined) {
      this.#now = Math.max(this.#now, group.place)
      group.place += bytes
      if (group.entry !== undefined) this.groups.update(group.entry, group.place)
    } else if (id !== undefined) {
      const place = this.#places.get(id) ?? 0
      this.#now = Math.max(this.#now, place)
      this.#places.set(id, place + bytes)
    }
  }
}

class Group<T> {
  readonly id: SendGroup | undefined
  /** Bytes, in the count of its level. */
  place = 0
  /** In its level, while it has streams. */
  entry: HeapEntry<Group<T>> | undefined = undefined
  /** Those with streams, the highest first. */
  readonly orders = new Heap<Order<T>>()
  readonly #known = new Map<number, Order<T>>()

  constructor(id: SendGroup | undefined, place: number) {
    this.id = id
    this.place = place
  }

  find(sendOrder: number): Order<T> | undefined {
    return this.#known.get(sendOrder)
  }

  orderOf(sendOrder: number): Order<T> {
    let order = this.#known.get(sendOrder)
    if (order === undefined) {
      order = new Order<T>(sendOrder)
      this.#known.set(sendOrder, order)
    }
    order.entry ??= this.orders.push(-sendOrder, order)
    return order
  }

  /** The order has no streams any more. The one that is nobody's choice is kept. */
  drop(order: Order<T>): void {
    if (order.entry !== undefined) this.orders.remove(order.entry)
    order.entry = undefined
    if (order.sendOrder !== 0) this.#known.delete(order.sendOrder)
  }
}

/** The streams of one send order of one group. */
class Order<T> {
  readonly sendOrder: number
  /** In its group, while it has streams. */
  entry: HeapEntry<Order<T>> | undefined = undefined
  /** Whose turn it is where both kinds have something. */
  incrementalNext = false
  /** By id. Made when needed: where each stream has an order of its own, there are many. */
  #sequential: Heap<T> | undefined = undefined
  /** By the number of the last turn. */
  #incremental: Heap<T> | undefined = undefined

  constructor(sendOrder: number) {
    this.sendOrder = sendOrder
  }

  get isEmpty(): boolean {
    return (this.#sequential?.size ?? 0) + (this.#incremental?.size ?? 0) === 0
  }

  heapOf(incremental: boolean): Heap<T> {
    if (incremental) {
      this.#incremental ??= new Heap()
      return this.#incremental
    }
    this.#sequential ??= new Heap()
    return this.#sequential
  }

  peek(): T | undefined {
    const sequential = this.#sequential?.peek()
    const incremental = this.#incremental?.peek()
    if (sequential === undefined || (incremental !== undefined && this.incrementalNext)) return incremental?.value
    return sequential.value
  }
}
