/**
 * A set of non-negative integers kept as sorted, disjoint, half-open ranges: received packet numbers, gaps of a stream,
 * bytes to send again. Made for growth at the upper end and removal at the lower end, which both touch one range.
 */

/**
 * Sorted half-open ranges [start, end), never empty, never touching. Bounds are integers up to 2^53-1. The set puts no
 * bound on its own size; whoever lets a peer's input into it does.
 */
export class RangeSet {
  // start, end, start, end … in #values from #from up to #to; what lies outside is room (and old numbers).
  #values: number[] = []
  #from = 0
  #to = 0

  /** How many ranges there are. */
  get size(): number {
    return (this.#to - this.#from) / 2
  }

  get isEmpty(): boolean {
    return this.#from === this.#to
  }

  /** The start of the range at `index`, counted from the lowest. @throws RangeError if there is none. */
  startAt(index: number): number {
    return this.#value(index, 0)
  }

  /** The end (exclusive) of the range at `index`, counted from the lowest. @throws RangeError if there is none. */
  endAt(index: number): number {
    return this.#value(index, 1)
  }

  /** The lowest number of the set; 0 if it is empty. */
  get min(): number {
    return this.isEmpty ? 0 : (this.#values[this.#from] ?? 0)
  }

  /** The end (exclusive) of the highest range; 0 if the set is empty. */
  get max(): number {
    return this.isEmpty ? 0 : (this.#values[this.#to - 1] ?? 0)
  }

  /** Adds all numbers from `start` up to `end`; nothing if that is empty. */
  add(start: number, end: number): void {
    if (!(start < end)) return
    const values = this.#values
    const to = this.#to
    if (to === this.#from) {
      this.#from = 0
      this.#to = 2
      // Most sets never hold more than one range: the first has just the room that it takes.
      if (values.length === 0) this.#values = [start, end]
      else {
        values[0] = start
        values[1] = end
      }
      return
    }
    const last = values[to - 1] ?? 0
    if (start > last) {
      values[to] = start
      values[to + 1] = end
      this.#to = to + 2
    } else if (start >= (values[to - 2] ?? 0)) {
      if (end > last) values[to - 1] = end
    } else {
      this.#merge(start, end)
    }
  }

  /** Takes all numbers from `start` up to `end` out. */
  remove(start: number, end: number): void {
    if (!(start < end) || this.isEmpty || end <= this.min || start >= this.max) return
    const values = this.#values
    // Ranges first up to (not with) past overlap what is removed.
    const first = this.#firstEndAbove(start)
    const past = this.#firstStartAtOrAbove(end)
    if (first >= past) return
    const lowStart = values[first] ?? 0
    const highEnd = values[past - 1] ?? 0
    const keepsLow = lowStart < start
    const keepsHigh = highEnd > end
    const kept = (keepsLow ? 2 : 0) + (keepsHigh ? 2 : 0)
    let at = this.#replace(first, past - first, kept)
    if (keepsLow) {
      values[at++] = lowStart
      values[at++] = start
    }
    if (keepsHigh) {
      values[at++] = end
      values[at] = highEnd
    }
  }

  /** Whether `value` is in the set. */
  has(value: number): boolean {
    return this.containsRange(value, value + 1)
  }

  /** Whether all numbers from `start` up to `end` are in the set; true of an empty range. */
  containsRange(start: number, end: number): boolean {
    if (!(start < end)) return true
    if (this.isEmpty || start < this.min || end > this.max) return false
    const values = this.#values
    const last = this.#to - 2
    if (start >= (values[last] ?? 0)) return true
    const at = this.#firstEndAbove(start)
    return (values[at] ?? 0) <= start && end <= (values[at + 1] ?? 0)
  }

  /** Takes all numbers below `value` out. */
  removeBelow(value: number): void {
    const values = this.#values
    while (this.#from < this.#to && (values[this.#from + 1] ?? 0) <= value) this.#from += 2
    if (this.#from === this.#to) this.clear()
    else if ((values[this.#from] ?? 0) < value) values[this.#from] = value
  }

  /** Takes the lowest range out; nothing if the set is empty. */
  removeFirst(): void {
    if (this.isEmpty) return
    this.#from += 2
    if (this.#from === this.#to) this.clear()
  }

  /** Takes everything out and keeps the room. */
  clear(): void {
    this.#from = 0
    this.#to = 0
  }

  /** How many numbers the set holds. Takes time in proportion to `size`. */
  total(): number {
    let total = 0
    for (let i = this.#from; i < this.#to; i += 2) total += (this.#values[i + 1] ?? 0) - (this.#values[i] ?? 0)
    return total
  }

  /** An independent copy. */
  clone(): RangeSet {
    const copy = new RangeSet()
    copy.copyFrom(this)
    return copy
  }

  /** Becomes equal to `other` without allocating where the room suffices. */
  copyFrom(other: RangeSet): void {
    if (other === this) return
    const length = other.#to - other.#from
    if (this.#values.length === 0) {
      this.#values = other.#values.slice(other.#from, other.#to)
      this.#from = 0
      this.#to = length
      return
    }
    for (let i = 0; i < length; i++) this.#values[i] = other.#values[other.#from + i] ?? 0
    this.#from = 0
    this.#to = length
  }

  /** Throws if the ranges are not sorted, disjoint and non-empty. For tests. */
  checkInvariants(): void {
    for (let i = this.#from; i < this.#to; i += 2) {
      const start = this.#values[i] ?? NaN
      const end = this.#values[i + 1] ?? NaN
      const before = i === this.#from ? -1 : (this.#values[i - 1] ?? NaN)
      if (!(before < start && start < end)) throw new Error(`Range [${start}, ${end}) follows an end of ${before}`)
    }
  }

  #value(index: number, which: 0 | 1): number {
    const at = this.#from + 2 * index + which
    const value = index >= 0 && at < this.#to ? this.#values[at] : undefined
    if (value === undefined) throw new RangeError(`There is no range ${index} among ${this.size}`)
    return value
  }

  /** Adds a range that begins below the last one's start. */
  #merge(start: number, end: number): void {
    const values = this.#values
    // A range that ends where the new one starts, or starts where it ends, is joined too.
    const first = this.#firstEndAbove(start - 1)
    const past = this.#firstStartAtOrAbove(end + 1)
    let low = start
    let high = end
    if (first < past) {
      low = Math.min(low, values[first] ?? low)
      high = Math.max(high, values[past - 1] ?? high)
    }
    const at = this.#replace(first, past - first, 2)
    values[at] = low
    values[at + 1] = high
  }

  /** Position of the first range whose end is above `value`; #to if there is none. */
  #firstEndAbove(value: number): number {
    const values = this.#values
    let low = this.#from
    let high = this.#to
    while (low < high) {
      const middle = this.#from + (((low + high - 2 * this.#from) >> 2) << 1)
      if ((values[middle + 1] ?? 0) > value) high = middle
      else low = middle + 2
    }
    return low
  }

  /** Position of the first range whose start is at or above `value`; #to if there is none. */
  #firstStartAtOrAbove(value: number): number {
    const values = this.#values
    let low = this.#from
    let high = this.#to
    while (low < high) {
      const middle = this.#from + (((low + high - 2 * this.#from) >> 2) << 1)
      if ((values[middle] ?? 0) >= value) high = middle
      else low = middle + 2
    }
    return low
  }

  /** Makes room for `wanted` values in place of the `present` ones at `at`, moving the shorter side; returns where it is. */
  #replace(at: number, present: number, wanted: number): number {
    const values = this.#values
    const shift = wanted - present
    if (shift === 0) return at
    if (at - this.#from < this.#to - at - present) {
      if (this.#from < shift) at += this.#makeFrontRoom()
      if (shift > 0) for (let i = this.#from; i < at; i++) values[i - shift] = values[i] ?? 0
      else for (let i = at - 1; i >= this.#from; i--) values[i - shift] = values[i] ?? 0
      this.#from -= shift
      return at - shift
    }
    if (shift > 0) for (let i = this.#to - 1; i >= at + present; i--) values[i + shift] = values[i] ?? 0
    else for (let i = at + present; i < this.#to; i++) values[i + shift] = values[i] ?? 0
    this.#to += shift
    return at
  }

  /** Moves everything up by about its own length, so that many insertions at the front cost one move; returns by how much. */
  #makeFrontRoom(): number {
    const values = this.#values
    const room = Math.max(4, this.#to - this.#from)
    for (let i = this.#to; i < this.#to + room; i++) values[i] = 0
    for (let i = this.#to - 1; i >= this.#from; i--) values[i + room] = values[i] ?? 0
    this.#from += room
    this.#to += room
    return room
  }
}
