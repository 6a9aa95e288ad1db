import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { MAX_SAFE } from '../base/varint.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import {
  decodeId,
  encodeFrame,
  encodeGoAway,
  encodeIdFrame,
  FrameHeaderReader,
  FrameType,
  frameHeaderSize,
  isReservedFrameType,
  writeFrameHeader,
} from './frames.ts'

const id = fc.oneof(fc.nat(70), fc.nat(20_000), fc.nat(), fc.maxSafeNat())

describe('a frame header', () => {
  test('is read as it was written, however the bytes are cut', () => {
    fc.assert(
      fc.property(id, id, fc.array(fc.integer({ min: 1, max: 17 }), { minLength: 1 }), (type, length, sizes) => {
        const size = frameHeaderSize(type, length)
        const bytes = new Uint8Array(size + 5)
        expect(writeFrameHeader(bytes, 2, type, length)).toBe(2 + size)
        const reader = new FrameHeaderReader()
        let at = 2
        for (let turn = 0; !reader.isComplete; turn++) {
          // What it says to need is never more than what the header still has.
          expect(reader.needed).toBeGreaterThan(0)
          expect(reader.needed).toBeLessThanOrEqual(2 + size - at)
          at = reader.push(bytes, at, Math.min(bytes.length, at + (sizes[turn % sizes.length] ?? 1)))
          expect(reader.isEmpty).toBe(false)
        }
        expect(at).toBe(2 + size)
        expect(reader).toMatchObject({ type, length, needed: 0 })
        expect(reader.push(bytes, at)).toBe(at)
        reader.reset()
        expect(reader).toMatchObject({ type: 0, length: 0, isEmpty: true, isComplete: false, needed: 2 })
      }),
    )
  })

  test('with a type or a length that no number holds reads as 2^53-1', () => {
    const reader = new FrameHeaderReader()
    expect(reader.push(fromHex('ffffffffffffffffffffffffffffffff'))).toBe(16)
    expect(reader).toMatchObject({ isComplete: true, type: MAX_SAFE, length: MAX_SAFE })
  })

  test('can be left behind its type, which is all that the signal of WebTransport has', () => {
    const reader = new FrameHeaderReader()
    const bytes = fromHex('404105')
    expect(reader.pushType(bytes, 0, 1)).toBe(1)
    expect(reader.hasType).toBe(false)
    expect(reader.pushType(bytes, 1)).toBe(2)
    expect(reader).toMatchObject({ hasType: true, type: FrameType.webTransportStream, isComplete: false, needed: 1 })
    expect(reader.pushType(bytes, 2)).toBe(2)
    expect(reader.push(bytes, 2)).toBe(3)
    expect(reader).toMatchObject({ isComplete: true, length: 5 })
  })

  test('that does not fit is refused', () => {
    expect(() => writeFrameHeader(new Uint8Array(4), 0, FrameType.data, 20_000)).toThrow(RangeError)
    expect(() => writeFrameHeader(new Uint8Array(64), 0, -1, 0)).toThrow(RangeError)
  })
})

test('whole frames follow one another', () => {
  const frames = fc.array(fc.record({ type: id, payload: fc.uint8Array({ maxLength: 100 }) }), { maxLength: 6 })
  fc.assert(
    fc.property(frames, (wanted) => {
      const bytes = concat(...wanted.map(({ type, payload }) => encodeFrame(type, payload)))
      const reader = new FrameHeaderReader()
      const found: string[] = []
      for (let at = 0; at < bytes.length; reader.reset()) {
        at = reader.push(bytes, at)
        expect(reader.isComplete).toBe(true)
        found.push(`${reader.type}:${toHex(bytes.subarray(at, at + reader.length))}`)
        at += reader.length
      }
      expect(found).toEqual(wanted.map(({ type, payload }) => `${type}:${toHex(payload)}`))
    }),
  )
})

describe('a payload that is one identifier', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(id, (value) => {
        const frame = encodeGoAway(value)
        const reader = new FrameHeaderReader()
        const at = reader.push(frame)
        expect(reader).toMatchObject({ type: FrameType.goAway, length: frame.length - at })
        expect(decodeId(frame.subarray(at))).toBe(value)
      }),
    )
    expect(toHex(encodeIdFrame(FrameType.maxPushId, 2n ** 62n - 4n))).toBe('0d08fffffffffffffffc')
    expect(decodeId(fromHex('fffffffffffffffc'))).toBe(MAX_SAFE)
  })

  //= rfc9114#7.1-p5-2
  //= rfc9114#7.1-p5-1
  //= rfc9114#7.1-p5-3
  //= rfc9114#10.8-p1-1
  test.each(['', '40', 'c000000000', '0000', '400500'])('of the bytes "%s" is H3_FRAME_ERROR', (hex) => {
    expect(() => decodeId(fromHex(hex))).toThrow(
      expect.objectContaining({ code: Http3ErrorCode.H3_FRAME_ERROR, scope: 'connection' }),
    )
  })

  test('of any bytes is a number or an Http3Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        try {
          expect(Number.isSafeInteger(decodeId(bytes))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error)
        }
      }),
    )
  })
})

test('the frame types that HTTP/2 alone had are reserved', () => {
  const reserved: number[] = []
  for (let type = 0; type < 0x100; type++) if (isReservedFrameType(type)) reserved.push(type)
  expect(reserved).toEqual([0x02, 0x06, 0x08, 0x09])
})
