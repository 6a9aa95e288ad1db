import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ackSample, congestionSuite, MSS, rttOf, sentInfo } from './congestion-suite.fixtures.ts'
import type { CongestionController } from './controller.ts'
import { cubic } from './cubic.ts'

congestionSuite('CUBIC', cubic, 0.7)

/** RFC 9438 in its own units, segments and seconds, written down once more with all its named variables. */
class Reference {
  cwnd: number
  wMax = 0
  cwndPrior = 0
  wEst = 0
  k = 0

  constructor(cwnd: number) {
    this.cwnd = cwnd
  }

  congestion(): void {
    this.wMax = this.cwnd < this.wMax ? (this.cwnd * (1 + 0.7)) / 2 : this.cwnd
    this.cwndPrior = this.cwnd
    this.cwnd = Math.max(this.cwnd * 0.7, 2)
  }

  beginEpoch(): void {
    this.k = Math.cbrt(Math.max(0, this.wMax - this.cwnd) / 0.4)
    this.wEst = this.cwnd
  }

  wCubic(t: number): number {
    return 0.4 * (t - this.k) ** 3 + this.wMax
  }

  ack(segments: number, t: number, rtt: number): void {
    const alpha = this.wEst >= this.cwndPrior ? 1 : (3 * 0.3) / 1.7
    this.wEst += (alpha * segments) / this.cwnd
    if (this.wCubic(t) < this.wEst) this.cwnd = Math.max(this.cwnd, this.wEst)
    else {
      const target = Math.min(Math.max(this.wCubic(t + rtt), this.cwnd), 1.5 * this.cwnd)
      this.cwnd += (segments * (target - this.cwnd)) / this.cwnd
    }
  }
}

/** A controller just after a congestion event at time 0, with a window of `segments` before it. */
function reduced(segments: number): CongestionController {
  const controller = cubic({ maxDatagramSize: MSS, initialWindow: segments * MSS })
  controller.onPacketLost(sentInfo(-1), MSS, 0)
  return controller
}

describe('congestion avoidance', () => {
  test('agrees with a straight computation of RFC 9438 over many events', () => {
    const parameters = fc.tuple(
      fc.integer({ min: 4, max: 2000 }),
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
    )
    fc.assert(
      fc.property(parameters, ([segments, rttMs, rounds]) => {
        const rtt = rttOf(rttMs)
        const controller = reduced(segments)
        const reference = new Reference(segments)
        reference.congestion()
        let now = 0
        for (const count of rounds) {
          now += 1
          const start = now
          reference.beginEpoch()
          for (let i = 0; i < count; i++) {
            const bytes = [600, 1200, 2400][i % 3] ?? 0
            controller.onPacketsAcked(ackSample(now, bytes), rtt, now)
            reference.ack(bytes / MSS, (now - start) / 1000, rttMs / 1000)
            expect(controller.congestionWindow / MSS).toBeCloseTo(reference.cwnd, 2)
            now += rttMs / 4
          }
          controller.onPacketLost(sentInfo(now), MSS, now)
          reference.congestion()
          expect(controller.congestionWindow / MSS).toBeCloseTo(reference.cwnd, 2)
        }
      }),
    )
  })

  test('is back at the old window after K seconds: concave up to there, convex from there', () => {
    const controller = reduced(1000)
    const rtt = rttOf(100)
    const k = Math.cbrt((1000 * 0.3) / 0.4)
    const windows: number[] = []
    for (let now = 1; now < 2 * k * 1000; now += 100) {
      // A whole window each RTT.
      const window = controller.congestionWindow
      for (let bytes = 0; bytes < window; bytes += 10 * MSS) {
        controller.onPacketsAcked(ackSample(now, 10 * MSS), rtt, now)
      }
      windows.push(controller.congestionWindow / MSS)
    }
    const atK = windows[Math.floor(k * 10)] ?? 0
    expect(atK).toBeGreaterThan(990)
    expect(atK).toBeLessThan(1010)
    const growth = (at: number): number => (windows[at + 5] ?? 0) - (windows[at] ?? 0)
    expect(growth(5)).toBeGreaterThan(growth(60))
    expect(growth(160)).toBeGreaterThan(growth(100))
  })

  test('is never slower than Reno at short RTTs', () => {
    const controller = reduced(20)
    const rtt = rttOf(10)
    let now = 1
    for (let round = 0; round < 200; round++, now += 10) {
      const window = controller.congestionWindow
      for (let bytes = 0; bytes < window; bytes += MSS) controller.onPacketsAcked(ackSample(now), rtt, now)
    }
    // AIMD(0.53, 0.7) up to the old window of 20 segments, one segment each RTT from there.
    const up = (20 - 14) / ((3 * 0.3) / 1.7)
    expect(controller.congestionWindow / MSS).toBeGreaterThan(20 + (200 - up) * 0.9)
  })

  test('fast convergence: an event below the last one lowers the plateau', () => {
    const controller = reduced(1000)
    controller.onPacketLost(sentInfo(1), MSS, 2)
    // 1000 → 700 → 490; the plateau is 700 × 0.85 = 595 and not 700.
    const k = Math.cbrt((595 - 490) / 0.4)
    const rtt = rttOf(50)
    for (let now = 3; now < k * 1000; now += 50) {
      for (let i = 0; i < 60; i++) controller.onPacketsAcked(ackSample(now, 10 * MSS), rtt, now)
    }
    expect(controller.congestionWindow / MSS).toBeGreaterThan(588)
    expect(controller.congestionWindow / MSS).toBeLessThan(600)
  })

  test('after slow start that ended without a loss the plateau is the window itself', () => {
    const inherited = { congestionWindow: 100 * MSS, slowStartThreshold: 50 * MSS }
    const controller = cubic({ maxDatagramSize: MSS, inherited })
    controller.onPacketsAcked(ackSample(0), rttOf(50), 50)
    expect(controller.congestionWindow / MSS).toBeCloseTo(100, 1)
    for (let now = 50; now < 6000; now += 50) {
      for (let i = 0; i < 10; i++) controller.onPacketsAcked(ackSample(now, 10 * MSS), rttOf(50), now)
    }
    expect(controller.congestionWindow / MSS).toBeGreaterThan(100 + 0.4 * 5 ** 3)
  })
})

describe('time without growth', () => {
  /** Five RTTs of full windows, a pause of `pause` ms, five more; the window in segments. */
  function paused(
    pause: number,
    inFlight: number,
    during: (controller: CongestionController, now: number) => void,
  ): number {
    const controller = reduced(1000)
    const rtt = rttOf(100)
    let now = 1
    const rounds = (): void => {
      for (let i = 0; i < 5; i++, now += 100) {
        for (let k = 0; k < 80; k++) controller.onPacketsAcked(ackSample(now, 10 * MSS), rtt, now)
      }
    }
    rounds()
    const end = now + pause
    for (; now < end; now += 100) during(controller, now)
    controller.onPacketSent({ ...sentInfo(now), bytesInFlight: inFlight }, now)
    now += 100
    rounds()
    return controller.congestionWindow / MSS
  }

  test('for lack of data does not count as time of the stage', () => {
    const limited = (controller: CongestionController, now: number): void => {
      controller.onPacketsAcked(ackSample(now - 50, MSS, true), rttOf(100), now)
    }
    const plain = paused(0, 3 * MSS, () => {})
    expect(paused(60_000, 3 * MSS, limited)).toBeCloseTo(plain, 1)
  })

  test('nor does idleness', () => {
    const plain = paused(0, MSS, () => {})
    expect(paused(600_000, MSS, () => {})).toBeCloseTo(plain, 5)
    expect(plain).toBeLessThan(1000)
  })
})

test('a spurious reduction in mid-stage brings the whole stage back', () => {
  const [undone, plain] = [reduced(500), reduced(500)]
  const rtt = rttOf(50)
  const acks = (controller: CongestionController, from: number, to: number): void => {
    for (let now = from; now < to; now += 50) {
      for (let i = 0; i < 40; i++) controller.onPacketsAcked(ackSample(now, 10 * MSS), rtt, now)
    }
  }
  acks(undone, 1, 1000)
  acks(plain, 1, 1000)
  undone.onPacketLost(sentInfo(999), MSS, 1000)
  expect(undone.congestionWindow).toBeLessThan(plain.congestionWindow)
  undone.onSpuriousLoss()
  expect(undone.congestionWindow).toBe(plain.congestionWindow)
  acks(undone, 1001, 3000)
  acks(plain, 1001, 3000)
  expect(undone.congestionWindow).toBe(plain.congestionWindow)
})
