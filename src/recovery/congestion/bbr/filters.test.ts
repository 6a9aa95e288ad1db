import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Aggregation } from './aggregation.ts'
import { CycleMaximum, WindowedMaximum } from './filters.ts'
import { FullPipe } from './full-pipe.ts'
import { MinRtt } from './min-rtt.ts'

describe('the maximum of two cycles', () => {
  test('forgets a cycle when the one after it is over, and empty cycles are none', () => {
    const filter = new CycleMaximum()
    filter.add(10)
    filter.add(7)
    filter.advance()
    filter.add(3)
    expect(filter.value).toBe(10)
    filter.advance()
    expect(filter.value).toBe(3)
    filter.advance()
    filter.advance()
    expect(filter.value).toBe(3)
  })
})

describe('the windowed maximum', () => {
  test('is never above the true maximum of its window, and never below the newest value', () => {
    const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1000 })), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (all, length) => {
        const filter = new WindowedMaximum()
        const seen: { time: number; value: number }[] = []
        let time = 0
        for (const [wait, value] of all) {
          time += wait
          seen.push({ time, value })
          filter.add(value, time, length)
          const inWindow = seen.filter((each) => time - each.time <= length).map((each) => each.value)
          expect(filter.value).toBeLessThanOrEqual(Math.max(...inWindow))
          expect(filter.value).toBeGreaterThanOrEqual(value)
        }
      }),
    )
  })

  test('a peak counts for the length of the window, and for no longer', () => {
    const filter = new WindowedMaximum()
    filter.add(100, 0, 10)
    for (let time = 1; time <= 10; time++) {
      filter.add(5, time, 10)
      expect(filter.value).toBe(100)
    }
    filter.add(5, 11, 10)
    expect(filter.value).toBe(5)
  })
})

describe('the full pipe estimator', () => {
  test('three rounds in a row without a quarter more', () => {
    const pipe = new FullPipe()
    for (const rate of [10, 12.5, 15.625, 16, 17]) pipe.onRound(rate)
    expect(pipe.isReached).toBe(false)
    pipe.onRound(19)
    expect(pipe.isReached && pipe.wasReached).toBe(true)
    pipe.reset(19)
    expect(pipe.isReached).toBe(false)
    expect(pipe.wasReached).toBe(true)
  })

  test('a round with growth begins the count anew', () => {
    const pipe = new FullPipe()
    for (const rate of [10, 10, 10, 13, 13, 13]) pipe.onRound(rate)
    expect(pipe.isReached).toBe(false)
    pipe.onRound(13)
    expect(pipe.isReached).toBe(true)
  })
})

describe('the minimum RTT', () => {
  test('is the least of ten seconds, and wants to be measured anew after five', () => {
    const rtt = new MinRtt(0)
    rtt.onSample(50, 0)
    for (let now = 100; now <= 5000; now += 100) rtt.onSample(80, now)
    expect(rtt.isExpired).toBe(false)
    rtt.onSample(80, 5001)
    expect(rtt.isExpired).toBe(true)
    expect(rtt.value).toBe(50)
    for (let now = 5100; now <= 10_000; now += 100) rtt.onSample(80, now)
    expect(rtt.value).toBe(50)
    rtt.onSample(90, 10_001)
    expect(rtt.value).toBe(80)
  })

  test('an RTT as low as the least one shows that there is no queue', () => {
    const rtt = new MinRtt(0)
    for (let now = 0; now <= 30_000; now += 1000) {
      // Equal but for the arithmetic of times in ms.
      rtt.onSample(50 + (now % 2000) * 1e-9, now)
      rtt.onSample(90, now + 1)
      expect(rtt.isExpired).toBe(false)
    }
    expect(rtt.value).toBe(50)
  })

  test('a drained queue puts the next measurement off', () => {
    const rtt = new MinRtt(0)
    rtt.onSample(50, 0)
    rtt.onDrained(4000)
    rtt.onSample(80, 8999)
    expect(rtt.isExpired).toBe(false)
    rtt.onSample(80, 9001)
    expect(rtt.isExpired).toBe(true)
  })
})

describe('aggregation', () => {
  test('what comes at the expected rate is none; what comes in heaps is the heap', () => {
    const steady = new Aggregation(0)
    for (let now = 1; now < 100; now++) steady.onPacketsAcked(1000, 1000, 1e6, now, true, now)
    expect(steady.extra).toBeLessThanOrEqual(1000)
    const heaps = new Aggregation(0)
    for (let now = 20; now < 1000; now += 20) heaps.onPacketsAcked(20_000, 1000, 1e6, now / 20, true, now)
    expect(heaps.extra).toBe(20_000)
    // Never more than a window.
    const small = new Aggregation(0)
    small.onPacketsAcked(20_000, 1, 5000, 1, true, 1)
    expect(small.extra).toBe(5000)
  })

  test('Startup remembers one round, later ten are remembered', () => {
    for (const [isFull, rounds] of [
      [false, 1],
      [true, 10],
    ] as const) {
      const aggregation = new Aggregation(0)
      aggregation.onPacketsAcked(50_000, 1000, 1e6, 0, isFull, 1)
      let round = 0
      while (aggregation.extra > 10_000) {
        round += 1
        aggregation.onPacketsAcked(1, 1000, 1e6, round, isFull, 1000 * round)
      }
      expect(round).toBe(rounds + 1)
    }
  })
})
