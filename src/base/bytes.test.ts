import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  concat,
  copyBytes,
  decodeUtf8,
  EMPTY,
  encodeUtf8,
  equalBytes,
  freeBytes,
  fromHex,
  fromLatin1,
  toHex,
  toLatin1,
} from './bytes.ts'

describe('giving memory back', () => {
  test.skipIf(!('transfer' in ArrayBuffer.prototype))('leaves nothing in an array with a buffer of its own', () => {
    const bytes = new Uint8Array(3)
    freeBytes(bytes)
    expect(bytes).toHaveLength(0)
  })

  test('leaves an array alone beside which others lie', () => {
    const bytes = new Uint8Array(10).subarray(0, 3)
    freeBytes(bytes)
    expect(bytes).toHaveLength(3)
  })
})

describe('joining and comparing', () => {
  test('concat puts the parts one behind the other in a fresh array', () => {
    const part = Uint8Array.of(1, 2)
    const joined = concat(part, EMPTY, Uint8Array.of(3))
    expect([...joined]).toEqual([1, 2, 3])
    joined[0] = 9
    expect(part[0]).toBe(1)
    expect(concat()).toHaveLength(0)
  })

  test('copyBytes copies, whatever the bytes are a subclass of', () => {
    // As Node's Buffer does.
    class Sharing extends Uint8Array {
      override slice(start?: number, end?: number): ReturnType<Uint8Array['slice']> {
        return this.subarray(start, end) as ReturnType<Uint8Array['slice']>
      }
    }
    const bytes = Sharing.of(1, 2, 3)
    const copies = [copyBytes(bytes), copyBytes(bytes, 1, 2), copyBytes(bytes, 1)]
    bytes.fill(9)
    expect(copies.map((copy) => [...copy])).toEqual([[1, 2, 3], [2], [2, 3]])
    expect(copies.every((copy) => Object.getPrototypeOf(copy) === Uint8Array.prototype)).toBe(true)
  })

  test('equalBytes tells lengths and every single bit apart', () => {
    expect(equalBytes(EMPTY, new Uint8Array(0))).toBe(true)
    expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, bit) => {
        const other = bytes.slice()
        expect(equalBytes(bytes, other)).toBe(true)
        const at = bit % (8 * bytes.length)
        other[at >> 3] = (other[at >> 3] ?? 0) ^ (1 << (at & 7))
        expect(equalBytes(bytes, other)).toBe(false)
      }),
    )
  })
})

describe('hexadecimal', () => {
  test('round trip', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes)
      }),
    )
  })

  test('both cases are read, lower case is written', () => {
    expect(toHex(fromHex('00fFAb10'))).toBe('00ffab10')
  })

  test.each(['0', '0g', '0x', ' 1', '1:', '@@', '``'])('%j is refused', (text) => {
    expect(() => fromHex(text)).toThrow(TypeError)
  })
})

describe('Latin-1', () => {
  test('each byte is one character', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i)
    expect([...toLatin1(all)].map((character) => character.charCodeAt(0))).toEqual([...all])
    expect(toLatin1(all, 65, 68)).toBe('ABC')
    expect([...fromLatin1(toLatin1(all))]).toEqual([...all])
  })
})

describe('UTF-8', () => {
  // The hosts' own coders are the oracle; the code under test may not use them, since the core names no host.
  test('encodes as the host does, unpaired surrogates included', () => {
    const units = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) })
    fc.assert(
      fc.property(fc.oneof(units, fc.string({ unit: 'binary' })), (text) => {
        expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text))
      }),
    )
  })

  test('decodes any bytes as the host does', () => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const nearly = fc.array(
      fc.constantFrom(0x41, 0x80, 0xbf, 0xc0, 0xc2, 0xe0, 0xed, 0xa0, 0xef, 0xf0, 0x90, 0xf4, 0x8f, 0xf5),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          nearly.map((bytes) => Uint8Array.from(bytes)),
          fc.uint8Array(),
        ),
        (bytes) => {
          expect(decodeUtf8(bytes)).toBe(decoder.decode(bytes))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a byte order mark is kept', () => {
    expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41))).toBe('\ufeffA')
  })
})
