import { beforeEach, expect, test, vi } from 'vitest'
import { runSteps, type Step } from './steps.ts'

const program = (name: string, code: string): Step => [name, [process.execPath, '-e', code]]

// What is shown of these steps must not look like failures of the step that tests them.
beforeEach(() => {
  const spies = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error')]
  for (const spy of spies) spy.mockImplementation(() => {})
  return () => {
    for (const spy of spies) spy.mockRestore()
  }
})

test('steps run beside each other, and their results stand in their order', async () => {
  const results = await runSteps([
    program('long', `setTimeout(() => console.log('1 passed, 0 failed, 2 skipped'), 200)`),
    program('short', `console.log('3 passed, 0 failed\\n\\n4 passed, 0 failed')`),
    program('without a closing line', ''),
  ])
  expect(results.map(({ name, passed, failed, skipped }) => [name, passed, failed, skipped])).toEqual([
    ['long', 1, 0, 2],
    ['short', 4, 0, 0],
    ['without a closing line', 1, 0, 0],
  ])
})

test('what failed is read from the step that it failed in, whatever runs beside it', async () => {
  const results = await runSteps([
    program('first', `console.log('FAILED: a: no\\n1 passed, 1 failed'); process.exitCode = 1`),
    program('second', `console.error('it broke'); process.exitCode = 2`),
    program('third', `console.log('5 passed, 0 failed')`),
  ])
  expect(results.map(({ failed, failures }) => [failed, failures])).toEqual([
    [1, ['FAILED: a: no']],
    [1, ['it broke']],
    [0, []],
  ])
})

test('a program that cannot be started is a failure with a reason', async () => {
  const [result] = await runSteps([['absent', ['/nowhere/at-all']]])
  expect(result).toMatchObject({ failed: 1, passed: 0 })
  expect(result?.failures.join()).toContain('ENOENT')
})
