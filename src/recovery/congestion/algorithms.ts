/** The congestion controllers that the core knows by name; whatever else is looked after. */
import type { CongestionAlgorithm, ControllerFactory } from './controller.ts'
import { cubic } from './cubic.ts'
import { guarded } from './guard.ts'
import { newReno } from './new-reno.ts'

/** The factory of an algorithm. @throws TypeError for an unknown name. */
export function controllerFactory(algorithm: CongestionAlgorithm): ControllerFactory {
  if (algorithm === cubic || algorithm === newReno) return algorithm
  if (typeof algorithm === 'function') return guarded(algorithm)
  switch (algorithm) {
    case 'newreno':
      return newReno
    case 'cubic':
      return cubic
    default:
      throw new TypeError(`congestionControl must be 'newreno', 'cubic' or a factory, got ${String(algorithm)}`)
  }
}
