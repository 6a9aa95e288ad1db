/** Keys that are updated again and again, by both ends, while packets are lost, late and doubled. */
import type { Connection } from '../../src/connection/connection.ts'
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const keyUpdate: Phenomenon = {
  name: 'key-update',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'key-update')
    const link = {
      delay: 5 + random.integer(20),
      bandwidth: 4_000_000,
      loss: 0.05 * random.next(),
      reorder: { probability: 0.05, delay: 30 },
      duplicate: 0.02,
    }
    const exchange = new Exchange(random, controller, { link })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 100_000)
    let updates = 0
    const update = (connection: Connection | undefined): void => {
      if (connection?.updateKeys(pair.now) !== true) return
      updates += 1
      pair.side(connection.role).wake(connection)
    }
    const end = pair.network.every(10 + random.integer(40), () => {
      update(random.chance(0.5) ? client : pair.server.connections[0])
    })
    const duration = exchange.complete()
    end()
    if (updates === 0) exchange.fail('No end could update its keys')
    exchange.settle()
    return duration
  },
}
