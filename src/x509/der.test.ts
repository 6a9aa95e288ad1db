import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { DerError, DerReader, DerTag, parseDer } from './der.ts'
import {
  derBitString,
  derBoolean,
  derElement,
  derInteger,
  derNamedBits,
  derNull,
  derOctetString,
  derOid,
  derSequence,
  derUnsigned,
  derUtf8String,
} from './der-writer.ts'

const read = <T>(hex: string, parse: (reader: DerReader) => T): T => parseDer(fromHex(hex), parse)

describe('reading', () => {
  test.each([
    ['indefinite length', '3080', /indefinite/],
    ['length of five bytes', '30850000000001', /too long/],
    ['long form for a short length', '30817f', /not minimal/],
    ['leading zero in the length', '3082007f', /not minimal/],
    ['contents cut short', '30050102', /runs past its end/],
    ['no length', '30', /ends within/],
    ['tag of two bytes', '1f2a00', /more than one byte/],
  ])('%s is refused', (_, hex, message) => {
    expect(() => new DerReader(fromHex(hex)).element()).toThrow(DerError)
    expect(() => new DerReader(fromHex(hex)).element()).toThrow(message)
  })

  test('what is left over is refused', () => {
    expect(() => read('05000500', (reader) => reader.contents(DerTag.null))).toThrow(
      'Unexpected 2 bytes of DER at byte 2',
    )
  })

  test('another tag than the expected one is named', () => {
    expect(() => read('0500', (reader) => reader.read(DerTag.sequence))).toThrow(
      'Expected DER tag 0x30 at byte 0, found 0x5',
    )
    expect(() => read('', (reader) => reader.read(DerTag.sequence))).toThrow('found the end')
  })

  test('a long-form length is read', () => {
    expect(read(`0481c8${'ab'.repeat(200)}`, (reader) => reader.contents(DerTag.octetString))).toHaveLength(200)
  })

  test.each(['010101', '01020000', '0100'])('BOOLEAN %s is refused', (hex) => {
    expect(() => read(hex, (reader) => reader.boolean())).toThrow('BOOLEAN')
  })

  test.each(['0200', '02020001', '0202007f', '0202ff80'])('INTEGER %s is refused', (hex) => {
    expect(() => read(hex, (reader) => reader.integer())).toThrow('INTEGER')
  })

  test('a negative INTEGER is no unsigned one, a huge one is clamped', () => {
    expect(() => read('0201ff', (reader) => reader.unsigned())).toThrow('negative')
    expect(read('0202ff7f', (reader) => toHex(reader.integer()))).toBe('ff7f')
    expect(read('020500ffffffff', (reader) => reader.unsigned())).toBe(0x7fffffff)
  })

  test.each(['0600', '06022a80', '0603800101', `0641${'01'.repeat(65)}`])('OBJECT IDENTIFIER %s is refused', (hex) => {
    expect(() => read(hex, (reader) => reader.oid())).toThrow('OBJECT IDENTIFIER')
  })

  test.each([
    ['06032a0304', '1.2.3.4'],
    ['06092a864886f70d01010b', '1.2.840.113549.1.1.11'],
    ['0603550403', '2.5.4.3'],
    ['0603883703', '2.999.3'],
  ])('OBJECT IDENTIFIER %s is %s', (hex, dotted) => {
    expect(read(hex, (reader) => reader.oid())).toBe(dotted)
    expect(toHex(derOid(dotted))).toBe(hex)
  })

  test.each(['0300', '030101', '03020801', '030207c0', '03020100'])('BIT STRING of names %s is refused', (hex) => {
    expect(() => read(hex, (reader) => reader.namedBits())).toThrow('BIT STRING')
  })

  test('named bits count from the left', () => {
    expect(read('03020780', (reader) => reader.namedBits())).toBe(1)
    expect(read('03020106', (reader) => reader.namedBits())).toBe(0b1100000)
    expect(read('0303070080', (reader) => reader.namedBits())).toBe(0x100)
    expect(read('030100', (reader) => reader.namedBits())).toBe(0)
  })
})

describe('round trips', () => {
  test('of octets and bits of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000, size: 'large' }), (bytes) => {
        expect(parseDer(derOctetString(bytes), (reader) => reader.contents(DerTag.octetString))).toEqual(bytes)
        expect(parseDer(derBitString(bytes), (reader) => reader.bitString())).toEqual(bytes)
      }),
      { numRuns: 30 },
    )
  })

  test('of integers', () => {
    fc.assert(
      fc.property(fc.nat(), (value) => {
        expect(parseDer(derInteger(value), (reader) => reader.unsigned())).toBe(value)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        const contents = parseDer(derUnsigned(bytes), (reader) => reader.integer())
        expect(BigInt(`0x${toHex(contents)}`)).toBe(BigInt(`0x${toHex(bytes)}`))
      }),
    )
  })

  test('of object identifiers', () => {
    const arcs = fc.tuple(fc.nat(2), fc.nat(39), fc.array(fc.bigInt({ min: 0n, max: 1n << 70n }), { maxLength: 5 }))
    fc.assert(
      fc.property(arcs, ([root, second, tail]) => {
        const dotted = [root, second, ...tail].join('.')
        expect(parseDer(derOid(dotted), (reader) => reader.oid())).toBe(dotted)
      }),
    )
  })

  test('of named bits and booleans', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.boolean(), (mask, flag) => {
        expect(parseDer(derNamedBits(mask), (reader) => reader.namedBits())).toBe(mask)
        expect(parseDer(derBoolean(flag), (reader) => reader.boolean())).toBe(flag)
      }),
    )
  })

  test('of a nested structure', () => {
    const der = derSequence(derNull(), derElement(0xa0, derUtf8String('é')), derSequence())
    expect(toHex(der)).toBe('300a0500a0040c02c3a93000')
    const found = parseDer(der, (reader) => {
      const fields = reader.read(DerTag.sequence)
      fields.read(DerTag.null).expectEnd()
      const text = fields.readOptional(0xa0)?.contents(DerTag.utf8String)
      const absent = fields.readOptional(0xa1)
      const rest = toHex(fields.element())
      fields.expectEnd()
      return { text: toHex(text ?? new Uint8Array()), absent, rest }
    })
    expect(found).toEqual({ text: 'c3a9', absent: undefined, rest: '3000' })
  })
})

test.each(['', '1', '3.1', '1.40', '1.2.x', '1..2'])('"%s" is no object identifier', (dotted) => {
  expect(() => derOid(dotted)).toThrow(RangeError)
})

test('random bytes give elements or a DerError, never another exception and never a read beyond the end', () => {
  const readers: readonly ((reader: DerReader) => unknown)[] = [
    (reader) => reader.element(),
    (reader) => reader.boolean(),
    (reader) => reader.integer(),
    (reader) => reader.unsigned(),
    (reader) => reader.oid(),
    (reader) => reader.bitString(),
    (reader) => reader.namedBits(),
    (reader) => reader.read(DerTag.sequence).element(),
  ]
  const input = fc.tuple(fc.constantFrom(1, 2, 3, 4, 6, 0x30), fc.uint8Array({ maxLength: 20 }))
  fc.assert(
    fc.property(input, fc.constantFrom(...readers), ([tag, rest], parse) => {
      const bytes = Uint8Array.of(tag, ...rest)
      try {
        parseDer(bytes, parse)
      } catch (error) {
        expect(error).toBeInstanceOf(DerError)
      }
    }),
    { numRuns: 2_000 },
  )
})
