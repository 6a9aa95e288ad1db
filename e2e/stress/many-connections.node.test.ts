/** A thousand connections at once on one server, all of them busy; when they are gone, so is their memory. */
import { expect, test } from 'vitest'
import { NEVER } from '../../src/base/time.ts'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { Pair } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { heldBytes, megabytes } from './memory.ts'

const CONNECTIONS = 1000
const PER_CONNECTION = 20_000

test(`${CONNECTIONS} connections at once carry streams, and leave nothing behind`, { timeout: 600_000 }, () => {
  const pair = new Pair({ crypto: quickCrypto(nodePackets), network: { delay: 5, jitter: 5, loss: 0.01 } })
  const traffic = new Traffic(pair)
  const before = heldBytes()
  connectAll(pair, CONNECTIONS)
  exchangeAll(pair, traffic)
  forgetEvents(pair, traffic)
  const during = heldBytes()
  // Both ends of a connection that has been busy; a bound, not a goal.
  expect((during - before) / CONNECTIONS, `${megabytes(during - before)} for all`).toBeLessThan(300_000)
  closeAll(pair, traffic)
  // Pools have grown; from now on nothing may.
  const after = heldBytes()
  expect(after - before, megabytes(after - before)).toBeLessThan(15_000_000)
  connectAll(pair, CONNECTIONS / 4)
  exchangeAll(pair, traffic)
  closeAll(pair, traffic)
  const growth = heldBytes() - after
  expect(growth, megabytes(growth)).toBeLessThan(1_000_000)
})

function connectAll(pair: Pair, count: number): void {
  for (let index = 0; index < count; index++) pair.connect()
  pair.run(() => pair.client.connections.every((each) => each.isHandshakeConfirmed), 60_000)
  expect(pair.client.connections.every(({ state }) => state === 'connected')).toBe(true)
  expect(pair.server.endpoint.connectionCount).toBe(count)
}

function exchangeAll(pair: Pair, traffic: Traffic): void {
  const { connections } = pair.client
  for (const connection of connections) traffic.send(connection, 'bidirectional', PER_CONNECTION, PER_CONNECTION)
  pair.run(() => traffic.completed('client') === connections.length, 60_000)
  const bytes = connections.length * PER_CONNECTION
  expect([traffic.received('server'), traffic.received('client')]).toEqual([bytes, bytes])
}

/** Lets go of what the test itself remembers, too. */
function closeAll(pair: Pair, traffic: Traffic): void {
  for (const connection of pair.client.connections) {
    connection.close({ code: 0n, reason: '' }, pair.now)
    pair.client.endpoint.wake(connection)
  }
  pair.run(() => pair.client.endpoint.connectionCount + pair.server.endpoint.connectionCount === 0, 60_000)
  expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([0, 0])
  forgetEvents(pair, traffic)
  for (const side of [pair.client, pair.server]) {
    expect(side.endpoint.nextTimeout()).toBe(NEVER)
    side.connections.length = 0
  }
}

function forgetEvents(pair: Pair, traffic: Traffic): void {
  traffic.arrivals.client.clear()
  traffic.arrivals.server.clear()
  for (const side of [pair.client, pair.server]) side.events.length = 0
}
