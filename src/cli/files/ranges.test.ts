import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rangeOf } from './ranges.ts'

test.each<[string | null, ReturnType<typeof rangeOf>]>([
  [null, 'whole'],
  ['bytes=0-499', { start: 0, length: 500 }],
  ['bytes=500-999', { start: 500, length: 500 }],
  ['bytes=500-', { start: 500, length: 9500 }],
  ['bytes=-500', { start: 9500, length: 500 }],
  ['bytes=9999-', { start: 9999, length: 1 }],
  ['bytes=9500-20000', { start: 9500, length: 500 }],
  ['bytes=-20000', { start: 0, length: 10_000 }],
  ['BYTES= 0-0', { start: 0, length: 1 }],
  // Nothing of it is there.
  ['bytes=10000-', 'none'],
  ['bytes=-0', 'none'],
  ['bytes=20000-30000, 10000-', 'none'],
  // Several: those that touch are one, and the first of the others is sent.
  ['bytes=0-99,50-199', { start: 0, length: 200 }],
  ['bytes=0-99, 100-199', { start: 0, length: 200 }],
  ['bytes=500-600,601-999', { start: 500, length: 500 }],
  ['bytes=0-0,-1', { start: 0, length: 1 }],
  ['bytes=20000-, 5-9', { start: 5, length: 5 }],
  ['bytes=0-9, 20-29, 9-20', { start: 0, length: 30 }],
  // Invalid, or another unit: as if it were not there.
  ['bytes=', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=9-5', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes=0-1,x', 'whole'],
  ['bytes 0-1', 'whole'],
  ['lines=0-1', 'whole'],
  [`bytes=${Array.from({ length: 17 }, (_, index) => `${index * 10}-${index * 10}`).join(',')}`, 'whole'],
])('of 10,000 bytes %j asks for %j', (field, expected) => {
  expect(rangeOf(field, 10_000)).toEqual(expected)
})

test('an empty file has no parts', () => {
  expect(rangeOf('bytes=0-', 0)).toBe('none')
  expect(rangeOf('bytes=-5', 0)).toBe('none')
})

test('whatever is asked for, a range lies within the file and begins where one that was asked for may begin', () => {
  const spec = fc.tuple(fc.option(fc.nat(200)), fc.option(fc.nat(200))).map(([from, to]) => `${from ?? ''}-${to ?? ''}`)
  const field = fc.oneof(
    fc.array(spec, { maxLength: 5 }).map((specs) => `bytes=${specs.join(',')}`),
    fc.string(),
  )
  fc.assert(
    fc.property(field, fc.nat(150), (given, size) => {
      const range = rangeOf(given, size)
      if (typeof range === 'string') return
      expect(range.length).toBeGreaterThan(0)
      expect(range.start).toBeGreaterThanOrEqual(0)
      expect(range.start + range.length).toBeLessThanOrEqual(size)
    }),
  )
})
