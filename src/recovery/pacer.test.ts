import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CongestionController } from './congestion/controller.ts'
import { newReno } from './congestion/new-reno.ts'
import { Pacer } from './pacer.ts'
import { Scenario } from './recovery.fixtures.ts'
import { RttEstimator } from './rtt.ts'
import { SendMode, sendMode } from './send-mode.ts'

/** A controller that does nothing but hold a window, or a rate. */
function fixed(congestionWindow: number, pacingRate?: number): CongestionController {
  const inner = newReno({ maxDatagramSize: 1200, initialWindow: congestionWindow })
  return Object.defineProperty(inner, 'pacingRate', { value: pacingRate })
}

function rttOf(ms: number): RttEstimator {
  const rtt = new RttEstimator()
  rtt.onSample(ms, 0, true, 25)
  return rtt
}

/** Sends as much as the pacer lets through until `end`, by its timer alone; returns the times of all packets. */
function run(pacer: Pacer, controller: CongestionController, rtt: RttEstimator, end: number, late = 0): number[] {
  const times: number[] = []
  let now = 0
  while (now < end) {
    for (let i = 0; i < 10_000 && pacer.canSend(1200, now); i++) {
      pacer.onPacketSent(1200, now, controller, rtt)
      times.push(now)
    }
    const next = pacer.nextTime(1200, now)
    expect(next).toBeGreaterThan(now)
    now = next + late
  }
  return times
}

describe('the rate', () => {
  //= rfc9002#7.7-p1-1
  test('is 1.25 × window / smoothed RTT', () => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    const times = run(pacer, fixed(120_000), rttOf(100), 10_000)
    expect(pacer.rate).toBe(1500)
    expect((times.length * 1200) / 10_000 / 1500).toBeCloseTo(1, 2)
  })

  test('is the controller’s where it gives one', () => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    const times = run(pacer, fixed(120_000, 300), rttOf(100), 10_000)
    expect((times.length * 1200) / 10_000 / 300).toBeCloseTo(1, 1)
  })

  test('is reached by a timer that is late by its granularity, at low and high rates', () => {
    for (const [window, granularity] of [
      [60_000, 1],
      [6_000_000, 1],
      [6_000_000, 4],
    ] as const) {
      const pacer = new Pacer({ maxDatagramSize: 1200, granularity })
      const times = run(pacer, fixed(window), rttOf(50), 2000, granularity)
      expect((times.length * 1200) / 2000 / ((1.25 * window) / 50)).toBeGreaterThan(0.97)
    }
  })

  test('nothing is held back where the RTT is nought, or pacing is off', () => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    const off = new Pacer({ maxDatagramSize: 1200, enabled: false })
    for (let i = 0; i < 100; i++) {
      expect(pacer.canSend(1200, 5)).toBe(true)
      expect(off.canSend(1200, 5)).toBe(true)
      pacer.onPacketSent(1200, 5, fixed(12_000), rttOf(0))
      off.onPacketSent(1200, 5, fixed(12_000), rttOf(100))
    }
    expect(off.nextTime(1200, 5)).toBe(5)
    expect(off.rate).toBe(Infinity)
  })
})

describe('bursts', () => {
  //= rfc9002#7.7-p2-1
  //= rfc9002#7.7-p2-2
  test('ten packets may leave at once, at the start and after idleness', () => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    const times = run(pacer, fixed(12_000), rttOf(100), 50)
    expect(times.filter((time) => time === 0)).toHaveLength(10)
    expect(times.filter((time) => time > 0 && time < 10).length).toBeLessThanOrEqual(2)
    let count = 0
    while (pacer.canSend(1200, 100_000)) {
      pacer.onPacketSent(1200, 100_000, fixed(12_000), rttOf(100))
      count += 1
    }
    expect(count).toBe(10)
  })

  test('of large packets two may leave at once, as many as the initial window has', () => {
    const pacer = new Pacer({ maxDatagramSize: 65_000 })
    let count = 0
    for (; pacer.canSend(65_000, 0); count++) pacer.onPacketSent(65_000, 0, fixed(1_000_000), rttOf(1000))
    expect(count).toBe(2)
  })

  test('a packet larger than all others, such as a probe of the MTU, leaves where acknowledgements clock the others', () => {
    const controller = Object.defineProperty(fixed(60_000), 'slowStartThreshold', { value: 30_000 })
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    pacer.onPacketSent(1200, 0, controller, rttOf(50), true)
    for (let index = 0; pacer.canSend(1200, 20); index++) {
      expect(index).toBeLessThan(10)
      pacer.onPacketSent(1200, 20, controller, rttOf(50), true)
    }
    let now = 20
    while (!pacer.canSend(8952, now)) {
      now = pacer.nextTime(8952, now)
      expect(now).toBeLessThan(30)
    }
  })

  /** Packets of the smallest flight after the first, at a timer that is never late; no other may have two more. */
  const flightAt = (window: number, roundTrip: number): number => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    const times = run(pacer, fixed(window), rttOf(roundTrip), 20)
    const flights = new Map<number, number>()
    for (const time of times) flights.set(time, (flights.get(time) ?? 0) + 1)
    const sizes = [...flights.values()].slice(1)
    const least = Math.min(...sizes)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(least + 1)
    return least
  }

  test('at a high rate a flight is ten packets, so that it is worth its call', () => {
    // A granule earns 12,500 bytes.
    expect(flightAt(500_000, 50)).toBe(10)
  })

  test('at a higher one it is what half a granule earns, up to the 64 KB that one call takes', () => {
    // A granule earns 62,500 bytes, and 1,250,000.
    expect(flightAt(2_500_000, 50)).toBe(26)
    expect(flightAt(50_000_000, 50)).toBe(54)
  })

  test('no flight waits for more than a quarter of a round trip earns, unless that is less than ten packets', () => {
    // A round trip earns 75,000 bytes.
    expect(flightAt(60_000, 0.5)).toBe(15)
    expect(flightAt(12_000, 0.1)).toBe(10)
  })

  test('what acknowledgements free in a full window leaves in pairs, past slow start and within a round trip', () => {
    const rtt = rttOf(50)
    const burstAfter = (wait: number, threshold: number, isWindowFull: boolean): number => {
      const controller = Object.defineProperty(fixed(60_000), 'slowStartThreshold', { value: threshold })
      const pacer = new Pacer({ maxDatagramSize: 1200 })
      pacer.onPacketSent(1200, 0, controller, rtt, isWindowFull)
      let count = 0
      for (; pacer.canSend(1200, wait); count++) pacer.onPacketSent(1200, wait, controller, rtt)
      return count
    }
    expect(burstAfter(20, 30_000, true)).toBe(2)
    expect(burstAfter(20, Infinity, true)).toBe(10)
    expect(burstAfter(20, 30_000, false)).toBe(10)
    expect(burstAfter(60, 30_000, true)).toBe(10)
  })

  test('probes do not ask, and are paid for by what follows', () => {
    const pacer = new Pacer({ maxDatagramSize: 1200 })
    for (let i = 0; i < 12; i++) pacer.onPacketSent(1200, 0, fixed(12_000), rttOf(100))
    expect(pacer.canSend(1200, 0)).toBe(false)
    // Two packets too many and the next one, at 150 bytes per ms.
    expect(pacer.nextTime(1200, 0)).toBeCloseTo(3 * 8, 6)
  })

  test('however it is asked, no more leaves in any time than burst and rate allow', () => {
    const step = fc.record({
      wait: fc.double({ min: 0, max: 30, noNaN: true }),
      bytes: fc.integer({ min: 40, max: 1452 }),
    })
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 2400, max: 500_000 }),
        (steps, window) => {
          const [pacer, controller, rtt] = [new Pacer({ maxDatagramSize: 1452 }), fixed(window), rttOf(40)]
          let now = 0
          let sent = 0
          for (const { wait, bytes } of steps) {
            now += wait
            if (!pacer.canSend(bytes, now)) {
              const next = pacer.nextTime(bytes, now)
              expect(next).toBeGreaterThan(now)
              expect(pacer.canSend(bytes, next)).toBe(true)
              now = next
            }
            pacer.onPacketSent(bytes, now, controller, rtt)
            sent += bytes
            expect(sent).toBeLessThanOrEqual(pacer.burst + pacer.rate * now + 300)
          }
        },
      ),
    )
  })
})

describe('the send mode', () => {
  const options = { path: { pacing: true, initialWindow: 30_000 } }

  //= rfc9002#7-p7-1
  test('a full window lets only acknowledgements out, and probes', () => {
    const sender = new Scenario({ path: { initialWindow: 3600 } })
    sender.sendAt(0, 0)
    expect(sendMode(sender.path, false, 1200, 0, 0)).toBe(SendMode.any)
    sender.send(0)
    expect(sendMode(sender.path, false, 1200, 0, 0)).toBe(SendMode.ack)
    expect(sender.path.hasWindowFor(0)).toBe(true)
    //= rfc9002#7.5-p1-1
    expect(sendMode(sender.path, false, 1200, 1, 0)).toBe(SendMode.probe)
  })

  //= rfc9002#7.7-p4-1
  test('the pacer holds data back, not acknowledgements and probes', () => {
    const sender = new Scenario(options)
    for (let i = 0; i < 10; i++) sender.send(0)
    expect(sendMode(sender.path, false, 1200, 0, 0)).toBe(SendMode.paced)
    expect(sendMode(sender.path, false, 1200, 1, 0)).toBe(SendMode.probe)
    expect(SendMode.paced).toBeGreaterThanOrEqual(SendMode.ack)
    expect(sendMode(sender.path, false, 1200, 0, sender.path.pacer.nextTime(1200, 0))).toBe(SendMode.any)
  })

  test('nothing leaves where something outside recovery forbids it', () => {
    expect(sendMode(new Scenario(options).path, true, 1200, 2, 0)).toBe(SendMode.none)
  })
})
