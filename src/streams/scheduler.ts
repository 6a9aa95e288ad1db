/**
 * Which stream sends next (RFC 9218 §4 and §10): the most urgent level first; within it, streams that are not incremental
 * one after another in the order of their ids, incremental ones in turn, a frame each. Where a level has both kinds, they
 * take turns, so that neither starves the other.
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
}

interface Level<T> {
  /** By id. */
  readonly sequential: Heap<T>
  /** By the number of the last turn. */
  readonly incremental: Heap<T>
  /** Whose turn it is where both have something. */
  incrementalNext: boolean
}

interface Place<T> {
  readonly heap: Heap<T>
  readonly entry: HeapEntry<T>
}

/** The streams that could send if a packet had room. */
export class Scheduler<T extends Schedulable> {
  readonly #levels: (Level<T> | undefined)[] = []
  readonly #places = new Map<T, Place<T>>()
  #turn = 0

  get size(): number {
    return this.#places.size
  }

  get isEmpty(): boolean {
    return this.#places.size === 0
  }

  /** The urgency of the next stream; 8 if there is none. */
  get urgency(): number {
    for (let urgency = 0; urgency < LEVELS; urgency++) {
      const level = this.#levels[urgency]
      if (level !== undefined && (level.sequential.size > 0 || level.incremental.size > 0)) return urgency
    }
    return LEVELS
  }

  has(stream: T): boolean {
    return this.#places.has(stream)
  }

  /** Lets `stream` compete, at the end of its level if it is incremental. Nothing happens if it does already. */
  add(stream: T): void {
    if (this.#places.has(stream)) return
    const { urgency, incremental } = stream.priority
    let level = this.#levels[urgency]
    if (level === undefined) {
      level = { sequential: new Heap(), incremental: new Heap(), incrementalNext: false }
      this.#levels[urgency] = level
    }
    const heap = incremental ? level.incremental : level.sequential
    this.#places.set(stream, { heap, entry: heap.push(incremental ? this.#turn++ : stream.id, stream) })
  }

  /** Takes `stream` out; nothing happens if it is not there. */
  remove(stream: T): void {
    const place = this.#places.get(stream)
    if (place === undefined) return
    place.heap.remove(place.entry)
    this.#places.delete(stream)
  }

  /** The stream that sends next; `undefined` if there is none. */
  peek(): T | undefined {
    const level = this.#levels[this.urgency]
    if (level === undefined) return undefined
    const { sequential, incremental } = level
    const sharing = incremental.size > 0 && (sequential.size === 0 || level.incrementalNext)
    return (sharing ? incremental : sequential).peek()?.value
  }

  /** `stream` has sent a frame: whoever shares its level comes before it. */
  onTurn(stream: T): void {
    const level = this.#levels[stream.priority.urgency]
    if (level === undefined) return
    level.incrementalNext = !stream.priority.incremental
    const place = this.#places.get(stream)
    if (place !== undefined && place.heap === level.incremental) place.heap.update(place.entry, this.#turn++)
  }

  /** To be called when the priority of `stream` has changed: finds it a new place if it has one. */
  reprioritize(stream: T): void {
    if (!this.#places.has(stream)) return
    this.remove(stream)
    this.add(stream)
  }

  /** Takes all out. */
  clear(): void {
    this.#places.clear()
    this.#levels.length = 0
  }
}
