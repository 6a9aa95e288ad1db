/**
 * The limits of one session (draft-ietf-webtrans-http3 §5): what the peer lets us send and open, and what we let it. Where
 * flow control is not agreed on, all limits are infinite and nothing is ever to be said.
 */
import { flowControlError } from './capsules.ts'

/** What the peer grants: bytes, or streams of one direction. */
export class SessionCredit {
  readonly #what: string
  /** Drafts -15 on: what is granted has to rise with each capsule; in -14 it must not fall (§5.6.2, §5.6.4). */
  readonly #mustRise: boolean
  #limit: number
  #used = 0
  /** The limit for which the peer was told that it holds us up. */
  #toldAt = -1

  /** @param limit {@link Infinity}: there is none. */
  constructor(what: string, limit: number, mustRise: boolean) {
    this.#what = what
    this.#limit = limit
    this.#mustRise = mustRise
  }

  get limit(): number {
    return this.#limit
  }

  get available(): number {
    return this.#limit - this.#used
  }

  /** Uses `amount`, of no more than is {@link available}. */
  take(amount: number): void {
    this.#used += amount
  }

  /** What was taken is not used after all. */
  giveBack(amount: number): void {
    this.#used -= amount
  }

  /** Takes in a capsule. @throws Http3Error WT_FLOW_CONTROL_ERROR where the limit does not rise */
  raise(limit: number): void {
    // 2^53-1 stands for all that is above.
    const isSaturated = limit === Number.MAX_SAFE_INTEGER
    if (limit < this.#limit || (this.#mustRise && limit === this.#limit && !isSaturated)) {
      throw flowControlError(`The limit of ${this.#what} goes from ${this.#limit} to ${limit}`)
    }
    this.#limit = limit
  }

  /** Whether the peer is to be told now that its limit holds us up: once for each limit. */
  takeBlocked(): boolean {
    if (this.#limit === this.#toldAt || this.#limit === Infinity) return false
    this.#toldAt = this.#limit
    return true
  }
}

/** What we grant, as a window that moves with what is done with. */
export class SessionWindow {
  readonly #what: string
  #size: number
  #limit: number
  #received = 0
  #released = 0

  /** @param size bytes, or streams, that may be there at a time; {@link Infinity}: there is no limit. */
  constructor(what: string, size: number) {
    this.#what = what
    this.#size = size
    this.#limit = size
  }

  get limit(): number {
    return this.#limit
  }

  get received(): number {
    return this.#received
  }

  /** The peer has used `amount`. @throws Http3Error WT_FLOW_CONTROL_ERROR beyond the limit */
  take(amount: number): void {
    this.#received += amount
    if (this.#received > this.#limit) {
      throw flowControlError(`The peer uses ${this.#received} ${this.#what} of ${this.#limit}`)
    }
  }

  /** Of what the peer has used, `amount` is done with. */
  release(amount: number): void {
    this.#released += amount
  }

  /** Widens the window to `size`; what was granted stays granted. */
  resize(size: number): void {
    this.#size = size
  }

  /** The limit that the peer is to be told now; `undefined`: none, less than half of the window was used up since the last. */
  takeUpdate(): number | undefined {
    if (this.#limit === Infinity) return undefined
    const limit = Math.min(this.#released + this.#size, Number.MAX_SAFE_INTEGER)
    if (limit <= this.#limit || 2 * (limit - this.#limit) < this.#size) return undefined
    this.#limit = limit
    return limit
  }
}
