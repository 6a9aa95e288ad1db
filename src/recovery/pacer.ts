/**
 * A leaky bucket that spreads a window over a round trip (RFC 9002 §7.7). A burst is an initial window, or what the rate earns
 * while the host's timer is asleep. It holds bytes, no packets: whoever sends asks first.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { type CongestionController, defaultInitialWindow } from './congestion/controller.ts'
import type { RttEstimator } from './rtt.ts'

/** Packets that leave at once after the pacer has waited, if a granule earns as many. */
const BURST_PACKETS = 10

/** Bytes that do so instead at a high rate: one call of the engine, and one of a kernel that cuts datagrams (UDP GSO). */
const BURST_BYTES = 65_536

/** The parts of a granule and of a round trip in which they must be earned: a window leaves in no fewer bursts. */
const GRANULE_SHARE = 1 / 2
const ROUND_TRIP_SHARE = 1 / 4

/** Packets that may leave at once where acknowledgements have opened a full window. */
const CLOCKED_PACKETS = 2

/** N of RFC 9002 §7.7: how much faster than a window each RTT, so that the window is used up. */
const GAIN = 1.25

/** What a pacer is made of. */
export interface PacerOptions {
  /** bytes of UDP payload */
  readonly maxDatagramSize: number
  /** How late a timer may fire, in ms. */
  readonly granularity?: Duration
  /** `false`: everything may leave at once. */
  readonly enabled?: boolean
}

/** The pacer of one path. */
export class Pacer {
  /** Off: nothing is held back. */
  enabled: boolean
  // All begin as numbers: what begins as nothing makes an object of each fraction that is stored in it.
  #granularity: Duration = 1
  #maxDatagramSize = 0
  // bytes per ms; Infinity: not known to be limited.
  #rate = Infinity
  // As the three above have it; asked for with each packet.
  #burst = 0
  // Bytes that may leave now; negative after probes, which ask nobody.
  #budget = 0
  #refilledAt: Time = -Infinity
  // Ran dry: closed until a few packets are earned, so that a flight is worth its system call.
  #isDry = false
  // The last packet filled the window of congestion avoidance: the next ones wait for acknowledgements.
  #isClocked = false
  // ms
  #roundTrip: Duration = 0

  constructor(options: PacerOptions) {
    this.#maxDatagramSize = options.maxDatagramSize
    this.#granularity = options.granularity ?? 1
    this.enabled = options.enabled ?? true
    this.#measureBurst()
    this.#budget = this.#burst
  }

  /** How late a timer may fire, in ms. */
  get granularity(): Duration {
    return this.#granularity
  }

  set granularity(granularity: Duration) {
    this.#granularity = granularity
    this.#measureBurst()
  }

  /**
   * The most that may leave at once, in bytes: the initial window (RFC 9002 §7.7), ten packets or, of large ones, two. A wait is
   * never shorter than the timer's granularity and may be late by as much again: what is earned in two granules must not be
   * lost, or the rate is not reached.
   */
  get burst(): number {
    return this.#burst
  }

  #measureBurst(): void {
    const packets = defaultInitialWindow(this.#maxDatagramSize)
    this.#burst = this.#rate === Infinity ? packets : Math.max(packets, 2 * this.#rate * this.#granularity)
  }

  /** bytes per ms; `Infinity` where nothing is held back. */
  get rate(): number {
    return this.enabled ? this.#rate : Infinity
  }

  /** Whether a packet of `bytes` may leave now. */
  canSend(bytes: number, now: Time): boolean {
    if (!this.enabled || this.#rate === Infinity) return true
    this.#refill(now)
    // A byte of tolerance: at the very time that nextTime named, rounding must not say no.
    if (this.#budget + 1 >= this.#needed(bytes)) {
      this.#isDry = false
      return true
    }
    this.#isDry = true
    return false
  }

  /** When a packet of `bytes` may leave, if nothing else does: `now` if it may at once. */
  nextTime(bytes: number, now: Time): Time {
    if (this.canSend(bytes, now)) return now
    return this.#rate > 0 ? now + (this.#needed(bytes) - this.#budget) / this.#rate : NEVER
  }

  /**
   * A packet in flight has left; probes and acknowledgements do not ask but count.
   * @param isWindowFull whether no other may follow before something is acknowledged
   */
  onPacketSent(
    bytes: number,
    now: Time,
    controller: CongestionController,
    rtt: RttEstimator,
    isWindowFull: boolean = false,
  ): void {
    this.#refill(now)
    this.#isClocked = isWindowFull && controller.congestionWindow >= controller.slowStartThreshold
    this.#roundTrip = rtt.smoothed
    // Window and RTT change with acknowledgements, which update it; a rate of the controller's own may change with what is sent.
    if (this.#rate === Infinity || controller.pacingRate !== undefined) this.update(controller, rtt)
    // A long run of probes is not to be paid for longer than a burst takes.
    this.#budget = Math.max(this.#budget - bytes, -this.#burst)
  }

  /** Takes over the rate after window or RTT changed. */
  update(controller: CongestionController, rtt: RttEstimator): void {
    const { pacingRate } = controller
    const before = this.#rate
    if (pacingRate !== undefined) this.#rate = pacingRate
    else this.#rate = rtt.smoothed > 0 ? (GAIN * controller.congestionWindow) / rtt.smoothed : Infinity
    if (this.#rate !== before) this.#measureBurst()
  }

  onMaxDatagramSize(bytes: number): void {
    this.#maxDatagramSize = bytes
    this.#measureBurst()
  }

  /** What the bucket must hold for a packet of `bytes`: after it ran dry, what a granule earns; never more than it can hold. */
  #needed(bytes: number): number {
    const burst = this.#isClocked ? this.#clockedBurst() : this.#burst
    if (!this.#isDry) return Math.min(bytes, burst)
    const time = Math.min(this.#granularity * GRANULE_SHARE, this.#roundTrip * ROUND_TRIP_SHARE)
    const run = Math.max(BURST_PACKETS * this.#maxDatagramSize, Math.min(BURST_BYTES, this.#rate * time))
    return Math.min(Math.max(bytes, Math.min(this.#rate * this.#granularity, run)), burst)
  }

  /**
   * The most that leaves at once when acknowledgements open a full window. They may be few, and each free a tenth of it: what
   * followed them in one burst would meet a full queue as one, however small its share of the path, and lose like a larger one.
   */
  #clockedBurst(): number {
    return Math.min(this.#burst, Math.max(CLOCKED_PACKETS * this.#maxDatagramSize, this.#rate * this.#granularity))
  }

  #refill(now: Time): void {
    if (now > this.#refilledAt) {
      const isFull = this.#rate === Infinity || this.#refilledAt === -Infinity
      const most = this.#isClocked && now - this.#refilledAt < this.#roundTrip ? this.#clockedBurst() : this.#burst
      this.#budget = isFull ? this.#burst : Math.min(this.#budget + this.#rate * (now - this.#refilledAt), most)
      this.#refilledAt = now
    }
  }
}
