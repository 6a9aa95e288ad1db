import { describe, expect, test } from 'vitest'
import { validateConnectionConfig } from '../connection/config.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { FrameType } from '../wire/frame.ts'
import { LongHeader } from '../wire/long-header.ts'
import type { Observer } from '../wire/observer.ts'
import { EncryptionLevel, PacketType } from '../wire/packet-type.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { openInitial, sealInitial } from './initial-packets.fixtures.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions, testIdentity } from './test-pair.fixtures.ts'
import { runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()
const PING = Uint8Array.of(1)
const STRANGE = ConnectionId.from(Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9))

interface Heard {
  readonly from: 'client' | 'server'
  readonly bytes: Uint8Array
  readonly at: number
}

/** A pair, and all that it said. */
function listening(options: PairOptions = {}, isLost: (heard: Heard, index: number) => boolean = () => false) {
  const heard: Heard[] = []
  const pair = new Pair({
    crypto,
    ...options,
    tap: (bytes, from, at) => {
      const each = { from, bytes: bytes.slice(), at }
      heard.push(each)
      return !isLost(each, heard.length - 1)
    },
  })
  return { pair, heard }
}

function headerOf(bytes: Uint8Array | undefined): LongHeader {
  const header = new LongHeader()
  header.anyFixedBit = true
  if (bytes === undefined || !header.parse(bytes, 0, bytes.length)) throw new Error('No long header')
  return header
}

describe('The ids of a handshake', () => {
  //= rfc9000#7.2-p7-1
  test('are those of the server’s first packet: a client drops Initial packets with another', () => {
    // The client has the server's Initial packet and lacks the rest.
    const { pair, heard } = listening({}, (each) => each.from === 'server' && each.bytes.length < 1)
    const client = pair.connect()
    pair.run(() => pair.server.connections.length > 0, 1000)
    const first = headerOf(heard[0]?.bytes)
    const original = first.destinationId()
    const destination = first.sourceId()
    const serverId = headerOf(heard.find(({ from }) => from === 'server')?.bytes).sourceId()
    const send = (source: ConnectionId, number: number): number => {
      const before = client.stats().packetsReceived
      const bytes = sealInitial({ original, from: 'server', destination, source, number, frames: PING })
      pair.inject(bytes, 'client', pair.server.address)
      pair.run(() => false, 0)
      return client.stats().packetsReceived - before
    }
    expect(send(serverId, 50)).toBe(1)
    expect(send(STRANGE, 51)).toBe(0)
    expect(send(serverId, 52)).toBe(1)
  })

  //= rfc9000#7.2-p8-2
  //= rfc9000#7.2-p8-3
  test('are those of the client’s first packet: a server drops Initial packets with another', () => {
    const { pair, heard } = listening({}, (_, index) => index > 0)
    pair.connect()
    pair.run(() => pair.server.connections.length > 0, 1000)
    const first = headerOf(heard[0]?.bytes)
    const server = pair.server.connections[0]
    const send = (source: ConnectionId, number: number): number => {
      const before = server?.stats().packetsReceived ?? 0
      const original = first.destinationId()
      const bytes = sealInitial({ original, from: 'client', destination: original, source, number, frames: PING })
      pair.inject(bytes, 'server', pair.client.address)
      pair.run(() => false, 0)
      return (server?.stats().packetsReceived ?? 0) - before
    }
    expect(send(first.sourceId(), 50)).toBe(1)
    expect(send(STRANGE, 51)).toBe(0)
    // What the server says goes to the id that the client began with.
    for (const { from, bytes } of heard) {
      if (from === 'server') expect(headerOf(bytes).destinationId().equals(first.sourceId())).toBe(true)
    }
  })

  //= rfc9000#17.2.5.1-p2-1
  //= rfc9000#17.2.5.2-p4-1
  //= rfc9000#17.2.5.3-p2-1
  test('change with a Retry at the server alone, and the ClientHello does not', () => {
    const { pair, heard } = listening({ listen: { retry: 'always' } })
    pair.handshake()
    const [initial, retry, again] = heard.map(({ bytes }) => bytes)
    const [before, between, after] = [initial, retry, again].map((bytes) => headerOf(bytes))
    if (before === undefined || between === undefined || after === undefined) throw new Error('No Retry')
    expect([between.type, after.type]).toEqual([PacketType.retry, PacketType.initial])
    expect(between.sourceId().equals(before.destinationId())).toBe(false)
    expect(after.destinationId().equals(between.sourceId())).toBe(true)
    expect(after.sourceId().equals(before.sourceId())).toBe(true)
    const first = openInitial(initial ?? PING, before.destinationId(), 'client')
    expect(first?.length).toBeGreaterThan(100)
    expect(openInitial(again ?? PING, after.destinationId(), 'client')).toEqual(first)
  })

  //= rfc9000#8.1.3-p2-2
  //= rfc9000#8.1.3-p7-1
  test('and the token of a Retry are good for this attempt alone', () => {
    const { pair, heard } = listening({ listen: { retry: 'always' } })
    pair.handshake()
    pair.run(() => false, 500)
    const token = headerOf(heard[1]?.bytes).token()
    expect(token.length).toBeGreaterThan(20)
    for (const told of pair.client.of('new-token')) expect(told.token).not.toEqual(token)
    heard.length = 0
    const next = pair.connect()
    pair.run(() => next.isHandshakeConfirmed, 5000)
    expect(headerOf(heard[0]?.bytes).tokenLength).toBe(0)
  })

  //= rfc9369#4.1-p2-1
  //= rfc9369#4.1-p8-1
  test('are all of one version, a Retry included', () => {
    const { pair, heard } = listening({
      listen: { retry: 'always', versions: [VERSION_1, VERSION_2] },
      client: { version: VERSION_2 },
    })
    pair.handshake()
    for (const { bytes } of heard) if ((bytes[0] ?? 0) >= 0x80) expect(headerOf(bytes).version).toBe(VERSION_2)
    expect(heard.length).toBeGreaterThan(4)
  })

  //= rfc9369#4.1-p8-2
  test('hold for packets of one version: those of another are dropped', () => {
    const { pair, heard } = listening({ listen: { versions: [VERSION_1, VERSION_2] } }, (_, index) => index > 0)
    pair.connect()
    pair.run(() => pair.server.connections.length > 0, 1000)
    const first = headerOf(heard[0]?.bytes)
    const server = pair.server.connections[0]
    const before = server?.stats()
    const ids = { original: first.destinationId(), destination: first.destinationId(), source: first.sourceId() }
    const strange = sealInitial({ ...ids, from: 'client', number: 9, frames: PING, version: VERSION_2 })
    pair.inject(strange, 'server', pair.client.address)
    pair.run(() => false, 0)
    expect(server?.stats().packetsReceived).toBe(before?.packetsReceived)
    expect(server?.stats().packetsDropped).toBe((before?.packetsDropped ?? 0) + 1)
  })

  //= rfc9000#5.1-p8-1
  test('of no length belong to one connection for each address', () => {
    const generator = { length: 0, generate: () => ConnectionId.from(new Uint8Array(0)) }
    const pair = new Pair({ crypto, endpoint: { idGenerator: generator } })
    pair.handshake()
    expect(() => pair.connect()).toThrow(RangeError)
  })

  //= rfc9000#18.2-p6.2-1
  test('can be two at a time, at least', () => {
    expect(() => validateConnectionConfig({ activeConnectionIdLimit: 1 })).toThrow(RangeError)
    expect(validateConnectionConfig({ activeConnectionIdLimit: 2 }).activeConnectionIdLimit).toBe(2)
  })
})

describe('One datagram', () => {
  //= rfc9000#12.2-p2-1
  //= rfc9000#12.2-p5-2
  test('may hold a packet that does not open: the others are processed', () => {
    let damaged = 0
    const { pair, heard } = listening({
      // Of the server's first flight the Initial packet is damaged, and what follows it is not.
      crypto,
    })
    const original = pair.client.endpoint.receiveDatagram.bind(pair.client.endpoint)
    pair.client.endpoint.receiveDatagram = (bytes, ...rest) => {
      const copy = bytes.slice()
      if (damaged === 0) {
        damaged += 1
        const at = headerOf(copy).packetEnd - 1
        copy[at] = (copy[at] ?? 0) ^ 1
      }
      original(copy, ...rest)
    }
    let sent = 0
    const { client } = pair.handshake()
    for (const { from, bytes } of heard) if (from === 'server' && (bytes[0] ?? 0) >= 0xe0) sent += 1
    expect([damaged, client.state]).toEqual([1, 'connected'])
    // The Handshake packets were kept, so that nothing of them had to come again before the Initial packet did.
    expect(sent).toBeLessThanOrEqual(2)
  })

  //= rfc9000#17.2.1-p12-1
  //= rfc9000#17.2.5.1-p3-1
  test('draws one answer at most', () => {
    for (const listen of [{ retry: 'always' }, { versions: [VERSION_2] }] as const) {
      const { pair, heard } = listening({ listen }, (each) => each.from === 'client')
      pair.connect()
      pair.settle()
      const first = heard[0]?.bytes ?? new Uint8Array(0)
      const twice = new Uint8Array(2 * first.length)
      twice.set(first)
      twice.set(first, first.length)
      pair.inject(twice, 'server', pair.client.address)
      pair.run(() => false, 0)
      expect(heard.filter(({ from }) => from === 'server').length).toBe(1)
    }
  })

  //= rfc9000#14-p8-1
  test('of any size ends nothing', () => {
    const { pair } = listening()
    const { client, server } = pair.handshake()
    for (const side of ['client', 'server'] as const) {
      for (const size of [0, 1, 2, 19, 20, 21, 42, 1199, 1453, 20_000, 65_535]) {
        for (const first of [0x00, 0x40, 0xc0, 0xe0, 0xff]) {
          const bytes = new Uint8Array(size).fill(0x5c)
          if (size > 0) bytes[0] = first
          pair.inject(bytes, side, pair[side === 'client' ? 'server' : 'client'].address)
        }
      }
    }
    runChecked(pair, () => false, 1000)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })
})

describe('A client whose server can say no more', () => {
  const longChain = () => {
    const identity = testIdentity(crypto)
    return { ...identity, chain: Array.from({ length: 20 }, () => identity.chain[0] ?? new Uint8Array(0)) }
  }

  //= rfc9000#8.1-p6-1
  //= rfc9000#8.1-p6-2
  //= rfc9000#14.1-p5-1
  test('speaks up: in an Initial packet of 1,200 bytes, or in a Handshake packet once it has those keys', () => {
    const { pair, heard } = listening({ serverTls: { selectIdentity: longChain } }, (each, index) => {
      // All acknowledgements of the client's are lost for a while, and all but the first datagram of the server's.
      return each.at < 3000 && index > 0 && (each.from === 'client' || each.bytes.length < 1200 || index > 3)
    })
    const client = pair.connect()
    runChecked(pair, () => client.isHandshakeConfirmed, 30_000)
    expect(client.isHandshakeConfirmed).toBe(true)
    const probes = heard.filter(({ from, at }) => from === 'client' && at > 1000 && at < 3000)
    expect(probes.length).toBeGreaterThan(1)
    for (const { bytes } of probes) {
      const header = headerOf(bytes)
      expect([PacketType.initial, PacketType.handshake]).toContain(header.type)
      if (header.type === PacketType.initial) expect(bytes.length).toBeGreaterThanOrEqual(1200)
    }
  })
})

describe('The keys of a handshake', () => {
  /** What one side did, in order. */
  function watched() {
    const steps: string[] = []
    const times: { done?: number; complete?: number } = {}
    const observer = (name: string): Observer => ({
      packetSent: (packet, frames, _padding, now) => {
        steps.push(`${name} sent ${packet.type}`)
        if (!frames.some(({ type }) => type === FrameType.handshakeDone)) return
        steps.push(`${name} sent done`)
        times.done ??= now
      },
      packetReceived: (packet) => steps.push(`${name} heard ${packet.type}`),
      keysDiscarded: (level) => steps.push(`${name} discards ${level}`),
      connectionState: (state, now) => {
        steps.push(`${name} ${state}`)
        if (name === 'server' && state === 'handshake_complete') times.complete = now
      },
    })
    return { steps, times, clientObserver: observer('client'), serverObserver: observer('server') }
  }

  //= rfc9001#4.1.2-p1-1
  //= rfc9001#4.9.1-p2-1
  //= rfc9001#4.9.2-p1-1
  test('go when they must, and HANDSHAKE_DONE comes at once', () => {
    const { steps, times, ...observers } = watched()
    const pair = new Pair({ crypto, ...observers })
    pair.handshake()
    const at = (step: string): number => {
      const index = steps.indexOf(step)
      if (index < 0) throw new Error(`${step} did not happen`)
      return index
    }
    const { initial, handshake } = EncryptionLevel
    expect(at(`client discards ${initial}`)).toBeGreaterThan(at(`client sent ${PacketType.handshake}`))
    expect(at(`client discards ${initial}`)).toBeLessThan(at(`server heard ${PacketType.handshake}`))
    expect(at(`server discards ${initial}`)).toBeGreaterThan(at(`server heard ${PacketType.handshake}`))
    expect(at(`server discards ${initial}`)).toBeLessThan(at('server sent done'))
    expect(at(`server discards ${handshake}`)).toBeLessThan(at('server sent done'))
    expect(times.done).toBe(times.complete)
    expect(Math.abs(at(`client discards ${handshake}`) - at('client handshake_confirmed'))).toBeLessThan(3)
  })

  //= rfc9001#4-p1-1
  //= rfc9001#4.9-p2-1
  //= rfc9001#4.9-p4-1
  test('protect the same bytes of TLS, however often they are sent', () => {
    const ends = (network: PairOptions['network'], seed: number) => {
      const most: Record<string, number> = {}
      const observer = (name: string): Observer => ({
        packetSent: (packet, frames) => {
          for (const frame of frames) {
            if (frame.type !== FrameType.crypto) continue
            const key = `${name} ${packet.type}`
            most[key] = Math.max(most[key] ?? 0, frame.offset + frame.length)
          }
        },
      })
      const pair = new Pair({
        seed,
        crypto,
        ...(network !== undefined && { network }),
        clientObserver: observer('client'),
        serverObserver: observer('server'),
        clientTls: { grease: false },
        client: { handshakeTimeout: 60_000 },
        server: { handshakeTimeout: 60_000 },
      })
      pair.handshake()
      return most
    }
    const quiet = ends(undefined, 1)
    for (let seed = 1; seed <= 5; seed++) expect(ends({ loss: 0.3, jitter: 20 }, seed)).toEqual(quiet)
  })
})

describe('A server that closes before the address is validated', () => {
  //= rfc9000#10.2.1-p5-1
  test('sends at most three times what it was sent, however often it is asked', () => {
    const { pair, heard } = listening({ serverTls: { alpn: ['other'] } })
    let received = 0
    const receive = pair.server.endpoint.receiveDatagram.bind(pair.server.endpoint)
    pair.server.endpoint.receiveDatagram = (bytes, ...rest) => {
      received += bytes.length
      receive(bytes, ...rest)
    }
    pair.connect()
    pair.run(() => pair.server.connections[0]?.state === 'closing', 1000)
    const first = heard[0]?.bytes ?? PING
    for (let count = 0; count < 200; count++) {
      // Small pieces of what looks like a packet of the connection.
      pair.inject(first.subarray(0, 40 + (count % 60)), 'server', pair.client.address)
      pair.run(() => false, 1)
    }
    const sent = heard.filter(({ from }) => from === 'server').reduce((sum, { bytes }) => sum + bytes.length, 0)
    expect(sent).toBeLessThanOrEqual(3 * received)
    expect(sent).toBeGreaterThan(0)
  })

  //= rfc9000#10.2.1-p7-1
  test('says nothing to an address that it does not know', () => {
    const { pair, heard } = listening()
    const { server } = pair.handshake()
    pair.run(() => false, 200)
    const sent: string[] = []
    const poll = pair.server.endpoint.pollDatagram.bind(pair.server.endpoint)
    pair.server.endpoint.pollDatagram = (now) => {
      const flight = poll(now)
      if (flight !== undefined) sent.push(flight.to)
      return flight
    }
    server.close({ code: 1n, reason: '' }, pair.now)
    pair.server.endpoint.wake(server)
    const copies = heard.filter(({ from, bytes }) => from === 'client' && (bytes[0] ?? 0) < 0x80)
    for (const { bytes } of [...copies, ...copies]) pair.inject(bytes, 'server', '203.0.113.77:7')
    pair.run(() => false, 500)
    expect(new Set(sent)).toEqual(new Set([pair.client.address]))
  })
})

describe('A handshake’s traffic', () => {
  //= rfc9000#7-p8-1
  test('is that of a protocol both sides named', () => {
    const { pair } = listening({ clientTls: { alpn: ['a', 'b'] }, serverTls: { alpn: ['b', 'c'] } })
    const traffic = new Traffic(pair)
    const { client, server } = pair.handshake()
    traffic.send(client, 'bidirectional', 1000, 1000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 5000)).toBe(true)
    expect([client.completion?.alpn, server.completion?.alpn]).toEqual(['b', 'b'])
  })
})
