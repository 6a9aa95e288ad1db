import { describe, expect, test } from 'vitest'
import { FieldHistory } from './field-history.ts'

describe('the history of field lines', () => {
  test('knows a line once it was met', () => {
    const history = new FieldHistory()
    expect(history.meets('a', '1')).toBe(false)
    expect(history.meets('a', '1')).toBe(true)
    expect(history.meets('a1', '')).toBe(false)
    expect(history.meets('', 'a1')).toBe(false)
    expect(history.meets('a', '2')).toBe(false)
  })

  test('forgets what was met long ago', () => {
    const history = new FieldHistory()
    history.meets('kept', '')
    for (let i = 0; i < 300; i++) history.meets('other', `${i}`)
    expect(history.meets('kept', '')).toBe(true)
    for (let i = 300; i < 1000; i++) history.meets('other', `${i}`)
    expect(history.meets('kept', '')).toBe(false)
    expect(history.meets('other', '0')).toBe(false)
  })
})
