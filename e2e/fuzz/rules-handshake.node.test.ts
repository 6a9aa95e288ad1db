/** Proves: transport parameters that are wrong, missing or doubled, CRYPTO of a level that is over, small Initial datagrams and floods end as RFC 9000 says, or change nothing. */
import { describe, expect, test } from 'vitest'
import { equalBytes } from '../../src/base/bytes.ts'
import { validateConnectionConfig } from '../../src/connection/config.ts'
import type { Connection } from '../../src/connection/connection.ts'
import { Pair, TEST_WALL_CLOCK, testIdentity } from '../../src/endpoint/test-pair.fixtures.ts'
import { createClientSession } from '../../src/tls/client-session.ts'
import { createServerSession } from '../../src/tls/server-session.ts'
import { ConnectionId } from '../../src/wire/connection-id.ts'
import { FrameType } from '../../src/wire/frame.ts'
import { FrameDecoder } from '../../src/wire/frame-decode.ts'
import { PacketType, type ProtectedPacketType } from '../../src/wire/packet-type.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { insecureVerifier } from '../../src/x509/certificate-verifier.ts'
import { fuzzCrypto, MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'
import { idBytes, newId } from './rules.fixtures.ts'

type Entry = [id: bigint, value: Uint8Array]

/** Transport parameters as a list, which may hold anything. */
function toEntries(bytes: Uint8Array): Entry[] {
  const entries: Entry[] = []
  let at = 0
  const next = (): bigint => {
    const length = 1 << ((bytes[at] ?? 0) >> 6)
    let value = BigInt((bytes[at] ?? 0) & 0x3f)
    for (let index = 1; index < length; index++) value = (value << 8n) | BigInt(bytes[at + index] ?? 0)
    at += length
    return value
  }
  while (at < bytes.length) {
    const id = next()
    const length = Number(next())
    entries.push([id, bytes.slice(at, at + length)])
    at += length
  }
  return entries
}

function fromEntries(entries: readonly Entry[]): Uint8Array {
  return Uint8Array.from(entries.flatMap(([id, value]) => [...v(id), ...v(value.length), ...value]))
}

/** A handshake in which the parameters of `liar` are what `edit` makes of them. */
function handshake(liar: Role, edit: (bytes: Uint8Array) => Uint8Array, retry: boolean) {
  const pair = new Pair({ crypto: fuzzCrypto, listen: { retry: retry ? 'always' : 'never' } })
  const wallClock = () => TEST_WALL_CLOCK + pair.now
  const common = { crypto: fuzzCrypto, suites: fuzzCrypto.suites, random: pair.random, wallClock, alpn: ['test'] }
  const config = validateConnectionConfig({})
  const lie = (role: Role, own: (peer: Uint8Array | undefined) => Uint8Array) => (peer: Uint8Array | undefined) =>
    role === liar ? edit(own(peer)) : own(peer)
  let server: Connection | undefined
  pair.onIncoming = (incoming) => {
    if (incoming.facts.addressValidated !== retry) return
    const selectIdentity = () => testIdentity(fuzzCrypto)
    server = pair.server.endpoint.accept(
      incoming,
      {
        config,
        createTls: (parameters) =>
          createServerSession({ ...common, selectIdentity, parameters: lie('server', parameters) }),
      },
      pair.now,
    )
  }
  const verifier = insecureVerifier
  const client = pair.client.endpoint.connect(
    {
      carrier: pair.client.carrier,
      remoteAddress: pair.server.address,
      config,
      createTls: (parameters) =>
        createClientSession({
          ...common,
          serverName: 'localhost',
          verifier,
          parameters: lie('client', parameters),
        }),
    },
    pair.now,
  )
  pair.run(() => client.isHandshakeConfirmed || client.state === 'closed', 30_000)
  return { pair, client, server }
}

const ORIGINAL_DESTINATION = 0x00n
const RESET_TOKEN = 0x02n
const INITIAL_SOURCE = 0x0fn
const RETRY_SOURCE = 0x10n
const BOTH = ['client', 'server'] as const

const drop = (id: bigint) => (entries: Entry[]) => entries.filter(([other]) => other !== id)
const put = (id: bigint, value: readonly number[]) => (entries: Entry[]) => [
  ...drop(id)(entries),
  [id, Uint8Array.from(value)] as Entry,
]
/** RFC 9000 §18.2: addresses and ports, an id of so many bytes, its token. */
const preferredAddress = (idLength: number): number[] => [
  ...idBytes(1, 24),
  idLength,
  ...idBytes(3, idLength),
  ...idBytes(2, 16),
]
const damage = (id: bigint) => (entries: Entry[]) =>
  entries.map(([other, value]): Entry => [other, other === id ? value.map((byte) => byte ^ 1) : value])
const shorten = (id: bigint) => (entries: Entry[]) =>
  entries.map(([other, value]): Entry => [other, other === id ? value.subarray(1) : value])

type Lie = readonly [
  name: string,
  liars: readonly Role[],
  edit: (entries: Entry[]) => Entry[],
  options?: { readonly retry?: boolean; readonly isHarmless?: boolean; readonly code?: bigint },
]

const VERSIONS = 0x11n
const ONE = [0, 0, 0, 1]
const TWO = [0x6b, 0x33, 0x43, 0xcf]
/** RFC 9368 §4. */
const MISMATCH = { code: E.VERSION_NEGOTIATION_ERROR }

const LIES: readonly Lie[] = [
  ['nothing changed', BOTH, (entries) => entries, { isHarmless: true }],
  ['nothing changed, after Retry', BOTH, (entries) => entries, { retry: true, isHarmless: true }],
  ['an unknown parameter', BOTH, put(0x7777n, [1, 2, 3]), { isHarmless: true }],
  ['initial_source_connection_id is missing', BOTH, drop(INITIAL_SOURCE)],
  ['initial_source_connection_id is another', BOTH, damage(INITIAL_SOURCE)],
  ['initial_source_connection_id is shorter', BOTH, shorten(INITIAL_SOURCE)],
  ['initial_source_connection_id is empty', BOTH, put(INITIAL_SOURCE, [])],
  ['initial_source_connection_id has 21 bytes', BOTH, put(INITIAL_SOURCE, idBytes(1, 21))],
  ['original_destination_connection_id is missing', ['server'], drop(ORIGINAL_DESTINATION)],
  ['original_destination_connection_id is another', ['server'], damage(ORIGINAL_DESTINATION)],
  [
    'original_destination_connection_id is missing after Retry',
    ['server'],
    drop(ORIGINAL_DESTINATION),
    { retry: true },
  ],
  [
    'original_destination_connection_id is another after Retry',
    ['server'],
    damage(ORIGINAL_DESTINATION),
    { retry: true },
  ],
  ['retry_source_connection_id is missing after Retry', ['server'], drop(RETRY_SOURCE), { retry: true }],
  ['retry_source_connection_id is another after Retry', ['server'], damage(RETRY_SOURCE), { retry: true }],
  ['retry_source_connection_id is there without Retry', ['server'], put(RETRY_SOURCE, idBytes(1))],
  ['original_destination_connection_id from a client', ['client'], put(ORIGINAL_DESTINATION, idBytes(1))],
  ['stateless_reset_token from a client', ['client'], put(RESET_TOKEN, idBytes(1, 16))],
  ['preferred_address from a client', ['client'], put(0x0dn, [...idBytes(1, 24), 8, ...idBytes(1), ...idBytes(2, 16)])],
  ['preferred_address with an empty id', ['server'], put(0x0dn, preferredAddress(0))],
  ['preferred_address with an id of 21 bytes', ['server'], put(0x0dn, preferredAddress(21))],
  ['preferred_address cut short', ['server'], put(0x0dn, preferredAddress(8).slice(1))],
  ['preferred_address with a byte too many', ['server'], put(0x0dn, [...preferredAddress(8), 0])],
  ['retry_source_connection_id from a client', ['client'], put(RETRY_SOURCE, idBytes(1))],
  ['stateless_reset_token of 15 bytes', ['server'], put(RESET_TOKEN, idBytes(1, 15))],
  ['max_udp_payload_size below 1200', BOTH, put(0x03n, v(1199))],
  ['ack_delay_exponent above 20', BOTH, put(0x0an, v(21))],
  ['min_ack_delay above max_ack_delay', BOTH, put(0xff04de1bn, v(25_001))],
  ['max_ack_delay of 2^14', BOTH, put(0x0bn, v(1 << 14))],
  ['active_connection_id_limit of 1', BOTH, put(0x0en, v(1))],
  ['initial_max_streams_bidi above 2^60', BOTH, put(0x08n, v((1n << 60n) + 1n))],
  ['initial_max_streams_uni above 2^60', BOTH, put(0x09n, v((1n << 60n) + 1n))],
  ['disable_active_migration with a value', BOTH, put(0x0cn, [1])],
  ['a number with a byte too many', BOTH, put(0x04n, [1, 2])],
  ['a number without a byte', BOTH, put(0x04n, [])],
  ['grease_quic_bit with a value', BOTH, put(0x2ab2n, [1])],
  ['version_information is missing', BOTH, drop(VERSIONS), { isHarmless: true }],
  ['version_information has no other versions', ['server'], put(VERSIONS, ONE), { isHarmless: true }],
  ['version_information is empty', BOTH, put(VERSIONS, [])],
  ['version_information has a byte too few', BOTH, shorten(VERSIONS)],
  ['version_information has a version 0', BOTH, put(VERSIONS, [...ONE, ...ONE, 0, 0, 0, 0])],
  ['version_information chooses version 0', BOTH, put(VERSIONS, [0, 0, 0, 0, ...ONE])],
  ['version_information does not offer what it chooses', ['client'], put(VERSIONS, [...ONE, ...TWO])],
  ['version_information chooses another version', BOTH, put(VERSIONS, [...TWO, ...ONE, ...TWO]), MISMATCH],
  ['version_information chooses a strange version', BOTH, put(VERSIONS, [1, 2, 3, 4, 1, 2, 3, 4]), MISMATCH],
  ['a parameter twice', BOTH, (entries) => [...entries, [0x0bn, Uint8Array.of(1)], [0x0bn, Uint8Array.of(1)]]],
]

//= rfc9000#7.3-p3-2
//= rfc9368#4-p3-1
//= rfc9000#7.3-p4-1
//= rfc9000#7.3-p5-1
//= rfc9000#7.4-p6-1
//= rfc9000#7.4-p7-2
//= rfc9000#18.2-p8-2
//= rfc9000#18.2-p6.2-2
describe('Transport parameters of which', () => {
  for (const [name, liars, edit, options] of LIES) {
    for (const liar of liars) {
      test(`${name}, of a ${liar}`, () => {
        const { client, server } = handshake(
          liar,
          (bytes) => fromEntries(edit(toEntries(bytes))),
          options?.retry ?? false,
        )
        const victim = liar === 'client' ? server : client
        if (options?.isHarmless === true) return expect(client.isHandshakeConfirmed).toBe(true)
        const code = options?.code ?? E.TRANSPORT_PARAMETER_ERROR
        expect(victim?.closeReason).toMatchObject({ kind: 'transport', side: 'local', code })
        const other = liar === 'client' ? client : server
        expect(other?.closeReason).toMatchObject({ kind: 'transport', side: 'remote', code })
      })
    }
  }

  test('every byte is cut off, one after the other, refuse or connect, and never fail otherwise', () => {
    for (const liar of BOTH) {
      for (let length = 0; length < 120; length++) {
        const { client, server } = handshake(liar, (bytes) => bytes.subarray(0, length), false)
        const reason = (liar === 'client' ? server : client)?.closeReason
        if (reason === undefined) continue
        expect(reason).toMatchObject({ kind: 'transport', side: 'local', code: E.TRANSPORT_PARAMETER_ERROR })
      }
    }
  })
})

/** The end of what a side has sent in CRYPTO frames of a level. */
function cryptoEnd(peer: MisbehavingPeer, role: Role, type: ProtectedPacketType): number {
  let end = 0
  const decoder = new FrameDecoder()
  for (const packet of peer.packets) {
    if (packet.from !== role || packet.type !== type) continue
    decoder.reset(packet.payload, 0, packet.payload.length, type)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      if (frame.type === FrameType.crypto) end = Math.max(end, frame.offset + frame.length)
    }
  }
  return end
}

describe('CRYPTO of a level that is over', () => {
  //= rfc9001#4.1.3-p10.2-2
  test.each([
    ['client', 'initial', PacketType.initial],
    ['server', 'handshake', PacketType.handshake],
  ] as const)('from a %s that adds to level %s', (role, _, type) => {
    const peer = new MisbehavingPeer(role).connect('handshake')
    const end = cryptoEnd(peer, role, type)
    expect(end).toBeGreaterThan(50)
    // What was said before may be said again.
    peer.send([0x06, ...v(end - 4), 4, 1, 2, 3, 4], { type })
    expect(peer.closeReason).toBeUndefined()
    peer.send([0x06, ...v(end), 4, 24, 0, 0, 0], { type })
    expect(peer.closeReason).toMatchObject({ kind: 'transport', code: E.PROTOCOL_VIOLATION, frameType: 6n })
    expect(peer.closeOnWire()).toEqual({ errorCode: E.PROTOCOL_VIOLATION, frameType: 6n })
  })
})

describe('What is dropped', () => {
  //= rfc9000#14.1-p4-1
  test('Initial packets of a client in datagrams below 1,200 bytes', () => {
    const pair = new Pair({
      crypto: fuzzCrypto,
      tap: (bytes, from) => {
        if (from === 'server') return true
        pair.inject(bytes.subarray(0, 1199), 'server', pair.client.address)
        return false
      },
    })
    const client = pair.connect()
    pair.run(() => client.state === 'closed', 60_000)
    expect(pair.server.connections.length).toBe(0)

    const peer = new MisbehavingPeer('client').connect('initial')
    const before = peer.packets.length
    peer.send([0x20], { type: PacketType.initial, datagramSize: 64 })
    expect([peer.closeReason, peer.packets.length]).toEqual([undefined, before])
    peer.send([0x20], { type: PacketType.initial, datagramSize: 1200 })
    expect(peer.closeReason).toMatchObject({ code: E.FRAME_ENCODING_ERROR })
  })
})

describe('A violation in a packet that nobody has to believe is dropped with it:', () => {
  const DIRTY = [0x20, 0, 0, 0]

  //= rfc9000#17.2.2-p4.2-1
  test('an Initial packet of a server with a token', () => {
    const peer = new MisbehavingPeer('server').connect('initial')
    peer.send(DIRTY, { type: PacketType.initial, token: Uint8Array.of(1, 2, 3) })
    expect(peer.closeReason).toBeUndefined()
    peer.send(DIRTY, { type: PacketType.initial })
    expect(peer.closeReason).toMatchObject({ code: E.FRAME_ENCODING_ERROR })
  })

  test.each(BOTH)('from a %s with another source id than that of its first packet', (role) => {
    const peer = new MisbehavingPeer(role).connect('handshake')
    const source = ConnectionId.from(Uint8Array.from(idBytes(77)))
    peer.send(DIRTY, { type: PacketType.handshake, source })
    expect(peer.closeReason).toBeUndefined()
    peer.send(DIRTY, { type: PacketType.handshake })
    expect(peer.closeReason).toMatchObject({ code: E.FRAME_ENCODING_ERROR })
  })

  test.each(BOTH)('from a %s under a number that was there before', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    const number = peer.nextNumber(PacketType.oneRtt)
    peer.send([1], { number })
    peer.send(DIRTY, { number })
    expect(peer.closeReason).toBeUndefined()
  })

  test.each(BOTH)('from a %s, Handshake and Initial packets after the handshake', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    for (const type of [PacketType.initial, PacketType.handshake]) peer.send(DIRTY, { type })
    expect(peer.closeReason).toBeUndefined()
  })

  test.each(BOTH)('from a %s that has been told of the end: it is told again, and ever more rarely', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    peer.send(DIRTY)
    const { closeReason } = peer
    const before = peer.pair.datagrams
    for (let count = 0; count < 100; count++) peer.send(DIRTY)
    expect(peer.closeReason).toBe(closeReason)
    expect(peer.pair.datagrams - before).toBeGreaterThan(3)
    expect(peer.pair.datagrams - before).toBeLessThan(12)
  })
})

describe('Floods by a peer that acknowledges nothing', () => {
  test.each(BOTH)('PATH_CHALLENGE by a %s: a few answers wait, never more', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    peer.records = false
    let answers = 0
    for (let index = 0; index < 100_000; index += 100) {
      const challenges = Array.from({ length: 100 }, (_, at) => [0x1a, ...v(2 ** 40 + index + at, 8)]).flat()
      const before = peer.pair.datagrams
      peer.send(challenges)
      answers += peer.pair.datagrams - before
    }
    expect(peer.closeReason).toBeUndefined()
    // A packet of challenges gets a packet of answers at most, and acknowledgements.
    expect(answers).toBeLessThan(3000)
    peer.records = true
    peer.packets.length = 0
    peer.run(2000)
    const waiting = peer.framesOfVictim().filter((frame) => frame.type === FrameType.pathResponse)
    expect(waiting.length).toBeLessThan(20)
  })

  test.each(BOTH)('PATH_CHALLENGE by a %s from ever other addresses: paths and bytes are bounded', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    const { pair, victim } = peer
    let sent = 0
    for (let index = 0; index < 2000; index++) {
      const payload = [0x1a, 0, 0, 0, 0, 0, 0, 0, 1, ...new Array<number>(50).fill(0)]
      const datagram = peer.build(payload)
      sent += datagram.length
      const before = pair.datagrams
      pair.inject(datagram, peer.victimRole, `198.51.100.${index % 250}:${index}`)
      peer.run(0)
      expect(pair.datagrams - before).toBeLessThan(8)
    }
    expect(sent).toBeGreaterThan(0)
    expect(peer.closeReason).toBeUndefined()
    expect(victim.endpoint.connectionCount).toBe(1)
  })

  test.each(BOTH)('NEW_CONNECTION_ID by a %s below what is retired: the frames that wait are bounded', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    peer.send(newId(5000, 5000, idBytes(1)))
    for (let sequence = 10; sequence < 5000 && peer.closeReason === undefined; sequence++) {
      peer.send(newId(sequence, 0, [1, 2, 3, sequence >> 8, sequence & 0xff]))
    }
    expect(peer.closeReason).toMatchObject({ code: E.CONNECTION_ID_LIMIT_ERROR, frameType: 0x18n })
  })

  //= rfc9000#19.16-p7-1
  test.each(BOTH)('RETIRE_CONNECTION_ID by a %s, ever on: ends where none was announced any more', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    let sequence = 1
    for (; sequence < 300 && peer.closeReason === undefined; sequence++) peer.send([0x19, ...v(sequence)])
    expect(sequence).toBeLessThan(300)
    expect(peer.closeReason).toMatchObject({ code: E.PROTOCOL_VIOLATION, frameType: 0x19n })
  })

  test.each(BOTH)('streams by a %s, opened and reset at once: their credit comes back slowly', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    peer.records = false
    const first = role === 'client' ? 2 : 3
    let index = 0
    for (; index < 10_000 && peer.closeReason === undefined; index += 50) {
      peer.send(Array.from({ length: 50 }, (_, at) => [0x04, ...v(first + 4 * (index + at)), 0, 0]).flat())
      expect(peer.connection.streams.count).toBe(0)
    }
    expect(index).toBeLessThan(1000)
    expect(peer.closeReason).toMatchObject({ code: E.STREAM_LIMIT_ERROR, frameType: 4n })
  })

  //= rfc9000#13.1-p3-1
  test.each(BOTH)('ACK by a %s of a number that was left out', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    const seen = new Set<number>()
    let skipped = -1
    for (let round = 0; round < 6000 && skipped < 0; round++) {
      peer.packets.length = 0
      peer.send([1, 0, 0])
      peer.send([1, 0, 0])
      for (const { from, type, number } of peer.packets) {
        if (from === peer.victimRole && type === PacketType.oneRtt) seen.add(number)
      }
      const largest = Math.max(...seen)
      if (!seen.has(largest - 1) && seen.has(largest - 2)) skipped = largest - 1
    }
    expect(skipped).toBeGreaterThan(0)
    peer.send([0x02, ...v(skipped - 1), 0, 0, 0])
    expect(peer.closeReason).toBeUndefined()
    peer.send([0x02, ...v(skipped), 0, 0, 0])
    expect(peer.closeReason).toMatchObject({ code: E.PROTOCOL_VIOLATION, frameType: 2n })
  })
})

test('A lie is a lie: the tools of this file change nothing by themselves', () => {
  const bytes = Uint8Array.from([...v(4), 1, 9, ...v(0x7777), 2, 1, 2])
  expect(equalBytes(fromEntries(toEntries(bytes)), bytes)).toBe(true)
})
