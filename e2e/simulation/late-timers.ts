/** Timers that fire late, as those of a hidden page do: on a grid of a second, at one end or at both. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

/** ms. */
const GRID = 1000

export const lateTimers: Phenomenon = {
  name: 'late-timers',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'late-timers')
    const link = { delay: 5 + random.integer(50), jitter: 3, bandwidth: 10_000_000, loss: 0.02 * random.next() }
    const exchange = new Exchange(random, controller, { link })
    const { client, server } = exchange.pair
    const sides = [[client], [server], [client, server]][random.integer(3)] ?? []
    for (const side of sides) side.timerGrid = GRID
    exchange.askMuch(exchange.connect(), 60_000)
    return exchange.finish()
  },
}
