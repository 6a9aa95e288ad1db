/** A queue over a ring buffer: both ends in constant time, no allocation while it fits. */

/** The ring of every queue that holds nothing yet; nobody writes to it. */
const NO_RING: readonly undefined[] = []

/** A double-ended queue. Holds any value but `undefined`, which stands for "nothing". */
export class Deque<T extends NonNullable<unknown>> {
  // The length is a power of two, so that an index wraps by a mask.
  #ring = NO_RING as (T | undefined)[]
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Adds behind the last. */
  push(value: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = value
    this.#length++
  }

  /** Adds before the first. */
  pushFront(value: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#head = (this.#head - 1) & (this.#ring.length - 1)
    this.#ring[this.#head] = value
    this.#length++
  }

  /** Removes and returns the first; `undefined` if there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const value = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    return value
  }

  /** The first, which stays; `undefined` if there is none. */
  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head]
  }

  /** The one at `index`, counted from the first; `undefined` if there is none. */
  at(index: number): T | undefined {
    if (!(index >= 0 && index < this.#length)) return undefined
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]
  }

  /** Removes all, and the memory with it. */
  clear(): void {
    this.#ring = NO_RING as (T | undefined)[]
    this.#head = 0
    this.#length = 0
  }

  /** From the first to the last. The front of the queue must stay as it is meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let i = 0; i < this.#length; i++) {
      const value = this.at(i)
      if (value !== undefined) yield value
    }
  }

  #grow(): void {
    const ring = new Array<T | undefined>(Math.max(8, 2 * this.#length)).fill(undefined)
    for (let i = 0; i < this.#length; i++) ring[i] = this.at(i)
    this.#ring = ring
    this.#head = 0
  }
}
