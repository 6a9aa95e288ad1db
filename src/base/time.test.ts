import { expect, test } from 'vitest'
import { NEVER } from './time.ts'

test('NEVER lies behind every moment and is the neutral element of the minimum', () => {
  expect(Math.min(NEVER, 5)).toBe(5)
  expect(NEVER > Number.MAX_VALUE).toBe(true)
})
