import { describe, expect, test } from 'vitest'
import { fairnessOf, queueing, utilization } from './bulk-flows.ts'
import { bbr, cubic, newReno } from './controllers.ts'

/** A loaded machine may need many times the seconds that they take. */
const TIMEOUT = 120_000

/** One bandwidth-delay product of queue. */
const FAST = { bandwidth: 100_000_000, roundTrip: 50 }

describe('one bulk flow fills 100 Mbit/s with 50 ms of round trip and a queue of one bandwidth-delay product', () => {
  test('to 90 % under CUBIC', { timeout: TIMEOUT }, () => {
    expect(utilization(1, cubic, FAST)).toBeGreaterThanOrEqual(0.9)
  })

  test('to 90 % under BBR', { timeout: TIMEOUT }, () => {
    expect(utilization(1, bbr, FAST)).toBeGreaterThanOrEqual(0.9)
  })

  test('to 85 % under NewReno', { timeout: TIMEOUT }, () => {
    expect(utilization(1, newReno, FAST)).toBeGreaterThanOrEqual(0.85)
  })

  test('to 80 % under BBR, where one datagram in a hundred is lost', { timeout: TIMEOUT }, () => {
    expect(utilization(1, bbr, { ...FAST, loss: 0.01 })).toBeGreaterThanOrEqual(0.8)
  })
})

describe('two CUBIC flows, begun five seconds apart, share with an index of 0.95', () => {
  test.for([10, 20, 100])('at %d Mbit/s', { timeout: TIMEOUT }, (megabits) => {
    const bottleneck = { bandwidth: megabits * 1_000_000, roundTrip: 50 }
    expect(fairnessOf(1, [cubic, cubic], bottleneck)).toBeGreaterThanOrEqual(0.95)
  })
})

test('BBR keeps a queue of half a second short; CUBIC and NewReno fill it', { timeout: TIMEOUT }, () => {
  const bottleneck = { bandwidth: 10_000_000, roundTrip: 50, queue: 10 }
  expect(queueing(1, bbr, bottleneck).median).toBeLessThan(100)
  for (const controller of [cubic, newReno]) {
    const { median, worst } = queueing(1, controller, bottleneck)
    expect(median).toBeGreaterThan(200)
    expect(worst).toBeLessThanOrEqual(501)
  }
})
