/** A client that moves to another path in the middle of a transfer, and perhaps back; the path that it leaves may die. */
import { SeededRandom } from '../../src/simulator.ts'
import { Exchange } from './exchange.ts'
import type { Phenomenon } from './phenomenon.ts'

export const migration: Phenomenon = {
  name: 'migration',
  run(seed, controller) {
    const random = new SeededRandom(seed, 'migration')
    const loss = random.chance(0.5) ? 0.02 : 0
    const exchange = new Exchange(random, controller, { link: { delay: 20, bandwidth: 5_000_000, loss } })
    const { pair } = exchange
    const home = pair.client.port
    const away = pair.addPort('client', { address: '198.51.100.1:2000' })
    pair.network.connect(away, pair.server.port, { delay: 5 + random.integer(60), bandwidth: 8_000_000, loss })
    const client = exchange.connect()
    exchange.askMuch(client, 150_000)
    // The server's ids have to be there before a path can be opened (RFC 9000 §9.5).
    pair.run(() => false, 100 + random.integer(100))
    let moves = 0
    let failures = 0
    const move = (): void => {
      if (client.state !== 'connected') return
      client.openPath({ carrier: client.paths.active.carrier === home ? away : home, purpose: 'move' }, pair.now)
      pair.client.wake(client)
    }
    const goesBack = random.chance(0.4)
    const dies = !goesBack && random.chance(0.5)
    exchange.onEvent = (_side, _connection, { type }) => {
      if (type === 'path-failed') {
        failures += 1
        if (moves === 0) pair.network.at(pair.now, move)
      }
      if (type !== 'path-validated') return
      moves += 1
      if (dies) pair.link.down()
      if (goesBack && moves === 1) pair.network.at(pair.now + 300, move)
    }
    move()
    const duration = exchange.complete()
    if (!pair.run(() => moves > 0, 30_000)) exchange.fail(`The client never moved, and failed ${failures} times`)
    exchange.settle()
    return duration
  },
}
