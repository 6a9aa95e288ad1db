/**
 * Datagram packetization layer path MTU discovery (RFC 8899, RFC 9000 §14.3) for one path: which size to probe next, what
 * the path carries, and when it carries less than it did. Sizes are bytes of UDP payload. The probe is a padded PING that
 * the transmitter writes; the path's recovery reports its fate, and that of all other packets.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { PathRecovery } from './path-recovery.ts'

/** BASE_PLPMTU: what every QUIC path carries (RFC 9000 §14.3). */
export const BASE_MTU = 1200

/** The largest payload of a 1,500-byte link over IPv6. */
export const DEFAULT_MAX_MTU = 1452

/** MAX_PROBES: losses of the least size that is too large after which the search is over (RFC 8899 §5.1.2). */
const MAX_PROBES = 3

/**
 * Sizes worth a probe before others (RFC 8899 §5.3.2): what Ethernet and jumbo frames leave of 1,500 and 9,000 bytes over IPv6
 * and IPv4, and the longest payload of IPv4, whatever the link.
 */
const COMMON_SIZES = [65_507, 8972, 8952, 1472, 1452] as const

/** PMTU_RAISE_TIMER (RFC 8899 §5.1.1), in ms. */
const RAISE_INTERVAL: Duration = 600_000

/** A gain that is not worth a probe (RFC 8899 §5.3.2): so many bytes, and of large sizes this share. */
const MIN_GAIN = 16
const MIN_GAIN_SHARE = 1 / 64

/** A step to a size that is not common, for lack of window, makes datagrams so many times as large at least. */
const WORTHY_STEP = 2

/** Rounds of losses of large packets, none of them acknowledged in between, that make a black hole (RFC 8899 §4.3). */
const BLACK_HOLE_ROUNDS = 3

/** PTOs in a row after which the size itself is suspected: in a black hole no acknowledgement comes that could tell of losses. */
const BLACK_HOLE_PTOS = 3

/** What discovery on a path is made of. */
export interface MtuDiscoveryOptions {
  /** The path that carries packets of the size found; discovery reports to it and is reported to by it. */
  readonly path: PathRecovery
  /** The largest size to try; 1452. */
  readonly max?: number
  /** Told of every change of the size that may be used. */
  readonly onChange?: (mtu: number, path: PathRecovery) => void
}

/** DPLPMTUD of one path. It does nothing until `start`. */
export class MtuDiscovery {
  readonly #path: PathRecovery
  readonly #onChange: ((mtu: number, path: PathRecovery) => void) | undefined
  #max: number
  // What we and the peer take; the carrier may take less at times.
  #ceiling: number
  #current = BASE_MTU
  // The least size known, or believed, to be too large; #max + 1 while nothing is.
  #tooLarge: number
  // Losses of probes of that size.
  #losses = 0
  #isRunning = false
  #probed = 0
  #isProbeInFlight = false
  #raiseAt: Time = NEVER
  // Rounds of losses of packets above the base size since one of them was last acknowledged.
  #lossRounds = 0
  #lastLossTime: Time = -Infinity
  // After a black hole: no probe until the path is seen to carry anything again.
  #awaitsBase = false

  /** @throws RangeError if `max` is below 1200. */
  constructor(options: MtuDiscoveryOptions) {
    const max = options.max ?? DEFAULT_MAX_MTU
    if (!(Number.isInteger(max) && max >= BASE_MTU && max <= 65527)) {
      throw new RangeError(`mtu.max must be an integer from ${BASE_MTU} to 65527, got ${max}`)
    }
    this.#path = options.path
    this.#onChange = options.onChange
    this.#max = max
    this.#ceiling = max
    this.#tooLarge = max + 1
    options.path.mtu = this
  }

  /** The size that datagrams may have now. */
  get current(): number {
    return this.#current
  }

  /** The largest size that will be tried. */
  get max(): number {
    return this.#max
  }

  /** Whether the search goes on, if only once the window has room for its next probe. */
  get isSearching(): boolean {
    return this.#isRunning && this.#raiseAt === NEVER && this.#nextSize() !== undefined
  }

  /** Begins to search: the handshake has shown that the path carries the base size (RFC 9000 §14.3.1). */
  start(): void {
    this.#isRunning = true
  }

  /** Lowers what is tried to what the peer takes, at least 1200. Never raises it. */
  setLimit(bytes: number): void {
    this.#ceiling = Math.min(this.#ceiling, Math.max(BASE_MTU, Math.floor(bytes)))
    if (this.#ceiling < this.#max) this.#lower(this.#ceiling)
  }

  /** Follows what the carrier takes, at least 1200: it may change while the carrier is open, to less as well as to more. */
  setCarrierLimit(bytes: number): void {
    const max = Math.min(this.#ceiling, Math.max(BASE_MTU, Math.floor(bytes)))
    if (max < this.#max) return this.#lower(max)
    if (max === this.#max) return
    // What was too large for the path is so still.
    if (this.#tooLarge > this.#max) this.#tooLarge = max + 1
    this.#max = max
  }

  #lower(max: number): void {
    this.#max = max
    this.#tooLarge = Math.min(this.#tooLarge, max + 1)
    if (this.#current > max) this.#setCurrent(max)
  }

  /**
   * The size of the probe to be sent as soon as the congestion window has room for it, or `undefined` where none is. Where the
   * window is too small for the size that is best tried next, it is a smaller one.
   */
  probeSize(now: Time): number | undefined {
    if (!this.#isRunning || this.#isProbeInFlight || this.#awaitsBase) return undefined
    if (now >= this.#raiseAt) this.onTimeout(now)
    if (this.#raiseAt !== NEVER) return undefined
    const size = this.#nextSize()
    return size === undefined ? undefined : this.#affordable(size)
  }

  /** A probe of the size that `probeSize` asked for has left. */
  onProbeSent(size: number): void {
    this.#probed = size
    this.#isProbeInFlight = true
  }

  /** A probe of `size` has arrived, be it late. */
  onProbeAcked(size: number, now: Time): void {
    if (size === this.#probed) this.#isProbeInFlight = false
    this.onPacketAcked(size, now)
    // An acknowledgement, however late, refutes that the size is too large.
    if (size >= this.#tooLarge) {
      this.#tooLarge = this.#max + 1
      this.#raiseAt = NEVER
    }
    if (size > this.#current && size <= this.#max) this.#setCurrent(size)
    this.#endSearch(now)
  }

  /** A probe of `size` is lost; which is no sign of congestion. */
  onProbeLost(size: number, now: Time): void {
    if (size !== this.#probed || !this.#isProbeInFlight) return
    this.#isProbeInFlight = false
    this.#fail(size)
    this.#endSearch(now)
  }

  /** A packet that was no probe has arrived. */
  onPacketAcked(size: number, _now: Time): void {
    this.#awaitsBase = false
    if (size > BASE_MTU) this.#lossRounds = 0
  }

  /** A packet that was no probe is lost. */
  onPacketLost(size: number, sentTime: Time, now: Time): void {
    // What had left before a loss became known belongs to its round: congestion, and reordering, lose much within a round trip;
    // a black hole loses in each.
    if (size <= BASE_MTU || this.#current === BASE_MTU || sentTime <= this.#lastLossTime) return
    this.#lastLossTime = now
    this.#lossRounds += 1
    if (this.#lossRounds >= BLACK_HOLE_ROUNDS) this.#onBlackHole()
  }

  /** A PTO expired, the `count`th in a row. */
  onPto(count: number): void {
    if (count < BLACK_HOLE_PTOS || this.#current === BASE_MTU) return
    this.#awaitsBase = true
    this.#onBlackHole()
  }

  /** When the search may be taken up again; `NEVER` while it goes on. */
  nextTimeout(): Time {
    return this.#raiseAt
  }

  onTimeout(now: Time): void {
    if (now < this.#raiseAt) return
    this.#raiseAt = NEVER
    this.#tooLarge = this.#max + 1
  }

  #onBlackHole(): void {
    this.#lossRounds = 0
    this.#isProbeInFlight = false
    this.#probed = 0
    this.#raiseAt = NEVER
    // The path carries less now; how much less is searched for from above and below.
    this.#tooLarge = this.#max + 1
    this.#fail(this.#current)
    this.#setCurrent(BASE_MTU)
  }

  /** A probe of `size` was lost, or packets of that size were. */
  #fail(size: number): void {
    if (size > this.#tooLarge) return
    if (size < this.#tooLarge) this.#losses = 0
    this.#tooLarge = size
    this.#losses += 1
  }

  /**
   * The size to try next: the largest first, as most links are alike; then sizes that are common, then the middle. A single loss
   * turns the search to less, since it costs more to wait for a second one. Where it ends the size above is tried again: what
   * was lost by chance would cost for minutes.
   */
  #nextSize(): number | undefined {
    if (this.#current >= this.#max) return undefined
    if (this.#tooLarge > this.#max) return this.#max
    if (this.#tooLarge - this.#current > this.#leastGain) {
      return commonSize(this.#current, this.#tooLarge) ?? Math.floor((this.#current + this.#tooLarge) / 2)
    }
    return this.#losses < MAX_PROBES ? this.#tooLarge : undefined
  }

  /**
   * `size`, or less if the window is small: behind a large probe there is room for two datagrams, whose acknowledgement tells of
   * its loss long before a PTO would. `undefined`: what is left is not worth a probe, the window may grow.
   */
  #affordable(size: number): number | undefined {
    const window = Math.floor(this.#path.congestionWindow)
    const room = Math.max(window - 2 * this.#current, Math.min(window, 2 * BASE_MTU))
    if (size <= room) return size
    return commonSize(this.#current, room + 1) ?? (room >= this.#current * WORTHY_STEP ? room : undefined)
  }

  get #leastGain(): number {
    return Math.max(MIN_GAIN, this.#current * MIN_GAIN_SHARE)
  }

  #endSearch(now: Time): void {
    if (this.#nextSize() === undefined && this.#current < this.#max && this.#raiseAt === NEVER) {
      this.#raiseAt = now + RAISE_INTERVAL
    }
  }

  #setCurrent(bytes: number): void {
    if (bytes === this.#current) return
    this.#current = bytes
    this.#path.setMaxDatagramSize(bytes)
    this.#onChange?.(bytes, this.#path)
  }
}

/** The largest common size between the two, neither of them included. */
function commonSize(above: number, below: number): number | undefined {
  return COMMON_SIZES.find((size) => size > above && size < below)
}
