import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, encodeUtf8, fromHex, toHex } from '../base/bytes.ts'
import { MAX_SAFE } from '../base/varint.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { FrameHeaderReader, FrameType } from './frames.ts'
import { decodePriorityUpdate, encodePriorityUpdate, formatPriority, parsePriority } from './priority.ts'

const DEFAULT = { urgency: 3, incremental: false }
const priority = fc.record({ urgency: fc.nat(7), incremental: fc.boolean() })

describe('a Priority field', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(priority, (wanted) => {
        expect(parsePriority(formatPriority(wanted))).toEqual(wanted)
      }),
    )
    expect(formatPriority(DEFAULT)).toBe('')
    expect(formatPriority({ urgency: 5, incremental: true })).toBe('u=5, i')
  })

  //= rfc9218#4-p5-1
  test.each(['', 'a', 'u=3'])('%j asks for the default', (value) => {
    expect(parsePriority(value)).toEqual(DEFAULT)
  })

  //= rfc9218#4-p7-1
  test.each([
    ['u=8, i', { urgency: 3, incremental: true }],
    ['u=-1, i', { urgency: 3, incremental: true }],
    ['u=1.0', DEFAULT],
    ['u="1"', DEFAULT],
    ['u', DEFAULT],
    ['u=(1)', DEFAULT],
    ['u=1, i=1', { urgency: 1, incremental: false }],
    ['i=?0, u=0', { urgency: 0, incremental: false }],
    ['i=(?1)', DEFAULT],
    ['u=-0', { urgency: 0, incremental: false }],
    ['u=2;x=(', DEFAULT],
    ['u=2;x="y", other=(a "b");q, i;z=1', { urgency: 2, incremental: true }],
    ['u=1, u=6', { urgency: 6, incremental: false }],
  ])('%j keeps what it can', (value, wanted) => {
    expect(parsePriority(value)).toStrictEqual(wanted)
  })

  test.each(['u=1,', 'u=1 i', 'u==1', 'U=1', 'u=1, i, é', 'u=1\n', '"'])(
    '%j is malformed and counts as none',
    (value) => {
      expect(parsePriority(value)).toEqual(DEFAULT)
    },
  )

  test('of any text has an urgency from 0 to 7', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const { urgency, incremental } = parsePriority(value)
        expect(Number.isInteger(urgency) && urgency >= 0 && urgency <= 7 && typeof incremental === 'boolean').toBe(true)
      }),
    )
  })

  test.each([-1, 8, 1.5, Number.NaN])('cannot be written for urgency %d', (urgency) => {
    expect(() => formatPriority({ urgency, incremental: false })).toThrow(RangeError)
  })
})

describe('PRIORITY_UPDATE', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), priority, (id, wanted) => {
        const frame = encodePriorityUpdate(id, wanted)
        const reader = new FrameHeaderReader()
        const at = reader.push(frame)
        expect(reader).toMatchObject({ type: FrameType.priorityUpdateRequest, length: frame.length - at })
        expect(decodePriorityUpdate(frame.subarray(at))).toEqual({ id, priority: wanted })
      }),
    )
    expect(toHex(encodePriorityUpdate(4, { urgency: 1, incremental: false }))).toBe('800f07000404753d31')
  })

  test('whose value is malformed gives the default', () => {
    expect(decodePriorityUpdate(concat(fromHex('08'), encodeUtf8('u=1,')))).toEqual({ id: 8, priority: DEFAULT })
    expect(decodePriorityUpdate(fromHex('08ff'))).toEqual({ id: 8, priority: DEFAULT })
    expect(decodePriorityUpdate(fromHex('ffffffffffffffff'))).toEqual({ id: MAX_SAFE, priority: DEFAULT })
  })

  //= rfc9114#7.1-p5-2
  test.each(['', '40', 'c000'])('that ends within its id ("%s") is H3_FRAME_ERROR', (hex) => {
    expect(() => decodePriorityUpdate(fromHex(hex))).toThrow(
      expect.objectContaining({ code: Http3ErrorCode.H3_FRAME_ERROR, scope: 'connection' }),
    )
  })

  test('of any bytes is an update or an Http3Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        try {
          expect(decodePriorityUpdate(bytes).id).toBeGreaterThanOrEqual(0)
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error)
        }
      }),
    )
  })
})
