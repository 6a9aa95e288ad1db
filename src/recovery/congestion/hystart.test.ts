import { describe, expect, test } from 'vitest'
import { ackSample, MSS, rttOf, sentInfo } from './congestion-suite.fixtures.ts'
import type { AckSample, ControllerFactory } from './controller.ts'
import { cubic } from './cubic.ts'
import { HyStart } from './hystart.ts'
import { newReno } from './new-reno.ts'

/** A path on which every packet sent is acknowledged after an RTT of one's choice, round after round. */
class Course {
  now = 0
  delivered = 0

  /** The ACK frames of one round: `count` packets that left at its start, each acknowledged by itself after `rtt`. */
  round(count: number, rtt: number): AckSample[] {
    const sentTime = this.now
    const totalDelivered = this.delivered
    this.now += rtt
    return Array.from({ length: count }, () => {
      this.delivered += MSS
      const newest = { ...sentInfo(sentTime), totalDelivered }
      return { ...ackSample(sentTime), newest, bytesInFlight: 1e9, totalDelivered: this.delivered }
    })
  }
}

/** Runs rounds of 10 packets with these RTTs; the growth of each round in packets. */
function growths(hystart: HyStart, rtts: readonly number[], packets = 10, course: Course = new Course()): number[] {
  return rtts.map((rtt) => {
    let bytes = 0
    for (const acked of course.round(packets, rtt)) bytes += hystart.onPacketsAcked(acked, course.now)
    return bytes / MSS
  })
}

describe('delay increase', () => {
  test('a steady RTT lets slow start go on for ever', () => {
    const hystart = new HyStart()
    expect(growths(hystart, new Array(50).fill(80))).toEqual(new Array(50).fill(10))
    expect(hystart.isConservative || hystart.isOver).toBe(false)
  })

  test('a rise by an eighth, seen in eight samples, makes growth conservative', () => {
    const hystart = new HyStart()
    // The first seven samples of the third round are too few; from the eighth on a quarter.
    expect(growths(hystart, [80, 80, 90])).toEqual([10, 10, 7 + 3 / 4])
    expect(hystart.isConservative).toBe(true)
    expect(hystart.isOver).toBe(false)
  })

  test('the rise that counts is never below 4 ms, nor above 16 ms', () => {
    for (const [before, after, expected] of [
      [10, 13.9, false],
      [10, 14, true],
      [80, 89.9, false],
      [80, 90, true],
      [500, 515.9, false],
      [500, 516, true],
    ] as const) {
      const hystart = new HyStart()
      growths(hystart, [before, before, after])
      expect(hystart.isConservative).toBe(expected)
    }
  })

  test('seven samples in a round show nothing', () => {
    const hystart = new HyStart()
    growths(hystart, [80, 80, 500, 500], 7)
    expect(hystart.isConservative).toBe(false)
  })

  test('the least RTT of a round counts: one late packet is no rise', () => {
    const hystart = new HyStart()
    const course = new Course()
    for (const rtt of [80, 80]) for (const acked of course.round(10, rtt)) hystart.onPacketsAcked(acked, course.now)
    let index = 0
    for (const acked of course.round(20, 80)) hystart.onPacketsAcked(acked, course.now + (index++ === 0 ? 0 : 100))
    expect(hystart.isConservative).toBe(false)
  })
})

describe('conservative slow start', () => {
  test('ends slow start after five rounds, the first of them a partial one', () => {
    const hystart = new HyStart()
    const course = new Course()
    const rounds = growths(hystart, [80, 80, 100, 100, 100, 100, 100], 10, course)
    expect(rounds.slice(3)).toEqual([2.5, 2.5, 2.5, 2.5])
    expect(hystart.isOver).toBe(false)
    growths(hystart, [100], 10, course)
    expect(hystart.isOver).toBe(true)
  })

  test('is left again where the RTT falls below what it was at its start', () => {
    const hystart = new HyStart()
    const course = new Course()
    growths(hystart, [80, 80, 100, 100], 10, course)
    expect(hystart.isConservative).toBe(true)
    const rounds = growths(hystart, [80, 80, 80, 80, 80, 80, 80], 10, course)
    expect(hystart.isConservative || hystart.isOver).toBe(false)
    expect(rounds.at(-1)).toBe(10)
  })
})

describe.each<[string, ControllerFactory]>([
  ['NewReno', newReno],
  ['CUBIC', cubic],
])('%s with HyStart++', (_, factory) => {
  test('ends its first slow start without a loss where a queue builds up', () => {
    const controller = factory({ maxDatagramSize: MSS })
    const course = new Course()
    let rtt = 50
    for (let round = 0; round < 20 && controller.slowStartThreshold === Infinity; round++) {
      const packets = Math.floor(controller.congestionWindow / MSS)
      // A bottleneck of 100 packets in 50 ms: what is beyond waits.
      rtt = Math.max(50, packets / 2)
      for (const acked of course.round(packets, rtt)) controller.onPacketsAcked(acked, rttOf(rtt), course.now)
    }
    expect(controller.slowStartThreshold).toBeLessThan(700 * MSS)
    expect(controller.slowStartThreshold).toBeGreaterThan(160 * MSS)
  })

  test('does not watch slow starts after the first', () => {
    const controller = factory({
      maxDatagramSize: MSS,
      inherited: { congestionWindow: 10 * MSS, slowStartThreshold: 1e9 },
    })
    const course = new Course()
    for (let round = 0; round < 10; round++) {
      const before = controller.congestionWindow
      for (const acked of course.round(10, 50 + 30 * round)) {
        controller.onPacketsAcked(acked, rttOf(50 + 30 * round), course.now)
      }
      expect(controller.congestionWindow).toBe(before + 10 * MSS)
    }
  })
})
