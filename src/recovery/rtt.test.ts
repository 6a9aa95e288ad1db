import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketSpace } from '../wire/packet-type.ts'
import { Scenario } from './recovery.fixtures.ts'
import { RttEstimator } from './rtt.ts'

describe('before the first sample', () => {
  //= rfc9002#6.2.2-p1-1
  test('333 ms are assumed, so that the first PTO is about a second', () => {
    const rtt = new RttEstimator()
    expect(rtt.hasSample).toBe(false)
    expect(rtt.smoothed).toBe(333)
    expect(rtt.variance).toBe(166.5)
    expect(rtt.ptoPeriod(0, 1)).toBe(999)
  })

  //= rfc9002#6.2.2-p2-1
  test('an RTT learnt otherwise is assumed but is no sample', () => {
    const rtt = new RttEstimator(100)
    rtt.assume(40)
    expect(rtt.smoothed).toBe(40)
    expect(rtt.variance).toBe(20)
    expect(rtt.hasSample).toBe(false)
    rtt.onSample(60, 0, false, 25)
    rtt.assume(10)
    expect(rtt.smoothed).toBe(60)
  })

  test('an initial RTT that is none is refused', () => {
    for (const bad of [0, -1, NaN, Infinity]) expect(() => new RttEstimator(bad)).toThrow(RangeError)
  })
})

describe('samples', () => {
  //= rfc9002#5.2-p2-1
  test('the first one sets all figures', () => {
    const rtt = new RttEstimator()
    rtt.onSample(80, 30, true, 25)
    expect([rtt.latest, rtt.min, rtt.smoothed, rtt.variance]).toEqual([80, 80, 80, 40])
  })

  //= rfc9002#5.2-p2-2
  test('the minimum is the least of the later ones and leaves the delay aside', () => {
    const rtt = new RttEstimator()
    rtt.onSample(80, 0, true, 25)
    rtt.onSample(90, 25, true, 25)
    expect(rtt.min).toBe(80)
    rtt.onSample(50, 20, true, 25)
    expect(rtt.min).toBe(50)
  })

  //= rfc9002#5.3-p7.3-1
  test('after confirmation at most max_ack_delay is subtracted', () => {
    const rtt = new RttEstimator()
    rtt.onSample(80, 0, true, 25)
    rtt.onSample(160, 60, true, 25)
    expect(rtt.smoothed).toBe((7 * 80 + (160 - 25)) / 8)
  })

  //= rfc9002#5.3-p3-1
  //= rfc9002#5.3-p7.2-1
  test('before confirmation the whole delay is subtracted', () => {
    const rtt = new RttEstimator()
    rtt.onSample(80, 0, false, 25)
    rtt.onSample(160, 60, false, 25)
    expect(rtt.smoothed).toBe((7 * 80 + 100) / 8)
  })

  //= rfc9002#5.3-p7.4-1
  test('a delay that would lead below the minimum is not subtracted', () => {
    const rtt = new RttEstimator()
    rtt.onSample(80, 0, true, 25)
    rtt.onSample(90, 20, true, 25)
    expect(rtt.smoothed).toBe((7 * 80 + 90) / 8)
  })

  //= rfc9002#5.2-p5-1
  test('persistent congestion sets the minimum to the newest', () => {
    const rtt = new RttEstimator()
    rtt.onSample(10, 0, true, 25)
    rtt.onSample(200, 0, true, 25)
    rtt.onPersistentCongestion()
    expect(rtt.min).toBe(200)
  })

  //= rfc9002#5.2-p6-1
  test('figures agree with a straight computation of RFC 9002 Appendix A.7', () => {
    const sample = fc.tuple(fc.double({ min: 0, max: 1000, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true }))
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1 }), fc.boolean(), (samples, confirmed) => {
        const rtt = new RttEstimator()
        let [smoothed, variance, min] = [333, 166.5, -1]
        for (const [latest, delay] of samples) {
          rtt.onSample(latest, delay, confirmed, 25)
          if (min < 0) [smoothed, variance, min] = [latest, latest / 2, latest]
          else {
            min = Math.min(min, latest)
            const ackDelay = confirmed ? Math.min(delay, 25) : delay
            const adjusted = latest >= min + ackDelay ? latest - ackDelay : latest
            variance = (3 / 4) * variance + (1 / 4) * Math.abs(smoothed - adjusted)
            smoothed = (7 / 8) * smoothed + (1 / 8) * adjusted
          }
          expect(rtt.smoothed).toBeCloseTo(smoothed, 6)
          expect(rtt.variance).toBeCloseTo(variance, 6)
          expect(rtt.min).toBe(min)
          expect(rtt.smoothed).toBeGreaterThanOrEqual(rtt.min - 1e-9)
        }
      }),
    )
  })
})

describe('which acknowledgements are samples', () => {
  test('the time since the largest acknowledged packet was sent', () => {
    const sender = new Scenario()
    sender.sendAt(0, 10, 20)
    sender.ack(70, [0, 3])
    expect(sender.path.rtt.latest).toBe(50)
  })

  //= rfc9002#5.1-p6-1
  test('none where the largest is not newly acknowledged', () => {
    const sender = new Scenario()
    sender.sendAt(0, 10, 20)
    sender.ack(70, [2, 3])
    sender.ack(200, [1, 3])
    expect(sender.path.rtt.latest).toBe(50)
  })

  //= rfc9002#5.1-p7-1
  test('none where nothing ack-eliciting is newly acknowledged', () => {
    const sender = new Scenario()
    sender.send(0, { padded: true })
    sender.send(1, { ackEliciting: false })
    sender.ack(500, [0, 2])
    expect(sender.path.rtt.hasSample).toBe(false)
  })

  test('one where the largest is not ack-eliciting but another new one is', () => {
    const sender = new Scenario()
    sender.send(0)
    sender.send(10, { ackEliciting: false })
    sender.ack(50, [0, 2])
    expect(sender.path.rtt.latest).toBe(40)
  })

  test('the delay of an Initial acknowledgement is ignored', () => {
    const sender = new Scenario({ confirmed: false })
    sender.send(0, { space: PacketSpace.initial })
    sender.ackIn(PacketSpace.initial, 50, 0, [0, 1])
    sender.send(50, { space: PacketSpace.initial })
    sender.ackIn(PacketSpace.initial, 150, 40, [0, 2])
    expect(sender.path.rtt.smoothed).toBe((7 * 50 + 100) / 8)
  })

  //= rfc9000#9.4-p1-1
  test('a packet sent on another path is no sample of this one', () => {
    const sender = new Scenario()
    const other = new Scenario().path
    sender.send(0, { path: other })
    sender.send(10)
    sender.ack(100, [0, 1])
    expect(sender.path.rtt.hasSample).toBe(false)
    expect(other.rtt.latest).toBe(100)
  })
})
