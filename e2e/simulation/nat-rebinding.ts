/**
 * A NAT that gives the client another port, or another address, again and again during a transfer. A client that only reads
 * would never hear of it, nor would the server: it keeps alive, as one behind a NAT has to (RFC 9000 §10.1.2).
 */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const natRebinding: Phenomenon = {
  name: 'nat-rebinding',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'nat-rebinding')
    const link = { delay: 5 + random.integer(40), bandwidth: 8_000_000, loss: random.chance(0.5) ? 0.02 : 0 }
    const exchange = new Exchange(random, controller, { link, client: { keepAlive: 500 } })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 120_000)
    const rebindings = 1 + random.integer(6)
    let at = pair.now
    for (let count = 1; count <= rebindings; count++) {
      at += random.integer(200)
      const address = random.chance(0.5) ? `203.0.113.${count}:${2000 + random.integer(1000)}` : undefined
      pair.network.at(at, () => {
        if (!exchange.dialogues.areComplete) pair.client.port.rebind(address)
      })
    }
    const duration = exchange.complete()
    const [server] = pair.server.connections
    // What the client acknowledges last comes from where it is now.
    pair.run(() => server?.paths.active.remoteAddress === pair.client.address, 30_000)
    const { remoteAddress } = server?.paths.active ?? {}
    if (remoteAddress !== pair.client.address) exchange.fail(`The server stayed with ${remoteAddress}`)
    exchange.settle()
    return duration
  },
}
