/** A path whose MTU falls while large datagrams are under way, in one direction or both, and perhaps rises again. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const mtuDrop: Phenomenon = {
  name: 'mtu-drop',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'mtu-drop')
    const link = {
      delay: 10 + random.integer(30),
      bandwidth: 8_000_000,
      mtu: 1452,
      loss: random.chance(0.5) ? 0.01 : 0,
    }
    const exchange = new Exchange(random, controller, { link })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 200_000)
    const mtu = 1200 + random.integer(200)
    const narrowed = [pair.link, pair.link.there, pair.link.back][random.integer(3)] ?? pair.link
    const at = pair.now + random.integer(150)
    pair.network.at(at, () => narrowed.configure({ mtu }))
    if (random.chance(0.3)) pair.network.at(at + 1000, () => narrowed.configure({ mtu: 1452 }))
    return exchange.finish()
  },
}
