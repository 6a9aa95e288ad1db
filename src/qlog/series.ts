/** Figures over time in a bounded memory, however many there are. */

/** Figures of one stretch of time. */
export interface SeriesPoint {
  /** ms at its beginning. */
  readonly time: number
  readonly count: number
  readonly least: number
  readonly most: number
  readonly last: number
}

const CAPACITY = 2048

/** ms that a point stands for at first. */
const FINEST = 1 / 64

/** At most 2048 points of equal length, which double when time goes on. */
export class TimeSeries {
  readonly #count = new Float64Array(CAPACITY)
  readonly #least = new Float64Array(CAPACITY)
  readonly #most = new Float64Array(CAPACITY)
  readonly #last = new Float64Array(CAPACITY)
  #start = 0
  #width = FINEST
  #size = 0

  /** A figure; one from before the first counts as of then. */
  add(time: number, value: number): void {
    if (this.#size === 0) this.#start = time
    while (time - this.#start >= this.#width * CAPACITY) this.#halve()
    const index = Math.max(0, Math.floor((time - this.#start) / this.#width))
    const isFirst = this.#count[index] === 0
    this.#least[index] = isFirst ? value : Math.min(this.#least[index] ?? value, value)
    this.#most[index] = isFirst ? value : Math.max(this.#most[index] ?? value, value)
    this.#last[index] = value
    this.#count[index] = (this.#count[index] ?? 0) + 1
    this.#size = Math.max(this.#size, index + 1)
  }

  /** Those that have figures, in the order of time. */
  points(): SeriesPoint[] {
    const points: SeriesPoint[] = []
    for (let index = 0; index < this.#size; index++) {
      const count = this.#count[index] ?? 0
      if (count === 0) continue
      const time = this.#start + index * this.#width
      const [least = 0, most = 0, last = 0] = [this.#least[index], this.#most[index], this.#last[index]]
      points.push({ time, count, least, most, last })
    }
    return points
  }

  /** Two points become one. */
  #halve(): void {
    for (let index = 0; index < CAPACITY / 2; index++) {
      const [a, b] = [2 * index, 2 * index + 1]
      const [countA = 0, countB = 0] = [this.#count[a], this.#count[b]]
      const [leastA = 0, leastB = 0, mostA = 0, mostB = 0] = [
        this.#least[a],
        this.#least[b],
        this.#most[a],
        this.#most[b],
      ]
      this.#count[index] = countA + countB
      this.#least[index] = countA === 0 ? leastB : countB === 0 ? leastA : Math.min(leastA, leastB)
      this.#most[index] = countA === 0 ? mostB : countB === 0 ? mostA : Math.max(mostA, mostB)
      this.#last[index] = (countB === 0 ? this.#last[a] : this.#last[b]) ?? 0
    }
    this.#count.fill(0, CAPACITY / 2)
    this.#width *= 2
    this.#size = Math.ceil(this.#size / 2)
  }
}

const MAX_SAMPLES = 32_768

/** Least, greatest and middle of figures: of each of them up to 32,768, then the middle is that of every second, fourth, … */
export class Samples {
  #kept: number[] = []
  #stride = 1
  #count = 0
  #least = Infinity
  #most = -Infinity

  get count(): number {
    return this.#count
  }

  /** `Infinity` of none. */
  get least(): number {
    return this.#least
  }

  /** `-Infinity` of none. */
  get most(): number {
    return this.#most
  }

  add(value: number): void {
    this.#least = Math.min(this.#least, value)
    this.#most = Math.max(this.#most, value)
    if (this.#count % this.#stride === 0) this.#kept.push(value)
    this.#count += 1
    if (this.#kept.length < MAX_SAMPLES) return
    this.#kept = this.#kept.filter((_, index) => index % 2 === 0)
    this.#stride *= 2
  }

  /** The lower of two in the middle; `undefined` of none. */
  median(): number | undefined {
    const sorted = this.#kept.toSorted((a, b) => a - b)
    return sorted[Math.floor((sorted.length - 1) / 2)]
  }
}
