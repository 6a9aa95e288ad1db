/** What one client, one token and all together may take of a gateway: new flows, open flows, bytes. Sans-IO. */
import type { Time } from '../base/time.ts'
import { RateLimit } from '../endpoint/rate-limit.ts'

/** Limits of a gateway. Each applies to one client address, one token, and (times `total`) to all clients together. */
export interface LimitOptions {
  /** New flows a second; default 5, and four times as many at once. */
  readonly flowsPerSecond: number
  /** Flows open at a time; default 32. */
  readonly openFlows: number
  /** Bytes a second in each direction; default 25 MB, and a second's worth at once. */
  readonly bytesPerSecond: number
  /** What all clients together may take, in multiples of what one may; default 20. */
  readonly total: number
}

/** The defaults of {@link LimitOptions}. */
export const DEFAULT_LIMITS: LimitOptions = { flowsPerSecond: 5, openFlows: 32, bytesPerSecond: 25_000_000, total: 20 }

/** Clients that are remembered; of more, those without flows are forgotten. */
const MAX_SUBJECTS = 10_000

class Subject {
  readonly newFlows: RateLimit
  readonly up: RateLimit
  readonly down: RateLimit
  readonly most: number
  open = 0
  /** When it last had a flow. */
  last: Time = 0

  constructor(options: LimitOptions, times: number) {
    this.newFlows = new RateLimit(options.flowsPerSecond * times, options.flowsPerSecond * times * 4)
    this.up = new RateLimit(options.bytesPerSecond * times)
    this.down = new RateLimit(options.bytesPerSecond * times)
    this.most = options.openFlows * times
  }
}

/** The share of one flow: what it may still take. Given back with `release`. */
export class Share {
  readonly #subjects: readonly Subject[]
  #isReleased = false

  /** @internal Made by {@link Limits}. */
  constructor(subjects: readonly Subject[]) {
    this.#subjects = subjects
  }

  /** Whether `bytes` may go to the target now. */
  takeUp(bytes: number, now: Time): boolean {
    return this.#subjects.every(({ up }) => up.take(now, bytes))
  }

  /** Whether `bytes` may go to the client now. */
  takeDown(bytes: number, now: Time): boolean {
    return this.#subjects.every(({ down }) => down.take(now, bytes))
  }

  /** The flow is over. Harmless when repeated. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    for (const subject of this.#subjects) subject.open -= 1
  }
}

/** The limits of one gateway. */
export class Limits {
  readonly #options: LimitOptions
  readonly #all: Subject
  readonly #subjects = new Map<string, Subject>()

  /** @throws RangeError for a limit that is not positive. */
  constructor(options: Partial<LimitOptions> = {}) {
    this.#options = { ...DEFAULT_LIMITS, ...options }
    for (const [name, value] of Object.entries(this.#options)) {
      if (!(value > 0)) throw new RangeError(`${name} must be positive, got ${value}`)
    }
    this.#all = new Subject(this.#options, this.#options.total)
  }

  /** A share for a new flow of this client, known by a token or not; `undefined`: one of the limits is reached. */
  admit(client: string, token: string | undefined, now: Time): Share | undefined {
    const keys = token === undefined ? [`client ${client}`] : [`client ${client}`, `token ${token}`]
    const subjects = [this.#all, ...keys.map((key) => this.#subjectOf(key))]
    if (subjects.some(({ open, most }) => open >= most)) return undefined
    if (!subjects.every(({ newFlows }) => newFlows.take(now))) return undefined
    for (const subject of subjects) {
      subject.open += 1
      subject.last = now
    }
    return new Share(subjects)
  }

  /** Clients and tokens that are remembered. */
  get size(): number {
    return this.#subjects.size
  }

  #subjectOf(key: string): Subject {
    const known = this.#subjects.get(key)
    if (known !== undefined) return known
    if (this.#subjects.size >= MAX_SUBJECTS) this.#forget()
    const subject = new Subject(this.#options, 1)
    this.#subjects.set(key, subject)
    return subject
  }

  /** The older half of those that have nothing open: their buckets are full again, or theirs was a flood. */
  #forget(): void {
    const idle = [...this.#subjects].filter(([, { open }]) => open === 0).sort(([, a], [, b]) => a.last - b.last)
    for (const [key] of idle.slice(0, Math.max(1, MAX_SUBJECTS / 2))) this.#subjects.delete(key)
  }
}
