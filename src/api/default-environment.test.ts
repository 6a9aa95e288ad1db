import { afterEach, expect, test } from 'vitest'
import { defaultEnvironment, SteppingClock } from './default-environment.ts'

const host = globalThis as { document?: { hidden: boolean } }
const isPage = host.document !== undefined

afterEach(() => {
  // What a page was told of itself lies before its prototype's.
  if (isPage) Reflect.deleteProperty(host.document ?? {}, 'hidden')
  else delete host.document
})

/** Makes this host a page, hidden or not. */
function show(hidden: boolean): void {
  host.document ??= { hidden }
  Object.defineProperty(host.document, 'hidden', { value: hidden, configurable: true, writable: true })
}

test('timers are as late as the host says: a page has 4 ms, and a second once it is hidden', () => {
  const environment = defaultEnvironment()
  show(false)
  expect(environment.timerGranularity).toBe(4)
  show(true)
  expect(environment.timerGranularity).toBe(1_000)
  show(false)
  expect(environment.timerGranularity).toBe(4)
})

test.skipIf(isPage)('timers of a host that is no page are late by a millisecond', () => {
  expect(defaultEnvironment().timerGranularity).toBe(1)
})

test.each([0.1, 1, 16.7, 100])('a clock that jumps by %d ms tells so after a while', (step) => {
  let time = 0
  const clock = new SteppingClock(() => Math.floor(time / step) * step)
  for (let turn = 0; turn < 31; turn++) {
    time += 1.5 * step
    clock.now()
  }
  expect(clock.step).toBe(0)
  time += 1.5 * step
  clock.now()
  expect(clock.step).toBeCloseTo(step, 6)
})

test('a clock that stands still, or makes leaps, says nothing, or no more than 100 ms', () => {
  let time = 0
  const clock = new SteppingClock(() => time)
  for (let turn = 0; turn < 100; turn++) clock.now()
  expect(clock.step).toBe(0)
  for (let turn = 0; turn < 100; turn++) {
    time += 5_000
    clock.now()
  }
  expect(clock.step).toBe(100)
})
