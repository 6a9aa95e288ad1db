import { describe, expect, test } from 'vitest'
import { Scenario } from './recovery.fixtures.ts'
import { INITIAL_RTT, RttEstimator } from './rtt.ts'

/** A sender on a carrier that loses nothing and keeps the order, with one RTT sample of 20 ms. */
function onReliable(): Scenario {
  const sender = new Scenario({ path: { isReliable: true } })
  sender.sample(0, 20)
  return sender
}

describe('on a reliable carrier', () => {
  test('packets that come after a missing one do not make it lost', () => {
    const sender = onReliable()
    const first = sender.send(100)
    for (let at = 101; at < 150; at++) sender.send(at)
    sender.ack(170, [first + 1, first + 50])
    expect(sender.loss.packetsLost).toBe(0)
    // On any other path they do.
    const other = new Scenario()
    other.sample(0, 20)
    for (let at = 100; at < 150; at++) other.send(at)
    other.ack(170, [2, 51])
    expect(other.loss.packetsLost).toBe(1)
  })

  test('the time threshold is a second and four times the variation', () => {
    const sender = onReliable()
    const first = sender.send(100)
    sender.send(101)
    sender.ack(121, [first + 1, first + 2])
    const due = 100 + 1000 + 4 * sender.path.rtt.variance
    expect(sender.loss.nextTimeout()).toBe(due)
    sender.loss.onTimeout(due - 1)
    expect(sender.loss.packetsLost).toBe(0)
    sender.fire()
    expect(sender.loss.packetsLost).toBe(1)
    expect(sender.path.bytesInFlight).toBe(0)
  })

  test('a probe timeout is as patient, doubles, and what it repeats was not lost', () => {
    const sender = onReliable()
    const first = sender.send(1000)
    expect(sender.fire()).toBe(1000 + 1000 + 4 * sender.path.rtt.variance)
    expect(sender.loss.probes(2)).toBe(2)
    expect(sender.path.bytesInFlight).toBe(1200)
    expect(sender.loss.packetsLost).toBe(0)
    sender.ack(4000, [first, first + 1])
    expect(sender.loss.packetsLost).toBe(0)
  })

  test('losses are never persistent congestion', () => {
    const congested = (isReliable: boolean): number => {
      const sender = new Scenario({ path: { isReliable } })
      sender.sample(0, 20)
      for (let at = 100; at < 30_000; at += 1000) sender.send(at)
      const last = sender.send(30_000)
      sender.ack(30_020, [last, last + 1])
      while (sender.loss.nextTimeout() < 40_000) sender.fire()
      expect(sender.loss.packetsLost).toBe(30)
      return sender.path.congestionWindow
    }
    // The minimum, and one packet acknowledged since.
    expect(congested(false)).toBe(3600)
    expect(congested(true)).toBeGreaterThan(3600)
  })
})

test('the floor is part of the estimator, and there is none without one', () => {
  const patient = new RttEstimator(INITIAL_RTT, 1000)
  const usual = new RttEstimator()
  for (const rtt of [patient, usual]) rtt.onSample(20, 0, true, 25)
  expect(usual.ptoPeriod(25, 1)).toBe(20 + 40 + 25)
  expect(patient.ptoPeriod(25, 1)).toBe(1040)
  expect(usual.lossDelay(1)).toBe(22.5)
  expect(patient.lossDelay(1)).toBe(1040)
  patient.onSample(2000, 0, true, 25)
  expect(patient.ptoPeriod(25, 1)).toBeGreaterThan(1000 + 4 * patient.variance - 1)
})
