/** Datagrams that overtake one another: a few by much, or many by little; and some that come twice. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const reordering: Phenomenon = {
  name: 'reordering',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'reordering')
    const delay = 5 + random.integer(30)
    const reorder = random.chance(0.5)
      ? { probability: 0.3, delay: 1 + random.integer(4) }
      : { probability: 0.05, delay: delay * (1 + 2 * random.next()) }
    const link = { delay, bandwidth: 10_000_000, reorder, duplicate: random.chance(0.5) ? 0.05 : 0 }
    const exchange = new Exchange(random, controller, { link })
    exchange.askMuch(exchange.connect(), 80_000)
    return exchange.finish()
  },
}
