/** The connections of an endpoint by the time at which each wants to be woken: one host timer serves them all. */
import { Heap, type HeapEntry } from '../base/heap.ts'
import { NEVER, type Time } from '../base/time.ts'

/** A queue of things with a time each; equal times leave in the order in which they were set. */
export class TimerQueue<T> {
  readonly #heap = new Heap<T>()
  readonly #entries = new Map<T, HeapEntry<T>>()

  /** How many things wait. */
  get size(): number {
    return this.#heap.size
  }

  /** Sets the time of `item`, anew if it has one; {@link NEVER} takes it out. */
  set(item: T, time: Time): void {
    const entry = this.#entries.get(item)
    if (time === NEVER) {
      this.delete(item)
    } else if (entry === undefined) {
      this.#entries.set(item, this.#heap.push(time, item))
    } else {
      this.#heap.update(entry, time)
    }
  }

  /** Takes `item` out; harmless if it does not wait. */
  delete(item: T): void {
    const entry = this.#entries.get(item)
    if (entry === undefined) return
    this.#heap.remove(entry)
    this.#entries.delete(item)
  }

  /** The earliest time, {@link NEVER} if nothing waits. */
  get next(): Time {
    return this.#heap.peek()?.key ?? NEVER
  }

  /** Removes and returns the earliest thing whose time has come; `undefined` if there is none. */
  takeDue(now: Time): T | undefined {
    const first = this.#heap.peek()
    if (first === undefined || first.key > now) return undefined
    this.delete(first.value)
    return first.value
  }
}
