import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../base/bytes.ts'
import { Http3Error, Http3ErrorCode } from '../error.ts'
import { huffmanSize } from './huffman.ts'
import { INCOMPLETE, LiteralReader, writeString } from './literal.ts'
import { prefixIntegerSize, writePrefixInteger } from './prefix-integer.ts'
import { failure, written } from './qpack.fixtures.ts'

function reader(bytes: Uint8Array): LiteralReader {
  const reader = new LiteralReader(Http3ErrorCode.QPACK_DECOMPRESSION_FAILED)
  reader.reset(bytes)
  return reader
}

const PREFIXES = fc.integer({ min: 3, max: 8 })
const LATIN1 = fc.uint8Array({ maxLength: 300 }).map((bytes) => String.fromCharCode(...bytes))

describe('prefixed integers', () => {
  test.each([
    ['10 with a prefix of 5 bits (RFC 7541 C.1.1)', 5, 10, '0a'],
    ['1337 with a prefix of 5 bits (RFC 7541 C.1.2)', 5, 1337, '1f9a0a'],
    ['42 at a byte boundary (RFC 7541 C.1.3)', 8, 42, '2a'],
    ['the largest that fits into the prefix', 5, 30, '1e'],
    ['the smallest that does not', 5, 31, '1f00'],
    ['the largest that a number holds', 7, Number.MAX_SAFE_INTEGER, '7f80ffffffffffff0f'],
  ])('%s', (_, bits, value, hex) => {
    expect(toHex(written((writer) => writePrefixInteger(writer, 0, bits, value)))).toBe(hex)
    expect(reader(fromHex(hex)).integer(bits)).toBe(value)
  })

  test('any integer comes back, and the bits before it are left alone', () => {
    const property = fc.property(PREFIXES, fc.maxSafeNat(), (bits, value) => {
      const pattern = 0xff & ~((1 << bits) - 1)
      const bytes = written((writer) => writePrefixInteger(writer, pattern, bits, value))
      const back = reader(bytes)
      expect(back.integer(bits)).toBe(value)
      expect(back.at).toBe(bytes.length)
      expect((bytes[0] ?? 0) & pattern).toBe(pattern)
      expect(prefixIntegerSize(bits, value)).toBe(bytes.length)
    })
    fc.assert(property)
  })

  test('one that is cut is incomplete, and nothing is read', () => {
    const bytes = fromHex('1f9a8a0a')
    for (let end = 0; end < bytes.length; end++) {
      const back = reader(bytes.subarray(0, end))
      expect(back.integer(5)).toBe(INCOMPLETE)
      expect(back.at).toBe(0)
    }
  })

  //= rfc9204#4.1.1-p2-1
  test('62 bits are read; what no number holds exactly is taken for infinite', () => {
    // 2^62-1 = 255 + 0x3fffffffffffff00
    expect(reader(fromHex('ff80feffffffffffff3f')).integer(8)).toBe(Infinity)
    expect(reader(fromHex('7f80ffffffffffff0f')).integer(7)).toBe(2 ** 53 - 1)
    expect(reader(fromHex('7f81ffffffffffff0f')).integer(7)).toBe(Infinity)
  })

  test('more than 62 bits are refused, and so are endless zeros', () => {
    expect(() => reader(fromHex('ff80feffffffffffff40')).integer(8)).toThrow(Http3Error)
    expect(() => reader(fromHex('ff808080808080808080')).integer(8)).toThrow(Http3Error)
    expect(() => reader(fromHex('ff80808080808080808000')).integer(8)).toThrow(Http3Error)
    expect(reader(fromHex('ff808080808080808000')).integer(8)).toBe(255)
  })
})

describe('strings', () => {
  test('any string comes back, in the shorter of its two forms', () => {
    const property = fc.property(LATIN1, PREFIXES, (text, bits) => {
      const bytes = written((writer) => writeString(writer, 0, bits, text))
      const back = reader(bytes)
      const isHuffman = ((bytes[0] ?? 0) & (1 << (bits - 1))) !== 0
      const length = back.integer(bits - 1)
      expect(length).toBe(Math.min(text.length, huffmanSize(text)))
      expect(bytes.length - back.at).toBe(length)
      expect(back.string(length, isHuffman, text.length)).toBe(text)
      expect(back.at).toBe(bytes.length)
    })
    fc.assert(property)
  })

  test('one that is longer than its limit is passed over', () => {
    for (const text of ['aaaaaaaaaa', '\u00ff\u00fe\u00fd\u00fc\u00fb\u00fa\u00f9\u00f8\u00f7\u00f6']) {
      const bytes = written((writer) => writeString(writer, 0, 8, text))
      const back = reader(bytes)
      const isHuffman = (bytes[0] ?? 0) >= 0x80
      const length = back.integer(7)
      expect(back.string(length, isHuffman, 9)).toBeUndefined()
      expect(back.at).toBe(bytes.length)
    }
  })

  test('long strings come back whole', () => {
    for (const text of ['x'.repeat(100_000), '\u00ff'.repeat(100_000)]) {
      const bytes = written((writer) => writeString(writer, 0, 8, text))
      const back = reader(bytes)
      const length = back.integer(7)
      expect(back.string(length, (bytes[0] ?? 0) >= 0x80, Infinity)).toBe(text)
    }
  })

  test('characters above U+00FF are the mistake of the caller, and nothing is written', () => {
    expect(() => written((writer) => writeString(writer, 0, 8, 'a\u0100'))).toThrow(TypeError)
  })

  test.each([
    ['padding of eight bits or more', 'f1e3c2e5f23a6ba0ab90f4ffff'],
    ['one whole byte of padding', 'ff'],
    ['padding of zeros', '18'],
    ['the end-of-string symbol', 'fffffffc'],
    ['the end-of-string symbol and a string', 'fffffffc61'],
    ['a code of which more than seven bits are there', 'fffff0'.slice(0, 4)],
  ])('%s is refused', (_, hex) => {
    const bytes = fromHex(hex)
    expect(failure(() => reader(bytes).string(bytes.length, true, 100))).toBe('QPACK_DECOMPRESSION_FAILED')
  })

  test('random bytes are a string, or refused as one', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const code = failure(() => {
        const text = reader(bytes).string(bytes.length, true, Infinity) ?? ''
        // No other encoding of that length means the same.
        expect(toHex(written((writer) => writeString(writer, 0, 8, text)).subarray(-bytes.length))).toContain(
          huffmanSize(text) < text.length ? toHex(bytes) : '',
        )
      })
      expect(['none', 'QPACK_DECOMPRESSION_FAILED']).toContain(code)
    })
    fc.assert(property, { numRuns: 1000 })
  })
})
