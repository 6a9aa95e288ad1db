/** Proves: attacks on memory and time that break no rule in one packet. What a peer can grow is bounded, and what it asks for costs in proportion. `docs/attacks.md` lists all classes. */
import { describe, expect, test } from 'vitest'
import { Pair, TestRandom } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { ConnectionId } from '../../src/wire/connection-id.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { isLongHeader } from '../../src/wire/short-header.ts'
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { heldBytes } from '../stress/memory.ts'
import { fuzzCrypto, MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'
import { streamId } from './rules.fixtures.ts'

const BOTH = ['client', 'server'] as const

/** ms of this machine that `body` takes. */
function timeOf(body: () => void): number {
  const start = performance.now()
  body()
  return performance.now() - start
}

/** A peer that is connected, whose packets nobody records. */
function attacker(role: 'client' | 'server', options: ConstructorParameters<typeof MisbehavingPeer>[1] = {}) {
  const peer = new MisbehavingPeer(role, options).connect('connected')
  peer.records = false
  peer.run(500)
  return peer
}

/** As many copies of a frame as a packet of 1,100 bytes holds. */
function packed(frame: readonly number[]): number[] {
  return Array.from({ length: Math.floor(1100 / frame.length) }, () => frame).flat()
}

describe('Gaps', () => {
  //= rfc9000#21.7-p4-1
  test.each(BOTH)(
    'in a stream by a %s, at every other byte of a window of 16 MB, cost the window and an eighth of it',
    (role) => {
      const window = 16 * 1024 * 1024
      const victim = { initialMaxData: window, initialMaxStreamDataBidiRemote: window }
      const peer = attacker(role, { client: victim, server: victim })
      const id = streamId(peer, 'peer', 'bidi')
      const before = heldBytes()
      // Each packet has the bytes of another part of the window, so that every page of it is touched, backward.
      const flood = (from: number, to: number): void => {
        for (let page = to; page > from; page--) {
          const frames: number[] = []
          for (let at = 0; at < 90; at++) frames.push(0x0e, ...v(id), ...v(page * 4096 - 2 * at - 1), 1, 7)
          peer.send(frames)
        }
      }
      flood(1, 300)
      const first = timeOf(() => flood(1000, 1500))
      const last = timeOf(() => flood(3500, 4000))
      expect(peer.closeReason).toBeUndefined()
      expect(heldBytes() - before).toBeLessThan(window * 1.4)
      expect(last).toBeLessThan(first * 4 + 200)
    },
  )

  test.each(['initial', 'handshake', 'connected'] as const)(
    'in CRYPTO, %s, are bounded by bytes, not by how many they are',
    (stage) => {
      const type = { initial: PacketType.initial, handshake: PacketType.handshake, connected: PacketType.oneRtt }[stage]
      const peer = new MisbehavingPeer('client').connect(stage)
      peer.records = false
      const before = heldBytes()
      for (let offset = 20_001; offset < 60_000; offset += 200) {
        const frames: number[] = []
        for (let at = 0; at < 200; at += 2) frames.push(0x06, ...v(offset + at), 1, 7)
        peer.send(frames, { type })
      }
      expect(heldBytes() - before).toBeLessThan(1_000_000)
      if (peer.closeReason === undefined) peer.send([0x06, ...v(2_000_000), 1, 7], { type })
      expect(peer.closeReason).toMatchObject({ code: E.CRYPTO_BUFFER_EXCEEDED, frameType: 6n })
    },
  )
})

describe('Acknowledgements', () => {
  test.each(BOTH)('by a %s of the same packets, over and over, cost in proportion to their bytes', (role) => {
    const peer = attacker(role)
    const victim = peer.connection
    const stream = victim.streams.open('unidirectional')
    stream?.send?.write(new Uint8Array(60_000))
    peer.victim.endpoint.wake(victim)
    peer.run(100)
    const largest = victim.stats().packetsSent
    const again = packed([0x02, ...v(5), 0, 0, 0])
    const flood = (count: number): number =>
      timeOf(() => {
        for (let i = 0; i < count; i++) peer.send(again)
      })
    flood(50)
    const before = heldBytes()
    const short = flood(100)
    const long = flood(400)
    expect(largest).toBeGreaterThan(10)
    expect(peer.closeReason).toBeUndefined()
    expect(long).toBeLessThan(short * 12 + 200)
    expect(heldBytes() - before).toBeLessThan(500_000)
  })

  test.each(BOTH)('of a %s that lets every other packet get lost are told in a bounded frame', (role) => {
    const peer = attacker(role)
    peer.records = true
    peer.packets.length = 0
    for (let i = 0; i < 400; i++) peer.send([1, 0, 0], { number: peer.nextNumber(PacketType.oneRtt) + 1 })
    const sizes = peer.packets.filter(({ from }) => from === peer.victimRole).map(({ payload }) => payload.length)
    expect(sizes.length).toBeGreaterThan(100)
    expect(Math.max(...sizes)).toBeLessThan(200)
    peer.connection.checkInvariants()
  })
})

describe('Frames as small as can be', () => {
  const frames: readonly (readonly [string, (peer: MisbehavingPeer) => readonly number[]])[] = [
    ['PING', () => [0x01]],
    ['STREAM without bytes', (peer) => [0x0a, ...v(streamId(peer, 'peer', 'bidi')), 0]],
    ['MAX_DATA', () => [0x10, 0]],
    ['MAX_STREAM_DATA', (peer) => [0x11, ...v(streamId(peer, 'peer', 'bidi')), 0]],
    ['DATA_BLOCKED', () => [0x14, 0]],
    ['STREAM_DATA_BLOCKED', (peer) => [0x15, ...v(streamId(peer, 'peer', 'bidi')), 0]],
    ['STREAMS_BLOCKED', () => [0x16, 0]],
    ['RETIRE_CONNECTION_ID of one that is gone', () => [0x19, 0]],
    ['PATH_RESPONSE', () => [0x1b, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['CRYPTO without bytes', () => [0x06, 0, 0]],
    ['DATAGRAM without bytes', () => [0x31, 0]],
    ['STOP_SENDING', (peer) => [0x05, ...v(streamId(peer, 'peer', 'bidi')), 9]],
  ]
  test.each(frames)('%s, packet after packet, take no memory, and the connection lives', (name, make) => {
    const peer = attacker('client')
    if (name.startsWith('RETIRE')) peer.send([0x19, 1], { destination: peer.victimId })
    const frame = name.startsWith('RETIRE') ? [0x19, 1] : make(peer)
    const payload = packed(frame)
    for (let i = 0; i < 30; i++) peer.send(payload)
    const before = heldBytes()
    const { datagrams } = peer.pair
    for (let i = 0; i < 70; i++) peer.send(payload)
    expect(peer.closeReason).toBeUndefined()
    expect(heldBytes() - before).toBeLessThan(400_000)
    // No packet is worth more than an answer and an acknowledgement.
    expect(peer.pair.datagrams - datagrams).toBeLessThan(150)
  })

  test('NEW_TOKEN, ever another one, by a server takes no memory once the application was told', () => {
    const peer = attacker('server')
    const send = (index: number): void => {
      const frames: number[] = []
      for (let at = 0; at < 50; at++) frames.push(0x07, 8, ...v(2 ** 40 + index * 50 + at, 8))
      peer.send(frames)
      peer.victim.events.length = 0
    }
    for (let i = 0; i < 30; i++) send(i)
    const before = heldBytes()
    for (let i = 30; i < 230; i++) send(i)
    expect(peer.closeReason).toBeUndefined()
    expect(heldBytes() - before).toBeLessThan(400_000)
  })
})

describe('Handshakes', () => {
  //= rfc9000#21.6-p2-1
  test('that are begun and left are forgotten when their time is up, and no more than allowed wait at once', () => {
    let isMute = false
    const first: Uint8Array[] = []
    const pair = new Pair({
      crypto: fuzzCrypto,
      listen: { limits: { maxHandshakes: 50 } },
      server: { handshakeTimeout: 5000 },
      tap: (bytes, from) => {
        if (from === 'client' && isMute) first.push(bytes)
        return !isMute
      },
    })
    const begin = (count: number): void => {
      for (let i = 0; i < count; i++) {
        first.length = 0
        isMute = true
        const connection = pair.connect()
        pair.settle()
        isMute = false
        connection.close({ code: 0n, reason: '' }, pair.now)
        for (const [at, bytes] of first.entries()) pair.inject(bytes, 'server', `203.0.113.${i % 250}:${1000 + i + at}`)
        isMute = true
        pair.run(() => false, 0)
        isMute = false
      }
    }
    begin(10)
    pair.run(() => false, 30_000)
    pair.server.connections.length = 0
    pair.client.connections.length = 0
    const before = heldBytes()
    begin(200)
    expect(pair.server.endpoint.connectionCount).toBeGreaterThan(10)
    expect(pair.server.endpoint.connectionCount).toBeLessThanOrEqual(50)
    isMute = true
    pair.run(() => pair.server.endpoint.connectionCount === 0, 30_000)
    expect(pair.server.endpoint.connectionCount).toBe(0)
    for (const side of [pair.client, pair.server]) {
      side.connections.length = 0
      side.events.length = 0
    }
    expect(heldBytes() - before).toBeLessThan(3_000_000)
  })

  //= rfc9000#12.2-p4-2
  test('with packets for somebody else behind the first make one connection, which keeps nothing of them', () => {
    let first: Uint8Array | undefined
    const pair = new Pair({
      crypto: fuzzCrypto,
      tap: (bytes, from) => {
        if (from !== 'client' || first !== undefined || !isLongHeader(bytes[0] ?? 0)) return true
        first = bytes
        // Behind the Initial packet, whose Length field tells its end, stand Handshake packets with ids of their own.
        const others = Array.from({ length: 5 }, (_, i) => [
          ...[0xe0, 0, 0, 0, 1, 8],
          ...new Array<number>(8).fill(i + 1),
          ...[0, 0x40, 50],
          ...new Array<number>(50).fill(i),
        ])
        return Uint8Array.from([...bytes, ...others.flat()])
      },
    })
    const { client, server } = pair.handshake()
    expect([client.state, server.state, pair.server.endpoint.connectionCount]).toEqual(['connected', 'connected', 1])
    expect(server.stats().packetsDropped).toBeGreaterThanOrEqual(5)
  })
})

test('Connection ids that were made to collide in a poor hash are found as fast as random ones', () => {
  const random = new TestRandom(4)
  const crafted = Array.from({ length: 30_000 }, (_, i) => {
    const bytes = new Uint8Array(8)
    // Equal sums, equal low bits, equal ends: what simple hashes look at.
    new DataView(bytes.buffer).setUint32(0, i)
    new DataView(bytes.buffer).setUint32(4, 0xffff_ffff - i)
    return ConnectionId.from(bytes)
  })
  const chosen = crafted.map(() => {
    const bytes = new Uint8Array(8)
    random.fill(bytes)
    return ConnectionId.from(bytes)
  })
  const fill = (ids: readonly ConnectionId[]): number =>
    timeOf(() => {
      const map = new Map<string, number>()
      for (const [index, { key }] of ids.entries()) map.set(key, index)
      for (const { key } of ids) if (!map.has(key)) throw new Error('An id is gone')
    })
  fill(chosen)
  const plain = Math.min(fill(chosen), fill(chosen), fill(chosen))
  const attacked = Math.min(fill(crafted), fill(crafted), fill(crafted))
  expect(attacked).toBeLessThan(plain * 10 + 50)
})

test('A token of a Retry that a server never gave, of every kind, gets nobody a connection without proof', () => {
  const pair = new Pair({ crypto: fuzzCrypto, listen: { retry: 'always' } })
  const random = new TestRandom(8)
  for (let i = 0; i < 60; i++) {
    const token = new Uint8Array(1 + 2 * i)
    random.fill(token)
    const connection = pair.connect({ token })
    pair.run(() => connection.state !== 'connecting', 3000)
    expect(['connected', 'closed', 'draining', 'closing']).toContain(connection.state)
    connection.close({ code: 0n, reason: '' }, pair.now)
    pair.client.endpoint.wake(connection)
    pair.run(() => false, 500)
  }
  const traffic = new Traffic(pair)
  const { client } = pair.handshake()
  traffic.send(client, 'unidirectional', 1000)
  pair.run(() => traffic.completed('server') === 1, 2000)
  expect(traffic.completed('server')).toBe(1)
})
