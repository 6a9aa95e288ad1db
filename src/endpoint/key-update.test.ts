import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

function connected(options: PairOptions) {
  const pair = new Pair({ crypto, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  return { pair, traffic, client, server }
}

/** Keeps bytes flowing both ways and updates the keys of `who` whenever that is allowed, until `times` updates were made. */
function updateDuring(options: PairOptions, who: readonly ('client' | 'server')[], times: number) {
  const { pair, traffic, client, server } = connected(options)
  const counts = { client: 0, server: 0 }
  const connections: Record<'client' | 'server', Connection> = { client, server }
  const isDone = runChecked(
    pair,
    () => {
      for (const name of who) {
        if (counts[name] < times && connections[name].updateKeys(pair.now)) counts[name] += 1
        pair[name].endpoint.wake(connections[name])
      }
      if (client.state !== 'connected' || server.state !== 'connected') return true
      if (client.streams.count < 4) traffic.send(client, 'bidirectional', 5000, 5000)
      return who.every((name) => counts[name] === times)
    },
    120_000,
  )
  expect([client.closeReason, server.closeReason, isDone, counts]).toEqual([
    undefined,
    undefined,
    true,
    { client: who.includes('client') ? times : 0, server: who.includes('server') ? times : 0 },
  ])
  runChecked(pair, () => client.streams.count === 0, 60_000)
  expect(client.streams.count).toBe(0)
  const sent = [...traffic.arrivals.server.values()]
  expect(sent.every(({ isComplete }) => isComplete)).toBe(true)
}

describe('Keys', () => {
  //= rfc9001#6.1-p5-1
  test('cannot be updated before the handshake is confirmed', () => {
    const pair = new Pair({ crypto })
    const client = pair.connect()
    pair.run(() => {
      if (!client.isHandshakeConfirmed) expect(client.updateKeys(pair.now)).toBe(false)
      return client.isHandshakeConfirmed
    })
    expect(client.updateKeys(pair.now)).toBe(true)
    // RFC 9001 §6.1: not before the first is confirmed.
    expect(client.updateKeys(pair.now)).toBe(false)
  })

  //= rfc9001#6.1-p5-1
  test('are updated by no server whose client may not have HANDSHAKE_DONE yet', () => {
    // Else it would come under keys that a client takes no update to before it has it.
    forSeeds(8, (seed) => {
      const pair = new Pair({ crypto, seed, network: { loss: 0.3, jitter: 20 } })
      const client = pair.connect()
      const isUpdated = runChecked(
        pair,
        () => {
          const server = pair.server.connections[0]
          if (server?.updateKeys(pair.now) !== true) return false
          expect(client.isHandshakeConfirmed).toBe(true)
          return true
        },
        60_000,
      )
      expect(isUpdated).toBe(true)
    })
  })

  test.each([
    ['the client', ['client']],
    ['the server', ['server']],
    ['both at once', ['client', 'server']],
  ] as const)('are updated by %s again and again, during transfers', (_, who) => {
    updateDuring({}, who, 5)
  })

  //= rfc9001#6.1-p8-1
  //= rfc9001#6.2-p2-1
  //= rfc9001#6.3-p5-1
  test('are updated under loss, reordering and duplication', () => {
    forSeeds(3, (seed) => {
      const network = { loss: 0.1, jitter: 30, duplicate: 0.1, corrupt: 0.02 }
      updateDuring({ seed, network }, ['client', 'server'], 4)
    })
  })

  test('are updated by version 2 as well', () => {
    updateDuring({ listen: { versions: [0x6b3343cf] }, client: { version: 0x6b3343cf } }, ['client', 'server'], 3)
  })
})
