/** A binary min-heap by a number (as a rule a time), whose entries can be moved and removed while they wait. */

/** One waiting value, and the handle to it. */
export interface HeapEntry<T> {
  readonly value: T
  /** What the heap is ordered by, lowest first; changed by `Heap.update`. */
  readonly key: number
}

class Entry<T> implements HeapEntry<T> {
  readonly value: T
  key: number
  /** Among equal keys the earlier entry comes first, so that the order is reproducible. */
  sequence: number
  /** Position in the array, -1 outside. */
  index: number
  readonly heap: Heap<T>

  constructor(heap: Heap<T>, value: T, key: number, sequence: number, index: number) {
    this.heap = heap
    this.value = value
    this.key = key
    this.sequence = sequence
    this.index = index
  }
}

/** A min-heap; equal keys leave in the order in which they got that key. */
export class Heap<T> {
  readonly #entries: Entry<T>[] = []
  #sequence = 0

  get size(): number {
    return this.#entries.length
  }

  /** Adds `value` under `key`, which is any number but NaN. The handle serves `update` and `remove`. */
  push(key: number, value: T): HeapEntry<T> {
    const entry = new Entry(this, value, key, this.#sequence++, this.#entries.length)
    this.#entries.push(entry)
    this.#up(entry)
    return entry
  }

  /** The entry with the lowest key, which stays; `undefined` if there is none. */
  peek(): HeapEntry<T> | undefined {
    return this.#entries[0]
  }

  /** Removes and returns the entry with the lowest key; `undefined` if there is none. */
  shift(): HeapEntry<T> | undefined {
    const first = this.#entries[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Whether the entry still waits in this heap. */
  has(handle: HeapEntry<T>): boolean {
    return handle instanceof Entry && handle.heap === this && handle.index >= 0
  }

  /**
   * Gives a waiting entry another key.
   * @throws RangeError when it does not wait in this heap.
   */
  update(handle: HeapEntry<T>, key: number): void {
    const entry = this.#own(handle)
    if (entry.key === key) return
    entry.key = key
    entry.sequence = this.#sequence++
    this.#up(entry)
    this.#down(entry)
  }

  /** Removes an entry; `false` if it does not wait in this heap any more. */
  remove(handle: HeapEntry<T>): boolean {
    if (!this.has(handle)) return false
    const entry = this.#own(handle)
    const { index } = entry
    const last = this.#entries.pop()
    entry.index = -1
    if (last !== undefined && last !== entry) {
      this.#place(last, index)
      this.#up(last)
      this.#down(last)
    }
    return true
  }

  /** Removes all. */
  clear(): void {
    for (const entry of this.#entries) entry.index = -1
    this.#entries.length = 0
  }

  #own(handle: HeapEntry<T>): Entry<T> {
    if (!(handle instanceof Entry) || handle.heap !== this || handle.index < 0) {
      throw new RangeError(`The entry with key ${handle.key} does not wait in this heap`)
    }
    return handle
  }

  #place(entry: Entry<T>, index: number): void {
    this.#entries[index] = entry
    entry.index = index
  }

  #up(entry: Entry<T>): void {
    while (entry.index > 0) {
      const { index } = entry
      const parent = this.#entries[(index - 1) >> 1]
      if (parent === undefined || !isBefore(entry, parent)) return
      const parentIndex = parent.index
      this.#place(parent, index)
      this.#place(entry, parentIndex)
    }
  }

  #down(entry: Entry<T>): void {
    for (;;) {
      const { index } = entry
      let child = this.#entries[2 * index + 1]
      const right = this.#entries[2 * index + 2]
      if (child !== undefined && right !== undefined && isBefore(right, child)) child = right
      if (child === undefined || !isBefore(child, entry)) return
      const childIndex = child.index
      this.#place(child, index)
      this.#place(entry, childIndex)
    }
  }
}

function isBefore<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.key < b.key || (a.key === b.key && a.sequence < b.sequence)
}
