import { expect, test } from 'vitest'
import { lookFor, lookOf } from './paint.ts'

const TERMINAL = { isTTY: true, columns: 120 }

test('Colours are for terminals, unless somebody says no', () => {
  expect(lookFor(TERMINAL, {})).toEqual({ width: 120, isAscii: false, hasColours: true })
  expect(lookFor(TERMINAL, { NO_COLOR: '1' }).hasColours).toBe(false)
  expect(lookFor(TERMINAL, { NO_COLOR: '' }).hasColours).toBe(true)
  expect(lookFor(TERMINAL, { TERM: 'dumb' })).toEqual({ width: 120, isAscii: true, hasColours: false })
  expect(lookFor({}, {}).hasColours).toBe(false)
  expect(lookOf({ width: 80, isAscii: false, hasColours: true }).paint('a', 'bad')).toBe('\u001b[31ma\u001b[0m')
  expect(lookOf({ width: 80, isAscii: false, hasColours: false }).paint('a', 'bad')).toBe('a')
})

test('A locale without UTF-8 gets ASCII, and the first that is set counts', () => {
  expect(lookFor(TERMINAL, { LANG: 'de_DE.UTF-8' }).isAscii).toBe(false)
  expect(lookFor(TERMINAL, { LANG: 'C' }).isAscii).toBe(true)
  expect(lookFor(TERMINAL, { LC_ALL: 'POSIX', LANG: 'de_DE.UTF-8' }).isAscii).toBe(true)
})

test('The width is that of the terminal, within bounds, or 100', () => {
  expect([{ columns: 20 }, { columns: 500 }, {}].map((output) => lookFor(output, {}).width)).toEqual([60, 200, 100])
  expect(lookFor({}, { COLUMNS: '90' }).width).toBe(90)
  expect(lookFor({}, { COLUMNS: 'wide' }).width).toBe(100)
})
