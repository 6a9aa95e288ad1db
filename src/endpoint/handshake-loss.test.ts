import { describe, expect, test } from 'vitest'
import { LongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import { quickCrypto, quickHybridCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, testIdentity } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** A chain of certificates that fills several datagrams. */
function longChain(certificates: number) {
  const identity = testIdentity(crypto)
  const chain = Array.from({ length: certificates }, () => identity.chain[0] ?? new Uint8Array(0))
  return { selectIdentity: () => ({ ...identity, chain }) }
}

/** Every flight takes several datagrams. */
const LARGE: PairOptions = { crypto: quickHybridCrypto(), serverTls: longChain(20), listen: { retry: 'always' } }

const SETTINGS: readonly (readonly [string, PairOptions])[] = [
  ['a short chain', {}],
  ['a chain beyond the amplification limit', { serverTls: longChain(20) }],
  ['Retry', { listen: { retry: 'always' } }],
  ['a ClientHello of two datagrams', { crypto: quickHybridCrypto() }],
  ['a ClientHello of two datagrams, a long chain and Retry', LARGE],
]

/** Shakes hands, exchanges a little, and tells the datagrams of each side. */
function exchange(options: PairOptions, isLost: (index: number, from: 'client' | 'server') => boolean) {
  const count = { client: 0, server: 0 }
  const bytes = { sent: 0, received: 0 }
  let isValidated = false
  const pair = new Pair({
    crypto,
    client: { handshakeTimeout: 30_000 },
    server: { handshakeTimeout: 30_000 },
    ...options,
    tap: (datagram, from) => {
      if (from === 'server' && !isValidated) bytes.sent += datagram.length
      return !isLost(count[from]++, from)
    },
  })
  const { endpoint } = pair.server
  const receive = endpoint.receiveDatagram.bind(endpoint)
  endpoint.receiveDatagram = (datagram, ...rest) => {
    bytes.received += datagram.length
    receive(datagram, ...rest)
    isValidated ||= pair.server.connections[0]?.paths.active.isValidated ?? false
  }
  const traffic = new Traffic(pair)
  const client = pair.connect()
  const begin = pair.now
  const isConfirmed = runChecked(
    pair,
    () => {
      if (!isValidated) expect(bytes.sent).toBeLessThanOrEqual(3 * bytes.received)
      return client.isHandshakeConfirmed
    },
    30_000,
  )
  const took = pair.now - begin
  expect([client.state, isConfirmed]).toEqual(['connected', true])
  traffic.send(client, 'bidirectional', 3000, 3000)
  const isAnswered = runChecked(pair, () => traffic.completed('client') === 1, 30_000)
  expect([traffic.completed('server'), isAnswered]).toEqual([1, true])
  // Acknowledgements and timers settle.
  runChecked(pair, () => false, 3000)
  expect([client.state, pair.server.connections.length]).toEqual(['connected', 1])
  expect([...pair.server.connections].map((each) => each.stats().bytesInFlight)).toEqual([0])
  return { pair, count, took }
}

describe.each(SETTINGS)('A handshake with %s', (_, options) => {
  //= rfc9000#8.1-p4-1
  //= rfc9002#6.2.2.1-p1-1
  //= rfc9002#6.2.2.1-p3-1
  //= rfc9000#8.1-p5-1
  test('survives the loss of any one datagram, in either direction', () => {
    const { count } = exchange(options, () => false)
    for (const side of ['client', 'server'] as const) {
      const most = Math.min(count[side], 14)
      for (let lost = 0; lost < most; lost++) {
        const { took } = exchange(options, (index, from) => from === side && index === lost)
        expect({ side, lost, isQuick: took < 4000 }).toEqual({ side, lost, isQuick: true })
      }
    }
  })

  test('survives the loss of any two datagrams that follow one another', () => {
    for (const side of ['client', 'server'] as const) {
      for (let lost = 0; lost < 6; lost++) {
        exchange(options, (index, from) => from === side && (index === lost || index === lost + 1))
      }
    }
  })
})

describe('A handshake over a bad network', () => {
  test('settles with 30 % loss, reordering, duplication and corruption', () => {
    forSeeds(8, (seed) => {
      const pair = new Pair({
        seed,
        crypto: seed % 2 === 0 ? crypto : quickHybridCrypto(),
        network: { loss: 0.3, jitter: 30, duplicate: 0.1, corrupt: 0.05 },
        client: { handshakeTimeout: 120_000, maxIdleTimeout: 120_000 },
        server: { handshakeTimeout: 120_000, maxIdleTimeout: 120_000 },
      })
      const client = pair.connect()
      runChecked(pair, () => client.isHandshakeConfirmed || client.closeReason !== undefined, 120_000)
      expect(client.isHandshakeConfirmed).toBe(true)
    })
  })

  test('settles one way or the other in time when nearly everything is lost', () => {
    forSeeds(8, (seed) => {
      const pair = new Pair({ seed, crypto, network: { loss: 0.85, jitter: 30 } })
      const client = pair.connect()
      runChecked(pair, () => client.state === 'closed', 60_000)
      expect(['closed', 'connected']).toContain(client.state)
      runChecked(pair, () => pair.server.endpoint.connectionCount === 0, 120_000)
      runChecked(pair, () => pair.client.endpoint.connectionCount === 0, 120_000)
      expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([0, 0])
    })
  })

  test('does not let a damaged copy of the first packet speak for the client', () => {
    for (const [at, name] of [
      [6, 'destination id'],
      [15, 'source id'],
      [100, 'payload'],
    ] as const) {
      let isFirst = true
      const pair = new Pair({
        crypto,
        tap: (bytes) => {
          if (!isFirst) return true
          isFirst = false
          const copy = bytes.slice()
          copy[at] = (copy[at] ?? 0) ^ 0x80
          return copy
        },
      })
      const { client } = pair.handshake()
      expect([name, client.state, pair.server.connections.length]).toEqual([name, 'connected', 1])
    }
  })

  //= rfc9000#12.2-p5-1
  test('does without coalescing: packets that arrive alone, in any order, do as well', () => {
    forSeeds(6, (seed) => {
      const pair = new Pair({ seed, crypto, tap: (bytes, from) => (from === 'server' ? split(bytes) : true) })
      /** Sends the packets of one datagram on their own, last first. */
      const split = (bytes: Uint8Array): boolean => {
        const header = new LongHeader()
        header.anyFixedBit = true
        const packets: Uint8Array[] = []
        let at = 0
        while (at < bytes.length) {
          if (!header.parse(bytes, at, bytes.length) || header.type === PacketType.retry) break
          packets.unshift(bytes.slice(at, header.packetEnd))
          at = header.packetEnd
        }
        if (at < bytes.length) packets.unshift(bytes.slice(at))
        for (const packet of packets) pair.inject(packet, 'client', pair.server.address)
        return false
      }
      const { client } = pair.handshake()
      expect(client.state).toBe('connected')
    })
  })
})
