import { describe, expect, test } from 'vitest'
import type { Connection } from '../connection/connection.ts'
import type { Ecn } from '../transport.ts'
import { type AckFrame, FrameType } from '../wire/frame.ts'
import type { EcnState, Observer } from '../wire/observer.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { forSeeds, runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

/** ECT(0) and CE. */
const ECT0 = 2
const CE = 3

/** A network that leaves marks as they are. */
const faithful = (mark: Ecn): Ecn => mark

interface Outcome {
  readonly pair: Pair
  readonly client: Connection
  readonly server: Connection
  /** Of the server's first path, in their order. */
  readonly states: EcnState[]
  /** The marks of the server's datagrams, in their order. */
  readonly marks: Ecn[]
}

/** The server sends `total` bytes; `ecn` is what the network does to its marks. */
function download(total: number, ecn: NonNullable<PairOptions['ecn']>, options: PairOptions = {}): Outcome {
  const states: EcnState[] = []
  const marks: Ecn[] = []
  const pair = new Pair({
    crypto,
    serverObserver: { ecnStateUpdated: (_path, _old, state) => void states.push(state) },
    ...options,
    ecn: (mark, from, now) => {
      if (from === 'server') marks.push(mark)
      return ecn(mark, from, now)
    },
  })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  traffic.send(server, 'unidirectional', total)
  expect(runChecked(pair, () => traffic.completed('client') === 1, 120_000)).toBe(true)
  return { pair, client, server, states, marks }
}

describe('Over a carrier with ECN marks', () => {
  test('each datagram leaves as ECT(0) but for those between test and result, and both paths prove capable', () => {
    const { client, server, states, marks } = download(200_000, faithful)
    expect(states).toEqual(['unknown', 'capable'])
    expect(client.paths.active.recovery.ecn?.state).toBe('capable')
    expect(server.paths.active.recovery.ecn?.state).toBe('capable')
    expect(marks[0]).toBe(ECT0)
    expect(marks.at(-1)).toBe(ECT0)
    expect(marks.filter((mark) => mark === ECT0).length).toBeGreaterThan(marks.length / 2)
  })

  //= rfc9000#13.4.1-p2-1
  test('marks are counted and reported in each packet number space', () => {
    const reported = new Map<number, AckFrame['ecn']>()
    const clientObserver: Observer = {
      packetReceived: (packet, frames) => {
        for (const frame of frames) if (frame.type === FrameType.ack) reported.set(packet.type, frame.ecn)
      },
    }
    download(50_000, faithful, { clientObserver })
    expect(reported.size).toBeGreaterThanOrEqual(2)
    for (const counts of reported.values()) expect(counts?.ect0).toBeGreaterThan(0)
  })

  test('a carrier without marks gets none', () => {
    const pair = new Pair({ crypto })
    const { client, server } = pair.handshake()
    expect([client, server].map(({ paths }) => paths.active.recovery.ecn)).toEqual([undefined, undefined])
  })

  test('a path that erases marks fails, and is used without them', () => {
    const { marks, states } = download(200_000, () => 0)
    expect(states.at(-1)).toBe('failed')
    expect(marks.at(-1)).toBe(0)
  })

  test('a path that turns ECT(0) into ECT(1) fails', () => {
    const { states } = download(200_000, (mark) => (mark === ECT0 ? 1 : mark))
    expect(states.at(-1)).toBe('failed')
  })

  test('a path that begins to erase marks in the middle fails from then on', () => {
    let count = 0
    const { marks, states } = download(1_000_000, (mark, from) => (from === 'server' && ++count > 100 ? 0 : mark))
    expect(states).toEqual(['unknown', 'capable', 'failed'])
    expect(marks.at(-1)).toBe(0)
  })

  test('a path that drops marked datagrams is used without marks, and the handshake succeeds', () => {
    let last: Ecn = ECT0
    const pair = new Pair({
      crypto,
      ecn: (mark) => {
        last = mark
        return mark === 0 ? 0 : false
      },
    })
    const traffic = new Traffic(pair)
    const { client, server } = pair.handshake()
    traffic.send(client, 'bidirectional', 50_000, 50_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    // Most of what was marked is forgotten with the keys of the handshake, so that nobody can tell.
    expect(['unknown', 'failed']).toContain(client.paths.active.recovery.ecn?.state)
    expect(['unknown', 'failed']).toContain(server.paths.active.recovery.ecn?.state)
    expect(last).toBe(0)
  })

  test('each packet of a burst counts with its own mark', () => {
    let count = 0
    let largest: AckFrame['ecn']
    const serverObserver: Observer = {
      packetReceived: (_packet, frames) => {
        for (const frame of frames) if (frame.type === FrameType.ack && frame.ecn !== undefined) largest = frame.ecn
      },
    }
    let ce = 0
    download(
      300_000,
      (mark, from) => {
        if (from !== 'server' || mark !== ECT0 || ++count % 7 !== 0) return mark
        ce += 1
        return CE
      },
      { serverObserver },
    )
    expect(ce).toBeGreaterThan(5)
    // A datagram may hold two packets; those of the handshake's spaces are counted apart.
    expect(largest?.ce).toBeGreaterThanOrEqual(ce - 3)
    expect(largest?.ce).toBeLessThanOrEqual(ce)
  })

  test('CE makes the sender give way without any loss', () => {
    const plain = download(2_000_000, faithful)
    let count = 0
    const marked = download(2_000_000, (mark, from) =>
      from === 'server' && mark === ECT0 && ++count % 100 === 0 ? CE : mark,
    )
    expect(marked.states).toEqual(['unknown', 'capable'])
    const stats = marked.server.stats()
    expect(stats.packetsLost).toBe(0)
    expect(marked.server.paths.active.recovery.controller.slowStartThreshold).toBeLessThan(Infinity)
    expect(plain.server.paths.active.recovery.controller.slowStartThreshold).toBe(Infinity)
    expect(marked.pair.now).toBeGreaterThan(plain.pair.now)
  })

  test('a path that is rebound to another port is tested anew', () => {
    const { client, pair, server, states } = download(100_000, faithful)
    const traffic = new Traffic(pair)
    pair.run(() => false, 200)
    pair.client.address = '192.0.2.1:2000'
    traffic.send(client, 'bidirectional', 100_000, 100_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    expect(server.paths.active.remoteAddress).toBe('192.0.2.1:2000')
    expect(states).toEqual(['unknown', 'capable', 'testing', 'unknown', 'capable'])
  })

  test('a path from another host is tested for itself', () => {
    const { client, pair, server } = download(100_000, faithful)
    const first = server.paths.active.recovery.ecn
    const traffic = new Traffic(pair)
    pair.run(() => false, 200)
    pair.client.address = '198.51.100.9:1000'
    traffic.send(client, 'bidirectional', 100_000, 100_000)
    expect(runChecked(pair, () => traffic.completed('client') === 1, 60_000)).toBe(true)
    expect(server.paths.active.recovery.ecn).not.toBe(first)
    expect(server.paths.active.recovery.ecn?.state).toBe('capable')
  })

  test('loss, duplication, reordering and damage never make a faithful path fail', () => {
    forSeeds(10, (seed) => {
      const { client, server, states } = download(150_000, faithful, {
        seed,
        network: { loss: 0.08, jitter: 25, duplicate: 0.05, corrupt: 0.02 },
      })
      expect([seed, states.includes('failed'), server.state]).toEqual([seed, false, 'connected'])
      expect(client.paths.active.recovery.ecn?.state).not.toBe('failed')
    })
  })
})
