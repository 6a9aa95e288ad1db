/** Loss in bursts, after Gilbert and Elliott: radio that fades. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const bursts: Phenomenon = {
  name: 'bursts',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'bursts')
    const burst = {
      enter: 0.005 + 0.02 * random.next(),
      leave: 0.1 + 0.3 * random.next(),
      lossWhenBad: 0.8,
      lossWhenGood: 0.001,
    }
    const link = { delay: 10 + random.integer(40), jitter: 5, bandwidth: 10_000_000, burst }
    const exchange = new Exchange(random, controller, { link })
    exchange.askMuch(exchange.connect(), 80_000)
    return exchange.finish()
  },
}
