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

test('randomness fills every byte of any length, and never the same twice', () => {
  const { random } = defaultEnvironment()
  const seen = new Set<string>()
  for (let draw = 0; draw < 400; draw++) {
    const bytes = new Uint8Array(16)
    random.fill(bytes)
    seen.add(bytes.join())
  }
  expect(seen.size).toBe(400)
  for (const length of [0, 1, 63, 64, 65, 1_024, 70_000]) {
    const bytes = new Uint8Array(length)
    const untouched = new Set(bytes.keys())
    // A byte is 0 once in 256 times: 20 draws leave none so.
    for (let draw = 0; draw < 20; draw++) {
      random.fill(bytes)
      for (const index of untouched) if (bytes[index] !== 0) untouched.delete(index)
    }
    expect(untouched.size).toBe(0)
  }
})
