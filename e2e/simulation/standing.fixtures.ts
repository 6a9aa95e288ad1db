/** How a phenomenon becomes a test: over many seeds in Node, over a few in every other runtime. */
import { test } from 'vitest'
import { seeds } from '../../src/simulator.ts'
import { CONTROLLERS } from './controllers.ts'
import type { Phenomenon } from './phenomenon.ts'
import { replayed } from './replay.ts'

/** Seeds in Node, and in browsers and Workers. */
const MANY = 200
const FEW = 5

/** ms of real time; a loaded machine is slow, not broken. */
const TIMEOUT = 120_000

/** A test that runs `phenomenon` over the seeds of this runtime, under one controller after the other. */
export function standing(phenomenon: Phenomenon): void {
  test(`a transfer lives through ${phenomenon.name}`, { timeout: TIMEOUT }, () => {
    for (const seed of seeds(runtimeSeeds())) {
      const controller = CONTROLLERS[seed % CONTROLLERS.length]
      if (controller !== undefined) replayed(phenomenon, seed, controller)
    }
  })
}

/** How many seeds a simulation is run over in this runtime. */
export function runtimeSeeds(): number {
  return navigator.userAgent.startsWith('Node.js') ? MANY : FEW
}
