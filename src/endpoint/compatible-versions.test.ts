/** Compatible version negotiation over a network (RFC 9368, RFC 9369 §4). */
import { describe, expect, test } from 'vitest'
import type { ConnectionOptions } from '../connection/config.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader } from '../wire/long-header.ts'
import type { ObservedVersions } from '../wire/observer.ts'
import { PacketType } from '../wire/packet-type.ts'
import { encodeVersionNegotiation } from '../wire/special-packets.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { firstVisit, nextVisit, ticketTerms } from './early-data.fixtures.ts'
import { sealInitial } from './initial-packets.fixtures.ts'
import { quickCrypto, quickHybridCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, testIdentity } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()
const BOTH = [VERSION_1, VERSION_2]

interface Packet {
  readonly from: 'client' | 'server'
  readonly type: PacketType | undefined
  readonly version: number
}

/** A pair whose server would rather speak the other version than the client begins with, and the long headers that it saw. */
function upgrading(options: PairOptions = {}, first: number = VERSION_1) {
  const packets: Packet[] = []
  const header = new LongHeader()
  header.anyFixedBit = true
  const pair = new Pair({
    crypto,
    ...options,
    client: { version: first, handshakeTimeout: 60_000, maxIdleTimeout: 60_000, ...options.client },
    server: {
      preferredVersions: [first === VERSION_1 ? VERSION_2 : VERSION_1],
      handshakeTimeout: 60_000,
      maxIdleTimeout: 60_000,
      ...options.server,
    },
    listen: { versions: BOTH, ...options.listen },
    tap: (bytes, from, now, route) => {
      for (let at = 0; at < bytes.length && (bytes[at] ?? 0) >= 0x80; at = header.packetEnd) {
        if (!header.parse(bytes, at, bytes.length)) break
        packets.push({ from, type: header.type, version: header.version })
      }
      return options.tap?.(bytes, from, now, route) ?? true
    },
  })
  return { pair, packets }
}

/** A chain whose flight takes several datagrams. */
function longChain() {
  const identity = testIdentity(crypto)
  const chain = Array.from({ length: 15 }, () => identity.chain[0] ?? new Uint8Array(0))
  return { selectIdentity: () => ({ ...identity, chain }) }
}

describe.each([
  ['1 to 2', VERSION_1, VERSION_2],
  ['2 to 1', VERSION_2, VERSION_1],
])('From version %s', (_name, first, second) => {
  //= rfc9369#4-p2-1
  //= rfc9368#8-p1-2
  //= rfc9369#4.1-p4-1
  //= rfc9369#4.1-p7-1
  //= rfc9369#4.1-p8-1
  //= rfc9369#4-p3-1
  test('a server changes without a round trip, and the client follows its first packet', () => {
    const seen: ObservedVersions[] = []
    const observer = { versionInformation: (versions: ObservedVersions) => void seen.push(versions) }
    const { pair, packets } = upgrading({ clientObserver: observer, serverObserver: observer }, first)
    const begin = pair.now
    const { client, server } = pair.handshake()
    expect([client.version, server.version, pair.now - begin]).toEqual([second, second, 40])
    const [hello, ...others] = packets
    expect(hello).toEqual({ from: 'client', type: PacketType.initial, version: first })
    expect(others.length).toBeGreaterThan(3)
    for (const packet of others) expect(packet.version).toBe(second)
    expect(pair.client.of('version-changed')).toEqual([{ type: 'version-changed', version: second }])
    expect(pair.client.of('connected')).toMatchObject([{ version: second }])
    expect(pair.server.of('connected')).toMatchObject([{ version: second }])
    expect(seen.slice(-2).map(({ chosen }) => chosen)).toEqual([second, second])
    expect(client.peerParameters?.versionInformation?.chosen).toBe(second)
    expect(server.peerParameters?.versionInformation?.chosen).toBe(first)
    const traffic = new Traffic(pair)
    traffic.send(client, 'bidirectional', 20_000, 20_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 30_000)).toBe(true)
    expect(client.updateKeys(pair.now)).toBe(true)
    pair.client.endpoint.wake(client)
    pair.run(() => pair.client.of('keys-updated').length > 0, 1000)
    expect(pair.client.of('keys-updated')).toHaveLength(1)
  })

  //= rfc9369#4.1-p2-1
  //= rfc9369#4.1-p2-2
  //= rfc9369#4.1-p3-1
  test('a Retry is of the first version, and so is what answers it', () => {
    const { pair, packets } = upgrading({ listen: { retry: 'always' } }, first)
    const { client, server } = pair.handshake()
    expect([client.version, server.version]).toEqual([second, second])
    expect(packets.slice(0, 3)).toEqual([
      { from: 'client', type: PacketType.initial, version: first },
      { from: 'server', type: PacketType.retry, version: first },
      { from: 'client', type: PacketType.initial, version: first },
    ])
    expect(packets.slice(3).map(({ version }) => version)).toEqual(packets.slice(3).map(() => second))
  })

  test('acknowledgements of half a ClientHello are of the first version, CRYPTO of the second', () => {
    const lost = { count: 0 }
    const { pair, packets } = upgrading(
      {
        crypto: quickHybridCrypto(),
        // The second datagram of the ClientHello is lost once.
        tap: (_bytes, from) => from === 'server' || ++lost.count !== 2,
      },
      first,
    )
    const { client, server } = pair.handshake()
    expect([client.version, server.version]).toEqual([second, second])
    const answers = packets.filter(({ from }) => from === 'server').map(({ version }) => version)
    expect(answers[0]).toBe(first)
    expect(answers.slice(answers.indexOf(second)).every((version) => version === second)).toBe(true)
    const told = packets.filter(({ from, type }) => from === 'client' && type === PacketType.handshake)
    expect(told.every(({ version }) => version === second)).toBe(true)
  })

  //= rfc9369#4.1-p7-2
  test('a server that has changed still reads Initial packets of the first version, until the client has changed too', () => {
    let isCut = true
    const { pair, packets } = upgrading({ tap: (_, from) => !(isCut && from === 'server') }, first)
    const client = pair.connect()
    const sent = () => packets.filter(({ from }) => from === 'client').length
    pair.run(() => sent() === 3, 10_000)
    pair.run(() => false, 10)
    const server = pair.server.connections[0]
    expect(packets.filter(({ from }) => from === 'client').every(({ version }) => version === first)).toBe(true)
    expect([server?.version, server?.stats().packetsReceived, server?.stats().packetsDropped]).toEqual([second, 3, 0])
    isCut = false
    pair.run(() => client.isHandshakeConfirmed, 10_000)
    expect([client.state, client.version]).toEqual(['connected', second])
  })

  test('a HelloRetryRequest is of the second version already', () => {
    const hybrid = quickHybridCrypto()
    const { pair, packets } = upgrading(
      { crypto: hybrid, clientTls: { shares: [0x1d], groups: [0x11ec, 0x1d] }, serverTls: { groups: [0x11ec] } },
      first,
    )
    const { client } = pair.handshake()
    expect(client.version).toBe(second)
    expect(packets.slice(1).every(({ version }) => version === second)).toBe(true)
  })
})

describe.each<[string, PairOptions]>([
  ['a short chain', {}],
  ['a long chain', { serverTls: longChain() }],
  ['a ClientHello of two datagrams', { crypto: quickHybridCrypto() }],
  ['Retry and a long chain', { serverTls: longChain(), listen: { retry: 'always' } }],
])('A change of versions with %s', (_name, options) => {
  /** Shakes hands without some datagrams; what is told of each side. */
  function survives(isLost: (index: number, from: 'client' | 'server') => boolean): { client: number; server: number } {
    const count = { client: 0, server: 0 }
    const { pair } = upgrading({ ...options, tap: (_, from) => !isLost(count[from]++, from) })
    const client = pair.connect()
    expect(runChecked(pair, () => client.isHandshakeConfirmed, 30_000)).toBe(true)
    expect([client.version, pair.server.connections.length]).toEqual([VERSION_2, 1])
    return count
  }

  test('survives the loss of any one datagram, in either direction', () => {
    const count = survives(() => false)
    for (const side of ['client', 'server'] as const) {
      for (let lost = 0; lost < Math.min(count[side], 10); lost++) {
        survives((index, from) => from === side && index === lost)
      }
    }
  })

  test('settles with loss, reordering, duplication and corruption', () => {
    forSeeds(6, (seed) => {
      const { pair } = upgrading({
        ...options,
        seed,
        network: { loss: 0.25, jitter: 30, duplicate: 0.1, corrupt: 0.05 },
      })
      const client = pair.connect()
      runChecked(pair, () => client.isHandshakeConfirmed || client.closeReason !== undefined, 60_000)
      expect([client.isHandshakeConfirmed, client.version]).toEqual([true, VERSION_2])
    })
  })
})

describe('A client', () => {
  test('that offers one version alone keeps it', () => {
    const { pair, packets } = upgrading({ client: { versions: [VERSION_1] } })
    const { client, server } = pair.handshake()
    expect([client.version, server.version]).toEqual([VERSION_1, VERSION_1])
    expect(packets.every(({ version }) => version === VERSION_1)).toBe(true)
  })

  test('takes Handshake packets that overtook the Initial packet of their version', () => {
    const { pair } = upgrading({ tap: (bytes, from) => from === 'client' || split(bytes) })
    /** Sends the packets of one datagram on their own, the last first. */
    const split = (bytes: Uint8Array): boolean => {
      const header = new LongHeader()
      header.anyFixedBit = true
      if (!header.parse(bytes, 0, bytes.length) || header.packetEnd === bytes.length) return true
      pair.inject(bytes.slice(header.packetEnd), 'client', pair.server.address)
      pair.inject(bytes.slice(0, header.packetEnd), 'client', pair.server.address)
      return false
    }
    const begin = pair.now
    const { client } = pair.handshake()
    expect([client.version, pair.now - begin]).toEqual([VERSION_2, expect.toSatisfy((took) => took < 60)])
  })

  //= rfc9369#4.1-p8-2
  test('drops what comes in another version once the server has spoken in the first', () => {
    let hello: Uint8Array | undefined
    const pair = new Pair({
      crypto,
      listen: { versions: BOTH },
      serverTls: longChain(),
      tap: (bytes, from) => {
        if (from === 'client') hello ??= bytes.slice()
        return true
      },
    })
    const client = pair.connect()
    // The ServerHello has come, and not all that follows.
    pair.run(() => client.stats().packetsReceived > 0, 1000)
    const header = new LongHeader()
    if (hello === undefined || !header.parse(hello, 0, hello.length)) throw new Error('No ClientHello')
    const before = client.stats()
    const forged = sealInitial({
      original: header.destinationId(),
      from: 'server',
      destination: header.sourceId(),
      source: ConnectionId.from(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
      number: 9,
      frames: Uint8Array.of(1),
      version: VERSION_2,
    })
    pair.inject(forged, 'client', pair.server.address)
    pair.run(() => false, 0)
    expect(client.stats().packetsDropped).toBe(before.packetsDropped + 1)
    pair.run(() => client.isHandshakeConfirmed, 5000)
    expect([client.state, client.version]).toEqual(['connected', VERSION_1])
  })

  //= rfc9369#5-p1-1
  test('gets tokens and tickets of the version that was agreed on, and the server takes them in no other', () => {
    const { pair } = upgrading({ listen: { retry: 'always' } })
    pair.handshake()
    pair.run(() => pair.client.of('new-token').length > 0, 1000)
    const [{ token } = { token: undefined }] = pair.client.of('new-token')
    if (token === undefined) throw new Error('No token')
    const began = (version: number, given: Uint8Array): number => {
      const before = pair.datagrams
      const begin = pair.now
      const next = pair.connect({ token: given, config: { version, versions: BOTH } })
      pair.run(() => next.isHandshakeConfirmed, 5000)
      expect([next.state, pair.datagrams > before]).toEqual(['connected', true])
      return pair.now - begin
    }
    // A token that is refused costs the round trip of a Retry.
    expect(began(VERSION_1, token) - began(VERSION_2, token)).toBe(20)
  })
})

//= rfc9369#4.1-p9-1
//= rfc9369#5-p2-1
test('0-RTT packets are of the first version to the end, and are taken; the ticket is one of that version', () => {
  const versions = BOTH
  const acceptEarlyData = (): boolean => true
  const session = firstVisit({ tickets: ticketTerms({ acceptEarlyData }), listen: { versions } })
  const sent: number[] = []
  const { client, pair, server, traffic } = nextVisit(session, {
    listen: { versions },
    server: { preferredVersions: [VERSION_2] },
    tickets: ticketTerms({ acceptEarlyData }),
    clientObserver: {
      packetSent: ({ type, version = 0 }) => {
        if (type === PacketType.zeroRtt) sent.push(version)
      },
    },
  })
  traffic.send(client, 'bidirectional', 5000, 5000)
  expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
  expect([client.version, server().version]).toEqual([VERSION_2, VERSION_2])
  expect(client.completion).toMatchObject({ resumed: true, earlyData: true })
  expect(sent.length).toBeGreaterThan(3)
  expect(new Set(sent)).toEqual(new Set([VERSION_1]))
  // Its tickets are of the version that was agreed on, and worth nothing where a connection begins with the other.
  pair.run(() => pair.client.of('session-ticket').length > 0, 1000)
  const [next] = pair.client.of('session-ticket')
  expect(next?.session.version).toBe(VERSION_2)
  if (next === undefined) return
  const again = nextVisit({ ...next.session, version: VERSION_1 }, { listen: { versions }, tickets: ticketTerms() })
  again.pair.run(() => again.client.isHandshakeConfirmed, 10_000)
  expect(again.client.completion).toMatchObject({ resumed: false })
})

describe('Version Negotiation', () => {
  /** A pair whose tap hands the client a forged Version Negotiation packet in answer to its first packet. */
  function forging(versions: readonly number[], client: ConnectionOptions, serverVersions: readonly number[] = BOTH) {
    let isForged = false
    const pair: Pair = new Pair({
      crypto,
      client,
      server: { preferredVersions: [] },
      listen: { versions: serverVersions },
      tap: (bytes, from) => {
        if (from === 'server' || isForged) return true
        isForged = true
        const header = new LongHeader()
        header.parse(bytes, 0, bytes.length)
        const ids = { destination: header.sourceId(), source: header.destinationId() }
        pair.inject(encodeVersionNegotiation({ ...ids, versions }), 'client', pair.server.address)
        return false
      },
    })
    const connection = pair.connect()
    pair.run(() => connection.isHandshakeConfirmed || connection.state === 'closed', 20_000)
    return { pair, connection }
  }

  test('that somebody made up to keep both ends from their best version is found out', () => {
    const { connection, pair } = forging([VERSION_1], { version: VERSION_2, versions: [VERSION_2, VERSION_1] })
    expect(connection.closeReason).toMatchObject({
      kind: 'transport',
      side: 'local',
      code: TransportErrorCode.VERSION_NEGOTIATION_ERROR,
    })
    expect(pair.server.connections[0]?.closeReason).toMatchObject({ side: 'remote' })
  })

  //= rfc9368#6-p4-1
  test('begins another attempt, whose ClientHello tells its own version', () => {
    const { connection, pair } = forging([VERSION_1], { version: VERSION_2, versions: [VERSION_2, VERSION_1] }, [
      VERSION_1,
    ])
    expect([connection.state, connection.version]).toEqual(['connected', VERSION_1])
    expect(pair.server.connections[0]?.peerParameters?.versionInformation?.chosen).toBe(VERSION_1)
  })

  test('may be followed by a change to a compatible version', () => {
    const pair = new Pair({
      crypto,
      client: { version: 0x1a2a3a4a, versions: BOTH },
      server: { versions: BOTH, preferredVersions: [VERSION_2] },
      listen: { versions: BOTH },
    })
    const { client, server } = pair.handshake()
    expect([client.version, server.version]).toEqual([VERSION_2, VERSION_2])
    expect(pair.client.of('version-changed').map(({ version }) => version)).toEqual([VERSION_1, VERSION_2])
  })

  test('leads on, under loss, with a ClientHello of two datagrams', () => {
    forSeeds(3, (seed) => {
      const pair = new Pair({
        seed,
        crypto: quickHybridCrypto(),
        network: { loss: 0.2, jitter: 10 },
        client: { version: VERSION_2, versions: [VERSION_2, VERSION_1], handshakeTimeout: 60_000 },
        server: { handshakeTimeout: 60_000 },
      })
      const client = pair.connect()
      runChecked(pair, () => client.isHandshakeConfirmed, 60_000)
      expect([client.isHandshakeConfirmed, client.version]).toEqual([true, VERSION_1])
    })
  })
})

describe('The QUIC bit', () => {
  /** First bytes of the datagrams of each side, of one exchange. */
  function firstBytes(client: ConnectionOptions, server: ConnectionOptions) {
    const seen: { from: 'client' | 'server'; first: number }[] = []
    const pair = new Pair({
      crypto,
      client,
      server,
      tap: (bytes, from) => {
        seen.push({ from, first: bytes[0] ?? 0 })
        return true
      },
    })
    const traffic = new Traffic(pair)
    const { client: connection } = pair.handshake()
    traffic.send(connection, 'bidirectional', 100_000, 100_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    const cleared = (from: 'client' | 'server') =>
      seen.filter((each) => each.from === from && (each.first & 0x40) === 0)
    return { seen, client: cleared('client'), server: cleared('server') }
  }

  //= rfc9287#3-p2-1
  //= rfc9287#3.1-p1-1
  test('is cleared at random by both ends where both take it so', () => {
    const { client, seen, server } = firstBytes({}, {})
    expect(client.length).toBeGreaterThan(10)
    expect(server.length).toBeGreaterThan(10)
    expect(client.length + server.length).toBeLessThan(seen.length * 0.7)
    //= rfc9287#3.1-p3-1
    //= rfc9287#3.1-p5-1
    // Before a parameter of the peer was seen it is set.
    expect((seen[0]?.first ?? 0) & 0x40).toBe(0x40)
  })

  //= rfc9287#3.1-p6-1
  test('is set by whoever does not know that the peer takes it otherwise', () => {
    const one = firstBytes({ greaseQuicBit: false }, {})
    expect([one.client.length, one.server.length]).toEqual([0, 0])
    const other = firstBytes({}, { greaseQuicBit: false })
    expect([other.client.length, other.server.length]).toEqual([0, 0])
  })

  //= rfc9287#3.1-p5-2
  test('is set again at the beginning of the next connection', () => {
    const seen: number[] = []
    const pair = new Pair({
      crypto,
      tap: (bytes) => {
        seen.push(bytes[0] ?? 0)
        return true
      },
    })
    for (let count = 0; count < 12; count++) {
      const before = seen.length
      pair.handshake()
      expect((seen[before] ?? 0) & 0x40).toBe(0x40)
      pair.run(() => false, 200)
    }
  })
})
