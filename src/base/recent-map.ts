/** A map that keeps only what was used last: for results that cost time to find, and no more memory than was allowed for. */

/** Values by key, at most so many; the one that nobody asked for the longest time makes room. */
export class RecentMap<K, V> {
  readonly #capacity: number
  readonly #values = new Map<K, V>()

  /** @param capacity values that are kept, at least 1. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** How many are kept. */
  get size(): number {
    return this.#values.size
  }

  /** The value, which counts as used; `undefined` if it is not kept. */
  get(key: K): V | undefined {
    const value = this.#values.get(key)
    if (value === undefined) return undefined
    // A map remembers the order in which keys came.
    this.#values.delete(key)
    this.#values.set(key, value)
    return value
  }

  /** Keeps `value`, which counts as used. */
  set(key: K, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    if (this.#values.size <= this.#capacity) return
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest)
      return
    }
  }
}
