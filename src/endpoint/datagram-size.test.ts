import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

interface Setting {
  readonly pair: Pair
  readonly traffic: Traffic
  readonly client: Connection
  readonly server: Connection
  /** Datagrams since the handshake. */
  readonly sizes: number[]
}

function connected(options: PairOptions = {}, link: { mtu: number } = { mtu: 65_527 }): Setting {
  const sizes: number[] = []
  const pair = new Pair({
    crypto: quickCrypto(),
    ...options,
    tap: (bytes) => {
      sizes.push(bytes.length)
      return bytes.length <= link.mtu
    },
  })
  const traffic = new Traffic(pair)
  const ends = pair.handshake()
  sizes.length = 0
  return { pair, traffic, sizes, ...ends }
}

const mtus = (pair: Pair): number[] => pair.client.of('mtu-changed').map(({ mtu }) => mtu)

describe('A carrier that prefers a size', () => {
  test('gets 1-RTT packets of no more, but challenges and the handshake of 1,200', () => {
    const all: number[] = []
    const pair = new Pair({
      crypto: quickCrypto(),
      carrier: { preferredDatagramSize: 1150 },
      tap: (bytes) => {
        all.push(bytes.length)
        return true
      },
    })
    const traffic = new Traffic(pair)
    const { client, server } = pair.handshake()
    expect(all[0]).toBe(1200)
    const after = all.length
    traffic.send(client, 'bidirectional', 300_000, 300_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(Math.max(...all.slice(after))).toBe(1150)
    expect(client.paths.active.mtu).toBeUndefined()
    expect(mtus(pair)).toEqual([1150])
    client.openPath(
      { carrier: pair.client.add('198.51.100.1:1', {}, { preferredDatagramSize: 1160 }), purpose: 'move' },
      pair.now,
    )
    pair.client.endpoint.wake(client)
    const moving = all.length
    pair.run(() => server.paths.active.remoteAddress === '198.51.100.1:1', 5000)
    pair.run(() => false, 1000)
    expect(
      all
        .slice(moving)
        .filter((size) => size > 1160)
        .every((size) => size === 1200),
    ).toBe(true)
    const moved = all.length
    traffic.send(client, 'unidirectional', 100_000)
    expect(runChecked(pair, () => traffic.completed('server') === 2)).toBe(true)
    expect(Math.max(...all.slice(moved))).toBe(1160)
    expect(mtus(pair)).toEqual([1150, 1160])
  })
})

describe('A reliable and ordered carrier', () => {
  const properties = { reliable: true, ordered: true }

  test('gets packets of 16 KiB, without a search', () => {
    const { pair, traffic, client, sizes } = connected({ carrier: { properties } })
    traffic.send(client, 'bidirectional', 500_000, 500_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(Math.max(...sizes)).toBe(16_384)
    expect(client.paths.active.mtu).toBeUndefined()
    expect(mtus(pair)).toEqual([16_384])
  })

  test('gets no more than it takes, or the peer', () => {
    const { pair, traffic, client, sizes } = connected({ carrier: { properties, maxDatagramSize: 5000 } })
    traffic.send(client, 'bidirectional', 100_000, 100_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(Math.max(...sizes)).toBe(5000)
  })

  test('needs no proof of addresses where it gives one itself', () => {
    const { server } = connected({ carrier: { properties: { ...properties, addressValidated: true } } })
    expect(server.paths.active.sendAllowance).toBe(Infinity)
    const { pair } = connected({
      carrier: { properties: { ...properties, addressValidated: true } },
      listen: { retry: 'always' },
    })
    expect(pair.datagrams).toBeLessThan(20)
    expect(pair.server.of('connected').length).toBe(1)
  })
})

describe('A carrier whose size changes', () => {
  test('is followed down at once, and up by a search', () => {
    const { pair, traffic, client, sizes } = connected({ client: { mtu: { max: 9000 } } })
    pair.run(() => client.paths.active.mtu?.current === 9000, 3000)
    expect(client.paths.active.mtu?.current).toBe(9000)
    pair.client.carrier.maxDatagramSize = 1400
    sizes.length = 0
    traffic.send(client, 'unidirectional', 200_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    expect(Math.max(...sizes)).toBe(1400)
    expect(mtus(pair)).toEqual([9000, 1400])
    pair.client.carrier.maxDatagramSize = 3000
    traffic.send(client, 'unidirectional', 100_000)
    pair.run(() => client.paths.active.mtu?.current === 3000, 3000)
    expect(mtus(pair)).toEqual([9000, 1400, 3000])
  })

  test('is followed where it is reliable, too', () => {
    const { pair, traffic, client } = connected({ carrier: { properties: { reliable: true, ordered: true } } })
    pair.client.carrier.maxDatagramSize = 2000
    traffic.send(client, 'unidirectional', 100_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    expect(mtus(pair)).toEqual([16_384, 2000])
  })
})

describe('The search for the MTU', () => {
  //= rfc9000#14.2-p3-1
  test('goes up to 65,527 on request', () => {
    const mtu = { max: 65_527 }
    const { pair, traffic, client, sizes } = connected({ client: { mtu }, server: { mtu } })
    traffic.send(client, 'bidirectional', 1_000_000, 1_000_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(client.paths.active.mtu?.current).toBe(65_527)
    expect(Math.max(...sizes)).toBe(65_527)
  })

  test('finds what a link carries while data flows, and costs it no window', () => {
    const { pair, traffic, client } = connected({ client: { mtu: { max: 4000 } } }, { mtu: 2345 })
    traffic.send(client, 'unidirectional', 500_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    pair.run(() => client.paths.active.mtu?.isSearching === false, 5000)
    expect(client.paths.active.mtu?.current).toBeGreaterThan(2345 - 16)
    expect(client.stats().packetsLost).toBe(0)
  })

  test('is taken up again after 600 seconds', () => {
    const link = { mtu: 1300 }
    const { pair, client } = connected({ client: { keepAlive: 10_000 } }, link)
    pair.run(() => client.paths.active.mtu?.isSearching === false, 200_000)
    expect(client.paths.active.mtu?.current).toBeLessThanOrEqual(1300)
    link.mtu = 1500
    pair.run(() => false, 500_000)
    expect(client.paths.active.mtu?.current).toBeLessThanOrEqual(1300)
    pair.run(() => client.paths.active.mtu?.current === 1452, 200_000)
    expect(client.paths.active.mtu?.current).toBe(1452)
  })
})

describe('A link that carries less in the middle of a transfer', () => {
  test('is noticed, and the transfer completes', () => {
    forSeeds(8, (seed) => {
      const link = { mtu: 1500 }
      const setting = connected({ seed, network: { delay: 10, jitter: 3, loss: seed % 2 === 0 ? 0.01 : 0 } }, link)
      const { pair, traffic, client, server } = setting
      traffic.send(client, 'bidirectional', 400_000, 400_000)
      pair.run(() => traffic.received('server') > 200_000)
      expect(client.paths.active.mtu?.current).toBe(1452)
      link.mtu = 1280
      expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
      expect(client.paths.active.mtu?.current).toBeLessThanOrEqual(1280)
      link.mtu = 1200
      expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
      expect(server.paths.active.mtu?.current).toBe(1200)
      expect(traffic.received('client')).toBe(400_000)
    })
  })
})
