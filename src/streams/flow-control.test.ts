import fc from 'fast-check'
import { expect, test } from 'vitest'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { ReceiveWindow, SendWindow } from './flow-control.ts'
import { codeOf } from './packets.fixtures.ts'

//= rfc9000#4.1-p9-1
test('a limit that does not increase is ignored', () => {
  const window = new SendWindow(100)
  expect(window.raise(100)).toBe(false)
  expect(window.raise(50)).toBe(false)
  expect(window.limit).toBe(100)
  expect(window.raise(101)).toBe(true)
  expect(window.limit).toBe(101)
})

//= rfc9000#4.1-p3-1
test('credit that was not granted cannot be spent', () => {
  const window = new SendWindow(10)
  window.take(10)
  expect(window.available).toBe(0)
  expect(() => window.take(1)).toThrow(RangeError)
  window.checkInvariants()
})

test('being blocked is told once for each limit', () => {
  const window = new SendWindow(10)
  expect(window.block()).toBe(false)
  window.take(10)
  expect([window.block(), window.block()]).toEqual([true, false])
  expect(window.isBlocked).toBe(true)
  window.raise(20)
  expect([window.isBlocked, window.block()]).toEqual([false, false])
  window.take(10)
  expect(window.block()).toBe(true)
})

//= rfc9000#4.1-p8-1
test('bytes beyond the limit are a FLOW_CONTROL_ERROR, bytes up to it are not', () => {
  const window = new ReceiveWindow(1000, 1000)
  window.take(1000, 0)
  expect(codeOf(() => window.take(1, 0))).toBe(TransportErrorCode.FLOW_CONTROL_ERROR)
  window.checkInvariants()
})

//= rfc9000#4.2-p5-1
test('credit is due when half a window is consumed, whether or not the peer says it is blocked', () => {
  const window = new ReceiveWindow(1000, 1000)
  window.take(1000, 0)
  window.onConsumed(499)
  expect(window.wantsUpdate).toBe(false)
  window.onConsumed(1)
  expect(window.wantsUpdate).toBe(true)
  expect(window.takeUpdate(1e6, 10)).toBe(1500)
  expect(window.wantsUpdate).toBe(false)
})

test('a window of nothing asks for nothing, but one that only begins with nothing for its first credit', () => {
  expect(new ReceiveWindow(0, 0).wantsUpdate).toBe(false)
  const window = new ReceiveWindow(0, 1000)
  expect([window.wantsUpdate, window.takeUpdate(0, 10), window.wantsUpdate]).toEqual([true, 1000, false])
  expect(new ReceiveWindow(0, 1e9).takeUpdate(0, 10)).toBe(16_384)
})

test('a window doubles while it is consumed within few round trips, up to its maximum', () => {
  const window = new ReceiveWindow(1000, 5000)
  const sizes: number[] = []
  let now = 0
  for (let i = 0; i < 5; i++) {
    const amount = window.limit - window.received
    window.take(amount, now)
    window.onConsumed(amount)
    now += 15
    window.takeUpdate(now, 10)
    sizes.push(window.size)
    window.checkInvariants()
  }
  expect(sizes).toEqual([2000, 4000, 5000, 5000, 5000])
})

test('a window that is consumed slowly keeps its size', () => {
  const window = new ReceiveWindow(1000, 5000)
  let now = 0
  for (let i = 0; i < 5; i++) {
    const amount = window.limit - window.received
    window.take(amount, now)
    window.onConsumed(amount)
    now += 200
    window.takeUpdate(now, 10)
  }
  expect(window.size).toBe(1000)
})

test('a lower maximum shrinks the window and takes no credit back', () => {
  const window = new ReceiveWindow(1000, 5000)
  window.ensureSize(4000)
  window.take(1000, 0)
  window.onConsumed(1000)
  expect(window.takeUpdate(1e6, 1)).toBe(5000)
  window.setMaximum(500)
  expect([window.size, window.limit, window.wantsUpdate]).toEqual([500, 5000, false])
  window.take(4000, 1e6)
  window.onConsumed(4000)
  expect(window.takeUpdate(2e6, 1)).toBe(5500)
  window.checkInvariants()
})

test('whatever happens to a window, it never grants less than before nor more than its maximum beyond what was consumed', () => {
  const step = fc.record({ receive: fc.integer({ min: 0, max: 3000 }), read: fc.nat(3000), wait: fc.nat(100) })
  fc.assert(
    fc.property(
      fc.array(step),
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 1, max: 20_000 }),
      (steps, initial, max) => {
        const window = new ReceiveWindow(initial, max)
        let now = 0
        let limit = initial
        for (const { receive, read, wait } of steps) {
          window.take(Math.min(receive, window.limit - window.received), now)
          window.onConsumed(Math.min(read, window.received - window.consumed))
          now += wait
          if (window.wantsUpdate) {
            const next = window.takeUpdate(now, 20)
            expect(next).toBeGreaterThan(limit)
            expect(next).toBeLessThanOrEqual(window.consumed + max)
            limit = next
          }
          window.checkInvariants()
        }
      },
    ),
  )
})
