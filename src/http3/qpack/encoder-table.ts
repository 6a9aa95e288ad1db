/**
 * The encoder's dynamic table: finds entries by name and value, and knows which may leave (RFC 9204 §2.1.1) and which are
 * about to, so that they are better not referred to any more (§2.1.1.1).
 */
import { type Field, fieldSize } from '../field.ts'
import { DynamicTable } from './dynamic-table.ts'

/** An entry, with what the encoder keeps account of. */
export class EncoderEntry implements Field {
  readonly name: string
  readonly value: string
  /** Absolute index. */
  readonly index: number
  /** The entry of which it is a duplicate; -1: of none. */
  readonly duplicateOf: number
  /**
   * How many unacknowledged sections refer to it and to none that is older. Since the oldest leaves first, nothing else
   * must be counted: while it stays, so does all that is newer.
   */
  sections = 0

  constructor(name: string, value: string, index: number, duplicateOf: number) {
    this.name = name
    this.value = value
    this.index = index
    this.duplicateOf = duplicateOf
  }
}

/** The entries of one name. */
interface NameEntries {
  /** Absolute index of the newest. */
  newest: number
  /** The newest of each value. */
  readonly values: Map<string, EncoderEntry>
}

/** Entries, and the index of them. */
export class EncoderTable {
  readonly #table = new DynamicTable<EncoderEntry>()
  readonly #names = new Map<string, NameEntries>()
  /** Inserts of which the decoder has told that they are there (RFC 9204 §2.1.4). */
  knownReceivedCount = 0
  // Absolute index below which entries are draining, and the bytes that these take.
  #drainIndex = 0
  #drainSize = 0

  /** Bytes; 0 until it is set. */
  get capacity(): number {
    return this.#table.capacity
  }

  get insertCount(): number {
    return this.#table.insertCount
  }

  /** Absolute index of the oldest entry that is there. */
  get dropCount(): number {
    return this.#table.dropCount
  }

  /** Sets the capacity of a table that has none yet. */
  setCapacity(capacity: number): void {
    this.#table.setCapacity(capacity)
  }

  /** The entry of an absolute index; `undefined` if it has left. */
  get(index: number): EncoderEntry | undefined {
    return this.#table.get(index)
  }

  /** The newest entry that equals a field line. */
  find(name: string, value: string): EncoderEntry | undefined {
    return this.#names.get(name)?.values.get(value)
  }

  /** Absolute index of the newest entry of a name; -1: there is none. */
  findName(name: string): number {
    return this.#names.get(name)?.newest ?? -1
  }

  /** Whether the entry will soon have to leave: it is better duplicated than referred to. */
  isDraining(entry: EncoderEntry): boolean {
    return entry.index < this.#drainIndex
  }

  /**
   * Whether a line fits, when all leave that may. `inUse`: absolute index from which on entries may not, as a section that
   * is not ended refers to them.
   */
  hasRoom(name: string, value: string, inUse: number): boolean {
    const { capacity } = this.#table
    let excess = this.#table.size + fieldSize(name, value) - capacity
    if (excess > this.#table.size) return false
    const first = this.#table.dropCount
    for (let index = first; excess > 0; index++) {
      const entry = this.#table.get(index)
      if (entry === undefined || entry.sections > 0 || index >= inUse || index >= this.knownReceivedCount) return false
      excess -= fieldSize(entry.name, entry.value)
    }
    return true
  }

  /** Adds a line for which there is room, in place of the oldest. */
  insert(name: string, value: string, duplicateOf: number): EncoderEntry {
    const size = fieldSize(name, value)
    while (this.#table.size + size > this.#table.capacity) this.#drop()
    const entry = new EncoderEntry(name, value, this.#table.insertCount, duplicateOf)
    this.#table.insert(entry)
    const entries = this.#names.get(name)
    if (entries === undefined) {
      this.#names.set(name, { newest: entry.index, values: new Map([[value, entry]]) })
    } else {
      entries.newest = entry.index
      entries.values.set(value, entry)
    }
    this.#drain()
    return entry
  }

  #drop(): void {
    const entry = this.#table.dropOldest()
    if (entry === undefined) return
    if (entry.index < this.#drainIndex) this.#drainSize -= fieldSize(entry.name, entry.value)
    else this.#drainIndex = entry.index + 1
    const entries = this.#names.get(entry.name)
    if (entries === undefined) return
    if (entries.values.get(entry.value) === entry) entries.values.delete(entry.value)
    if (entries.newest === entry.index) this.#names.delete(entry.name)
  }

  // A quarter of the capacity is unused, or taken by what is about to leave.
  #drain(): void {
    const { capacity, size } = this.#table
    while (capacity - size + this.#drainSize < capacity / 4) {
      const entry = this.#table.get(this.#drainIndex)
      if (entry === undefined) return
      this.#drainIndex++
      this.#drainSize += fieldSize(entry.name, entry.value)
    }
  }
}
