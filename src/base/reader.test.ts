import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EMPTY, fromHex } from './bytes.ts'
import { Reader } from './reader.ts'
import { MAX_SAFE, MAX_VARINT } from './varint.ts'
import { Writer } from './writer.ts'

const anyVarint = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX_VARINT }),
  fc.constantFrom(
    0n,
    63n,
    64n,
    16383n,
    16384n,
    2n ** 30n - 1n,
    2n ** 30n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    MAX_VARINT,
  ),
)

/** What can be asked of a reader, each with its answer when there is nothing to give. */
const reads: ReadonlyArray<readonly [string, (reader: Reader) => unknown, unknown]> = [
  ['uint8', (reader) => reader.uint8(), 0],
  ['uint16', (reader) => reader.uint16(), 0],
  ['uint24', (reader) => reader.uint24(), 0],
  ['uint32', (reader) => reader.uint32(), 0],
  ['varint', (reader) => reader.varint(), 0],
  ['varintSaturated', (reader) => reader.varintSaturated(), 0],
  ['varintBigint', (reader) => reader.varintBigint(), 0n],
  ['bytesView', (reader) => reader.bytesView(1), EMPTY],
  ['bytesCopy', (reader) => reader.bytesCopy(1), EMPTY],
  ['skip', (reader) => reader.skip(1), 0],
]

describe('variable-length integers', () => {
  // RFC 9000 A.1.
  test.each([
    ['c2197c5eff14e88c', 151288809941952652n],
    ['9d7f3e7d', 494878333n],
    ['7bbd', 15293n],
    ['25', 37n],
    ['4025', 37n],
  ])('RFC 9000 A.1: %s is %d', (hex, value) => {
    const bytes = fromHex(hex)
    const reader = new Reader(bytes)
    expect(reader.varintBigint()).toBe(value)
    expect([reader.ok, reader.remaining]).toEqual([true, 0])
    reader.reset(bytes)
    expect(reader.varintSaturated()).toBe(value > MAX_SAFE ? MAX_SAFE : Number(value))
    reader.reset(bytes)
    expect(reader.varint()).toBe(value > MAX_SAFE ? 0 : Number(value))
    expect(reader.ok).toBe(value <= MAX_SAFE)
  })

  test('every value in every length that holds it reads the same in all three ways', () => {
    fc.assert(
      fc.property(anyVarint, fc.constantFrom(1, 2, 4, 8), (value, length) => {
        fc.pre(value < 2n ** BigInt(8 * length - 2))
        const writer = new Writer()
        writer.varintOfLength(value, length)
        const reader = new Reader(writer.finish())
        expect(reader.remaining).toBe(length)
        expect(reader.varintBigint()).toBe(value)
        reader.offset = 0
        expect(reader.varintSaturated()).toBe(Math.min(Number(value), MAX_SAFE))
        reader.offset = 0
        expect(reader.varint()).toBe(value > MAX_SAFE ? 0 : Number(value))
        expect(reader.ok).toBe(value <= MAX_SAFE)
      }),
    )
  })

  test('2^53-1 is the last one that is exact, in a double of the next value too', () => {
    expect(new Reader(fromHex('c01fffffffffffff')).varint()).toBe(MAX_SAFE)
    const reader = new Reader(fromHex('c020000000000000'))
    expect([reader.varint(), reader.ok]).toEqual([0, false])
    expect(new Reader(fromHex('c020000000000000')).varintSaturated()).toBe(MAX_SAFE)
  })
})

describe('fixed fields', () => {
  test('are big-endian and unsigned', () => {
    const reader = new Reader(fromHex('ff fffe fffffd fffffffc 0a0b0c'.replaceAll(' ', '')))
    expect(reader.uint8()).toBe(0xff)
    expect(reader.uint16()).toBe(0xfffe)
    expect(reader.uint24()).toBe(0xfffffd)
    expect(reader.uint32()).toBe(0xfffffffc)
    expect([...reader.bytesView(1)]).toEqual([0x0a])
    expect(reader.skip(1)).toBe(11)
    expect([...reader.bytesCopy(1)]).toEqual([0x0c])
    expect([reader.ok, reader.remaining]).toEqual([true, 0])
  })

  test('a view shares the bytes, a copy does not', () => {
    const bytes = Uint8Array.of(1, 2)
    const reader = new Reader(bytes)
    const view = reader.bytesView(1)
    const copy = reader.bytesCopy(1)
    bytes.fill(9)
    expect([view[0], copy[0]]).toEqual([9, 2])
  })
})

describe('failing', () => {
  test.each(reads)('%s beyond the end fails and never looks behind it', (_name, read, nothing) => {
    // Bytes behind the end that would make any read succeed.
    const bytes = new Uint8Array(32).fill(0xff)
    const reader = new Reader(bytes, 4, 4)
    expect(read(reader)).toEqual(nothing)
    expect(reader.ok).toBe(false)
  })

  test.each(reads)('after a failure %s gives nothing', (_name, read, nothing) => {
    const reader = new Reader(new Uint8Array(32).fill(0x01))
    reader.fail()
    expect(read(reader)).toEqual(nothing)
    expect([reader.ok, reader.remaining]).toEqual([false, 0])
  })

  test.each([
    ['uint16', 1],
    ['uint24', 2],
    ['uint32', 3],
  ] as const)('%s fails with %d bytes', (name, length) => {
    const reader = new Reader(new Uint8Array(8).fill(1), 0, length)
    expect(reader[name]()).toBe(0)
    expect(reader.ok).toBe(false)
  })

  test.each(['40', '7b', '80', '9d7f3e', 'c0', 'c2197c5eff14e8'])('the varint %s is cut short', (hex) => {
    for (const read of ['varint', 'varintSaturated', 'varintBigint'] as const) {
      const padded = new Uint8Array(16)
      padded.set(fromHex(hex))
      const reader = new Reader(padded, 0, hex.length / 2)
      expect(Number(reader[read]())).toBe(0)
      expect(reader.ok).toBe(false)
    }
  })

  test('a negative, fractional or huge length is refused', () => {
    for (const length of [-1, Number.NaN, 2 ** 53, 5]) {
      const reader = new Reader(new Uint8Array(4))
      expect(reader.bytesView(length)).toHaveLength(0)
      expect(reader.ok).toBe(false)
    }
  })

  test('any sequence of reads over any bytes throws nothing and stays within the bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(fc.nat(reads.length - 1)), (bytes, sequence) => {
        const reader = new Reader(bytes)
        for (const index of sequence) reads[index]?.[1](reader)
        expect(reader.offset).toBeLessThanOrEqual(bytes.length)
      }),
    )
  })

  test('reset starts anew', () => {
    const reader = new Reader()
    reader.uint8()
    expect(reader.ok).toBe(false)
    reader.reset(Uint8Array.of(1, 2, 3), 1, 2)
    expect([reader.uint8(), reader.ok, reader.remaining]).toEqual([2, true, 0])
  })
})
