/** A path by way of a satellite or two: a round trip takes 1.5 s, and a little is lost. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const longRtt: Phenomenon = {
  name: 'long-rtt',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'long-rtt')
    const link = { delay: 750, jitter: random.integer(30), bandwidth: 20_000_000, loss: random.chance(0.5) ? 0.01 : 0 }
    const exchange = new Exchange(random, controller, { link })
    const client = exchange.connect()
    exchange.askMuch(client, 60_000 + random.integer(60_000))
    return exchange.finish()
  },
}
