import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { datagramHeaderSize, decodeDatagram, encodeDatagram } from './datagram.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'

const DATAGRAM_ERROR = expect.objectContaining({ code: Http3ErrorCode.H3_DATAGRAM_ERROR, scope: 'connection' })

describe('an HTTP datagram', () => {
  test('is read as it was written', () => {
    const index = fc.oneof(fc.nat(70), fc.nat(20_000), fc.nat(), fc.integer({ min: 0, max: 2 ** 51 - 1 }))
    fc.assert(
      fc.property(index, fc.uint8Array({ maxLength: 50 }), (quarter, payload) => {
        const content = encodeDatagram(quarter * 4, payload)
        expect(content.length).toBe(datagramHeaderSize(quarter * 4) + payload.length)
        const datagram = decodeDatagram(content)
        expect(datagram.streamId).toBe(quarter * 4)
        expect(toHex(datagram.payload)).toBe(toHex(payload))
      }),
    )
  })

  test('may be empty', () => {
    expect(decodeDatagram(fromHex('01'))).toEqual({ streamId: 4, payload: new Uint8Array(0) })
  })

  //= rfc9297#2.1-p4-1
  test.each(['', '40', '800000', 'c0000000000000', 'd0'])(
    'that ends within its id ("%s") is H3_DATAGRAM_ERROR',
    (hex) => {
      expect(() => decodeDatagram(fromHex(hex))).toThrow(DATAGRAM_ERROR)
    },
  )

  //= rfc9297#2.1-p3.2-1
  test('with a Quarter Stream ID above 2^60-1 is H3_DATAGRAM_ERROR', () => {
    expect(decodeDatagram(fromHex('cfffffffffffffff')).streamId).toBe(2 ** 53 - 4)
    expect(() => decodeDatagram(fromHex('d000000000000000'))).toThrow(DATAGRAM_ERROR)
    expect(() => decodeDatagram(concat(fromHex('ffffffffffffffff'), new Uint8Array(9)))).toThrow(DATAGRAM_ERROR)
  })

  test.each([-4, 1, 2, 3, 6.5, 2 ** 53, Number.NaN])('cannot be written for stream %d', (streamId) => {
    expect(() => encodeDatagram(streamId, new Uint8Array(1))).toThrow(RangeError)
  })

  test('of any bytes is a datagram or an Http3Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        try {
          expect(decodeDatagram(bytes).streamId % 4).toBe(0)
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error)
        }
      }),
    )
  })
})
