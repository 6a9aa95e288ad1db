/** A path that carries nothing for a while, in both directions or in one, and then lives again: a tunnel, a lift, a router. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const blackholeAndRevival: Phenomenon = {
  name: 'blackhole-and-revival',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'blackhole-and-revival')
    const link = { delay: 5 + random.integer(50), bandwidth: 2_000_000 + random.integer(8_000_000) }
    const exchange = new Exchange(random, controller, { link })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 100_000)
    const dead = [pair.link, pair.link.there, pair.link.back][random.integer(3)] ?? pair.link
    let at = pair.now
    // Twice, so that what was learnt from the first time is there at the second; the idle timeout is a minute.
    for (const longest of [12_000, 3000]) {
      at += random.integer(150)
      pair.network.at(at, () => dead.down())
      at += 50 + random.integer(longest)
      pair.network.at(at, () => dead.up())
    }
    return exchange.finish()
  },
}
