/** Proves: whatever is done to datagrams without their keys (cut, flipped, replayed, emptied, mixed) changes nothing: handshakes end, transfers are right, memory stays. */
import { describe, expect, test } from 'vitest'
import { Pair, type PairOptions, type Side, TestRandom } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { LongHeader } from '../../src/wire/long-header.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { isLongHeader } from '../../src/wire/short-header.ts'
import { VERSION_1, VERSION_2 } from '../../src/wire/version.ts'
import { heldBytes } from '../stress/memory.ts'
import { fuzzCrypto } from './misbehaving-peer.fixtures.ts'

/** What is sent ahead of a datagram, by a foe who sees it and is faster. */
type Foe = (bytes: Uint8Array, random: TestRandom) => Iterable<Uint8Array>

/** The types of the packets in a datagram, which say what kind of datagram it is. */
function kindOf(bytes: Uint8Array): string {
  const header = new LongHeader()
  header.anyFixedBit = true
  const types: string[] = []
  for (let at = 0; at < bytes.length; at = header.packetEnd) {
    if (!isLongHeader(bytes[at] ?? 0)) return [...types, PacketType.oneRtt].join()
    if (!header.parse(bytes, at, bytes.length)) return [...types, '?'].join()
    types.push(String(header.type))
    if (header.type === PacketType.retry || header.type === PacketType.versionNegotiation) break
  }
  return types.join()
}

const FOE = '203.0.113.66:6'

/** What is sent to `address` does not come to the peer. */
function keepFrom({ endpoint }: Side, address: string): void {
  const poll = endpoint.pollDatagram.bind(endpoint)
  endpoint.pollDatagram = (now) => {
    let flight = poll(now)
    while (flight?.to === address) flight = poll(now)
    return flight
  }
}

/** A connection with a foe on its path, who acts on the first two datagrams of each kind and side; how many forgeries there were. */
function withFoe(foe: Foe, options: PairOptions, address: string | undefined): Map<string, number> {
  const seen = new Map<string, number>()
  const random = new TestRandom(9)
  let forgeries = 0
  const pair: Pair = new Pair({
    crypto: fuzzCrypto,
    ...options,
    tap: (bytes, from) => {
      const kind = `${from} ${kindOf(bytes)}`
      const count = seen.get(kind) ?? 0
      seen.set(kind, count + 1)
      // Version Negotiation is protected by nothing (RFC 9000 §21.12): who sees the ids can make it up.
      if (count >= 2 || kind.endsWith(String(PacketType.versionNegotiation))) return true
      for (const forged of foe(bytes, random)) {
        forgeries += 1
        pair.inject(forged, from === 'client' ? 'server' : 'client', address ?? pair[from].address)
      }
      return true
    },
  })
  for (const side of [pair.client, pair.server]) keepFrom(side, FOE)
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  for (const connection of [client, server]) traffic.send(connection, 'bidirectional', 30_000, 30_000)
  pair.run(() => traffic.completed('client') + traffic.completed('server') === 4, 20_000)
  expect([traffic.completed('client'), traffic.completed('server')]).toEqual([2, 2])
  expect([traffic.received('client'), traffic.received('server')]).toEqual([60_000, 60_000])
  expect([client.closeReason, server.closeReason]).toEqual([undefined, undefined])
  expect(forgeries).toBeGreaterThan(0)
  expect(pair.server.endpoint.connectionCount).toBe(1)
  return seen
}

const FOES: readonly (readonly [name: string, foe: Foe])[] = [
  [
    'cut at every byte',
    function* (bytes) {
      for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length)
    },
  ],
  [
    'without every number of its first bytes',
    function* (bytes) {
      for (let start = 1; start < bytes.length; start += 3) yield bytes.slice(start)
    },
  ],
  [
    'with a bit of every byte flipped',
    function* (bytes, random) {
      for (let at = 0; at < bytes.length; at++) {
        const copy = bytes.slice()
        copy[at] = (copy[at] ?? 0) ^ (1 << Math.floor(random.next() * 8))
        yield copy
      }
    },
  ],
  [
    'with every bit of its first bytes flipped',
    function* (bytes) {
      for (let bit = 0; bit < 8 * Math.min(bytes.length, 64); bit++) {
        const copy = bytes.slice()
        copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        yield copy
      }
    },
  ],
  [
    'with runs of bytes at random',
    function* (bytes, random) {
      for (let count = 0; count < 500; count++) {
        const copy = bytes.slice()
        const at = Math.floor(random.next() * copy.length)
        random.fill(copy.subarray(at, at + 1 + Math.floor(random.next() * 40)))
        yield copy
      }
    },
  ],
  [
    'behind, and before, and within itself',
    function* (bytes) {
      const middle = bytes.length >> 1
      for (const parts of [
        [bytes, bytes.slice(0, 40)],
        [bytes.slice(0, 40), bytes],
        [bytes.slice(0, middle), bytes, bytes.slice(middle)],
      ]) {
        yield Uint8Array.from(parts.flatMap((part) => [...part]))
      }
    },
  ],
]

const NETWORKS: readonly (readonly [name: string, options: PairOptions])[] = [
  ['a plain handshake', {}],
  ['a handshake with Retry', { listen: { retry: 'always' } }],
  ['a handshake with Version Negotiation', { listen: { versions: [VERSION_2] }, client: { version: VERSION_1 } }],
]

describe('A foe who is faster sends each datagram', () => {
  // Who brings the whole first datagram sooner, from elsewhere, has the handshake for himself (RFC 9000 §21.1.1).
  for (const [name, foe] of FOES.slice(0, -1)) {
    for (const [network, options] of NETWORKS) {
      test(`${name}, in ${network}, from another address`, () => {
        withFoe(foe, options, FOE)
      })
    }
  }
  for (const [name, foe] of FOES) {
    for (const [network, options] of NETWORKS) {
      test(`${name}, in ${network}, from the same address`, () => {
        const seen = withFoe(foe, options, undefined)
        expect(seen.has(`client ${PacketType.initial}`)).toBe(true)
      })
    }
  }
})

describe('A flood of', () => {
  const floods: readonly (readonly [
    name: string,
    make: (index: number, random: TestRandom, ids: readonly Uint8Array[]) => Uint8Array,
  ])[] = [
    ['empty datagrams', () => new Uint8Array(0)],
    ['single bytes', (index) => Uint8Array.of(index & 0xff)],
    ['noise', (_, random) => random4(random, 1 + Math.floor(random.next() * 1400))],
    [
      'noise behind an id that is in use',
      (index, random, ids) => {
        const bytes = random4(random, 21 + Math.floor(random.next() * 300))
        bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f)
        bytes.set(ids[index % ids.length] ?? [], 1)
        return bytes
      },
    ],
    [
      'Handshake packets of noise behind an id that is in use',
      (index, random, ids) => {
        const bytes = random4(random, 100)
        bytes.set([0xe0, 0, 0, 0, 1, 8, ...(ids[index % ids.length] ?? []), 0, 0x40, 80])
        return bytes
      },
    ],
  ]
  for (const [name, make] of floods) {
    test(`${name} costs no connection, and no memory`, () => {
      const ids = new Map<string, Uint8Array>()
      const pair = new Pair({
        crypto: fuzzCrypto,
        tap: (bytes) => {
          if (!isLongHeader(bytes[0] ?? 0)) ids.set(bytes.subarray(1, 9).join(), bytes.slice(1, 9))
          return true
        },
      })
      const traffic = new Traffic(pair)
      const { client, server } = pair.handshake()
      pair.run(() => false, 300)
      const random = new TestRandom(3)
      const known = [...ids.values()]
      const flood = (count: number) => {
        for (let index = 0; index < count; index += 100) {
          for (let next = index; next < index + 100; next++) {
            const from = next % 2 === 0 ? pair.client.address : `203.0.113.1:${next % 100}`
            pair.inject(make(next, random, known), 'server', from)
            pair.inject(make(next, random, known), 'client', next % 2 === 0 ? pair.server.address : '203.0.113.2:1')
          }
          pair.run(() => false, 0)
        }
      }
      flood(2000)
      const before = heldBytes()
      const sent = pair.datagrams
      flood(20_000)
      expect(pair.datagrams - sent).toBeLessThan(2000)
      expect(heldBytes() - before).toBeLessThan(2_000_000)
      traffic.send(client, 'bidirectional', 20_000, 20_000)
      pair.run(() => traffic.completed('client') === 1, 10_000)
      expect([client.state, server.state, traffic.received('client')]).toEqual(['connected', 'connected', 20_000])
      expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([1, 1])
    })
  }
})

function random4(random: TestRandom, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  random.fill(bytes)
  return bytes
}

test('A replay of all datagrams of a connection, in any order and to either side, changes nothing', () => {
  const recorded: Uint8Array[] = []
  const pair = new Pair({
    crypto: fuzzCrypto,
    tap: (bytes) => {
      if (recorded.length < 400) recorded.push(bytes)
      return true
    },
  })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(client, 'bidirectional', 100_000, 100_000)
  pair.run(() => traffic.completed('client') === 1, 10_000)
  const opened = pair.server.of('stream-opened').length
  const random = new TestRandom(5)
  for (let count = 0; count < 5000; count++) {
    const bytes = recorded[Math.floor(random.next() * recorded.length)] ?? new Uint8Array(0)
    const to = random.next() < 0.5 ? 'server' : 'client'
    pair.inject(bytes, to, random.next() < 0.9 ? pair[to === 'server' ? 'client' : 'server'].address : '203.0.113.9:1')
    if (count % 20 === 0) pair.run(() => false, 1)
  }
  pair.run(() => false, 1000)
  expect([client.state, server.state, pair.server.of('stream-opened').length]).toEqual([
    'connected',
    'connected',
    opened,
  ])
  expect(pair.server.connections.length).toBe(1)
  traffic.send(server, 'bidirectional', 5000, 5000)
  pair.run(() => traffic.completed('server') === 2, 10_000)
  expect(traffic.completed('server')).toBe(2)
})
