/** Streams by the ten thousand on one connection: finished, reset and stopped, they leave nothing behind. */
import { expect, test } from 'vitest'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { Pair } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { heldBytes, megabytes } from './memory.ts'

const STREAMS = 10_000 * Number(process.env['ISOQUIC_STRESS'] ?? 1)
const MEASUREMENTS = 5

test(`${STREAMS} streams, half of them reset, leave no state behind`, { timeout: 600_000 }, () => {
  const pair = new Pair({ crypto: quickCrypto(nodePackets), network: { delay: 1, loss: 0.01 } })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  const held: number[] = []
  let opened = 0
  for (let part = 1; part <= MEASUREMENTS; part++) {
    const target = (STREAMS / MEASUREMENTS) * part
    pair.run(() => {
      while (opened < target) {
        const stream = traffic.send(
          client,
          opened % 4 < 2 ? 'bidirectional' : 'unidirectional',
          200 + (opened % 700),
          300,
        )
        if (stream === undefined) break
        if (opened % 2 === 0) stream.send?.reset(BigInt(opened))
        if (opened % 4 === 0) stream.receive?.stop(BigInt(opened))
        opened += 1
      }
      pair.settle()
      return opened >= target && client.streams.count + server.streams.count === 0
    }, 10_000_000)
    expect([opened, client.state, client.streams.count, server.streams.count]).toEqual([target, 'connected', 0, 0])
    traffic.arrivals.client.clear()
    traffic.arrivals.server.clear()
    for (const side of [pair.client, pair.server]) side.events.length = 0
    pair.run(() => false, 1000)
    client.checkInvariants()
    server.checkInvariants()
    held.push(heldBytes())
  }
  // A stream that stays costs a kilobyte and more; compiled code is what grows here.
  const [first = 0, ...later] = held
  const growth = Math.max(...later) - first
  expect(growth, `held: ${held.map(megabytes).join(', ')}`).toBeLessThan(2_000_000)
  expect(client.stats()).toMatchObject({ queuedBytes: 0, bytesInFlight: 0, streams: 0 })
})
