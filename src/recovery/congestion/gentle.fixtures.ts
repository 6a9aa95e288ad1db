/** A congestion controller as a user would write one: additive increase, a fifth less for each round trip with congestion. */
import type { AckSample, CongestionController, ControllerOptions, SentInfo } from './controller.ts'

/** Makes one. */
export function gentle(options: ControllerOptions): CongestionController {
  return new Gentle(options)
}

class Gentle implements CongestionController {
  readonly pacingRate = undefined
  congestionWindow: number
  slowStartThreshold: number
  #datagram: number
  readonly #minimum: number | undefined
  #recoveryStart = -Infinity
  #before = 0

  constructor({ inherited, initialWindow, maxDatagramSize, minimumWindow }: ControllerOptions) {
    this.#datagram = maxDatagramSize
    this.#minimum = minimumWindow
    this.congestionWindow = inherited?.congestionWindow ?? initialWindow ?? 10 * maxDatagramSize
    this.slowStartThreshold = inherited?.slowStartThreshold ?? Infinity
  }

  onPacketSent(): void {}

  onPacketsAcked({ appLimited, bytes, newest }: AckSample): void {
    if (newest.sentTime <= this.#recoveryStart || appLimited || newest.appLimited) return
    const share = this.congestionWindow < this.slowStartThreshold ? 1 : this.#datagram / this.congestionWindow
    this.congestionWindow += bytes * share
  }

  onPacketLost({ sentTime }: SentInfo, _totalLost: number, now: number): void {
    this.onEcnCongestion(sentTime, now)
  }

  onEcnCongestion(sentTime: number, now: number): void {
    if (sentTime <= this.#recoveryStart) return
    this.#recoveryStart = now
    this.#before = this.congestionWindow
    this.congestionWindow = Math.max(0.8 * this.congestionWindow, this.#least)
    this.slowStartThreshold = this.congestionWindow
  }

  onPersistentCongestion(): void {
    this.congestionWindow = this.#least
    this.#before = 0
  }

  onSpuriousLoss(): void {
    this.congestionWindow = Math.max(this.congestionWindow, this.#before)
    this.#recoveryStart = -Infinity
  }

  onMaxDatagramSize(bytes: number): void {
    this.#datagram = bytes
    this.congestionWindow = Math.max(this.congestionWindow, this.#least)
  }

  get #least(): number {
    return this.#minimum ?? 2 * this.#datagram
  }
}
