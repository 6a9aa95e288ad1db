/**
 * Stands between the stack and a congestion controller that somebody else wrote. What such a controller throws, and numbers
 * that are none, come out as one Error, which closes the connection with INTERNAL_ERROR; from then on it is asked no more.
 */
import type { Time } from '../../base/time.ts'
import type { RttEstimator } from '../rtt.ts'
import type { AckSample, CongestionController, ControllerFactory, SentInfo } from './controller.ts'

const METHODS = [
  'onPacketSent',
  'onPacketsAcked',
  'onPacketLost',
  'onEcnCongestion',
  'onPersistentCongestion',
  'onSpuriousLoss',
  'onMaxDatagramSize',
] as const

/**
 * The factory whose controllers are looked after.
 * @throws (when called) TypeError where `factory` makes no controller, RangeError where its numbers are none, what `factory` throws
 */
export function guarded(factory: ControllerFactory): ControllerFactory {
  return (options) => new Guard(factory(options))
}

/** A controller's numbers as they were when it was last in order. */
class Guard implements CongestionController {
  congestionWindow = 0
  slowStartThreshold = 0
  pacingRate: number | undefined = undefined
  // `undefined`: it has failed.
  #controller: CongestionController | undefined

  constructor(controller: CongestionController) {
    this.#controller = checked(controller)
    this.#read(controller)
  }

  onPacketSent(packet: SentInfo, now: Time): void {
    const controller = this.#controller
    if (controller === undefined) return
    try {
      controller.onPacketSent(packet, now)
      this.#read(controller)
    } catch (error) {
      this.#fail(error)
    }
  }

  onPacketsAcked(acked: AckSample, rtt: RttEstimator, now: Time): void {
    const controller = this.#controller
    if (controller === undefined) return
    try {
      controller.onPacketsAcked(acked, rtt, now)
      this.#read(controller)
    } catch (error) {
      this.#fail(error)
    }
  }

  onPacketLost(packet: SentInfo, totalLost: number, now: Time): void {
    this.#call((controller) => controller.onPacketLost(packet, totalLost, now))
  }

  onEcnCongestion(sentTime: Time, now: Time): void {
    this.#call((controller) => controller.onEcnCongestion(sentTime, now))
  }

  onPersistentCongestion(): void {
    this.#call((controller) => controller.onPersistentCongestion())
  }

  onSpuriousLoss(): void {
    this.#call((controller) => controller.onSpuriousLoss())
  }

  onMaxDatagramSize(bytes: number): void {
    this.#call((controller) => controller.onMaxDatagramSize(bytes))
  }

  #call(method: (controller: CongestionController) => void): void {
    const controller = this.#controller
    if (controller === undefined) return
    try {
      method(controller)
      this.#read(controller)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Takes over all three numbers, or none. */
  #read(controller: CongestionController): void {
    const { congestionWindow, slowStartThreshold, pacingRate } = controller
    if (typeof congestionWindow !== 'number' || !(congestionWindow >= 1 && congestionWindow < Infinity)) {
      throw new RangeError(`congestionWindow must be a finite number of at least 1, got ${String(congestionWindow)}`)
    }
    if (typeof slowStartThreshold !== 'number' || !(slowStartThreshold >= 0)) {
      throw new RangeError(`slowStartThreshold must be a number of 0 or more, got ${String(slowStartThreshold)}`)
    }
    if (pacingRate !== undefined && (typeof pacingRate !== 'number' || !(pacingRate > 0))) {
      throw new RangeError(`pacingRate must be a positive number or undefined, got ${String(pacingRate)}`)
    }
    this.congestionWindow = congestionWindow
    this.slowStartThreshold = slowStartThreshold
    this.pacingRate = pacingRate
  }

  #fail(cause: unknown): never {
    this.#controller = undefined
    const words = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`The congestion controller failed: ${words}`, { cause })
  }
}

/** @throws TypeError unless it has all methods of a controller */
function checked(controller: unknown): CongestionController {
  if (typeof controller !== 'object' || controller === null) {
    throw new TypeError(`A congestion controller must be an object, got ${String(controller)}`)
  }
  for (const name of METHODS) {
    if (typeof (controller as Record<string, unknown>)[name] !== 'function') {
      throw new TypeError(`A congestion controller must have the method ${name}`)
    }
  }
  return controller as CongestionController
}
