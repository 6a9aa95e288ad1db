import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_APPLICATION_CODE, toApplicationCode, toHttpCode, WebTransportErrorCode } from './error-codes.ts'

const FIRST = 0x52e4a40fa8dbn
const LAST = 0x52e5ac983162n

//= draft-ietf-webtrans-http3#4.4-p2-1
//= draft-ietf-webtrans-http3#4.4-p2-2
test('the ends of the range of 32 bits are those of the draft', () => {
  expect(toHttpCode(0, 15)).toBe(FIRST)
  expect(toHttpCode(0xffff_ffff, 15)).toBe(LAST)
  expect(toApplicationCode(FIRST)).toBe(0)
  expect(toApplicationCode(LAST)).toBe(0xffff_ffff)
})

test('draft -02 has eight bits: its last code is the one that it names, and what is above becomes it', () => {
  expect(toHttpCode(0xff, 2)).toBe(0x52e4a40fa9e2n)
  expect(toHttpCode(0x100, 2)).toBe(0x52e4a40fa9e2n)
  expect(toHttpCode(MAX_APPLICATION_CODE, 2)).toBe(0x52e4a40fa9e2n)
  expect(toHttpCode(0x100, 7)).not.toBe(toHttpCode(0xff, 7))
})

//= draft-ietf-webtrans-http3#4.4-p7-1
test('every code comes back unchanged, and none falls on a reserved one', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: MAX_APPLICATION_CODE }), fc.constantFrom(7, 14, 15), (code, draft) => {
      const http = toHttpCode(code, draft)
      expect((http - 0x21n) % 0x1fn).not.toBe(0n)
      expect(http >= FIRST && http <= LAST).toBe(true)
      expect(toApplicationCode(http)).toBe(code)
    }),
  )
})

test('neighbours of a reserved code stand for neighbours', () => {
  const reserved = FIRST + 30n
  expect((reserved - 0x21n) % 0x1fn).toBe(0n)
  expect(toApplicationCode(reserved - 1n)).toBe(29)
  expect(toApplicationCode(reserved)).toBeUndefined()
  expect(toApplicationCode(reserved + 1n)).toBe(30)
})

test('the mapping is that of the pseudocode of the draft', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: LAST - FIRST }), (shifted) => {
      const isReserved = (FIRST + shifted - 0x21n) % 0x1fn === 0n
      expect(toApplicationCode(FIRST + shifted)).toBe(isReserved ? undefined : Number(shifted - shifted / 0x1fn))
    }),
  )
})

//= draft-ietf-webtrans-http3#4.4-p7-3
test('a code outside of the range stands for no code of the application', () => {
  for (const code of [0n, 0x10cn, FIRST - 1n, LAST + 1n, 2n ** 62n - 1n, ...Object.values(WebTransportErrorCode)]) {
    expect(toApplicationCode(code)).toBeUndefined()
  }
})

test('what is no integer of 32 bits is refused', () => {
  for (const code of [-1, 1.5, Number.NaN, 2 ** 32, Infinity]) expect(() => toHttpCode(code, 15)).toThrow(RangeError)
})
