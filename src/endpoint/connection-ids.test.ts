import { describe, expect, test } from 'vitest'
import { ConnectionId } from '../wire/connection-id.ts'
import { peekDestination } from '../wire/long-header.ts'
import { isLongHeader } from '../wire/short-header.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** A generator of ids of one length. */
function idsOf(length: number) {
  let next = 0
  return {
    length,
    generate: () => ConnectionId.from(Uint8Array.from({ length }, (_, at) => (at === 0 ? ++next : at * 7 + next))),
  }
}

function connected(options: PairOptions) {
  const pair = new Pair({ crypto, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  runChecked(pair, () => false, 200)
  return { pair, traffic, client, server }
}

describe('Connection ids', () => {
  //= rfc9000#5.1.1-p3-1
  test('are issued up to the limit, and rotated during a transfer by both sides', () => {
    forSeeds(2, (seed) => {
      const used = new Set<string>()
      const { pair, traffic, client, server } = connected({
        seed,
        network: { loss: 0.05, jitter: 10 },
        tap: (bytes) => {
          if (!isLongHeader(bytes[0] ?? 0)) used.add(peekDestination(bytes, 0, bytes.length, 8) ?? '')
          return true
        },
      })
      let rotations = 0
      traffic.send(client, 'bidirectional', 600_000, 600_000)
      runChecked(pair, () => {
        for (const [side, connection] of [
          [pair.client, client],
          [pair.server, server],
        ] as const) {
          if (rotations < 40 && connection.rotateConnectionIds()) rotations += 1
          side.endpoint.wake(connection)
        }
        return traffic.completed('client') === 1
      })
      expect([client.state, traffic.received('server'), traffic.received('client')]).toEqual([
        'connected',
        600_000,
        600_000,
      ])
      expect(rotations).toBeGreaterThan(4)
      expect(used.size).toBeGreaterThan(rotations)
    })
  })

  test.each([0, 1, 4, 20])('may have %d bytes', (length) => {
    const network = { loss: 0.05, jitter: 5 }
    const endpoint = { idGenerator: idsOf(length) }
    const { pair, traffic, client } = connected({ seed: 3, network, endpoint })
    traffic.send(client, 'bidirectional', 50_000, 50_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(client.rotateConnectionIds()).toBe(length > 0)
  })
})
