/** Congestion controllers by name. The one place that knows them all, so that whoever needs few bundles few. */
import { bbr } from '../recovery/congestion/bbr/bbr.ts'
import type { CongestionAlgorithm, ControllerFactory } from '../recovery/congestion/controller.ts'
import { cubic } from '../recovery/congestion/cubic.ts'
import { newReno } from '../recovery/congestion/new-reno.ts'

/** A congestion controller: by name, or what makes one for each path. */
export type CongestionControl = 'newreno' | 'cubic' | 'bbr' | ControllerFactory

/** @throws TypeError for a name that is none */
export function controllerOf(value: unknown): ControllerFactory {
  if (typeof value === 'function') return value as ControllerFactory
  const factory = byName().get(value)
  if (factory !== undefined) return factory
  const names = [...byName().keys()].map((name) => `'${name}'`).join(', ')
  const given = typeof value === 'string' ? `'${value}'` : String(value)
  throw new TypeError(`congestionControl must be ${names} or a function, got ${given}`)
}

/** The name of a built-in algorithm; another is its own. */
export function nameOf(algorithm: CongestionAlgorithm): CongestionControl {
  if (typeof algorithm === 'string') return algorithm
  for (const [name, factory] of byName()) if (factory === algorithm) return name
  return algorithm
}

function byName(): Map<unknown, ControllerFactory> &
  Map<Exclude<CongestionControl, ControllerFactory>, ControllerFactory> {
  return new Map<Exclude<CongestionControl, ControllerFactory>, ControllerFactory>([
    ['newreno', newReno],
    ['cubic', cubic],
    ['bbr', bbr],
  ])
}
