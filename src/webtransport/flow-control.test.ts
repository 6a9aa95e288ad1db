import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WebTransportErrorCode } from './error-codes.ts'
import { SessionCredit, SessionWindow } from './flow-control.ts'

const code = WebTransportErrorCode.WT_FLOW_CONTROL_ERROR

//= draft-ietf-webtrans-http3#5.6.4-p7-1
//= draft-ietf-webtrans-http3#5.6.2-p9-1
test('a limit that does not rise is an error; in draft -14 only one that falls', () => {
  const newest = new SessionCredit('bytes', 10, true)
  newest.raise(11)
  expect(() => newest.raise(11)).toThrow(expect.objectContaining({ code }))
  expect(() => newest.raise(10)).toThrow(expect.objectContaining({ code }))
  const older = new SessionCredit('bytes', 10, false)
  older.raise(10)
  expect(() => older.raise(9)).toThrow(expect.objectContaining({ code }))
})

test('the peer is told once for each limit that it holds us up', () => {
  const credit = new SessionCredit('bytes', 10, true)
  credit.take(10)
  expect(credit.available).toBe(0)
  expect([credit.takeBlocked(), credit.takeBlocked()]).toEqual([true, false])
  credit.raise(20)
  expect(credit.takeBlocked()).toBe(true)
  credit.giveBack(3)
  expect(credit.available).toBe(13)
  expect(new SessionCredit('bytes', Infinity, true).takeBlocked()).toBe(false)
})

//= draft-ietf-webtrans-http3#5.6-p2-1
test('a window moves on as soon as half of it was used up, without being asked', () => {
  const window = new SessionWindow('bytes', 100)
  window.take(60)
  window.release(49)
  expect(window.takeUpdate()).toBeUndefined()
  window.release(1)
  expect(window.takeUpdate()).toBe(150)
  expect(window.takeUpdate()).toBeUndefined()
  window.resize(400)
  expect(window.takeUpdate()).toBe(450)
  window.resize(10)
  expect(window.takeUpdate()).toBeUndefined()
})

//= draft-ietf-webtrans-http3#5.6.4-p6-2
test('one more than the limit is an error', () => {
  const window = new SessionWindow('bytes', 100)
  window.take(100)
  expect(() => window.take(1)).toThrow(expect.objectContaining({ code }))
  new SessionWindow('bytes', Infinity).take(2 ** 50)
})

test('whoever keeps to the limits is never refused, and gets further for ever', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 100 }), (amounts) => {
      const window = new SessionWindow('bytes', 64)
      const credit = new SessionCredit('bytes', 64, true)
      for (const wanted of amounts) {
        const amount = Math.min(wanted, credit.available)
        credit.take(amount)
        window.take(amount)
        window.release(amount)
        const limit = window.takeUpdate()
        if (limit !== undefined) credit.raise(limit)
        expect(credit.available).toBeGreaterThanOrEqual(32)
      }
    }),
  )
})
