import { describe, expect, test } from 'vitest'
import { ackSample, MSS, rttOf, sentInfo } from './congestion-suite.fixtures.ts'
import type { CongestionController } from './controller.ts'
import { gentle } from './gentle.fixtures.ts'
import { guarded } from './guard.ts'

const OPTIONS = { maxDatagramSize: MSS }

test('a controller that is in order is passed through', () => {
  const plain = gentle(OPTIONS)
  const watched = guarded(gentle)(OPTIONS)
  for (const controller of [plain, watched]) {
    controller.onPacketSent(sentInfo(0), 0)
    controller.onPacketsAcked(ackSample(0, 5000), rttOf(50), 50)
    controller.onMaxDatagramSize(1400)
    controller.onPacketLost(sentInfo(60), MSS, 100)
    controller.onEcnCongestion(120, 150)
    controller.onSpuriousLoss()
  }
  expect(watched.congestionWindow).toBe(plain.congestionWindow)
  expect(watched.slowStartThreshold).toBe(plain.slowStartThreshold)
  expect(watched.pacingRate).toBe(plain.pacingRate)
  plain.onPersistentCongestion()
  watched.onPersistentCongestion()
  expect(watched.congestionWindow).toBe(plain.congestionWindow)
})

describe('what is no controller', () => {
  test.each([
    [undefined, 'A congestion controller must be an object, got undefined'],
    [7, 'A congestion controller must be an object, got 7'],
    [{}, 'A congestion controller must have the method onPacketSent'],
    [{ ...methods(), onSpuriousLoss: 3 }, 'A congestion controller must have the method onSpuriousLoss'],
  ])('%s is refused at once', (made, message) => {
    expect(() => guarded(() => made as CongestionController)(OPTIONS)).toThrow(new TypeError(message))
  })

  test.each([
    ['congestionWindow', NaN],
    ['congestionWindow', 0],
    ['congestionWindow', -5],
    ['congestionWindow', Infinity],
    ['congestionWindow', '12000'],
    ['congestionWindow', undefined],
    ['slowStartThreshold', NaN],
    ['slowStartThreshold', -1],
    ['pacingRate', 0],
    ['pacingRate', NaN],
    ['pacingRate', null],
  ])('%s of %s is refused by name', (name, value) => {
    const made = { ...methods(), congestionWindow: 12_000, slowStartThreshold: Infinity, [name]: value }
    expect(() => guarded(() => made as never)(OPTIONS)).toThrow(name)
  })
})

describe('a controller that fails', () => {
  const calls: readonly [string, (controller: CongestionController) => void][] = [
    ['onPacketSent', (controller) => controller.onPacketSent(sentInfo(0), 0)],
    ['onPacketsAcked', (controller) => controller.onPacketsAcked(ackSample(0), rttOf(5), 5)],
    ['onPacketLost', (controller) => controller.onPacketLost(sentInfo(0), MSS, 5)],
    ['onEcnCongestion', (controller) => controller.onEcnCongestion(0, 5)],
    ['onPersistentCongestion', (controller) => controller.onPersistentCongestion()],
    ['onSpuriousLoss', (controller) => controller.onSpuriousLoss()],
    ['onMaxDatagramSize', (controller) => controller.onMaxDatagramSize(1300)],
  ]

  test.each(calls)('in %s says so once, and is asked no more', (name, call) => {
    let asked = 0
    const cause = new Error('oh')
    const fail = (): never => {
      asked += 1
      throw cause
    }
    const made = { ...methods(), congestionWindow: 12_000, slowStartThreshold: 5000, [name]: fail }
    const controller = guarded(() => made as never)(OPTIONS)
    expect(() => call(controller)).toThrow(expect.objectContaining({ message: expect.stringContaining('oh'), cause }))
    for (const [, later] of calls) later(controller)
    expect(asked).toBe(1)
    expect(controller.congestionWindow).toBe(12_000)
  })

  test('by its numbers, too', () => {
    const made = { ...methods(), congestionWindow: 12_000, slowStartThreshold: 5000 }
    const controller = guarded(() => made as never)(OPTIONS)
    made.congestionWindow = NaN
    expect(() => controller.onPacketSent(sentInfo(0), 0)).toThrow(
      'congestionWindow must be a finite number of at least 1, got NaN',
    )
    expect(controller.congestionWindow).toBe(12_000)
  })
})

function methods(): Record<string, unknown> {
  const nothing = (): void => {}
  return {
    onPacketSent: nothing,
    onPacketsAcked: nothing,
    onPacketLost: nothing,
    onEcnCongestion: nothing,
    onPersistentCongestion: nothing,
    onSpuriousLoss: nothing,
    onMaxDatagramSize: nothing,
  }
}
