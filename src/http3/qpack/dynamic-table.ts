/**
 * The dynamic table (RFC 9204 §3.2): entries in the order of their insertion, of which the oldest leave first. Knows
 * nothing of references; whoever encodes asks first whether an entry may leave.
 */
import { type Field, fieldSize } from '../field.ts'

/** Entries by absolute index, within a capacity. */
export class DynamicTable<E extends Field> {
  // The entry of absolute index i stands at i & (length - 1).
  #ring: (E | undefined)[] = new Array<E | undefined>(16).fill(undefined)
  #insertCount = 0
  #dropCount = 0
  #size = 0
  #capacity = 0

  /** Bytes that entries may take (RFC 9204 §3.2.2). */
  get capacity(): number {
    return this.#capacity
  }

  /** Bytes that entries take (RFC 9204 §3.2.1). */
  get size(): number {
    return this.#size
  }

  /** How many entries were ever inserted; also the absolute index of the next. */
  get insertCount(): number {
    return this.#insertCount
  }

  /** How many entries have left; also the absolute index of the oldest that is there. */
  get dropCount(): number {
    return this.#dropCount
  }

  /** The entry of an absolute index; `undefined` for one that has left or has not come, and for no index at all. */
  get(index: number): E | undefined {
    if (!(index >= this.#dropCount && index < this.#insertCount)) return undefined
    return this.#ring[index & (this.#ring.length - 1)]
  }

  /** Sets the capacity; the oldest leave as far as they do not fit. */
  setCapacity(capacity: number): void {
    this.#capacity = capacity
    while (this.#size > capacity) this.dropOldest()
  }

  /** Adds an entry, for which the oldest leave as far as needed. `false`: it is larger than the capacity; nothing changed. */
  insert(entry: E): boolean {
    const size = fieldSize(entry.name, entry.value)
    if (size > this.#capacity) return false
    while (this.#size + size > this.#capacity) this.dropOldest()
    if (this.#insertCount - this.#dropCount === this.#ring.length) this.#grow()
    this.#ring[this.#insertCount & (this.#ring.length - 1)] = entry
    this.#insertCount++
    this.#size += size
    return true
  }

  /** Removes and returns the oldest; `undefined` if there is none. */
  dropOldest(): E | undefined {
    const at = this.#dropCount & (this.#ring.length - 1)
    const entry = this.get(this.#dropCount)
    if (entry === undefined) return undefined
    this.#ring[at] = undefined
    this.#dropCount++
    this.#size -= fieldSize(entry.name, entry.value)
    return entry
  }

  #grow(): void {
    const ring = new Array<E | undefined>(this.#ring.length * 2).fill(undefined)
    for (let i = this.#dropCount; i < this.#insertCount; i++) ring[i & (ring.length - 1)] = this.get(i)
    this.#ring = ring
  }
}
