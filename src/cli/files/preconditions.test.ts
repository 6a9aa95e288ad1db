import { expect, test } from 'vitest'
import { dateOf, isRangeCurrent, preconditionsOf } from './preconditions.ts'

const MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37) / 1000
const NOW = { etag: '"abc"', modified: MODIFIED }
const AT = 'Sun, 06 Nov 1994 08:49:37 GMT'
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT'

test.each([
  [AT, MODIFIED],
  ['Sunday, 06-Nov-94 08:49:37 GMT', MODIFIED],
  ['Sun Nov  6 08:49:37 1994', MODIFIED],
  ['Sun, 06 Nov 1994 08:49:37 CET', undefined],
  ['Sun, 06 Nix 1994 08:49:37 GMT', undefined],
  ['1994-11-06T08:49:37Z', undefined],
  ['', undefined],
  [null, undefined],
])('the HTTP-date %j is %j', (text, expected) => {
  expect(dateOf(text)).toBe(expected)
})

test('two digits of a year are of the century that is nearer', () => {
  const year = new Date().getUTCFullYear() % 100
  const ahead = String((year + 60) % 100).padStart(2, '0')
  const then = dateOf(`Sunday, 06-Nov-${ahead} 08:49:37 GMT`) ?? 0
  expect(then * 1000).toBeLessThan(Date.now())
})

test.each<[Record<string, string>, string]>([
  [{}, 'hold'],
  [{ 'if-none-match': '"abc"' }, 'unchanged'],
  [{ 'if-none-match': 'W/"abc"' }, 'unchanged'],
  [{ 'if-none-match': '"x", "abc"' }, 'unchanged'],
  [{ 'if-none-match': '*' }, 'unchanged'],
  [{ 'if-none-match': '"x"' }, 'hold'],
  [{ 'if-modified-since': AT }, 'unchanged'],
  [{ 'if-modified-since': BEFORE }, 'hold'],
  [{ 'if-modified-since': 'yesterday' }, 'hold'],
  // The entity tag knows better than the date.
  [{ 'if-none-match': '"x"', 'if-modified-since': AT }, 'hold'],
  [{ 'if-match': '"abc"' }, 'hold'],
  [{ 'if-match': '*' }, 'hold'],
  [{ 'if-match': 'W/"abc"' }, 'failed'],
  [{ 'if-match': '"x"' }, 'failed'],
  [{ 'if-unmodified-since': AT }, 'hold'],
  [{ 'if-unmodified-since': BEFORE }, 'failed'],
  [{ 'if-match': '"abc"', 'if-unmodified-since': BEFORE }, 'hold'],
  [{ 'if-match': '"x"', 'if-none-match': '"abc"' }, 'failed'],
])('with %j: %s', (headers, expected) => {
  expect(preconditionsOf(new Headers(headers), NOW)).toBe(expected)
})

test.each<[string | undefined, boolean]>([
  [undefined, true],
  ['"abc"', true],
  ['W/"abc"', false],
  ['"x"', false],
  [AT, true],
  [BEFORE, false],
  ['yesterday', false],
])('If-Range %j: a part of the same file: %j', (condition, expected) => {
  expect(isRangeCurrent(new Headers(condition === undefined ? {} : { 'if-range': condition }), NOW)).toBe(expected)
})

test('a date says nothing of a file that has just been changed', () => {
  const modified = Math.floor(Date.now() / 1000)
  const headers = new Headers({ 'if-range': new Date(modified * 1000).toUTCString() })
  expect(isRangeCurrent(headers, { etag: '"abc"', modified })).toBe(false)
})
