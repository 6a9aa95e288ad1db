/**
 * A server with more certificates than it may send before the client's address is validated, and losses on both ways: it
 * never sends more than three times what it received (RFC 9000 §8.1), and neither end waits for ever (RFC 9002 §6.2.2.1).
 */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import { longChain } from './long-chain.ts'
import type { Phenomenon } from './phenomenon.ts'

export const amplificationLimit: Phenomenon = {
  name: 'amplification-limit',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'amplification-limit')
    const link = { delay: 5 + random.integer(100), bandwidth: 10_000_000, loss: 0.3 * random.next() }
    const serverTls = longChain(10 + random.integer(20), () => exchange.pair)
    const exchange: Exchange = new Exchange(random, controller, { link, serverTls })
    const { pair } = exchange
    let sent = 0
    let isLimited = false
    pair.network.tap(({ bytes, from }) => {
      const isValidated = pair.server.connections[0]?.paths.active.isValidated === true
      if (from !== 'server' || isValidated) return true
      sent += bytes.length
      const most = 3 * pair.link.there.stats.deliveredBytes
      isLimited ||= sent > most - 1200
      if (sent > most) exchange.fail(`The server sent ${sent} bytes and may send ${most}`)
      return true
    })
    const client = exchange.connect()
    if (!isLimited) exchange.fail('The server never came near its limit')
    exchange.askMuch(client, 20_000)
    return exchange.finish()
  },
}
