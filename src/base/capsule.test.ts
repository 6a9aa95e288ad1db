import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, toHex } from './bytes.ts'
import { CapsuleDecoder, CapsuleError, DATAGRAM_CAPSULE, encodeCapsule } from './capsule.ts'

/** Capsules of types below 64 are known, their values at most `limit` bytes. */
function decoderInto(heard: string[], limit = 1000): CapsuleDecoder {
  return new CapsuleDecoder({
    limitOf: (type) => (type < 64 ? limit : undefined),
    onCapsule: (type, value) => heard.push(`${type}:${toHex(value)}`),
  })
}

/** `bytes` in pieces of the given sizes, in turn. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const all: Uint8Array[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1
    all.push(bytes.subarray(at, at + size))
    at += size
  }
  return all
}

describe('a stream of capsules', () => {
  test('is cut at the same places however its bytes arrive', () => {
    const capsule = fc.record({ type: fc.nat(200), value: fc.uint8Array({ maxLength: 300 }) })
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(capsule, { maxLength: 8 }), sizes, (capsules, parts) => {
        const heard: string[] = []
        const decoder = decoderInto(heard)
        const bytes = concat(...capsules.map(({ type, value }) => encodeCapsule(type, value)))
        for (const piece of pieces(bytes, parts)) decoder.receive(piece)
        expect(decoder.isAtBoundary).toBe(true)
        const known = capsules.filter(({ type }) => type < 64)
        expect(heard).toEqual(known.map(({ type, value }) => `${type}:${toHex(value)}`))
      }),
    )
  })

  test('of any bytes gives capsules or a CapsuleError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
        const decoder = decoderInto([])
        try {
          for (const chunk of chunks) decoder.receive(chunk)
        } catch (error) {
          expect(error).toBeInstanceOf(CapsuleError)
        }
      }),
    )
  })

  test('may hold an empty capsule, even as its last bytes', () => {
    const heard: string[] = []
    const decoder = decoderInto(heard)
    decoder.receive(encodeCapsule(DATAGRAM_CAPSULE, new Uint8Array(0)))
    expect(heard).toEqual(['0:'])
  })

  test('is not at a boundary within a header or a value', () => {
    const decoder = decoderInto([])
    expect(decoder.isAtBoundary).toBe(true)
    decoder.receive(Uint8Array.of(0))
    expect(decoder.isAtBoundary).toBe(false)
    decoder.receive(Uint8Array.of(2, 7))
    expect(decoder.isAtBoundary).toBe(false)
    decoder.receive(Uint8Array.of(7))
    expect(decoder.isAtBoundary).toBe(true)
  })
})

describe('a capsule that is too long', () => {
  test('is an error as soon as its length is known', () => {
    const decoder = decoderInto([], 10)
    expect(() => decoder.receive(Uint8Array.of(5, 11))).toThrow(
      new CapsuleError('A capsule of type 0x5 may have 10 bytes, this one has 11'),
    )
  })

  //= rfc9297#3.2-p7-1
  test('is skipped without being kept where its type is unknown', () => {
    const heard: string[] = []
    const decoder = decoderInto(heard, 10)
    // Type 0x1234, 2^30 - 1 bytes, of which some come.
    decoder.receive(Uint8Array.of(0x52, 0x34, 0xbf, 0xff, 0xff, 0xff))
    for (let round = 0; round < 100; round++) decoder.receive(new Uint8Array(60_000))
    expect(heard).toEqual([])
    expect(decoder.isAtBoundary).toBe(false)
  })
})
