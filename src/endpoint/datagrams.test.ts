import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { OutgoingMessage } from '../streams/datagram.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'

/** Sends one from the client. */
function send(pair: Pair, connection: Connection, bytes: Uint8Array, maxAge?: number): OutgoingMessage {
  const message = connection.datagrams.send(bytes, maxAge, pair.now)
  pair[connection.role].endpoint.wake(connection)
  return message
}

/** All that a connection has to read. */
function readAll(pair: Pair, connection: Connection): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let next = connection.datagrams.read(pair.now); next !== undefined; next = connection.datagrams.read(pair.now)) {
    all.push(next)
  }
  return all
}

/** A pair that has shaken hands and is quiet. */
function quiet(options: PairOptions = {}): { pair: Pair; client: Connection; server: Connection } {
  const pair = new Pair(options)
  const { client, server } = pair.handshake()
  pair.run(() => false, 2000)
  return { pair, client, server }
}

const numbered = (count: number, size = 100): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => new Uint8Array(size).fill(index))

describe('Datagrams between two ends', () => {
  //= rfc9221#5-p2-1
  test('arrive and are acknowledged, in both directions', () => {
    const { pair, client, server } = quiet()
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const messages = numbered(5).map((bytes) => send(pair, from, bytes))
      pair.run(() => false, 1000)
      expect(readAll(pair, to)).toEqual(numbered(5))
      expect(messages.map(({ status }) => status)).toEqual(['acked', 'acked', 'acked', 'acked', 'acked'])
      expect(from.datagrams.stats(pair.now)).toMatchObject({ sent: 5, delivered: 5, lostOutgoing: 0 })
    }
  })

  test('of the largest size fill a packet, before and after the search for the MTU', () => {
    const { pair, client, server } = quiet({ client: { mtu: { max: 1200 } } })
    const before = client.datagrams.maxDatagramSize
    // 1,200 less the short header with an id of 8 bytes and a number of 4, the tag, and the frame's 3.
    expect(before).toBe(1200 - 13 - 16 - 3)
    expect(() => send(pair, client, new Uint8Array(before + 1))).toThrow(`at most ${before} bytes, got ${before + 1}`)
    send(pair, client, new Uint8Array(before))
    pair.run(() => false, 100)
    expect(readAll(pair, server).map(({ length }) => length)).toEqual([before])
    // The server's way is as wide as the search has found it.
    expect(server.datagrams.maxDatagramSize).toBe(1452 - 13 - 16 - 3)
    send(pair, server, new Uint8Array(server.datagrams.maxDatagramSize))
    pair.run(() => false, 100)
    expect(readAll(pair, client)).toHaveLength(1)
  })

  test('are no longer than the peer’s limit, which counts the whole frame', () => {
    const { pair, client, server } = quiet({ server: { maxDatagramFrameSize: 50 } })
    expect([client.datagrams.maxDatagramSize, server.datagrams.maxDatagramSize > 1000]).toEqual([48, true])
    send(pair, client, new Uint8Array(48))
    pair.run(() => false, 100)
    expect([readAll(pair, server).length, server.closeReason]).toEqual([1, undefined])
  })

  test('are refused where the peer turned them off', () => {
    const { pair, client, server } = quiet({ server: { maxDatagramFrameSize: 0 } })
    expect([client.datagrams.isSupported, client.datagrams.maxDatagramSize]).toEqual([false, 0])
    expect(() => send(pair, client, new Uint8Array(1))).toThrow('The peer takes no datagrams')
    expect(server.datagrams.isSupported).toBe(true)
  })

  test('that were sent too early leave with the handshake', () => {
    const pair = new Pair()
    const client = pair.connect()
    const message = send(pair, client, Uint8Array.of(7))
    pair.run(() => client.isHandshakeConfirmed)
    pair.run(() => false, 1000)
    const [server] = pair.server.connections
    expect(server && readAll(pair, server)).toEqual([Uint8Array.of(7)])
    expect(message.status).toBe('acked')
  })

  //= rfc9221#5.2-p1-1
  test('are acknowledged without hurry: nobody waits to send them again', () => {
    const times: number[] = []
    const { pair, client } = quiet({
      client: { ackFrequency: false },
      server: { maxAckDelay: 20 },
      serverObserver: { packetSent: (_packet, _frames, _padding, now) => void times.push(now) },
    })
    times.length = 0
    const sentAt = pair.now
    const message = send(pair, client, Uint8Array.of(1))
    pair.run(() => message.status === 'acked', 1000)
    expect(times).toEqual([sentAt + 10 + 20])
  })

  test('that are lost stay lost: no frame is sent twice', () => {
    const frames: Frame[] = []
    let drop = false
    const { pair, client, server } = quiet({
      tap: (_bytes, from) => !(drop && from === 'client'),
      clientObserver: { packetSent: (_packet, sent) => void frames.push(...sent) },
    })
    drop = true
    const lost = numbered(3, 1000).map((bytes) => send(pair, client, bytes))
    pair.settle()
    drop = false
    const arrived = numbered(3, 1000).map((bytes) => send(pair, client, bytes))
    pair.run(() => false, 3000)
    expect([...lost, ...arrived].map(({ status }) => status)).toEqual([
      'lost',
      'lost',
      'lost',
      'acked',
      'acked',
      'acked',
    ])
    expect(readAll(pair, server)).toHaveLength(3)
    expect(frames.filter(({ type }) => type === FrameType.datagram)).toHaveLength(6)
    expect(client.datagrams.stats(pair.now)).toMatchObject({ sent: 6, lostOutgoing: 3, delivered: 3 })
    client.checkInvariants()
  })

  test('that nobody answers are probed for by PING, and are lost only once something later is acknowledged', () => {
    const sent: string[] = []
    let isDark = false
    const { pair, client } = quiet({
      tap: () => !isDark,
      clientObserver: { packetSent: (_packet, frames) => void sent.push(frames.map(({ type }) => type).join(' ')) },
    })
    isDark = true
    sent.length = 0
    const message = send(pair, client, Uint8Array.of(1))
    pair.run(() => sent.length >= 3, 5000)
    const probe = `${FrameType.immediateAck} ${FrameType.ping}`
    expect(sent.slice(0, 3)).toEqual([`${FrameType.datagram}`, probe, probe])
    expect([message.status, client.datagrams.stats(pair.now).lostOutgoing]).toEqual(['sent', 0])
    isDark = false
    pair.run(() => false, 5000)
    expect([message.status, client.datagrams.stats(pair.now).lostOutgoing]).toEqual(['lost', 1])
  })

  test('whose acknowledgement was late are acked after all', () => {
    let hold = false
    const held: Uint8Array[] = []
    const { pair, client, server } = quiet({
      tap: (bytes, from) => {
        if (!(hold && from === 'client')) return true
        held.push(bytes)
        return false
      },
    })
    hold = true
    const late = send(pair, client, Uint8Array.of(1))
    pair.settle()
    hold = false
    for (let count = 0; count < 5; count++) {
      send(pair, client, Uint8Array.of(2))
      pair.settle()
    }
    pair.run(() => late.status === 'lost', 1000)
    expect(late.status).toBe('lost')
    for (const bytes of held) pair.inject(bytes, 'server', pair.client.address)
    // Something later asks the server for an acknowledgement soon.
    send(pair, client, Uint8Array.of(3))
    pair.run(() => false, 200)
    expect(late.status).toBe('acked')
    expect(client.datagrams.stats(pair.now)).toMatchObject({ sent: 7, lostOutgoing: 1, delivered: 7 })
    expect(readAll(pair, server)).toHaveLength(7)
  })

  //= rfc9221#5-p1-1
  //= rfc9221#5.4-p1-1
  test('wait for the congestion window, and go before the streams that wait with them', () => {
    const order: number[] = []
    let isWatched = false
    const { pair, client, server } = quiet({
      client: { datagrams: { outgoingMaxAge: 60_000 } },
      clientObserver: {
        packetSent: (_packet, frames) => {
          if (isWatched) for (const { type } of frames) order.push(type)
        },
      },
    })
    const stream = client.streams.open('bidirectional')
    stream?.send?.write(new Uint8Array(200_000))
    pair.client.endpoint.wake(client)
    pair.settle()
    const { congestionWindow, bytesInFlight } = client.stats()
    expect(congestionWindow - bytesInFlight).toBeLessThan(1452)
    isWatched = true
    const message = send(pair, client, new Uint8Array(1000))
    pair.settle()
    expect([message.status, order.includes(FrameType.datagram)]).toEqual(['queued', false])
    pair.run(() => message.status === 'acked', 1000)
    const types = order.filter((type) => type === FrameType.datagram || type === FrameType.stream)
    expect(types[0]).toBe(FrameType.datagram)
    expect(types).toContain(FrameType.stream)
    expect(readAll(pair, server)).toHaveLength(1)
  })

  test('that cannot leave in time expire, by the connection’s own timer', () => {
    let isDark = false
    const { pair, client } = quiet({ tap: () => !isDark })
    isDark = true
    const stream = client.streams.open('bidirectional')
    stream?.send?.write(new Uint8Array(200_000))
    pair.client.endpoint.wake(client)
    pair.settle()
    const start = pair.now
    const message = send(pair, client, new Uint8Array(1000), 50)
    pair.run(() => message.status !== 'queued', 1000)
    expect([message.status, pair.now - start]).toEqual(['expired', 50])
  })

  test('of one size leave in flights, sealed together', () => {
    const { pair, client, server } = quiet({ client: { pacing: false } })
    const before = client.stats()
    for (const bytes of numbered(8, 1000)) send(pair, client, bytes)
    pair.run(() => false, 100)
    const after = client.stats()
    expect(after.sealedPackets - before.sealedPackets).toBeGreaterThanOrEqual(8)
    expect(after.seals - before.seals).toBeLessThanOrEqual(3)
    expect(readAll(pair, server)).toEqual(numbered(8, 1000))
  })

  test('are delivered as the network has it: some are lost, some doubled, none is changed or comes twice', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const network = { delay: 10, jitter: 15, loss: 0.1, duplicate: 0.1, corrupt: 0.05 }
      const pair = new Pair({ seed, client: { datagrams: { outgoingMaxAge: 60_000 } } })
      const { client, server } = pair.handshake()
      pair.network = network
      const messages: OutgoingMessage[] = []
      const got: number[] = []
      for (let index = 0; index < 200; index++) {
        messages.push(send(pair, client, Uint8Array.of(index, 255 - index, ...new Uint8Array(index))))
        pair.run(() => false, 3)
        for (const bytes of readAll(pair, server)) {
          expect([bytes[1], bytes.length]).toEqual([255 - (bytes[0] ?? 0), 2 + (bytes[0] ?? 0)])
          got.push(bytes[0] ?? 0)
        }
        client.checkInvariants()
      }
      pair.run(() => false, 5000)
      for (const bytes of readAll(pair, server)) got.push(bytes[0] ?? 0)
      expect(new Set(got).size).toBe(got.length)
      const { sent, delivered, lostOutgoing } = client.datagrams.stats(pair.now)
      expect([sent, delivered <= got.length, lostOutgoing > 0]).toEqual([200, true, true])
      for (const [index, { status }] of messages.entries()) if (status === 'acked') expect(got).toContain(index)
      expect(messages.every(({ status }) => status === 'acked' || status === 'lost')).toBe(true)
    }
  })
})

test('100,000 datagrams on one connection leave the tables as they were', () => {
  const { pair, client, server } = quiet({ network: { delay: 1 } })
  pair.onEvent = (_side, connection, event) => {
    if (event.type === 'datagram-readable') readAll(pair, connection)
  }
  const payload = new Uint8Array(20)
  for (let round = 0; round < 1000; round++) {
    for (let count = 0; count < 100; count++) send(pair, client, payload)
    pair.run(() => false, 2)
  }
  pair.run(() => false, 1000)
  expect(client.datagrams.stats(pair.now)).toMatchObject({ sent: 100_000, delivered: 100_000 })
  expect(server.datagrams.stats(pair.now)).toMatchObject({ received: 100_000, droppedIncoming: 0 })
  expect([client.stats().bytesInFlight, client.datagrams.queued, server.datagrams.readable]).toEqual([0, 0, 0])
})
