import { expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { type Impairment, Pair, TestRandom } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()
const PATIENT = { handshakeTimeout: 600_000, maxIdleTimeout: 600_000 }

const NETWORKS: readonly Impairment[] = [
  { delay: 10 },
  { delay: 30, jitter: 40, loss: 0.1, duplicate: 0.1 },
  { delay: 5, loss: 0.3, corrupt: 0.05 },
  { delay: 100, jitter: 5 },
  { delay: 0, jitter: 1, duplicate: 0.4 },
  { delay: 20, loss: 1 },
]

/** Two applications that do whatever comes into their heads, over a network that does the same. */
function live(seed: number): void {
  const random = new TestRandom(seed * 7919)
  const draw = (below: number): number => Math.floor(random.next() * below)
  const pair = new Pair({
    seed,
    crypto,
    client: PATIENT,
    server: { ...PATIENT, maxReceiveWindow: 60_000 + draw(100_000) },
  })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  const sides: readonly Connection[] = [client, server]
  let port = 2000
  const actions: readonly ((connection: Connection) => void)[] = [
    (connection) => void traffic.send(connection, 'bidirectional', 10 + draw(40_000), draw(20_000)),
    (connection) => void traffic.send(connection, 'unidirectional', 10 + draw(60_000)),
    (connection) => [...connection.streams.values()].at(draw(8))?.send?.reset(BigInt(draw(100))),
    (connection) => [...connection.streams.values()].at(draw(8))?.receive?.stop(BigInt(draw(100))),
    (connection) => void connection.updateKeys(pair.now),
    (connection) => void connection.rotateConnectionIds(),
    () => {
      pair.network = NETWORKS[draw(NETWORKS.length)] ?? {}
    },
    () => {
      // A NAT forgets: the same host at another port, or even another host.
      pair.client.address = `192.0.2.${draw(4) === 0 ? 1 + draw(3) : 1}:${++port}`
    },
    () => {
      traffic.reads = draw(4) > 0
      if (traffic.reads) for (const name of ['client', 'server'] as const) traffic.readAll(name)
    },
  ]
  for (let step = 0; step < 60; step++) {
    const connection = sides[draw(2)] ?? client
    actions[draw(actions.length)]?.(connection)
    pair[connection.role].endpoint.wake(connection)
    runChecked(pair, () => false, draw(300))
    expect([step, client.closeReason, server.closeReason]).toEqual([step, undefined, undefined])
  }
  // Peace: whatever was begun ends, one way or the other.
  pair.network = { delay: 10 }
  for (const name of ['client', 'server'] as const) traffic.readAll(name)
  runChecked(
    pair,
    () => {
      for (const connection of sides) {
        for (const stream of connection.streams.values()) {
          // Who was told to stop, or had the question withdrawn, does not answer.
          if (stream.receive?.resetCode !== undefined || stream.receive?.isStopped) stream.send?.reset(0n)
        }
        pair[connection.role].endpoint.wake(connection)
      }
      return client.streams.count + server.streams.count === 0
    },
    500_000,
  )
  expect([client.closeReason, server.closeReason]).toEqual([undefined, undefined])
  expect([client.streams.count, server.streams.count]).toEqual([0, 0])
  // The server hears from where the client is now.
  traffic.send(client, 'unidirectional', 10)
  runChecked(pair, () => false, 20_000)
  for (const connection of sides) expect(connection.stats()).toMatchObject({ bytesInFlight: 0, queuedBytes: 0 })
  // A path that was only ever probed may be kept as a spare.
  expect(server.paths.paths.filter(({ wasActive }) => wasActive).length).toBe(1)
  expect(server.paths.paths.length).toBeLessThanOrEqual(4)
  expect(server.paths.active.remoteAddress).toBe(pair.client.address)
}

test('Two ends live through whatever happens at once, and lose nothing but what they gave up', () => {
  forSeeds(6, live)
})
