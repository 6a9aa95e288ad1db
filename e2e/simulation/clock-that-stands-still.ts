/**
 * A clock that stands still between events, at one end or at both: in Workers it shows the time of the last event, and in
 * browsers that guard against fingerprints it jumps, by up to 100 ms. Round trips seem to take no time, or twice what they do.
 */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const clockThatStandsStill: Phenomenon = {
  name: 'clock-that-stands-still',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'clock-that-stands-still')
    const link = { delay: 1 + random.integer(40), jitter: 3, bandwidth: 10_000_000, loss: 0.02 * random.next() }
    const exchange = new Exchange(random, controller, { link })
    const { client, server } = exchange.pair
    const sides = [[client], [server], [client, server]][random.integer(3)] ?? []
    const grid = [2, 16, 50, 100][random.integer(4)] ?? 0
    for (const side of sides) side.clockGrid = grid
    exchange.askMuch(exchange.connect(), 60_000)
    return exchange.finish()
  },
}
