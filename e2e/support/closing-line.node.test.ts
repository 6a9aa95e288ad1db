import { expect, test } from 'vitest'
import { closingLine, readClosingLine, readVectorsLine, vectorsLine } from './closing-line.ts'

test('a closing line says what it was given', () => {
  expect(closingLine({ passed: 3, failed: 0, skipped: 0 })).toBe('3 passed, 0 failed')
  expect(closingLine({ passed: 3, failed: 1, skipped: 2 })).toBe('3 passed, 1 failed, 2 skipped')
})

test('the last closing line of an output is read, and no other line', () => {
  const output = 'Tests  9 passed (9)\n1 passed, 1 failed\n\n4 passed, 0 failed, 7 skipped\ndone'
  expect(readClosingLine(output)).toEqual({ passed: 4, failed: 0, skipped: 7 })
  expect(readClosingLine('Tests  9 passed (9)\nit said: 1 passed, 1 failed')).toBeUndefined()
})

test('what the absence of the vectors skipped is read back, and is nothing without its line', () => {
  expect(readVectorsLine(`a\n${vectorsLine(69)}\nb`)).toBe(69)
  expect(readVectorsLine('5 passed, 0 failed, 3 skipped')).toBe(0)
})
