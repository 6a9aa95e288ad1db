/** The two windowed maxima of BBR: bandwidth over two probing cycles, aggregation over some round trips. */

/** BBR.max_bw_filter (draft-ietf-ccwg-bbr §5.5.5, §5.5.6): the maximum of the probing cycle at hand and the one before. */
export class CycleMaximum {
  #current = 0
  #previous = 0

  get value(): number {
    return Math.max(this.#current, this.#previous)
  }

  add(value: number): void {
    this.#current = Math.max(this.#current, value)
  }

  /** AdvanceMaxBwFilter: a cycle is over; what is older than it is forgotten. A cycle without a sample was none. */
  advance(): void {
    if (this.#current === 0) return
    this.#previous = this.#current
    this.#current = 0
  }
}

/**
 * The maximum of the last so many round trips, by Kathleen Nichols' algorithm: the best three values are kept, each from a
 * later time than the one before, so that there is a successor when the best one grows too old.
 */
export class WindowedMaximum {
  readonly #values: number[] = [0, 0, 0]
  readonly #times: number[] = [0, 0, 0]

  get value(): number {
    return this.#values[0] ?? 0
  }

  /** @param time of this value, in the unit of `length`; never goes back */
  add(value: number, time: number, length: number): void {
    const values = this.#values
    const times = this.#times
    // A new best, or nothing left within the window: it alone counts.
    if (value >= this.value || time - (times[2] ?? 0) > length) return this.#set(0, value, time)
    if (value >= (values[1] ?? 0)) this.#set(1, value, time)
    else if (value >= (values[2] ?? 0)) this.#set(2, value, time)
    this.#age(value, time, length)
  }

  /** Lets later values move up as the first grows too old, and refreshes copies of it in good time. */
  #age(value: number, time: number, length: number): void {
    const times = this.#times
    const age = time - (times[0] ?? 0)
    if (age > length) {
      this.#shift(value, time)
      if (time - (times[0] ?? 0) > length) this.#shift(value, time)
    } else if (times[1] === times[0] && age > length / 4) this.#set(1, value, time)
    else if (times[2] === times[1] && age > length / 2) this.#set(2, value, time)
  }

  #shift(value: number, time: number): void {
    this.#values.shift()
    this.#times.shift()
    this.#values.push(value)
    this.#times.push(time)
  }

  /** Puts the value into this place and all later ones. */
  #set(place: number, value: number, time: number): void {
    this.#values.fill(value, place)
    this.#times.fill(time, place)
  }
}
