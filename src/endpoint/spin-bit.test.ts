import { describe, expect, test } from 'vitest'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()
const RTT = 40

interface Edge {
  readonly at: number
  readonly bit: number
}

/** What an observer between both ends sees of the client's spin bits while both sides send: each packet's bit. */
function observed(options: PairOptions): Edge[] {
  const bits: Edge[] = []
  let isWatching = false
  const pair = new Pair({
    crypto,
    network: { delay: RTT / 2 },
    ...options,
    tap: (bytes, from, now) => {
      const first = bytes[0] ?? 0
      if (isWatching && from === 'client' && (first & 0x80) === 0) bits.push({ at: now, bit: (first >> 5) & 1 })
      return true
    },
  })
  const traffic = new Traffic(pair)
  const { client } = pair.handshake()
  isWatching = true
  traffic.send(client, 'bidirectional', 150_000, 150_000)
  pair.run(() => traffic.completed('client') === 1, 60_000)
  return bits
}

/** The times between changes of the bit. */
function periods(bits: readonly Edge[]): number[] {
  const edges = bits.filter(({ bit }, index) => index > 0 && bit !== bits[index - 1]?.bit)
  return edges.slice(1).map(({ at }, index) => at - (edges[index]?.at ?? 0))
}

describe('Between two ends', () => {
  test('an observer reads the round trip off the spin bit', () => {
    const times = periods(observed({ seed: 2 }))
    expect(times.length).toBeGreaterThan(2)
    for (const time of times) expect(time).toBeGreaterThanOrEqual(RTT)
    expect(Math.min(...times)).toBeLessThan(RTT + 30)
  })

  //= rfc9000#17.4-p4-1
  test('nothing is to be read where either of them has turned it off', () => {
    for (const role of ['client', 'server'] as const) {
      expect(periods(observed({ seed: 2, [role]: { spinBit: false } }))).toEqual([])
    }
  })

  //= rfc9000#17.4-p4-2
  test('about one path of eight is exempt, as each end exempts one of sixteen', () => {
    let exempt = 0
    const count = 96
    for (let seed = 1; seed <= count; seed++) {
      const pair = new Pair({ crypto, seed, network: { delay: 5 } })
      const { client, server } = pair.handshake()
      const spins = [client, server].map(({ paths }) => {
        const { spin } = paths.active
        const before = spin.value
        spin.onReceived(before === 0 ? 1 : 0, 1_000_000)
        spin.onReceived(before === 0 ? 0 : 1, 1_000_001)
        const first = spin.value
        spin.onReceived(before === 0 ? 1 : 0, 1_000_002)
        return spin.value !== first
      })
      if (spins.includes(false)) exempt += 1
    }
    expect(exempt).toBeGreaterThan(count / 32)
    expect(exempt).toBeLessThan(count / 4)
  })
})
