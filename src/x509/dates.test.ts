import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8, toLatin1 } from '../base/bytes.ts'
import { derTime, formatDate, readTime } from './dates.ts'
import { DerError, DerTag, parseDer } from './der.ts'
import { derElement } from './der-writer.ts'

const decode = (tag: number, text: string): number => parseDer(derElement(tag, encodeUtf8(text)), readTime)

test.each([
  [DerTag.utcTime, '700101000000Z', 0],
  [DerTag.utcTime, '491231235959Z', Date.UTC(2049, 11, 31, 23, 59, 59)],
  [DerTag.utcTime, '500101000000Z', Date.UTC(1950, 0, 1)],
  [DerTag.utcTime, '240229120000Z', Date.UTC(2024, 1, 29, 12)],
  [DerTag.generalizedTime, '20500101000000Z', Date.UTC(2050, 0, 1)],
  [DerTag.generalizedTime, '20000229000000Z', Date.UTC(2000, 1, 29)],
  [DerTag.generalizedTime, '99991231235959Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
])('time with tag %i, %s', (tag, text, milliseconds) => {
  expect(decode(tag, text)).toBe(milliseconds)
})

test.each([
  [DerTag.utcTime, '7001010000Z'],
  [DerTag.utcTime, '700101000000+0100'],
  [DerTag.utcTime, '700101000000'],
  [DerTag.utcTime, '701301000000Z'],
  [DerTag.utcTime, '700100000000Z'],
  [DerTag.utcTime, '230229000000Z'],
  [DerTag.utcTime, '700101240000Z'],
  [DerTag.utcTime, '700101006000Z'],
  [DerTag.utcTime, '700101000060Z'],
  [DerTag.generalizedTime, '21000229000000Z'],
  [DerTag.generalizedTime, '20500101000000.5Z'],
  [DerTag.generalizedTime, '700101000000Z'],
  [DerTag.octetString, '700101000000Z'],
])('time with tag %i, "%s", is refused', (tag, text) => {
  expect(() => decode(tag, text)).toThrow(DerError)
})

test('UTCTime ends with the year 2049', () => {
  expect(toLatin1(derTime(Date.UTC(2049, 11, 31, 23, 59, 59))).slice(2)).toBe('491231235959Z')
  expect(toLatin1(derTime(Date.UTC(2050, 0, 1))).slice(2)).toBe('20500101000000Z')
})

test('the arithmetic agrees with that of the host, from year 1 to 9999', () => {
  const time = fc.integer({ min: Date.UTC(0, 0, 1) - 1_800 * 365 * 86_400_000, max: Date.UTC(9999, 11, 31) })
  fc.assert(
    fc.property(time, (milliseconds) => {
      const seconds = Math.floor(milliseconds / 1000) * 1000
      expect(parseDer(derTime(milliseconds), readTime)).toBe(seconds)
      expect(formatDate(milliseconds)).toBe(new Date(milliseconds).toISOString().slice(0, 10))
    }),
    { numRuns: 500 },
  )
})
