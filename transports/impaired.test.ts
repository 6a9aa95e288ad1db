import { describe, expect, test } from 'vitest'
import type { RandomSource } from '../src/base/random.ts'
import type { DatagramTransport, PathAddress } from '../src/transport.ts'
import { transportSuite } from './conformance.ts'
import { type ImpairedTransport, type Impairments, impair } from './impaired.ts'
import { pipe } from './pipe.ts'

/** A linear congruential generator: not good, but the same everywhere. */
function seeded(seed: number): RandomSource {
  let state = seed
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0
        bytes[i] = state >>> 24
      }
    },
  }
}

/** What reaches the network of `count` numbered datagrams, through these impairments. */
function passed(impairments: Partial<Impairments>, count = 1000): { sent: Uint8Array[]; transport: ImpairedTransport } {
  const sent: Uint8Array[] = []
  const network: DatagramTransport = {
    maxDatagramSize: 1200,
    preferredDatagramSize: 1150,
    localAddress: 'a:1',
    properties: { reliable: true, ordered: true, congestionControlled: true, addressValidated: true, ecn: true },
    open() {},
    close() {},
    send: (bytes) => {
      sent.push(bytes.slice())
      return true
    },
  }
  const transport = impair(network, { random: seeded(1), ...impairments })
  for (let i = 0; i < count; i++) expect(transport.send(Uint8Array.of(i >> 8, i & 0xff), 'b:2', 0)).toBe(true)
  return { sent, transport }
}

function numbers(sent: readonly Uint8Array[]): number[] {
  return sent.map((bytes) => ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0))
}

transportSuite(
  'an impaired transport that impairs nothing',
  async () => {
    const [near, far] = pipe()
    const random = seeded(7)
    return { near: impair(near, { random }), far: impair(far, { random }), toFar: '', toNear: '' }
  },
  { describe, test },
)

describe('each impairment', () => {
  test('loss drops about as many as asked', () => {
    const { sent, transport } = passed({ loss: 0.1 })
    expect(sent.length + transport.counts.lost).toBe(1000)
    expect(transport.counts.lost).toBeGreaterThan(60)
    expect(transport.counts.lost).toBeLessThan(140)
    expect(numbers(sent)).toEqual(numbers(sent).sort((a, b) => a - b))
  })

  test('loss of 1 drops all, and may be changed while running', () => {
    const impairments: Impairments = { loss: 1, random: seeded(1) }
    const [near, far] = pipe({ defer: (task) => task() })
    let arrived = 0
    far.open({ datagram: () => void arrived++, drain() {}, closed() {} })
    const transport = impair(near, impairments)
    for (let i = 0; i < 50; i++) transport.send(Uint8Array.of(i), '', 0)
    expect([arrived, transport.counts.lost]).toEqual([0, 50])
    impairments.loss = 0
    for (let i = 0; i < 50; i++) transport.send(Uint8Array.of(i), '', 0)
    expect([arrived, transport.counts.lost]).toEqual([50, 50])
  })

  test('duplication sends some twice', () => {
    const { sent, transport } = passed({ duplicate: 0.2 })
    expect(sent.length).toBe(1000 + transport.counts.duplicated)
    expect(transport.counts.duplicated).toBeGreaterThan(100)
    expect(new Set(numbers(sent)).size).toBe(1000)
  })

  test('reordering delays some by at most the depth, and loses none but the last', () => {
    const { sent, transport } = passed({ reorder: 0.2, reorderDepth: 3 })
    expect(transport.counts.reordered).toBeGreaterThan(100)
    const order = numbers(sent)
    expect(order).not.toEqual([...order].sort((a, b) => a - b))
    expect(new Set(order).size).toBe(order.length)
    expect(order.length).toBeGreaterThanOrEqual(997)
    const delays = order.map((number, i) => order.slice(0, i).filter((other) => other > number).length)
    expect(Math.max(...delays)).toBeLessThanOrEqual(3)
    expect(Math.max(...delays)).toBeGreaterThan(1)
  })

  test('corruption flips one bit of a copy', () => {
    const original = new Uint8Array(100)
    const { transport } = passed({}, 0)
    expect(transport.counts.corrupted).toBe(0)
    const flipped: Uint8Array[] = []
    const [near, far] = pipe({ defer: (task) => task() })
    far.open({ datagram: (bytes) => void flipped.push(bytes.slice()), drain() {}, closed() {} })
    const damaging = impair(near, { corrupt: 1, random: seeded(3) })
    for (let i = 0; i < 50; i++) damaging.send(original, '', 0)
    damaging.send(new Uint8Array(0), '', 0)
    expect(original.every((byte) => byte === 0)).toBe(true)
    const bits = flipped.map((bytes) =>
      bytes.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0),
    )
    expect(bits).toEqual([...Array(50).fill(1), 0])
    expect(new Set(flipped.map(String)).size).toBeGreaterThan(40)
  })
})

describe('as a transport', () => {
  test('the same seed does the same, another one something else', () => {
    const all = { loss: 0.1, duplicate: 0.1, reorder: 0.1, corrupt: 0.1 }
    const run = (seed: number): number[] => numbers(passed({ ...all, random: seeded(seed) }).sent)
    expect(run(5)).toEqual(run(5))
    expect(run(5)).not.toEqual(run(6))
  })

  test('it promises neither delivery nor order, and keeps the rest', () => {
    const { transport } = passed({}, 0)
    expect(transport.properties).toEqual({
      reliable: false,
      ordered: false,
      congestionControlled: true,
      addressValidated: true,
      ecn: true,
    })
    expect([transport.maxDatagramSize, transport.preferredDatagramSize, transport.localAddress]).toEqual([
      1200,
      1150,
      'a:1',
    ])
    expect(transport.resolve).toBeUndefined()
  })

  test('resolve and back-pressure are those of the transport behind it', async () => {
    const [near] = pipe({ queueLength: 1 })
    const resolving: DatagramTransport = Object.assign(near, {
      resolve: async (host: string, port: number): Promise<readonly PathAddress[]> => [`${host}:${port}`],
    })
    const transport = impair(resolving, { duplicate: 1, random: seeded(1) })
    expect(await transport.resolve?.('h', 5)).toEqual(['h:5'])
    expect(transport.send(Uint8Array.of(1), '', 0)).toBe(false)
  })
})
