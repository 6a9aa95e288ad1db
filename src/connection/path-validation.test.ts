import { expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { seededRandom } from './owners.fixtures.ts'
import { PathValidation } from './path-validation.ts'

function started(interval = 100, patience = 1000): PathValidation {
  const validation = new PathValidation(seededRandom())
  validation.start(interval, patience, 0)
  return validation
}

test('a validation that was not begun wants nothing and believes nothing', () => {
  const validation = new PathValidation(seededRandom())
  expect([validation.isRunning, validation.isDue, validation.nextTimeout()]).toEqual([false, false, NEVER])
  expect(validation.onTimeout(1e9)).toBe(false)
  expect(validation.onResponse(new Uint8Array(8))).toBe('none')
})

test('waits for the deadline alone while a challenge is due and not sent', () => {
  const validation = started()
  expect(validation.nextTimeout()).toBe(1000)
  expect(validation.onTimeout(999)).toBe(false)
  expect(validation.onTimeout(1000)).toBe(true)
  expect([validation.isRunning, validation.isDue, validation.nextTimeout()]).toEqual([false, false, NEVER])
})

test('any of the challenges may be answered, each with its own size', () => {
  const validation = started()
  const first = validation.createChallenge()
  const second = validation.createChallenge()
  expect(second.data).not.toEqual(first.data)
  validation.onSent(first, true, 0)
  expect(validation.nextTimeout()).toBe(100)
  validation.onTimeout(100)
  validation.onSent(second, false, 100)
  expect(validation.nextTimeout()).toBe(300)
  expect(validation.onResponse(first.data)).toBe('address-and-mtu')
  expect(validation.isRunning).toBe(false)
  expect(validation.onResponse(second.data)).toBe('none')
})

test('remembers only so many challenges', () => {
  const validation = started(1, 1e6)
  const first = validation.createChallenge()
  validation.onSent(first, true, 0)
  for (let count = 0; count < 8; count++) validation.onSent(validation.createChallenge(), true, count)
  expect(validation.onResponse(first.data)).toBe('none')
})
