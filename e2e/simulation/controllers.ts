/** The congestion controllers under which everything is simulated: the one list of them. */
import { bbr as bbrAlgorithm } from '../../src/recovery/congestion/bbr/bbr.ts'
import type { CongestionAlgorithm } from '../../src/recovery/congestion/controller.ts'

/** A congestion controller and what tables call it. */
export interface Controller {
  readonly name: string
  /** The value of the option `congestionControl`. */
  readonly algorithm: CongestionAlgorithm
}

export const newReno: Controller = { name: 'newreno', algorithm: 'newreno' }
export const cubic: Controller = { name: 'cubic', algorithm: 'cubic' }
export const bbr: Controller = { name: 'bbr', algorithm: bbrAlgorithm }

/** Every controller that the library has. */
export const CONTROLLERS: readonly Controller[] = [newReno, cubic, bbr]

/** Each controller with itself and with each other one, in one order. */
export function controllerPairs(): readonly (readonly [Controller, Controller])[] {
  return CONTROLLERS.flatMap((one, index) => CONTROLLERS.slice(index).map((other) => [one, other] as const))
}
