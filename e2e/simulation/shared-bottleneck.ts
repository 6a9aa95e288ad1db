/** Two transfers of two connections through one bottleneck, each under its own controller; and how fairly they share it. */
import type { Duration } from '../../src/base/time.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { jain } from './bulk-flows.ts'
import { CONTROLLERS, type Controller } from './controllers.ts'
import type { Dialogue } from './dialogues.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

/** Bits per second. */
const BANDWIDTH = 2_000_000

/** Bytes of each of the two answers. */
const BYTES = 500_000

/** What two transfers made of one link. */
export interface Competition {
  /** Until both were complete. */
  readonly duration: Duration
  /** Jain's index of what each received while both were at it, the first quarter aside: 1 is fair, 0.5 is all for one. */
  readonly fairness: number
}

/** Two bulk transfers of `bytes` from the server at the same time, the second a little later. */
export function compete(seed: number, one: Controller, other: Controller, bytes: number = BYTES): Competition {
  const random = new SeededRandom(seed, 'shared-bottleneck')
  const delay = 10 + random.integer(30)
  // One to two bandwidth-delay products.
  const queue = { bytes: Math.round((BANDWIDTH / 8000) * 2 * delay * (1 + random.next())) + 3000 }
  const exchange = new Exchange(random, one, { link: { delay, bandwidth: BANDWIDTH, queue } })
  const { dialogues, pair } = exchange
  const begin = (controller: Controller): Dialogue => {
    const config = { congestionControl: controller.algorithm }
    pair.onIncomingConnection = (incoming) => void pair.accept(incoming, config)
    const client = exchange.connect({ config })
    return dialogues.ask(client, 1, bytes)
  }
  const first = begin(one)
  pair.run(() => false, random.integer(300))
  const second = begin(other)
  const isOver = (): boolean => first.completedAt !== undefined || second.completedAt !== undefined
  pair.run(() => isOver() || Math.min(first.answered, second.answered) > bytes / 8, 600_000)
  const before = [first.answered, second.answered] as const
  pair.run(isOver, 600_000)
  const fairness = jain(first.answered - before[0], second.answered - before[1])
  return { duration: exchange.finish(), fairness }
}

export const sharedBottleneck: Phenomenon = {
  name: 'shared-bottleneck',
  run(seed, controller) {
    const rival = CONTROLLERS[Math.floor(seed / CONTROLLERS.length) % CONTROLLERS.length] ?? controller
    return compete(seed, controller, rival).duration
  },
}
