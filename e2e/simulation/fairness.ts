/** Jain's index of each pair of controllers that share a bottleneck, over several seeds. */
import { seeds } from '../../src/simulator.ts'
import { type Controller, controllerPairs } from './controllers.ts'
import { compete } from './shared-bottleneck.ts'

/** Bytes of each of the two transfers: half a minute of the link. */
const BYTES = 3_750_000

/** How two controllers shared one bottleneck. */
export interface Fairness {
  readonly one: Controller
  readonly other: Controller
  readonly median: number
  readonly worst: number
}

/** Lets each pair of controllers compete, over `count` seeds. @throws Error naming the seed of a run that failed */
export function fairness(count: number): Fairness[] {
  return controllerPairs().map(([one, other]) => {
    const indices = seeds(count).map((seed) => compete(seed, one, other, BYTES).fairness)
    indices.sort((a, b) => a - b)
    return { one, other, median: indices[indices.length >> 1] ?? Number.NaN, worst: indices[0] ?? Number.NaN }
  })
}
