/**
 * Credit by absolute limits (RFC 9000 §4): one class for the side that spends it and one for the side that grants it. The
 * same two serve a connection and a stream, in bytes; the spending side also serves the number of streams. Which frame
 * carries a limit is the owner's business.
 */
import type { Duration, Time } from '../base/time.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'

/** Credit that the peer grants and we spend. */
export class SendWindow {
  #limit = 0
  #used = 0
  /** The limit at which we were blocked last, -1 for never. */
  #blockedAt = -1

  constructor(limit: number) {
    this.#limit = limit
  }

  /** All that the peer ever granted. */
  get limit(): number {
    return this.#limit
  }

  /** All that was ever spent. */
  get used(): number {
    return this.#used
  }

  get available(): number {
    return this.#limit - this.#used
  }

  /** Whether we said at this limit that we are blocked. */
  get isBlocked(): boolean {
    return this.#blockedAt === this.#limit
  }

  /** Takes the peer's word for a limit. A limit that is no higher is ignored (RFC 9000 §4.1); returns whether it was higher. */
  raise(limit: number): boolean {
    if (limit <= this.#limit) return false
    this.#limit = limit
    return true
  }

  /** Spends `amount`. @throws RangeError beyond what is available, which would be our own violation of RFC 9000 §4.1. */
  take(amount: number): void {
    if (amount > this.available) throw new RangeError(`Credit of ${this.available} does not cover ${amount}`)
    this.#used += amount
  }

  /**
   * Notes that there is something to send and no credit. Returns true once for each limit: then the peer is to be told
   * by a *_BLOCKED frame.
   */
  block(): boolean {
    if (this.available > 0 || this.isBlocked) return false
    this.#blockedAt = this.#limit
    return true
  }

  /** Throws if more was spent than granted. For tests. */
  checkInvariants(): void {
    if (!(this.#used >= 0 && this.#used <= this.#limit)) {
      throw new Error(`Used ${this.#used} of a credit of ${this.#limit}`)
    }
  }
}

// Bytes. The size of a window whose first limit is 0: it cannot grow by being used.
const LEAST_WINDOW = 16_384

// A whole window consumed faster than this many round trips means that the window may be what limits the peer.
const TUNING_ROUND_TRIPS = 4

/**
 * Credit that we grant and the peer spends, in bytes. The window (limit minus what was consumed) doubles as long as the
 * peer fills it and the application empties it at a rate that such a window could hold back, up to a maximum.
 */
export class ReceiveWindow {
  #limit: number
  #size: number
  #maximum: number
  #received = 0
  #consumed = 0
  /** When the current measurement of the rate of consumption began, and at which count. */
  #epochStart: Time = Infinity
  #epochConsumed = 0

  /**
   * @param initial the limit that the peer has from the start, and the first size of the window; with 0 the peer is owed
   * credit at once, since none would ever be used up.
   * @param maximum what the window may grow to; below `initial` the window shrinks as the first credit is used up.
   */
  constructor(initial: number, maximum: number) {
    this.#limit = initial
    this.#maximum = maximum
    this.#size = Math.min(initial === 0 ? LEAST_WINDOW : initial, maximum)
  }

  /** All that was ever granted. */
  get limit(): number {
    return this.#limit
  }

  /** All that the peer ever spent: the highest offset of a stream, or the sum of those of all streams. */
  get received(): number {
    return this.#received
  }

  /** All that the application has read, or that was thrown away in its stead. */
  get consumed(): number {
    return this.#consumed
  }

  /** What is granted beyond `consumed` with each update. */
  get size(): number {
    return this.#size
  }

  /** Whether enough was consumed to be worth a frame: half a window (RFC 9000 §4.2). */
  get wantsUpdate(): boolean {
    const gain = this.#consumed + this.#size - this.#limit
    return gain > 0 && 2 * gain >= this.#size
  }

  /** The peer has spent `amount` more. @throws TransportError FLOW_CONTROL_ERROR beyond the limit (RFC 9000 §4.1). */
  take(amount: number, now: Time): void {
    if (this.#received + amount > this.#limit) {
      throw new TransportError(
        TransportErrorCode.FLOW_CONTROL_ERROR,
        `${this.#received + amount} bytes received, of ${this.#limit} allowed`,
      )
    }
    if (this.#epochStart === Infinity) this.#epochStart = now
    this.#received += amount
  }

  /** `amount` bytes need no room any more: read, or thrown away. */
  onConsumed(amount: number): void {
    this.#consumed += amount
  }

  /** Grants what is due, after tuning the window to `rtt` and the rate of consumption; returns the new limit. */
  takeUpdate(now: Time, rtt: Duration): number {
    this.#tune(now, rtt)
    this.#limit = Math.max(this.#limit, this.#consumed + this.#size)
    return this.#limit
  }

  /** Grows the window to at least `size`, within the maximum. */
  ensureSize(size: number): void {
    this.#size = Math.max(this.#size, Math.min(size, this.#maximum))
  }

  /** Changes the maximum. Credit already given stays given. */
  setMaximum(maximum: number): void {
    this.#maximum = maximum
    this.#size = Math.min(this.#size, maximum)
  }

  /** Throws if the counts contradict one another. For tests. */
  checkInvariants(): void {
    if (!(this.#consumed >= 0 && this.#consumed <= this.#received && this.#received <= this.#limit)) {
      throw new Error(`Consumed ${this.#consumed}, received ${this.#received}, limit ${this.#limit}`)
    }
    if (this.#size > this.#maximum) throw new Error(`A window of ${this.#size} is above its maximum ${this.#maximum}`)
  }

  #tune(now: Time, rtt: Duration): void {
    const share = (this.#consumed - this.#epochConsumed) / this.#size
    // Too little to tell a rate from.
    if (share < 0.5) return
    if (now - this.#epochStart < TUNING_ROUND_TRIPS * share * rtt) {
      this.#size = Math.min(2 * this.#size, this.#maximum)
    }
    this.#epochStart = now
    this.#epochConsumed = this.#consumed
  }
}
