import fc from 'fast-check'
import { expect, test } from 'vitest'
import { dateTime, milliseconds, record, uint64 } from './schema.ts'

test('A moment is told in RFC 3339, as hosts do', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('1600-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }), (date) => {
      expect(dateTime(date.getTime())).toBe(date.toISOString())
    }),
    {
      examples: [
        [new Date('2024-02-29T23:59:59.999Z')],
        [new Date('2000-03-01')],
        [new Date('1969-12-31T23:59:59.999Z')],
      ],
    },
  )
})

test('A record begins with RS, ends with a line feed, and has neither within', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = record({ value })
      expect([text.indexOf('\u001e'), text.lastIndexOf('\u001e'), text.indexOf('\n')]).toEqual([0, 0, text.length - 1])
      expect(JSON.parse(text.slice(1))).toEqual(JSON.parse(JSON.stringify({ value })))
    }),
  )
})

test('Times are rounded to the microsecond, and what is no time is absent', () => {
  expect([milliseconds(1.23456), milliseconds(0), milliseconds(Number.NaN), milliseconds(Infinity)]).toEqual([
    1.235,
    0,
    undefined,
    undefined,
  ])
})

test('Numbers beyond 2^53-1 are strings', () => {
  expect([uint64(5), uint64(5n), uint64(2n ** 62n - 1n)]).toEqual([5, 5, '4611686018427387903'])
})
