import { describe, expect, test } from 'vitest'
import { MAX_VARINT, varintSize } from './varint.ts'

describe('varintSize', () => {
  // RFC 9000 Table 4.
  test.each([
    [0, 1],
    [63, 1],
    [64, 2],
    [16383, 2],
    [16384, 4],
    [2 ** 30 - 1, 4],
    [2 ** 30, 8],
    [Number.MAX_SAFE_INTEGER, 8],
    [2n ** 30n - 1n, 4],
    [MAX_VARINT, 8],
  ])('%d takes %d bytes', (value, size) => {
    expect(varintSize(value)).toBe(size)
  })

  test.each([-1, Number.NaN, Infinity, 2 ** 53, -1n, MAX_VARINT + 1n])('%d has none', (value) => {
    expect(() => varintSize(value)).toThrow(RangeError)
  })
})
