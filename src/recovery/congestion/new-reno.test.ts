import { expect, test } from 'vitest'
import { ackSample, ackWindow, congestionSuite, MSS, rttOf, sentInfo } from './congestion-suite.fixtures.ts'
import { newReno } from './new-reno.ts'

congestionSuite('NewReno', newReno, 0.5)

//= rfc9002#7.3.3-p2-1
test('congestion avoidance adds one datagram for each window acknowledged', () => {
  const controller = newReno({ maxDatagramSize: MSS, initialWindow: 24_000 })
  controller.onPacketLost(sentInfo(10), MSS, 100)
  for (let round = 0; round < 10; round++) {
    const before = controller.congestionWindow
    ackWindow(controller, 200 + 50 * round, rttOf(50))
    expect(controller.congestionWindow).toBe(before + MSS)
  }
})

//= rfc9002#7.3.2-p2-1
test('the threshold is half the window, also where the window stops at its minimum', () => {
  const controller = newReno({ maxDatagramSize: MSS, initialWindow: 3000 })
  controller.onPacketLost(sentInfo(10), MSS, 100)
  expect(controller.slowStartThreshold).toBe(1500)
  expect(controller.congestionWindow).toBe(2400)
  // Above its threshold: congestion avoidance, not slow start.
  controller.onPacketsAcked(ackSample(110), rttOf(50), 160)
  expect(controller.congestionWindow).toBe(2400)
})

test('what is acknowledged beyond a window counts towards the next', () => {
  const controller = newReno({ maxDatagramSize: MSS, initialWindow: 24_000 })
  controller.onPacketLost(sentInfo(10), MSS, 100)
  for (let i = 0; i < 6; i++) controller.onPacketsAcked(ackSample(110 + i, 7000), rttOf(50), 160 + i)
  expect(controller.congestionWindow).toBe(12_000 + 3 * MSS)
})
