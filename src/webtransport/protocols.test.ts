import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatProtocol, formatProtocols, isProtocolName, parseProtocol, parseProtocols } from './protocols.ts'

const names = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })

test('names go there and back', () => {
  fc.assert(
    fc.property(fc.array(names, { minLength: 1 }), (protocols) => {
      expect(parseProtocols(formatProtocols(protocols))).toEqual(protocols)
      expect(parseProtocol(formatProtocol(protocols[0] ?? ''))).toBe(protocols[0])
    }),
  )
})

test('any text is read without an exception', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), names), (text) => {
      parseProtocols(text)
      parseProtocol(text)
    }),
  )
})

//= draft-ietf-webtrans-http3#3.3-p3-1
test('anything but a string makes the whole field as if it had not come', () => {
  for (const bad of ['moq', '1', '?1', ':YQ==:', '"a", moq', '("a" "b")', '"a" "b"', '"a",', '"a', '', '@1', '"ä"']) {
    expect(parseProtocols(bad), bad).toBeUndefined()
    expect(parseProtocol(bad), bad).toBeUndefined()
  }
  expect(parseProtocol('"a", "b"')).toBeUndefined()
})

//= draft-ietf-webtrans-http3#3.3-p3-2
test('parameters are ignored', () => {
  expect(parseProtocols('"a";q=0.5;x, "b" ; y="z", "c";t=?1')).toBeUndefined()
  expect(parseProtocols('"a";q=0.5;x, "b"; y="z", "c";t=?1')).toEqual(['a', 'b', 'c'])
  expect(parseProtocol('"a";v=1')).toBe('a')
})

test('an application names a protocol by 1 to 512 printable characters', () => {
  expect(['a', ' ', 'x'.repeat(512), 'a"b\\'].every(isProtocolName)).toBe(true)
  expect(['', 'x'.repeat(513), 'ä', 'a\n', '\u007f'].some(isProtocolName)).toBe(false)
  expect(() => formatProtocol('ä')).toThrow(TypeError)
})
