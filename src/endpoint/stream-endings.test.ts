import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { Stream } from '../streams/stream.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

function connected(options: PairOptions = {}) {
  const pair = new Pair({ crypto, ...options })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  runChecked(pair, () => false, 100)
  return { pair, traffic, client, server }
}

function wake(pair: Pair, connection: Connection): void {
  pair[connection.role].endpoint.wake(connection)
}

function required(stream: Stream | undefined): Stream {
  if (stream === undefined) throw new Error('No stream could be opened')
  return stream
}

describe('A stream that is reset', () => {
  //= rfc9000#4.5-p3-1
  test('in the middle ends at both sides, and returns the credit of both', () => {
    forSeeds(3, (seed) => {
      const { pair, traffic, client, server } = connected({ seed, network: { loss: 0.1, jitter: 5 } })
      traffic.reads = false
      const stream = required(traffic.send(client, 'unidirectional', 400_000))
      runChecked(pair, () => (stream.send?.bytesSent ?? 0) > 50_000, 10_000)
      stream.send?.reset(0x77n)
      wake(pair, client)
      runChecked(pair, () => client.streams.count + server.streams.count === 0, 10_000)
      expect([client.streams.count, server.streams.count]).toEqual([0, 0])
      expect(pair.server.of('stream-reset').map(({ code }) => code)).toEqual([0x77n])
      // The credit is back: as much again, and more, goes through.
      traffic.reads = true
      traffic.send(client, 'unidirectional', 2_000_000)
      expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
    })
  })

  test('before anything was sent opens and ends all the same', () => {
    const { pair, client, server } = connected()
    required(client.streams.open('bidirectional')).send?.reset(1n)
    wake(pair, client)
    runChecked(pair, () => pair.server.of('stream-reset').length === 1, 1000)
    expect(pair.server.of('stream-opened').length).toBe(1)
    // The other half lives on until the server ends it.
    expect([client.streams.count, server.streams.count]).toEqual([1, 1])
    pair.server.of('stream-opened')[0]?.stream.send?.finish()
    wake(pair, server)
    runChecked(pair, () => false, 2000)
    for (const { stream } of pair.client.of('stream-readable')) expect(stream.receive?.isFinished).toBe(true)
    expect([client.streams.count, server.streams.count]).toEqual([0, 0])
  })

  test('in one half goes on in the other', () => {
    const { pair, traffic, client } = connected()
    const stream = required(traffic.send(client, 'bidirectional', 5000, 200_000))
    runChecked(pair, () => traffic.received('client') > 0, 5000)
    stream.send?.reset(5n)
    wake(pair, client)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 10_000)).toBe(true)
    expect(traffic.received('client')).toBe(200_000)
  })
})

describe('STOP_SENDING', () => {
  //= rfc9000#3.5-p4-1
  //= rfc9000#3.5-p5-1
  test('is answered by a reset with its code, whatever is lost', () => {
    forSeeds(4, (seed) => {
      const { pair, traffic, client, server } = connected({ seed, network: { loss: 0.2, jitter: 5 } })
      traffic.reads = false
      traffic.send(client, 'unidirectional', 300_000)
      runChecked(pair, () => pair.server.of('stream-opened').length > 0, 10_000)
      pair.server.of('stream-opened')[0]?.stream.receive?.stop(0x99n)
      wake(pair, server)
      runChecked(pair, () => client.streams.count + server.streams.count === 0, 20_000)
      expect([client.streams.count, server.streams.count]).toEqual([0, 0])
      expect(pair.client.of('stream-stopped').map(({ code }) => code)).toEqual([0x99n])
      // Our own wish is no news to ourselves.
      expect(pair.server.of('stream-reset')).toEqual([])
    })
  })

  test('that crosses the end of the stream harms nobody', () => {
    for (let wait = 0; wait <= 60; wait += 3) {
      const { pair, traffic, client, server } = connected({ network: { delay: 10 } })
      traffic.reads = false
      traffic.send(client, 'unidirectional', 2000)
      runChecked(pair, () => false, wait)
      for (const { stream } of pair.server.of('stream-opened')) stream.receive?.stop(1n)
      if (pair.server.of('stream-opened').length === 0) continue
      wake(pair, server)
      runChecked(pair, () => false, 3000)
      expect([wait, client.streams.count, server.streams.count, client.state]).toEqual([wait, 0, 0, 'connected'])
    }
  })
})

describe('Streams that end in every way at once', () => {
  test('leave nothing behind, under loss', () => {
    forSeeds(4, (seed) => {
      const { pair, traffic, client, server } = connected({ seed, network: { loss: 0.1, jitter: 20, duplicate: 0.1 } })
      let opened = 0
      runChecked(
        pair,
        () => {
          while (opened < 200) {
            const from = opened % 2 === 0 ? client : server
            const stream = traffic.send(
              from,
              opened % 3 === 0 ? 'unidirectional' : 'bidirectional',
              100 + 41 * opened,
              500,
            )
            if (stream === undefined) break
            if (opened % 5 === 1) stream.send?.reset(BigInt(opened))
            if (opened % 7 === 1) stream.receive?.stop(BigInt(opened))
            wake(pair, from)
            opened += 1
          }
          // What the other end opened is sometimes cut short there.
          for (const { stream } of [...pair.server.of('stream-opened'), ...pair.client.of('stream-opened')]) {
            if (stream.id % 11 === 1) stream.receive?.stop(3n)
            if (stream.id % 13 === 1) stream.send?.reset(4n)
            if (stream.receive?.resetCode !== undefined || stream.receive?.isStopped) stream.send?.reset(6n)
          }
          pair.client.endpoint.wake(client)
          pair.server.endpoint.wake(server)
          return opened === 200 && client.streams.count + server.streams.count === 0
        },
        120_000,
      )
      expect([client.state, opened, client.streams.count, server.streams.count]).toEqual(['connected', 200, 0, 0])
    })
  })
})
