import { describe, expect, test } from 'vitest'
import { bbr } from '../recovery/congestion/bbr/bbr.ts'
import type { CongestionController, ControllerFactory, ControllerOptions } from '../recovery/congestion/controller.ts'
import { cubic } from '../recovery/congestion/cubic.ts'
import { gentle } from '../recovery/congestion/gentle.fixtures.ts'
import { newReno } from '../recovery/congestion/new-reno.ts'
import { checkCongestionController } from './congestion-check.ts'

test.each([
  ['NewReno', newReno],
  ['CUBIC', cubic],
  ['BBR', bbr],
  ["a user's controller", gentle],
] as const)('%s holds to the contract', (_, factory) => {
  for (const seed of [1, 2, 3]) checkCongestionController(factory, { seed, calls: 1000 })
})

/** A user's controller with some of its members exchanged. */
function spoilt(change: (controller: CongestionController, options: ControllerOptions) => object): ControllerFactory {
  return (options) => {
    const controller = gentle(options)
    const members = change(controller, options)
    return new Proxy(controller, {
      get: (target, key) => {
        const own: unknown = Reflect.get(members, key)
        if (own !== undefined) return own
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

const nothing = (): void => {}

/** What a controller makes of acknowledgements that does not ask whether the window was used. */
function ignorant(controller: CongestionController): CongestionController['onPacketsAcked'] {
  return (acked, rtt, now) =>
    controller.onPacketsAcked({ ...acked, appLimited: false, newest: { ...acked.newest, appLimited: false } }, rtt, now)
}

let drift = 0

describe('each rule', () => {
  test.each<[string, RegExp, ControllerFactory]>([
    ['a first window', /first window.* got 1000000, expected at most 12000/, spoilt(() => ({ congestionWindow: 1e6 }))],
    [
      'a successor',
      /successor/,
      (options) =>
        gentle({
          ...options,
          inherited: undefined,
          initialWindow: options.inherited === undefined ? options.initialWindow : 40_000,
        }),
    ],
    [
      'room for two datagrams',
      /two datagrams/,
      spoilt((controller) => ({
        onMaxDatagramSize: nothing,
        congestionWindow: Math.min(5000, controller.congestionWindow),
      })),
    ],
    [
      'growth',
      /A path without losses is used/,
      spoilt((controller) => ({ onPacketsAcked: () => controller.onPersistentCongestion() })),
    ],
    ['losses', /Losses reduce the window/, spoilt(() => ({ onPacketLost: nothing }))],
    ['marks', /CE marks reduce the window/, spoilt(() => ({ onEcnCongestion: nothing }))],
    [
      'persistent congestion',
      /Persistent congestion leaves the minimum window/,
      spoilt(() => ({ onPersistentCongestion: nothing })),
    ],
    [
      'spurious losses',
      /Losses that were none/,
      spoilt((controller) => ({ onSpuriousLoss: () => controller.onPersistentCongestion() })),
    ],
    ['unused windows', /not used does not grow/, spoilt((controller) => ({ onPacketsAcked: ignorant(controller) }))],
    ['determinism', /depends on its calls alone/, spoilt(() => ({ slowStartThreshold: ++drift }))],
    [
      'numbers',
      /pacingRate must be a positive number or undefined, got NaN/,
      spoilt(() => ({ pacingRate: Number.NaN })),
    ],
    ['methods', /must have the method onPacketSent/, () => ({}) as CongestionController],
  ])('%s', (_, message, factory) => {
    expect(() => checkCongestionController(factory)).toThrow(message)
  })
})
