import { afterEach, expect, test } from 'vitest'
import { defaultEnvironment, SteppingClock } from './default-environment.ts'

const page = globalThis as { document?: unknown }
const own = Object.getOwnPropertyDescriptor(page, 'document')

afterEach(() => {
  if (own === undefined) delete page.document
  else Object.defineProperty(page, 'document', own)
})

function showDocument(document: unknown): void {
  Object.defineProperty(page, 'document', { value: document, configurable: true, writable: true })
}

test('timers are as late as the host says: a page has 4 ms, and a second once it is hidden', () => {
  const document = { hidden: false }
  showDocument(document)
  const environment = defaultEnvironment()
  expect(environment.timerGranularity).toBe(4)
  document.hidden = true
  expect(environment.timerGranularity).toBe(1_000)
  document.hidden = false
  expect(environment.timerGranularity).toBe(4)
  showDocument(undefined)
  expect(environment.timerGranularity).toBe(1)
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
