/**
 * Points in time as certificates write them (RFC 5280 §4.1.2.5), to and from Unix milliseconds, with arithmetic of its own:
 * the core knows no clock.
 */
import { encodeUtf8, toLatin1 } from '../base/bytes.ts'
import { DerError, type DerReader, DerTag } from './der.ts'
import { derElement } from './der-writer.ts'

const DAY = 86_400_000

/** One day in milliseconds, the unit in which validity periods are thought of. */
export const MILLISECONDS_PER_DAY: number = DAY

interface CivilTime {
  readonly year: number
  /** 1 to 12 */
  readonly month: number
  /** 1 to 31 */
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

/**
 * A Time: UTCTime (two digits of the year, 1950 to 2049) or GeneralizedTime, both in the only form DER and RFC 5280
 * §4.1.2.5 allow: to the second, ending in Z.
 * @throws DerError
 */
export function readTime(reader: DerReader): number {
  const isUtcTime = reader.tag === DerTag.utcTime
  const text = toLatin1(reader.contents(isUtcTime ? DerTag.utcTime : DerTag.generalizedTime))
  const digits = isUtcTime ? `${text < '5' ? '20' : '19'}${text}` : text
  if (!/^\d{14}Z$/.test(digits))
    throw new DerError(`Time must be YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, got "${text.slice(0, 32)}"`)
  const part = (start: number, end: number): number => Number(digits.slice(start, end))
  const time: CivilTime = {
    year: part(0, 4),
    month: part(4, 6),
    day: part(6, 8),
    hour: part(8, 10),
    minute: part(10, 12),
    second: part(12, 14),
  }
  const isReal =
    time.month >= 1 &&
    time.month <= 12 &&
    time.day >= 1 &&
    time.day <= daysInMonth(time.year, time.month) &&
    time.hour < 24 &&
    time.minute < 60 &&
    time.second < 60
  if (!isReal) throw new DerError(`Time "${text}" does not exist`)
  return toMilliseconds(time)
}

/** The Time of `milliseconds`, rounded down to the second: UTCTime through 2049, then GeneralizedTime (RFC 5280 §4.1.2.5). */
export function derTime(milliseconds: number): Uint8Array {
  const { year, month, day, hour, minute, second } = toCivilTime(milliseconds)
  const rest = `${[month, day, hour, minute, second].map(twoDigits).join('')}Z`
  return year >= 1950 && year < 2050
    ? derElement(DerTag.utcTime, encodeUtf8(`${twoDigits(year % 100)}${rest}`))
    : derElement(DerTag.generalizedTime, encodeUtf8(`${String(year).padStart(4, '0')}${rest}`))
}

/** The day of `milliseconds` in UTC, as in `2026-11-01`. */
export function formatDate(milliseconds: number): string {
  const { year, month, day } = toCivilTime(milliseconds)
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}`
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/** Days from 1970-01-01, in the proleptic Gregorian calendar; years are counted from March so that leap days come last. */
function toMilliseconds(time: CivilTime): number {
  const year = time.month <= 2 ? time.year - 1 : time.year
  const era = Math.floor(year / 400)
  const yearOfEra = year - era * 400
  const dayOfYear = Math.floor((153 * ((time.month + 9) % 12) + 2) / 5) + time.day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  const days = era * 146_097 + dayOfEra - 719_468
  return days * DAY + ((time.hour * 60 + time.minute) * 60 + time.second) * 1000
}

function toCivilTime(milliseconds: number): CivilTime {
  const days = Math.floor(milliseconds / DAY)
  const seconds = Math.floor((milliseconds - days * DAY) / 1000)
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const leaps = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
    hour: Math.floor(seconds / 3600),
    minute: Math.floor(seconds / 60) % 60,
    second: seconds % 60,
  }
}
