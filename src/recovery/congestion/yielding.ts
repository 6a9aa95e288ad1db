/**
 * A controller for carriers that control congestion themselves (a TCP connection, an SCTP association): the window grows to
 * what they take, and their back-pressure does the rest. It never competes with the loop below: it looks at delay, so that what
 * waits in the carrier stays bounded, and gives a little way where anything speaks of congestion (RFC 9002 §7 leaves the
 * algorithm open). Pacing is off on such carriers.
 */
import type { Duration, Time } from '../../base/time.ts'
import type { RttEstimator } from '../rtt.ts'
import type { AckSample, CongestionController, ControllerOptions, SentInfo } from './controller.ts'
import { Rounds } from './rounds.ts'
import { WindowLimits } from './window-limits.ts'

/** What one round trip with too much delay, with losses or with marks leaves of the window. */
const GIVE_WAY = 7 / 8

/** ms of waiting that are borne in any case; and as long as the path's own delay. */
const MAX_QUEUE: Duration = 100

/** Growth after it first gave way, as a share of what is acknowledged: half of what a round trip may take. */
const CAREFUL = 1 / 16

/** Where half the window takes away less than a tenth of the delay, the delay is not of our making. */
const FOREIGN = 0.9

/** A controller that leaves congestion to the carrier. @throws RangeError for sizes that are not positive. */
export function yielding(options: ControllerOptions): CongestionController {
  return new Yielding(options)
}

class Yielding implements CongestionController {
  /** There is none: it never probes for what is too much. */
  readonly slowStartThreshold: number = Infinity
  readonly pacingRate = undefined
  readonly #limits: WindowLimits
  readonly #rounds = new Rounds()
  #window: number
  #isUntouched: boolean
  // As before it last gave way to losses; 0: nothing to go back to.
  #undoWindow = 0
  #yieldedAt: Time = -Infinity
  // Doubles each round trip until it first gives way.
  #isStarting: boolean
  // The least RTT of this round, and of all.
  #roundRtt: Duration = Infinity
  #minRtt: Duration = Infinity
  // As rounds began to be late; no window: they are not.
  #lateWindow = 0
  #lateRtt: Duration = 0

  constructor(options: ControllerOptions) {
    this.#limits = new WindowLimits(options)
    this.#isUntouched = options.inherited === undefined
    this.#isStarting = this.#isUntouched
    this.#window = options.inherited?.congestionWindow ?? this.#limits.initial
  }

  get congestionWindow(): number {
    return Math.floor(this.#window)
  }

  onPacketSent(_packet: SentInfo, _now: Time): void {}

  onPacketsAcked(acked: AckSample, _rtt: RttEstimator, now: Time): void {
    this.#isUntouched = false
    const rtt = Math.max(0, now - acked.newest.sentTime)
    this.#rounds.onPacketsAcked(acked)
    if (this.#rounds.isStart) this.#endRound(now)
    this.#roundRtt = Math.min(this.#roundRtt, rtt)
    this.#minRtt = Math.min(this.#minRtt, rtt)
    if (acked.newest.sentTime <= this.#yieldedAt || this.#isLate(rtt)) return
    // Back-pressure keeps packets from leaving, and nobody says so here: only a window that was used may grow.
    if (2 * acked.newest.bytesInFlight < this.#window) return
    this.#window += this.#isStarting ? acked.bytes : acked.bytes * CAREFUL
  }

  onPacketLost(packet: SentInfo, _totalLost: number, now: Time): void {
    if (packet.sentTime <= this.#yieldedAt) return
    this.#undoWindow = this.#window
    this.#giveWay(now)
  }

  onEcnCongestion(sentTime: Time, now: Time): void {
    if (sentTime <= this.#yieldedAt) return
    this.#undoWindow = 0
    this.#giveWay(now)
  }

  onPersistentCongestion(): void {
    this.#window = this.#limits.minimum
    this.#isStarting = true
    this.#undoWindow = 0
    this.#yieldedAt = -Infinity
  }

  onSpuriousLoss(): void {
    this.#window = Math.max(this.#window, this.#undoWindow)
    this.#undoWindow = 0
    this.#yieldedAt = -Infinity
  }

  onMaxDatagramSize(bytes: number): void {
    this.#limits.maxDatagramSize = bytes
    this.#window = this.#isUntouched ? this.#limits.initial : Math.max(this.#window, this.#limits.minimum)
  }

  /** A round trip all of which waited too long was too much. */
  #endRound(now: Time): void {
    const rtt = this.#roundRtt
    this.#roundRtt = Infinity
    if (rtt === Infinity || !this.#isLate(rtt)) {
      this.#lateWindow = 0
      return
    }
    if (this.#lateWindow === 0) {
      this.#lateWindow = this.#window
      this.#lateRtt = rtt
    } else if (2 * this.#window <= this.#lateWindow && rtt > FOREIGN * this.#lateRtt) {
      // The path has become longer, or its queue is other people's.
      this.#minRtt = rtt
      this.#lateWindow = 0
      return
    }
    this.#undoWindow = 0
    this.#giveWay(now)
  }

  #giveWay(now: Time): void {
    this.#yieldedAt = now
    this.#isUntouched = false
    this.#isStarting = false
    this.#window = Math.max(this.#window * GIVE_WAY, this.#limits.minimum)
  }

  #isLate(rtt: Duration): boolean {
    return rtt > this.#minRtt + Math.max(this.#minRtt, MAX_QUEUE)
  }
}
