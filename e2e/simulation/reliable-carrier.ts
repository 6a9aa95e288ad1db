/**
 * A carrier that loses nothing: QUIC on top of a TCP connection, which stalls and then delivers everything. Two loops of loss
 * recovery must not work against each other: nothing is lost, and nothing but probes is sent twice.
 */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

const PORT = { properties: { reliable: true, ordered: true, congestionControlled: true } }

export const reliableCarrier: Phenomenon = {
  name: 'reliable-carrier',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'reliable-carrier')
    const link = {
      delay: 5 + random.integer(50),
      bandwidth: 2_000_000 + random.integer(8_000_000),
      // What a socket takes before it says that it is full.
      queue: { bytes: 65_536 },
      // The loop below mends these.
      loss: random.chance(0.5) ? 0.02 : 0,
    }
    const exchange = new Exchange(random, controller, { link, clientPort: PORT, serverPort: PORT })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 200_000)
    let at = pair.now
    for (let stall = 0; stall < 2; stall++) {
      at += random.integer(150)
      pair.network.at(at, () => pair.link.down())
      at += 200 + random.integer(4000)
      pair.network.at(at, () => pair.link.up())
    }
    const duration = exchange.finish()
    for (const side of [pair.client, pair.server]) {
      for (const connection of side.connections) {
        const { packetsLost } = connection.stats()
        if (packetsLost > 0) exchange.fail(`The ${side.name} gave up ${packetsLost} packets, of which none was lost`)
      }
    }
    return duration
  },
}
