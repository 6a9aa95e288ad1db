/** A path that flips a bit in one datagram of ten, from the first flight of the handshake on; some arrive twice. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const corruption: Phenomenon = {
  name: 'corruption',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'corruption')
    const link = { delay: 20, bandwidth: 10_000_000, corrupt: 0.02 + 0.1 * random.next(), duplicate: 0.02 }
    const exchange = new Exchange(random, controller, { link })
    exchange.askMuch(exchange.connect(), 80_000)
    return exchange.finish()
  },
}
