/** What every window-based controller must do (RFC 9002 §7): one suite for all of them. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Time } from '../../base/time.ts'
import { RttEstimator } from '../rtt.ts'
import type { AckSample, CongestionController, ControllerFactory, SentInfo } from './controller.ts'

/** Bytes of a full-sized packet in the tests of controllers. */
export const MSS = 1200

/** An RTT estimator with one sample. */
export function rttOf(ms: number): RttEstimator {
  const rtt = new RttEstimator()
  rtt.onSample(ms, 0, true, 25)
  return rtt
}

/** A packet of the given size that left at the given time, the window being full. */
export function sentInfo(sentTime: Time, bytes: number = MSS, appLimited = false): SentInfo {
  return { bytes, sentTime, appLimited, bytesInFlight: 1e9, totalDelivered: 0, totalLost: 0 }
}

/** The sample of an ACK frame for `bytes`, the newest packet of which left at `sentTime`. */
export function ackSample(sentTime: Time, bytes: number = MSS, appLimited = false): AckSample {
  const newest = sentInfo(sentTime, Math.min(bytes, MSS), appLimited)
  return { bytes, newest, deliveryRate: 0, appLimited, bytesInFlight: 0, totalDelivered: bytes, totalLost: 0 }
}

/** Acknowledges a whole window, packet by packet; each left an RTT before. */
export function ackWindow(controller: CongestionController, now: Time, rtt: RttEstimator): void {
  const window = controller.congestionWindow
  for (let bytes = 0; bytes < window; bytes += MSS) {
    controller.onPacketsAcked(ackSample(now - rtt.smoothed, Math.min(MSS, window - bytes)), rtt, now)
  }
}

/** Runs the suite; `beta` is what a congestion event leaves of the window. */
export function congestionSuite(name: string, factory: ControllerFactory, beta: number): void {
  const make = (options: Partial<Parameters<ControllerFactory>[0]> = {}): CongestionController =>
    factory({ maxDatagramSize: MSS, ...options })

  describe(`${name}: the window at the start`, () => {
    //= rfc9002#7.2-p1-1
    test('is ten datagrams, at most the larger of 14,720 bytes and two of them', () => {
      expect(make().congestionWindow).toBe(12_000)
      expect(make({ maxDatagramSize: 1452 }).congestionWindow).toBe(14_520)
      expect(make({ maxDatagramSize: 4000 }).congestionWindow).toBe(14_720)
      expect(make({ maxDatagramSize: 16_000 }).congestionWindow).toBe(32_000)
      expect(make({ initialWindow: 50_000 }).congestionWindow).toBe(50_000)
      expect(make().slowStartThreshold).toBe(Infinity)
      expect(make().pacingRate).toBeUndefined()
    })

    //= rfc9002#7.2-p2-1
    //= rfc9002#7.2-p2-2
    test('follows the datagram size up and down until it is first used', () => {
      const controller = make()
      controller.onMaxDatagramSize(1400)
      expect(controller.congestionWindow).toBe(14_000)
      controller.onMaxDatagramSize(1200)
      expect(controller.congestionWindow).toBe(12_000)
      controller.onPacketsAcked(ackSample(1), rttOf(50), 51)
      controller.onMaxDatagramSize(1400)
      expect(controller.congestionWindow).toBe(13_200)
    })

    test('is what the controller before it had', () => {
      const controller = make({ inherited: { congestionWindow: 77_000, slowStartThreshold: 40_000 } })
      expect(controller.congestionWindow).toBe(77_000)
      expect(controller.slowStartThreshold).toBe(40_000)
      controller.onMaxDatagramSize(1452)
      expect(controller.congestionWindow).toBe(77_000)
    })

    test('sizes that are none are refused', () => {
      for (const bad of [0, -1, NaN, Infinity]) {
        expect(() => make({ initialWindow: bad })).toThrow(RangeError)
        expect(() => make({ minimumWindow: bad })).toThrow(RangeError)
        expect(() => make({ maxDatagramSize: bad })).toThrow(RangeError)
      }
    })
  })

  describe(`${name}: slow start`, () => {
    test('grows by what is acknowledged', () => {
      const controller = make()
      ackWindow(controller, 100, rttOf(50))
      expect(controller.congestionWindow).toBe(24_000)
      controller.onPacketsAcked(ackSample(120, 5000), rttOf(50), 150)
      expect(controller.congestionWindow).toBe(29_000)
    })

    //= rfc9002#7.3.1-p3-1
    test('ends with a loss or a CE mark, and the threshold is the reduced window', () => {
      for (const isLoss of [true, false]) {
        const controller = make()
        ackWindow(controller, 100, rttOf(50))
        if (isLoss) controller.onPacketLost(sentInfo(110), MSS, 200)
        else controller.onEcnCongestion(110, 200)
        expect(controller.congestionWindow).toBe(24_000 * beta)
        expect(controller.slowStartThreshold).toBe(24_000 * beta)
      }
    })
  })

  describe(`${name}: recovery`, () => {
    //= rfc9002#7.3.2-p2-2
    //= rfc9000#13.3-p7-1
    //= rfc9002#7-p3-1
    test('one reduction for all losses of packets that left before it', () => {
      const controller = make()
      controller.onPacketLost(sentInfo(10), MSS, 100)
      const reduced = controller.congestionWindow
      controller.onPacketLost(sentInfo(11), 2 * MSS, 100)
      controller.onPacketLost(sentInfo(99), 3 * MSS, 140)
      controller.onEcnCongestion(100, 145)
      expect(controller.congestionWindow).toBe(reduced)
      controller.onPacketLost(sentInfo(101), 4 * MSS, 200)
      expect(controller.congestionWindow).toBe(Math.max(2 * MSS, Math.floor(reduced * beta)))
    })

    test('acknowledgements of packets that left before it do not let the window grow', () => {
      const controller = make()
      controller.onPacketLost(sentInfo(10), MSS, 100)
      const reduced = controller.congestionWindow
      controller.onPacketsAcked(ackSample(99, 20_000), rttOf(50), 150)
      expect(controller.congestionWindow).toBe(reduced)
    })

    //= rfc9002#7.2-p4-1
    test('never below the minimum window', () => {
      for (const [minimumWindow, expected] of [
        [undefined, 2 * MSS],
        [5000, 5000],
      ] as const) {
        const controller = make({ minimumWindow })
        for (let i = 1; i < 20; i++) controller.onPacketLost(sentInfo(100 * i), MSS, 100 * i + 50)
        expect(controller.congestionWindow).toBe(expected)
      }
    })

    test('is undone when its losses turn out to be none', () => {
      const controller = make()
      ackWindow(controller, 100, rttOf(50))
      controller.onPacketLost(sentInfo(110), MSS, 200)
      controller.onSpuriousLoss()
      expect(controller.congestionWindow).toBe(24_000)
      expect(controller.slowStartThreshold).toBe(Infinity)
      // And only once.
      controller.onSpuriousLoss()
      expect(controller.congestionWindow).toBe(24_000)
    })

    test('is not undone after marks, after persistent congestion, or where the window is larger by now', () => {
      const marked = make()
      marked.onEcnCongestion(10, 100)
      marked.onSpuriousLoss()
      expect(marked.congestionWindow).toBe(12_000 * beta)
      const congested = make()
      congested.onPacketLost(sentInfo(10), MSS, 100)
      congested.onPersistentCongestion()
      congested.onSpuriousLoss()
      expect(congested.congestionWindow).toBe(2 * MSS)
      const grown = make()
      const rtt = rttOf(50)
      grown.onPacketLost(sentInfo(10), MSS, 100)
      for (let i = 0; i < 400; i++) ackWindow(grown, 200 + 50 * i, rtt)
      const window = grown.congestionWindow
      expect(window).toBeGreaterThan(12_000)
      grown.onSpuriousLoss()
      expect(grown.congestionWindow).toBe(window)
    })
  })

  describe(`${name}: persistent congestion`, () => {
    test('leaves the minimum window, from which slow start leads back to the threshold', () => {
      const controller = make()
      ackWindow(controller, 100, rttOf(50))
      controller.onPacketLost(sentInfo(110), MSS, 500)
      const threshold = controller.slowStartThreshold
      controller.onPersistentCongestion()
      expect(controller.congestionWindow).toBe(2 * MSS)
      expect(controller.slowStartThreshold).toBe(threshold)
      // Packets that left before the event count again: there is no recovery period any more.
      ackWindow(controller, 520, rttOf(50))
      expect(controller.congestionWindow).toBe(4 * MSS)
    })
  })

  describe(`${name}: an unused window`, () => {
    test('does not grow, but does where it was about full before the ACK', () => {
      const controller = make()
      for (let i = 1; i < 100; i++) controller.onPacketsAcked(ackSample(10 * i, MSS, true), rttOf(5), 10 * i + 5)
      expect(controller.congestionWindow).toBe(12_000)
      controller.onPacketsAcked({ ...ackSample(1000, MSS, true), bytesInFlight: 9000 }, rttOf(5), 1005)
      expect(controller.congestionWindow).toBe(13_200)
    })
  })

  test(`${name}: whatever it is told, the window is a whole number of bytes within its bounds`, () => {
    const step = fc.record({
      kind: fc.constantFrom('ack', 'ack', 'ack', 'lost', 'ecn', 'persistent', 'spurious', 'size', 'sent'),
      wait: fc.double({ min: 0, max: 500, noNaN: true }),
      age: fc.double({ min: 0, max: 300, noNaN: true }),
      bytes: fc.integer({ min: 1, max: 100_000 }),
      limited: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const controller = make()
        let now = 0
        let size = MSS
        for (const { kind, wait, age, bytes, limited } of steps) {
          now += wait
          const before = controller.congestionWindow
          const sentTime = Math.max(0, now - age)
          if (kind === 'ack') {
            controller.onPacketsAcked(ackSample(sentTime, bytes, limited), rttOf(age), now)
            expect(controller.congestionWindow).toBeGreaterThanOrEqual(before)
            // Never faster than slow start.
            expect(controller.congestionWindow).toBeLessThanOrEqual(before + Math.max(bytes, size) + 1)
          } else if (kind === 'lost') controller.onPacketLost(sentInfo(sentTime), bytes, now)
          else if (kind === 'ecn') controller.onEcnCongestion(sentTime, now)
          else if (kind === 'persistent') controller.onPersistentCongestion()
          else if (kind === 'spurious') controller.onSpuriousLoss()
          else if (kind === 'sent') controller.onPacketSent(sentInfo(now), now)
          else {
            size = 1200 + (bytes % 300)
            controller.onMaxDatagramSize(size)
          }
          expect(Number.isSafeInteger(controller.congestionWindow)).toBe(true)
          expect(controller.congestionWindow).toBeGreaterThanOrEqual(2 * MSS)
        }
      }),
    )
  })
}
