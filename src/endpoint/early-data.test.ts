import { describe, expect, test } from 'vitest'
import { noble } from '../crypto/noble/provider.ts'
import { NamedGroup } from '../tls/code-points.ts'
import { EarlyDataRegister } from '../tls/early-data-register.ts'
import { ticketPolicy } from '../tls/resumption.fixtures.ts'
import { FrameType } from '../wire/frame.ts'
import { LongHeader } from '../wire/long-header.ts'
import type { Observer } from '../wire/observer.ts'
import { EncryptionLevel, PacketType } from '../wire/packet-type.ts'
import { isLongHeader } from '../wire/short-header.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { firstVisit, nextVisit, ticketTerms } from './early-data.fixtures.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, TEST_WALL_CLOCK } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'
import { Wiretap } from './wire-discipline.fixtures.ts'

/** The types of the packets of a datagram. */
function typesOf(bytes: Uint8Array): number[] {
  const header = new LongHeader()
  header.anyFixedBit = true
  const types: number[] = []
  for (let at = 0; at < bytes.length; at = header.packetEnd) {
    if (!isLongHeader(bytes[at] ?? 0)) return [...types, PacketType.oneRtt]
    if (!header.parse(bytes, at, bytes.length)) return types
    if (header.type !== undefined) types.push(header.type)
  }
  return types
}

const smallServer = {
  initialMaxData: 3_000,
  initialMaxStreamDataBidiRemote: 2_000,
  maxIncomingBidirectionalStreams: 2,
  maxReceiveWindow: 3_000,
}

describe('early data that is accepted', () => {
  test('goes with the ClientHello, is read at once, and answered before the handshake is complete', () => {
    const wiretap = new Wiretap()
    const first: number[][] = []
    const { pair, traffic, client, server } = nextVisit(firstVisit(), {
      ...wiretap.options,
      tap: (bytes, from) => {
        if (from === 'client' && first.length < 1) first.push(typesOf(bytes))
        return wiretap.options.tap(bytes, from)
      },
    })
    traffic.send(client, 'bidirectional', 500, 700)
    expect(client.state).toBe('connecting')
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    // One way: the client has heard nothing yet.
    expect(pair.now).toBe(1010)
    expect(server().completion).toBeUndefined()
    expect(pair.server.of('early-data')).toEqual([{ type: 'early-data', isAccepted: true, isResent: false }])
    expect(runChecked(pair, () => traffic.completed('client') === 1)).toBe(true)
    expect(pair.now).toBe(1020)
    expect(first).toEqual([[PacketType.initial, PacketType.zeroRtt]])
    runChecked(pair, () => client.isHandshakeConfirmed)
    expect(pair.client.of('early-data')).toEqual([{ type: 'early-data', isAccepted: true, isResent: false }])
    expect(pair.client.of('connected')[0]).toMatchObject({ resumed: true, earlyDataAccepted: true })
    expect(pair.server.of('connected')[0]).toMatchObject({ resumed: true, earlyDataAccepted: true })
    runChecked(pair, () => client.stats().bytesInFlight === 0, 2_000)
    expect(client.stats().packetsLost).toBe(0)
    expect(wiretap.faults).toEqual([])
  })

  test('may be much, within the remembered limits, and goes on in 1-RTT packets', () => {
    const { pair, traffic, client } = nextVisit(firstVisit())
    for (let count = 0; count < 5; count++) traffic.send(client, 'bidirectional', 100_000, 10_000)
    expect(runChecked(pair, () => traffic.completed('client') === 5, 60_000)).toBe(true)
    expect(client.stats().packetsLost).toBe(0)
  })

  //= rfc9000#7.4.1-p12-1
  test('keeps to the remembered limits although the server gives more now', () => {
    const session = firstVisit({ server: smallServer })
    const generous = { initialMaxData: 1_000_000, initialMaxStreamDataBidiRemote: 500_000 }
    const { pair, traffic, client } = nextVisit(session, { server: generous })
    expect(traffic.send(client, 'bidirectional', 50_000, 100)).toBeDefined()
    expect(traffic.send(client, 'bidirectional', 50_000, 100)).toBeDefined()
    expect(client.streams.open('bidirectional')).toBeUndefined()
    pair.run(() => pair.now >= 1010)
    expect(traffic.received('server')).toBe(3_000)
    expect(runChecked(pair, () => traffic.completed('client') === 2, 60_000)).toBe(true)
    expect(client.streams.open('bidirectional')).toBeDefined()
  })

  test('arrives under loss, reordering, duplication and corruption', () => {
    const session = firstVisit()
    forSeeds(12, (seed) => {
      const wiretap = new Wiretap()
      const patient = { handshakeTimeout: 60_000, maxIdleTimeout: 60_000 }
      const network = { loss: 0.15, jitter: 20, duplicate: 0.1, corrupt: 0.02 }
      const options = { seed, network, client: patient, server: patient, ...wiretap.options }
      const { pair, traffic, client } = nextVisit(session, options)
      for (let count = 0; count < 3; count++) traffic.send(client, 'bidirectional', 8_000, 8_000)
      expect(runChecked(pair, () => traffic.completed('client') === 3, 60_000)).toBe(true)
      expect(client.completion?.earlyData).toBe(true)
      expect(wiretap.faults).toEqual([])
    })
  })

  //= rfc9000#13.2.6-p2-1
  test('is acknowledged by 1-RTT packets', () => {
    const acknowledging = new Set<number>()
    const serverObserver: Observer = {
      packetSent: ({ type }, frames) => {
        if (frames.some((frame) => frame.type === FrameType.ack) && type === PacketType.oneRtt) acknowledging.add(type)
      },
    }
    const { pair, traffic, client } = nextVisit(firstVisit(), { serverObserver })
    traffic.send(client, 'unidirectional', 500)
    runChecked(pair, () => client.isHandshakeConfirmed)
    runChecked(pair, () => client.stats().bytesInFlight === 0, 2_000)
    expect(acknowledging).toEqual(new Set([PacketType.oneRtt]))
    expect(client.stats().packetsLost).toBe(0)
  })

  test('that overtakes the ClientHello waits for it', () => {
    const session = firstVisit()
    const held: Uint8Array[] = []
    const visit = nextVisit(session, {
      tap: (bytes, from) => {
        if (from !== 'client' || held.length > 0 || !typesOf(bytes).includes(PacketType.initial)) return true
        held.push(bytes)
        return false
      },
    })
    const { pair, traffic, client } = visit
    // The ClientHello goes first, and is late; the rest goes in datagrams of its own.
    traffic.send(client, 'bidirectional', 6_000, 10)
    pair.run(() => pair.now >= 1015)
    expect(pair.server.connections).toHaveLength(0)
    for (const bytes of held) pair.inject(bytes, 'server', pair.client.address)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
  })

  //= rfc9001#4.9.3-p2-1
  //= rfc9001#4.9.3-p3-1
  test('has keys only for as long as they are of use', () => {
    const discarded: string[] = []
    const observerOf = (name: string, now: () => number): Observer => ({
      keysDiscarded: (level) => {
        if (level === EncryptionLevel.zeroRtt) discarded.push(`${name} ${now()}`)
      },
    })
    const { pair, traffic, client } = nextVisit(firstVisit(), {
      clientObserver: observerOf('client', () => pair.now),
      serverObserver: observerOf('server', () => pair.now),
    })
    traffic.send(client, 'unidirectional', 500)
    runChecked(pair, () => client.isHandshakeConfirmed)
    expect(discarded).toEqual(['client 1020'])
    runChecked(pair, () => discarded.length === 2, 5_000)
    const at = Number(discarded[1]?.split(' ')[1])
    // Three probe timeouts after the first 1-RTT packet, which came at 1030.
    expect(at).toBeGreaterThan(1030 + 3 * 20)
    expect(at).toBeLessThan(3_000)
  })
})

describe('early data that is refused', () => {
  const refused = { tickets: ticketTerms({ acceptEarlyData: () => false }) }

  //= rfc9001#4.6.2-p2-1
  //= rfc9001#4.6.2-p3-1
  test('is not processed, and is sent anew after the handshake', () => {
    const wiretap = new Wiretap()
    const { pair, traffic, client } = nextVisit(firstVisit(), { ...refused, ...wiretap.options })
    for (let count = 0; count < 3; count++) traffic.send(client, 'bidirectional', 8_000, 8_000)
    pair.run(() => pair.now >= 1012)
    expect(traffic.received('server')).toBe(0)
    expect(runChecked(pair, () => traffic.completed('client') === 3, 60_000)).toBe(true)
    expect(client.completion).toMatchObject({ resumed: true, earlyData: false })
    expect(pair.client.of('early-data')).toEqual([{ type: 'early-data', isAccepted: false, isResent: true }])
    expect(pair.server.of('early-data')).toEqual([])
    expect(wiretap.faults).toEqual([])
  })

  test('is no sign of congestion', () => {
    const { pair, traffic, client } = nextVisit(firstVisit(), refused)
    const before = client.stats().congestionWindow
    traffic.send(client, 'bidirectional', 12_000, 8_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    expect(client.stats().congestionWindow).toBeGreaterThanOrEqual(before)
    expect(client.stats().packetsLost).toBe(0)
  })

  test.each<[string, PairOptions]>([
    [
      'a ticket that does not open',
      { tickets: ticketTerms({ sealer: { seal: () => new Uint8Array(9), open: () => undefined } }) },
    ],
    ['no tickets at all', { tickets: ticketTerms(), serverTls: { tickets: undefined } }],
    ['a HelloRetryRequest', { crypto: noble, serverTls: { groups: [NamedGroup.secp384r1] } }],
  ])('by %s, too', (_name, options) => {
    const { pair, traffic, client } = nextVisit(firstVisit(), options)
    traffic.send(client, 'bidirectional', 8_000, 8_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
  })

  //= rfc9000#7.4.1-p11-1
  //= rfc9000#7.4.1-p6-2
  test('by a server that gives less than it did; the smaller limits hold then', () => {
    const wiretap = new Wiretap()
    const { pair, traffic, client } = nextVisit(firstVisit(), { server: smallServer, ...wiretap.options })
    for (let count = 0; count < 6; count++) traffic.send(client, 'bidirectional', 8_000, 3_000)
    expect(runChecked(pair, () => traffic.completed('client') === 6, 60_000)).toBe(true)
    expect(client.completion).toMatchObject({ resumed: true, earlyData: false })
    expect(client.closeReason).toBeUndefined()
    expect(wiretap.faults).toEqual([])
  })

  test('arrives all the same under loss, reordering, duplication and corruption', () => {
    const session = firstVisit()
    forSeeds(12, (seed) => {
      const wiretap = new Wiretap()
      const patient = { handshakeTimeout: 60_000, maxIdleTimeout: 60_000 }
      const network = { loss: 0.15, jitter: 20, duplicate: 0.1, corrupt: 0.02 }
      const server = { ...patient, ...(seed % 2 === 0 && smallServer) }
      const { pair, traffic, client } = nextVisit(session, {
        ...refused,
        seed,
        network,
        client: patient,
        server,
        ...wiretap.options,
      })
      for (let count = 0; count < 3; count++) traffic.send(client, 'bidirectional', 8_000, 8_000)
      expect(runChecked(pair, () => traffic.completed('client') === 3, 60_000)).toBe(true)
      expect(client.completion?.earlyData).toBe(false)
      expect(wiretap.faults).toEqual([])
    })
  })

  test('is dropped where the server chooses another protocol', () => {
    const session = firstVisit()
    const { pair, traffic, client } = nextVisit(session, {
      clientTls: { alpn: ['test', 'other'] },
      serverTls: { alpn: ['other'] },
    })
    const early = traffic.send(client, 'bidirectional', 500, 500)
    runChecked(pair, () => client.isHandshakeConfirmed)
    expect(pair.client.of('early-data')).toEqual([{ type: 'early-data', isAccepted: false, isResent: false }])
    expect(pair.client.of('connected')[0]).toMatchObject({ alpn: 'other', earlyDataAccepted: false })
    expect(early?.send?.isWritable).toBe(false)
    expect(traffic.send(client, 'bidirectional', 500, 500)?.id).toBe(0)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
  })

  test('by the application state of the ticket', () => {
    const state = (byte: number) => ({ tickets: ticketTerms({ applicationState: Uint8Array.of(byte) }) })
    const session = firstVisit(state(1))
    const same = nextVisit(session, state(1))
    same.pair.run(() => same.client.isHandshakeConfirmed)
    expect(same.client.completion?.earlyData).toBe(true)
    const other = nextVisit(session, state(2))
    other.pair.run(() => other.client.isHandshakeConfirmed)
    expect(other.client.completion).toMatchObject({ resumed: true, earlyData: false })
  })
})

describe('early data and', () => {
  //= rfc9000#17.2.3-p5-1
  //= rfc9000#17.2.3-p5-2
  //= rfc9000#17.2.3-p7-1
  //= rfc9000#17.2.3-p7-2
  //= rfc9001#5.6-p8-1
  //= rfc9001#5.6-p9-1
  test('Retry: it goes out again, under new packet numbers', () => {
    const wiretap = new Wiretap()
    const { pair, traffic, client } = nextVisit(firstVisit(), { listen: { retry: 'always' }, ...wiretap.options })
    traffic.send(client, 'bidirectional', 3_000, 3_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1, 10_000)).toBe(true)
    expect(pair.now).toBe(1030)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
    expect(client.completion?.earlyData).toBe(true)
    expect(wiretap.faults).toEqual([])
  })

  test('a lost ClientHello: both go again', () => {
    let lost = 0
    const { pair, traffic, client } = nextVisit(firstVisit(), {
      tap: (_bytes, from) => from !== 'client' || ++lost > 2,
    })
    traffic.send(client, 'bidirectional', 500, 500)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
    expect(client.completion?.earlyData).toBe(true)
  })

  test('a reset, a stop and an end, all before the server has said a word', () => {
    for (const tickets of [ticketTerms(), ticketTerms({ acceptEarlyData: () => false })]) {
      const { pair, traffic, client } = nextVisit(firstVisit(), { tickets })
      const reset = traffic.send(client, 'bidirectional', 2_000, 10)
      const stopped = traffic.send(client, 'bidirectional', 2_000, 10)
      pair.settle()
      reset?.send?.reset(7n)
      stopped?.receive?.stop(8n)
      traffic.send(client, 'bidirectional', 2_000, 10)
      pair.client.endpoint.wake(client)
      const ended = (): number => {
        const arrivals = [...traffic.arrivals.server.values()]
        return arrivals.filter(({ isComplete, resetCode }) => isComplete || resetCode === 7n).length
      }
      expect(runChecked(pair, () => ended() === 3 && traffic.completed('client') >= 1, 10_000)).toBe(true)
      expect(client.closeReason).toBeUndefined()
    }
  })

  test('a close before the handshake is complete', () => {
    const { pair, traffic, client } = nextVisit(firstVisit())
    traffic.reads = false
    traffic.send(client, 'bidirectional', 2_000, 10)
    pair.settle()
    client.close({ code: 5n, reason: 'changed my mind' }, pair.now)
    pair.client.endpoint.wake(client)
    pair.run(() => client.state === 'closed' && pair.server.connections[0]?.state === 'closed', 60_000)
    expect(pair.server.connections[0]?.closeReason).toMatchObject({ side: 'remote' })
  })

  //= rfc9001#9.2-p2-1
  test('a repeated first flight: another server with the same key and register refuses it', () => {
    const register = new EarlyDataRegister(TEST_WALL_CLOCK)
    const acceptEarlyData = ({ ticketId, issuedAt }: { ticketId: Uint8Array; issuedAt: number }): boolean =>
      register.take(ticketId, issuedAt, TEST_WALL_CLOCK + 1_000)
    const tickets = ticketTerms({ acceptEarlyData })
    const flight: Uint8Array[] = []
    const visit = nextVisit(firstVisit({ tickets }), {
      tickets,
      tap: (bytes, from) => {
        if (from === 'client' && visit.pair.now === 1000) flight.push(bytes)
        return true
      },
    })
    visit.traffic.send(visit.client, 'bidirectional', 3_000, 10)
    runChecked(visit.pair, () => visit.client.isHandshakeConfirmed)
    expect(visit.client.completion?.earlyData).toBe(true)
    expect(flight.length).toBeGreaterThan(1)
    for (const [terms, expected] of [
      [tickets, 0],
      // Without the register the copy is taken: what it asks for is done twice.
      [ticketTerms(), 3_000],
    ] as const) {
      const other = new Pair({ crypto: quickCrypto(), tickets: terms })
      const traffic = new Traffic(other)
      for (const bytes of flight) other.inject(bytes, 'server', other.client.address)
      other.run(() => false, 500)
      expect(traffic.received('server')).toBe(expected)
    }
  })

  test('a server that accepts it and gives less than it did: PROTOCOL_VIOLATION', () => {
    const policy = ticketPolicy({ sealer: ticketTerms().sealer, context: () => new Uint8Array() })
    const { pair, traffic, client } = nextVisit(firstVisit(), { server: smallServer, serverTls: { tickets: policy } })
    traffic.send(client, 'bidirectional', 500, 10)
    pair.run(() => client.state === 'closed', 60_000)
    expect(client.closeReason).toMatchObject({ side: 'local', code: TransportErrorCode.PROTOCOL_VIOLATION })
    expect(client.completion).toBeUndefined()
  })

  //= rfc9369#4.1-p9-1
  test('Version Negotiation: no 0-RTT packet is of another version, and what it said is said in the end', () => {
    const versions = new Map<number, number>()
    const { pair, traffic, client } = nextVisit(firstVisit(), {
      listen: { versions: [VERSION_2] },
      clientObserver: {
        packetSent: ({ type, version }) => {
          if (type === PacketType.zeroRtt) versions.set(version ?? 0, (versions.get(version ?? 0) ?? 0) + 1)
        },
      },
    })
    traffic.send(client, 'bidirectional', 3_000, 3_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
    expect(client.version).toBe(VERSION_2)
    expect(client.completion).toMatchObject({ resumed: false, earlyData: false })
    expect([...versions.keys()]).toEqual([VERSION_1])
  })

  test('whatever comes before the Initial packet: a bounded little is kept', () => {
    const session = firstVisit()
    const { pair, traffic, client } = nextVisit(session, {
      tap: (bytes, from) => from !== 'client' || !typesOf(bytes).includes(PacketType.initial) || pair.now > 1_500,
    })
    // A flood of strangers' 0-RTT packets drives out what waits for its Initial packet, and no more than that.
    traffic.send(client, 'bidirectional', 6_000, 10)
    pair.run(() => pair.now >= 1010)
    const stranger = Uint8Array.of(0xd0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x41, 0x00, ...new Uint8Array(256))
    for (let count = 0; count < 200; count++) {
      stranger[6] = count
      pair.inject(stranger.slice(), 'server', `198.51.100.1:${1000 + count}`)
    }
    expect(runChecked(pair, () => traffic.completed('client') === 1, 20_000)).toBe(true)
    expect(pair.server.connections).toHaveLength(1)
  })
})
