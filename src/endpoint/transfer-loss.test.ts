import { describe, expect, test } from 'vitest'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { type Impairment, Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** Where a third of all datagrams is lost, the back-off of probes may well pass half a minute. */
const PATIENT = { handshakeTimeout: 300_000, maxIdleTimeout: 300_000 }

/** Connects, moves bytes both ways on several streams, and expects each of them. */
function transfer(options: PairOptions, size: number, limit = 600_000): Pair {
  const pair = new Pair({ crypto, client: PATIENT, server: PATIENT, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(client, 'bidirectional', size, size)
  traffic.send(client, 'unidirectional', size / 2)
  traffic.send(server, 'unidirectional', size / 2)
  traffic.send(server, 'bidirectional', size / 4, size / 4)
  const isDone = runChecked(pair, () => traffic.completed('client') === 3 && traffic.completed('server') === 3, limit)
  expect([client.state, server.state, isDone]).toEqual(['connected', 'connected', true])
  // What was lost last is acknowledged too, and nothing is left.
  runChecked(pair, () => client.streams.count + server.streams.count === 0, 30_000)
  expect([client.streams.count, server.streams.count]).toEqual([0, 0])
  return pair
}

const NETWORKS: readonly (readonly [string, Impairment])[] = [
  ['10 % loss, reordering, duplication and corruption', { loss: 0.1, jitter: 20, duplicate: 0.05, corrupt: 0.02 }],
  ['reordering alone', { jitter: 60 }],
  ['half of the datagrams doubled', { duplicate: 0.5, jitter: 5 }],
  ['a tenth of the datagrams damaged', { corrupt: 0.1 }],
  ['30 % loss', { loss: 0.3, delay: 5 }],
  ['a round trip of nearly a second', { delay: 450, loss: 0.02 }],
  ['no delay at all', { delay: 0, loss: 0.05 }],
]

describe('A transfer with', () => {
  //= rfc9000#2.2-p2-1
  test.each(NETWORKS)('%s brings every byte to its place', (_, network) => {
    forSeeds(2, (seed) => void transfer({ seed, network }, 60_000))
  })

  test('NewReno, without pacing, under loss', () => {
    forSeeds(2, (seed) => {
      const options = { congestionControl: 'newreno', pacing: false, ...PATIENT } as const
      transfer({ seed, network: { loss: 0.1, jitter: 10 }, client: options, server: options }, 60_000)
    })
  })

  test('a network that changes in the middle', () => {
    forSeeds(2, (seed) => {
      const pair = new Pair({ seed, crypto, network: { delay: 10 } })
      const traffic = new Traffic(pair)
      const { client } = pair.handshake()
      traffic.send(client, 'unidirectional', 400_000)
      const phases: readonly Impairment[] = [
        { delay: 10 },
        { delay: 80, loss: 0.1 },
        { delay: 5, jitter: 40 },
        { delay: 200 },
        { delay: 20, corrupt: 0.1 },
      ]
      for (const network of phases) {
        pair.network = network
        runChecked(pair, () => traffic.completed('server') === 1, 700)
      }
      expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
      expect(traffic.received('server')).toBe(400_000)
    })
  })

  test('a reader that takes one byte at a time', () => {
    const pair = new Pair({ crypto, network: { loss: 0.05, jitter: 10 } })
    const traffic = new Traffic(pair)
    traffic.readSize = 1
    const { client } = pair.handshake()
    traffic.send(client, 'bidirectional', 30_000, 30_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    expect([traffic.received('client'), traffic.received('server')]).toEqual([30_000, 30_000])
  })

  test('a hundred streams at once', () => {
    forSeeds(1, (seed) => {
      const pair = new Pair({ seed, crypto, network: { loss: 0.05, jitter: 10 } })
      const traffic = new Traffic(pair)
      const { client } = pair.handshake()
      for (let count = 0; count < 100; count++) traffic.send(client, 'bidirectional', 500 + 37 * count, 300)
      expect(runChecked(pair, () => traffic.completed('client') === 100, 60_000)).toBe(true)
      runChecked(pair, () => false, 10_000)
      expect([client.streams.count, pair.server.connections[0]?.streams.count]).toEqual([0, 0])
    })
  })

  test('every second datagram of one direction lost', () => {
    for (const side of ['client', 'server'] as const) {
      let count = 0
      transfer({ tap: (_bytes, from) => from !== side || count++ % 2 === 0 }, 40_000)
    }
  })
})

describe('A transfer leaves no trace', () => {
  test('in what is in flight, owed or waiting', () => {
    const pair = transfer({ network: { loss: 0.1, jitter: 10 } }, 100_000)
    runChecked(pair, () => false, 5000)
    for (const connection of [...pair.client.connections, ...pair.server.connections]) {
      const { bytesInFlight, queuedBytes, streams } = connection.stats()
      expect({ bytesInFlight, queuedBytes, streams }).toEqual({ bytesInFlight: 0, queuedBytes: 0, streams: 0 })
    }
  })
})
