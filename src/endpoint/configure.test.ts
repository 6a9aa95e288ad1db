import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { Reconfiguration } from '../connection/reconfiguration.ts'
import { newReno } from '../recovery/congestion/new-reno.ts'
import { FrameType } from '../wire/frame.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { Traffic } from './traffic.fixtures.ts'

function quiet(options: PairOptions = {}): { pair: Pair; client: Connection; server: Connection } {
  const pair = new Pair(options)
  const { client, server } = pair.handshake()
  pair.run(() => false, 500)
  return { pair, client, server }
}

function configure(pair: Pair, connection: Connection, changes: Reconfiguration): void {
  connection.configure(changes, pair.now)
  pair[connection.role].endpoint.wake(connection)
}

describe('An option that is changed at run time takes effect:', () => {
  //= rfc9000#10.1-p4-1
  test('maxIdleTimeout ends the connection earlier, and then with a word', () => {
    const { pair, client, server } = quiet({ client: { maxIdleTimeout: 20_000 } })
    const start = pair.now
    configure(pair, client, { maxIdleTimeout: 3000 })
    pair.run(() => client.state !== 'connected')
    expect(pair.now - start).toBeLessThan(3100)
    expect(client.closeReason).toMatchObject({ kind: 'idle-timeout', after: 3000 })
    pair.run(() => server.state !== 'connected', 100)
    expect(server.closeReason).toMatchObject({ side: 'remote' })
  })

  test('maxIdleTimeout as it was advertised again is silent as before', () => {
    const { pair, client, server } = quiet({ client: { maxIdleTimeout: 5000 } })
    configure(pair, client, { maxIdleTimeout: 3000 })
    configure(pair, client, { maxIdleTimeout: 5000 })
    pair.run(() => client.state === 'closed', 20_000)
    expect(client.closeReason).toMatchObject({ kind: 'idle-timeout', after: 5000 })
    expect(server.closeReason).toMatchObject({ kind: 'idle-timeout' })
  })

  test('keepAlive keeps the connection, until it is turned off', () => {
    const { pair, client } = quiet({ client: { maxIdleTimeout: 5000 } })
    configure(pair, client, { keepAlive: 1000 })
    pair.run(() => false, 60_000)
    expect(client.state).toBe('connected')
    configure(pair, client, { keepAlive: false })
    pair.run(() => client.state === 'closed', 60_000)
    expect(client.closeReason).toMatchObject({ kind: 'idle-timeout' })
  })

  test('limits of streams are told as soon as they are higher, and what was granted stays', () => {
    const { pair, client, server } = quiet({ server: { maxIncomingBidirectionalStreams: 2 } })
    const open = (): number => {
      let count = 0
      for (; client.streams.open('bidirectional') !== undefined; count++);
      return count
    }
    expect(open()).toBe(2)
    configure(pair, server, { maxIncomingBidirectionalStreams: 7, maxIncomingUnidirectionalStreams: 130 })
    pair.run(() => false, 1000)
    expect(open()).toBe(5)
    configure(pair, server, { maxIncomingBidirectionalStreams: 1 })
    expect(server.streams.credit.incomingBidirectional.limit).toBe(7)
    expect(client.streams.credit.outgoingUnidirectional.limit).toBe(130)
  })

  test('maxReceiveWindow bounds what windows grow to', () => {
    const granted = (changes: Reconfiguration): number => {
      const pair = new Pair({ network: { delay: 40 }, server: { initialMaxData: 65_536 } })
      const { client, server } = pair.handshake()
      configure(pair, server, changes)
      new Traffic(pair).send(client, 'unidirectional', 3_000_000)
      pair.run(() => false, 20_000)
      return server.streams.credit.receiveWindow
    }
    expect(granted({ maxReceiveWindow: 100_000 })).toBe(100_000)
    expect(granted({})).toBeGreaterThan(400_000)
  })

  test('datagrams have other lengths and ages', () => {
    const { pair, client } = quiet()
    configure(pair, client, { datagrams: { outgoingHighWaterMark: 1 } })
    const first = client.datagrams.send(Uint8Array.of(1), undefined, pair.now)
    client.datagrams.send(Uint8Array.of(2), undefined, pair.now)
    expect(first.status).toBe('dropped')
    expect(client.datagrams.settings).toMatchObject({ outgoingHighWaterMark: 1, incomingHighWaterMark: 1024 })
  })

  test('pacing is turned off, and on', () => {
    const { pair, client } = quiet({ network: { delay: 50 } })
    const { pacer } = client.paths.active.recovery
    expect(pacer.rate).toBeLessThan(Infinity)
    configure(pair, client, { pacing: false })
    expect(pacer.rate).toBe(Infinity)
    configure(pair, client, { pacing: true })
    expect(pacer.rate).toBeLessThan(Infinity)
  })

  test('the congestion controller is exchanged in the middle of a transfer, which goes on with what is in flight', () => {
    for (const algorithm of ['newreno', 'cubic', newReno] as const) {
      const { pair, client } = quiet({ network: { delay: 30, loss: 0.01 } })
      const traffic = new Traffic(pair)
      traffic.send(client, 'unidirectional', 2_000_000)
      pair.run(() => traffic.received('server') > 700_000)
      const before = client.stats()
      expect(before.bytesInFlight).toBeGreaterThan(0)
      configure(pair, client, { congestionControl: algorithm })
      const after = client.stats()
      expect(client.congestionControl).toBe(algorithm)
      expect([after.bytesInFlight, after.smoothedRtt]).toEqual([before.bytesInFlight, before.smoothedRtt])
      expect(after.congestionWindow).toBeLessThanOrEqual(before.congestionWindow)
      client.checkInvariants()
      pair.run(() => traffic.completed('server') === 1, 60_000)
      expect(traffic.received('server')).toBe(2_000_000)
    }
  })
})

describe('What cannot be changed is refused, and nothing is changed:', () => {
  test.each<[object, string]>([
    [{ mtu: { max: 1200 } }, 'mtu cannot be configured'],
    [{ keepAlive: -1 }, 'keepAlive must be positive and finite, got -1'],
    [{ maxIdleTimeout: 30_001 }, 'maxIdleTimeout can only go below the 30000 ms'],
    [{ maxIdleTimeout: 0 }, 'maxIdleTimeout can only go below the 30000 ms'],
    [{ maxReceiveWindow: 0 }, 'maxReceiveWindow must be an integer from 1'],
    [{ congestionControl: 'vegas' }, "congestionControl must be 'newreno', 'cubic' or a function, got 'vegas'"],
    [{ pacing: 1 }, 'pacing must be a boolean, got 1'],
    [{ datagrams: { incomingMaxAge: -1 } }, 'incomingMaxAge must be at least 0, got -1'],
    [{ keepAlive: 100, pacing: 'no' }, 'pacing must be a boolean'],
  ])('%j', (changes, message) => {
    const { pair, client } = quiet()
    expect(() => configure(pair, client, changes as Reconfiguration)).toThrow(message)
    // No keep-alive runs: the next timer is far.
    expect(client.nextTimeout() - pair.now).toBeGreaterThan(1000)
  })

  test('what is no object', () => {
    const { pair, client } = quiet()
    expect(() => configure(pair, client, undefined as unknown as Reconfiguration)).toThrow(TypeError)
  })
})

describe('A ping', () => {
  test('is answered with the round trip, ahead of what else there is to send, and again where it is lost', () => {
    const order: number[] = []
    let lose = false
    let watch = false
    const { pair, client } = quiet({
      network: { delay: 35 },
      tap: (_bytes, from) => !(lose && from === 'client'),
      clientObserver: {
        packetSent: (_packet, frames) => {
          if (watch) order.push(...frames.map(({ type }) => type))
        },
      },
    })
    client.streams.open('bidirectional')?.send?.write(new Uint8Array(5000))
    watch = true
    const id = client.ping()
    pair.client.endpoint.wake(client)
    pair.settle()
    expect(order.slice(0, 2)).toEqual([FrameType.ping, FrameType.immediateAck])
    pair.run(() => client.stats().bytesInFlight === 0)
    expect(pair.client.of('pong')).toEqual([{ type: 'pong', id, rtt: 70 }])
    lose = true
    const again = client.ping()
    pair.client.endpoint.wake(client)
    pair.settle()
    lose = false
    pair.run(() => pair.client.of('pong').length === 2, 5000)
    const [, pong] = pair.client.of('pong')
    expect(pong?.id).toBe(again)
    // IMMEDIATE_ACK goes with it, so that the peer waits for nothing more.
    expect(pong?.rtt).toBe(70)
  })

  test('waits for the handshake, and for the congestion window', () => {
    const pair = new Pair()
    const client = pair.connect()
    client.ping()
    pair.run(() => client.isHandshakeConfirmed)
    pair.run(() => false, 1000)
    expect(pair.client.of('pong')).toHaveLength(1)
    client.streams.open('bidirectional')?.send?.write(new Uint8Array(200_000))
    pair.client.endpoint.wake(client)
    pair.settle()
    const { packetsSent } = client.stats()
    client.ping()
    pair.client.endpoint.wake(client)
    pair.settle()
    expect(client.stats().packetsSent).toBe(packetsSent)
  })
})

test('A snapshot is plain data that tells what there is', () => {
  const { pair, client } = quiet()
  const stream = client.streams.open('bidirectional')
  stream?.send?.write(new Uint8Array(100))
  client.datagrams.send(new Uint8Array(10), undefined, pair.now)
  const seen = client.inspect(pair.now)
  expect(structuredClone(seen)).toEqual(seen)
  expect(seen).toMatchObject({
    role: 'client',
    version: 1,
    alpn: 'test',
    isHandshakeComplete: true,
    isHandshakeConfirmed: true,
    closeReason: undefined,
    keyGeneration: 0,
    idleTimeout: 30_000,
    queuedBytes: 100,
    streams: [
      { id: 0, isLocal: true, urgency: 3, send: { state: 'ready', queued: 100, sent: 0 }, receive: { read: 0 } },
    ],
    datagrams: { queued: 1, readable: 0, maxSize: 1420, outgoingHighWaterMark: 256 },
    credit: { sendLimit: 1_048_576, sendUsed: 0, outgoingBidirectional: { limit: 100, opened: 1 } },
    paths: [{ id: 0, state: 'active', mtu: 1452, remoteAddress: '192.0.2.2:4433' }],
  })
  expect(seen.localIds.every((id) => /^[0-9a-f]{16}$/.test(id))).toBe(true)
  expect(seen.timers.idle).toBeGreaterThan(20_000)
  expect(seen.timers.datagrams).toBe(5000)
  client.close({ code: 7n, reason: 'enough' }, pair.now)
  const after = client.inspect(pair.now)
  expect(after).toMatchObject({ closeReason: { code: 7n }, streams: [], timers: { idle: undefined } })
  expect(after.timers.closing).toBeGreaterThan(0)
})

test('The numbers of a connection are real: they add up at both ends', () => {
  const pair = new Pair({ seed: 3, network: { delay: 20, loss: 0.05 } })
  const { client, server } = pair.handshake()
  const traffic = new Traffic(pair)
  traffic.send(client, 'bidirectional', 300_000, 50_000)
  for (let count = 0; count < 20; count++) client.datagrams.send(new Uint8Array(100), undefined, pair.now)
  pair.run(() => traffic.completed('server') === 1 && traffic.completed('client') === 1, 60_000)
  pair.run(() => false, 2000)
  const [near, far] = [client.stats(pair.now), server.stats(pair.now)]
  expect(near.streamBytes).toMatchObject({ bytesSent: 300_000, bytesAcknowledged: 300_000, bytesReceived: 50_000 })
  expect(far.streamBytes).toMatchObject({ bytesSent: 50_000, bytesAcknowledged: 50_000, bytesRead: 300_000 })
  expect(near.datagramBytesSent).toBe(2000)
  expect(near.datagramBytesDelivered).toBe(100 * near.datagrams.delivered)
  expect(near.packetsLost).toBeGreaterThan(3)
  expect(near.bytesLost).toBeGreaterThan(1200 * (near.packetsLost - near.spuriousLosses - 5))
  expect(near.streamBytes.bytesRetransmitted).toBeGreaterThan(0)
  expect(near.bytesSent).toBeGreaterThan(302_000 + near.streamBytes.bytesRetransmitted)
  expect(far.bytesReceived).toBeLessThan(near.bytesSent)
  expect([near.acksReceived > 0, near.acksReceived <= far.acksSent]).toEqual([true, true])
  expect(near.minRtt).toBeCloseTo(40, 9)
  expect([near.queuedBytes, near.bytesInFlight]).toEqual([0, 0])
  const [path] = client.pathStats()
  expect(path).toMatchObject({ state: 'active', minRtt: near.minRtt, mtu: near.mtu, bytesSent: near.bytesSent })
  expect(path?.bytesDelivered).toBeGreaterThan(302_000)
})
