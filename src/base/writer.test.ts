import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { toHex } from './bytes.ts'
import { Reader } from './reader.ts'
import { MAX_VARINT } from './varint.ts'
import { Writer } from './writer.ts'

/** What was written, as hexadecimal. */
function written(write: (writer: Writer) => void): string {
  const writer = new Writer(0)
  write(writer)
  return toHex(writer.finish())
}

describe('fields', () => {
  test('fixed sizes are big-endian', () => {
    expect(
      written((writer) => {
        writer.uint8(0xff)
        writer.uint16(0x0102)
        writer.uint24(0x030405)
        writer.uint32(0xfffefdfc)
        writer.bytes(Uint8Array.of(7, 8))
      }),
    ).toBe('ff0102030405fffefdfc0708')
  })

  // RFC 9000 A.1.
  test.each([
    [151288809941952652n, 'c2197c5eff14e88c'],
    [494878333, '9d7f3e7d'],
    [15293, '7bbd'],
    [37, '25'],
    [63, '3f'],
    [64, '4040'],
    [16383, '7fff'],
    [16384, '80004000'],
    [2 ** 30 - 1, 'bfffffff'],
    [2 ** 30, 'c000000040000000'],
    [Number.MAX_SAFE_INTEGER, 'c01fffffffffffff'],
    [2n ** 53n, 'c020000000000000'],
    [MAX_VARINT, 'ffffffffffffffff'],
  ])('the varint %d is %s', (value, hex) => {
    expect(written((writer) => writer.varint(value))).toBe(hex)
    if (typeof value === 'number') expect(written((writer) => writer.varint(BigInt(value)))).toBe(hex)
  })

  test('a longer form than needed is written where it is asked for', () => {
    expect(written((writer) => writer.varintOfLength(37, 2))).toBe('4025')
    expect(written((writer) => writer.varintOfLength(37, 4))).toBe('80000025')
    expect(written((writer) => writer.varintOfLength(37n, 8))).toBe('c000000000000025')
  })

  test.each([-1, 1.5 - 2, Number.NaN, 2 ** 53, -1n, MAX_VARINT + 1n])('%d is no varint', (value) => {
    expect(() => new Writer().varint(value)).toThrow(RangeError)
  })

  test('a value that needs more than the length asked for is refused', () => {
    expect(() => new Writer().varintOfLength(64, 1)).toThrow(RangeError)
    expect(() => new Writer().varintOfLength(16384, 2)).toThrow(RangeError)
    expect(() => new Writer().varintOfLength(2 ** 30, 4)).toThrow(RangeError)
  })
})

describe('length prefixes', () => {
  test('nest', () => {
    const hex = written((writer) => {
      const outer = writer.openVector(3)
      writer.uint8(0xaa)
      const inner = writer.openVector(2)
      const innermost = writer.openVector(1)
      writer.bytes(Uint8Array.of(1, 2))
      writer.closeVector(innermost)
      writer.closeVector(inner)
      writer.closeVector(outer)
    })
    expect(hex).toBe('000006aa0003020102')
  })

  test('a vector that outgrows its prefix is refused', () => {
    const writer = new Writer()
    const mark = writer.openVector(1)
    writer.bytes(new Uint8Array(256))
    expect(() => writer.closeVector(mark)).toThrow(RangeError)
  })
})

describe('storage', () => {
  test('its own grows and keeps what was written', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), fc.nat(16), (parts, capacity) => {
        const writer = new Writer(capacity)
        for (const part of parts) writer.bytes(part)
        expect([...writer.finish()]).toEqual(parts.flatMap((part) => [...part]))
        expect(writer.length).toBe(parts.reduce((sum, part) => sum + part.length, 0))
      }),
    )
  })

  test('finish copies, clear begins anew', () => {
    const writer = new Writer(4)
    writer.uint8(1)
    const first = writer.finish()
    writer.clear()
    writer.uint8(2)
    expect([[...first], [...writer.finish()]]).toEqual([[1], [2]])
    expect(writer.remaining).toBe(Infinity)
  })

  test('over somebody else’s array it stays within its span', () => {
    const bytes = new Uint8Array(8).fill(0xee)
    const writer = new Writer(0)
    writer.reset(bytes, 2, 5)
    writer.uint16(0x0102)
    expect(writer.remaining).toBe(1)
    expect(() => writer.uint16(0x0304)).toThrow(RangeError)
    expect(() => writer.varint(64)).toThrow(RangeError)
    expect(() => writer.bytes(new Uint8Array(2))).toThrow(RangeError)
    writer.uint8(3)
    expect([...bytes]).toEqual([0xee, 0xee, 1, 2, 3, 0xee, 0xee, 0xee])
    expect([...writer.finish()]).toEqual([1, 2, 3])
  })

  test('a reader gets back what was written', () => {
    fc.assert(
      fc.property(fc.nat(0xff), fc.nat(0xffff), fc.nat(0xffffff), fc.nat(0xffffffff), (a, b, c, d) => {
        const writer = new Writer(1)
        writer.uint8(a)
        writer.uint16(b)
        writer.uint24(c)
        writer.uint32(d)
        const reader = new Reader(writer.finish())
        expect([reader.uint8(), reader.uint16(), reader.uint24(), reader.uint32(), reader.ok]).toEqual([
          a,
          b,
          c,
          d,
          true,
        ])
      }),
    )
  })
})
