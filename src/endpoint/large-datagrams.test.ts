import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const ALL = { mtu: { max: 65_527 } }

/** ms there and back. */
const ROUND_TRIP = 40

interface Setting {
  readonly pair: Pair
  readonly traffic: Traffic
  readonly client: Connection
  /** Datagrams of the client's that the link did not carry. */
  readonly tooLong: number[]
}

/** Two ends that ask for all that UDP carries, on a link that carries `link.mtu`. */
function connected(link: { mtu: number }, network: { loss?: number } = {}, seed = 1): Setting {
  const tooLong: number[] = []
  const pair = new Pair({
    seed,
    crypto: quickCrypto(),
    network: { delay: ROUND_TRIP / 2, ...network },
    client: ALL,
    server: ALL,
    tap: (bytes, from) => {
      if (bytes.length <= link.mtu) return true
      if (from === 'client') tooLong.push(bytes.length)
      return false
    },
  })
  const traffic = new Traffic(pair)
  const { client } = pair.handshake()
  return { pair, traffic, client, tooLong }
}

const sizeOf = (connection: Connection): number => connection.paths.active.recovery.maxDatagramSize

describe('The search for a large MTU, while data flows', () => {
  test.each([
    { link: 65_527, atLeast: 65_527, rounds: 6 },
    { link: 65_507, atLeast: 65_507, rounds: 7 },
    { link: 8972, atLeast: 8972, rounds: 2 },
    { link: 8900, atLeast: 8900 * 0.94, rounds: 9 },
    { link: 1472, atLeast: 1472, rounds: 4 },
  ])('uses $atLeast of the $link bytes that a link carries after $rounds round trips', ({ link, atLeast, rounds }) => {
    const { pair, traffic, client, tooLong } = connected({ mtu: link })
    traffic.send(client, 'unidirectional', 2_000_000)
    const end = pair.now + rounds * ROUND_TRIP + 5
    pair.run(() => pair.now >= end || sizeOf(client) >= atLeast)
    expect(sizeOf(client)).toBeGreaterThanOrEqual(atLeast)
    expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
    expect(sizeOf(client)).toBeLessThanOrEqual(link)
    // Nothing but probes was lost, and few of them.
    expect(client.stats().packetsLost).toBe(0)
    expect(tooLong.length).toBeLessThanOrEqual(14)
  })

  test('holds data back for no longer than the window takes to make room for a probe', () => {
    const { pair, traffic, client } = connected({ mtu: 65_527 })
    traffic.send(client, 'unidirectional', 2_000_000)
    let received = 0
    let since = pair.now
    let longest = 0
    pair.run(() => {
      if (traffic.received('server') > received) {
        longest = Math.max(longest, pair.now - since)
        since = pair.now
        received = traffic.received('server')
      }
      return traffic.completed('server') === 1
    }, 60_000)
    expect(received).toBe(2_000_000)
    expect(sizeOf(client)).toBe(65_527)
    expect(longest).toBeLessThanOrEqual(2 * ROUND_TRIP)
  })

  test('goes on where an idle connection has no window for it', () => {
    const { pair, traffic, client } = connected({ mtu: 65_527 })
    pair.run(() => false, 5000)
    expect(sizeOf(client)).toBe(8972)
    traffic.send(client, 'unidirectional', 2_000_000)
    expect(runChecked(pair, () => sizeOf(client) === 65_527, 10 * ROUND_TRIP)).toBe(true)
  })

  test('finds the size in spite of losses', () => {
    forSeeds(2, (seed) => {
      const { pair, traffic, client } = connected({ mtu: 8972 }, { loss: 0.03 }, seed)
      traffic.send(client, 'unidirectional', 1_300_000)
      expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
      expect(sizeOf(client)).toBe(8972)
    })
  })
})

describe('A link that comes to carry 1,400 bytes instead of 65,000', () => {
  test.each([0, 0.01])('holds a transfer up for less than a second, at a loss of %d', (loss) => {
    forSeeds(2, (seed) => {
      const link = { mtu: 65_000 }
      const { pair, traffic, client, tooLong } = connected(link, { loss }, seed)
      traffic.send(client, 'unidirectional', 3_000_000)
      pair.run(() => traffic.received('server') > 1_000_000 + seed * 50_000)
      expect(sizeOf(client)).toBeGreaterThan(8000)
      link.mtu = 1400
      tooLong.length = 0
      const dropped = pair.now
      pair.run(() => sizeOf(client) <= 1400, 5000)
      expect(pair.now - dropped).toBeLessThan(1000)
      const received = traffic.received('server')
      expect(runChecked(pair, () => traffic.received('server') > received + 200_000, 5000)).toBe(true)
      pair.run(() => client.paths.active.mtu?.isSearching === false, 5000)
      expect(sizeOf(client)).toBeGreaterThan(1300)
      expect(sizeOf(client)).toBeLessThanOrEqual(1400)
    })
  })

  test('lets the probe of the first PTO arrive, since that is of the smallest size', () => {
    const link = { mtu: 65_000 }
    const { pair, traffic, client } = connected(link)
    traffic.send(client, 'unidirectional', 4_000_000)
    pair.run(() => traffic.received('server') > 2_000_000)
    link.mtu = 1400
    pair.run(() => client.stats().ptoCount === 1, 5000)
    expect(sizeOf(client)).toBeGreaterThan(8000)
    expect(runChecked(pair, () => client.stats().ptoCount === 0, 2 * ROUND_TRIP)).toBe(true)
  })
})

test('a DATAGRAM frame that no longer fits is lost, not stuck', () => {
  const link = { mtu: 65_000 }
  const { pair, traffic, client } = connected(link)
  traffic.send(client, 'unidirectional', 1_000_000)
  pair.run(() => traffic.completed('server') === 1)
  link.mtu = 1400
  client.datagrams.send(new Uint8Array(20_000), undefined, pair.now)
  traffic.send(client, 'unidirectional', 500_000)
  expect(runChecked(pair, () => traffic.completed('server') === 2, 60_000)).toBe(true)
})
