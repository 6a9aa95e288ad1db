import { describe, expect, test } from 'vitest'
import type { ConnectionOptions } from '../connection/config.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import type { Observer } from '../wire/observer.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** Windows that never grow. */
const NARROW: ConnectionOptions = {
  initialMaxData: 65_536,
  initialMaxStreamDataBidiLocal: 65_536,
  initialMaxStreamDataBidiRemote: 65_536,
  initialMaxStreamDataUni: 65_536,
  maxReceiveWindow: 65_536,
}

function connected(options: PairOptions) {
  const pair = new Pair({ crypto, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  runChecked(pair, () => false, 100)
  return { pair, traffic, client, server }
}

describe('A window of 64 KiB', () => {
  //= rfc9000#2.2-p6-1
  //= rfc9000#4.1-p3-1
  test('carries a transfer much larger than itself, with and without loss', () => {
    forSeeds(2, (seed) => {
      for (const loss of [0, 0.05]) {
        const { pair, traffic, client } = connected({
          seed,
          network: { loss, jitter: 5 },
          server: NARROW,
          client: NARROW,
        })
        traffic.send(client, 'bidirectional', 700_000, 300_000)
        let most = 0
        const isDone = runChecked(pair, () => {
          for (const { stream } of traffic.arrivals.server.values()) {
            most = Math.max(most, (stream.receive?.bytesReceived ?? 0) - (stream.receive?.bytesRead ?? 0))
          }
          return traffic.completed('client') === 1
        })
        expect(isDone).toBe(true)
        expect(most).toBeLessThanOrEqual(65_536)
        expect([traffic.received('server'), traffic.received('client')]).toEqual([700_000, 300_000])
      }
    })
  })

  test('wants a poll after a read where the read earned credit, and else does not', () => {
    const pair = new Pair({ crypto, server: NARROW })
    const { client, server } = pair.handshake()
    client.streams.open('unidirectional')?.send?.write(new Uint8Array(40_000))
    pair.client.endpoint.wake(client)
    pair.run(() => [...server.streams.values()][0]?.receive?.bytesReceived === 40_000, 5000)
    const [incoming] = [...server.streams.values()]
    const read = (size: number): number | undefined => incoming?.receive?.read(new Uint8Array(size))
    expect([read(30_000), server.wantsPollAfterRead]).toEqual([30_000, false])
    // Half of the window.
    expect([read(10_000), server.wantsPollAfterRead]).toEqual([10_000, true])
    pair.server.endpoint.wake(server)
    pair.settle()
    expect(server.wantsPollAfterRead).toBe(false)
  })

  test('stops the writer while the reader stops, holds nothing beyond it, and goes on when the reader does', () => {
    const { pair, traffic, client, server } = connected({ server: NARROW, client: { maxStreamSendBuffer: 100_000 } })
    traffic.reads = false
    const stream = traffic.send(client, 'unidirectional', 1_000_000)
    runChecked(pair, () => false, 20_000)
    expect(stream?.send?.bytesSent).toBe(65_536)
    expect(stream?.send?.bytesWritten).toBeLessThanOrEqual(165_536)
    expect(server.streams.count).toBe(1)
    traffic.readAll('server')
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    expect(traffic.received('server')).toBe(1_000_000)
  })

  test('of the connection is shared, so that one stalled stream among many stops them, and none is lost', () => {
    const options = { ...NARROW, initialMaxStreamDataUni: 40_000 }
    const { pair, traffic, client } = connected({ server: options })
    traffic.reads = false
    for (let count = 0; count < 5; count++) traffic.send(client, 'unidirectional', 40_000)
    runChecked(pair, () => false, 5000)
    const sent = [...traffic.arrivals.server.keys()].map(({ receive }) => receive?.bytesReceived ?? 0)
    expect(sent.reduce((sum, each) => sum + each, 0)).toBe(65_536)
    traffic.readAll('server')
    expect(runChecked(pair, () => traffic.completed('server') === 5)).toBe(true)
  })

  //= rfc9000#4.1-p10-1
  test.each([
    ['the stream', { initialMaxStreamDataUni: 65_536, initialMaxData: 200_000 }, FrameType.streamDataBlocked],
    ['the connection', { initialMaxStreamDataUni: 200_000, initialMaxData: 65_536 }, FrameType.dataBlocked],
  ])('of %s is told of by *_BLOCKED, once for each limit', (_, limits, type) => {
    const seen: Frame[] = []
    const blocked: readonly number[] = [FrameType.dataBlocked, FrameType.streamDataBlocked]
    const serverObserver: Observer = {
      packetReceived: (_packet, frames) => {
        for (const frame of frames) if (blocked.includes(frame.type)) seen.push({ ...frame })
      },
    }
    const { pair, traffic, client } = connected({ server: { ...limits, maxReceiveWindow: 200_000 }, serverObserver })
    traffic.reads = false
    traffic.send(client, 'unidirectional', 100_000)
    runChecked(pair, () => false, 3000)
    expect(seen).toMatchObject([{ type, limit: 65_536 }])
  })
})

describe('A limit of streams', () => {
  //= rfc9000#4.6-p3-1
  test('lets no more be opened, and lets them be opened one by one as others end', () => {
    const { pair, traffic, client, server } = connected({ server: { maxIncomingUnidirectionalStreams: 3 } })
    const opened = Array.from({ length: 5 }, () => traffic.send(client, 'unidirectional', 100))
    expect(opened.map((stream) => stream !== undefined)).toEqual([true, true, true, false, false])
    let total = 3
    runChecked(pair, () => {
      while (total < 60 && traffic.send(client, 'unidirectional', 100) !== undefined) total += 1
      expect(server.streams.count).toBeLessThanOrEqual(3)
      return traffic.completed('server') === 60
    })
    expect(traffic.completed('server')).toBe(60)
    expect(pair.client.of('streams-available').length).toBeGreaterThan(0)
  })

  test('of zero allows none, and says so', () => {
    const { pair, client, server } = connected({ server: { maxIncomingBidirectionalStreams: 0 } })
    expect(client.streams.open('bidirectional')).toBe(undefined)
    pair.client.endpoint.wake(client)
    runChecked(pair, () => false, 1000)
    expect([client.state, server.state]).toEqual(['connected', 'connected'])
  })
})

describe('A window that may grow', () => {
  test('does so for a fast reader on a long path, and not for a slow one', () => {
    const { pair, traffic, client } = connected({
      network: { delay: 100 },
      server: { initialMaxStreamDataUni: 65_536 },
    })
    const start = pair.now
    traffic.send(client, 'unidirectional', 4_000_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1)).toBe(true)
    // With 64 KiB a round trip of 200 ms it would take more than 12 seconds.
    expect(pair.now - start).toBeLessThan(6000)
  })
})
