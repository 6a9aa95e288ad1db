import { expect, test } from 'vitest'
import { QlogMemory } from './memory.ts'

test('Where there is no page a trace cannot be downloaded, and the error says what to do', () => {
  const memory = new QlogMemory()
  memory.open({ fileName: 'a', originalDestination: 'b', role: 'client' })
  expect(() => memory.traces[0]?.download()).toThrow(
    new TypeError('A trace can be downloaded in a page alone: take its blob()'),
  )
})
