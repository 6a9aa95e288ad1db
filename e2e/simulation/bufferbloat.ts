/** A slow link behind a queue of a second: round trips grow with what is in flight, and another transfer asks meanwhile. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

/** Bits per second. */
const BANDWIDTH = 1_000_000

/** ms of waiting that the queue has room for. */
const DEPTH = 1000

export const bufferbloat: Phenomenon = {
  name: 'bufferbloat',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'bufferbloat')
    const link = { delay: 10 + random.integer(20), bandwidth: BANDWIDTH, queue: { bytes: (BANDWIDTH / 8000) * DEPTH } }
    const exchange = new Exchange(random, controller, { link, client: { initialRtt: 50 }, server: { initialRtt: 50 } })
    const { pair } = exchange
    const client = exchange.connect()
    exchange.askMuch(client, 200_000)
    pair.run(() => false, random.integer(1000))
    exchange.dialogues.ask(client, 1, 1000)
    return exchange.finish()
  },
}
