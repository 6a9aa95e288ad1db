import { expect, test } from 'vitest'
import { closingLine, failedLine, readClosingLine, readFailures, readVectorsLine, vectorsLine } from './closing-line.ts'

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

test('a failure is one line, however long its words are', () => {
  expect(failedLine(' a > b: expected 1\n   to be 2\n')).toBe('FAILED: a > b: expected 1 · to be 2')
  expect(failedLine('x'.repeat(1000))).toMatch(/^FAILED: x{391}…$/)
})

test('the failures of an output are the lines that name one, and its end where none does', () => {
  const output = ['ok: a', failedLine('b: no'), 'ok: c', failedLine('d: never'), '2 passed, 2 failed'].join('\n')
  expect(readFailures(output)).toEqual(['FAILED: b: no', 'FAILED: d: never'])
  const silent = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join('\n')
  expect(readFailures(silent)).toEqual(Array.from({ length: 20 }, (_, index) => `line ${index + 10}`))
})
