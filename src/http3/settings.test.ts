import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { MAX_SAFE, MAX_VARINT } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { checkRememberedSettings, DEFAULT_SETTINGS, decodeSettings, encodeSettings, SettingId } from './settings.ts'

/** A payload with the pairs as they are, allowed or not. */
function payload(...pairs: readonly (readonly [number | bigint, number | bigint])[]): Uint8Array {
  const writer = new Writer()
  for (const [id, value] of pairs) {
    writer.varint(id)
    writer.varint(value)
  }
  return writer.finish()
}

const SETTINGS_ERROR = expect.objectContaining({
  code: Http3ErrorCode.H3_SETTINGS_ERROR,
  scope: 'connection',
})

describe('SETTINGS', () => {
  test('are read as they were written', () => {
    const isSendable = (id: number): boolean =>
      ![0, 2, 3, 4, 5, SettingId.enableConnectProtocol, SettingId.h3Datagram].includes(id)
    const id = fc.oneof(fc.nat(100), fc.maxSafeNat()).filter(isSendable)
    const value = fc.oneof(fc.maxSafeNat(), fc.bigInt(BigInt(MAX_SAFE) + 1n, MAX_VARINT))
    const pairs = fc.uniqueArray(fc.tuple(id, value), { selector: ([key]) => key, maxLength: 20 })
    fc.assert(
      fc.property(pairs, fc.boolean(), fc.boolean(), (others, connect, datagram) => {
        const all: (readonly [number, number | bigint])[] = [
          ...others,
          [SettingId.enableConnectProtocol, Number(connect)],
          [SettingId.h3Datagram, Number(datagram)],
        ]
        const settings = decodeSettings(encodeSettings(all))
        expect([...settings.all]).toEqual(all)
        expect(settings.enableConnectProtocol).toBe(connect)
        expect(settings.h3Datagram).toBe(datagram)
      }),
    )
  })

  test('that say nothing are the defaults', () => {
    expect(decodeSettings(new Uint8Array(0))).toEqual(DEFAULT_SETTINGS)
    expect(DEFAULT_SETTINGS.maxFieldSectionSize).toBe(Infinity)
  })

  test('give the limits as numbers, the largest ones too', () => {
    const settings = decodeSettings(payload([1, 4096], [6, MAX_VARINT], [7, 16]))
    expect(settings).toMatchObject({
      qpackMaxTableCapacity: 4096,
      maxFieldSectionSize: MAX_SAFE,
      qpackBlockedStreams: 16,
      enableConnectProtocol: false,
      h3Datagram: false,
    })
    expect(settings.all.get(6)).toBe(MAX_VARINT)
  })

  //= rfc9114#7.2.4-p9-1
  //= rfc9114#7.2.4.1-p3-2
  //= rfc9114#9-p4-1
  test('with unknown and meaningless identifiers are kept, and change nothing', () => {
    const settings = decodeSettings(payload([0x21, 5], [0x40, 0], [MAX_VARINT, 1], [MAX_VARINT, 1]))
    expect(settings).toMatchObject({
      ...DEFAULT_SETTINGS,
      all: new Map([
        [0x21, 5],
        [0x40, 0],
      ]),
    })
  })

  //= rfc9114#7.2.4.1-p5-1
  test.each([0x00, 0x02, 0x03, 0x04, 0x05])('with the setting %i of HTTP/2 are refused, and never sent', (id) => {
    expect(() => decodeSettings(payload([7, 1], [id, 0]))).toThrow(SETTINGS_ERROR)
    expect(() => encodeSettings([[id, 0]])).toThrow(TypeError)
  })

  //= rfc9114#7.2.4-p6-1
  test('with one identifier twice are refused, and never sent', () => {
    expect(() => decodeSettings(payload([6, 1], [0x21, 0], [6, 1]))).toThrow(SETTINGS_ERROR)
    expect(() => decodeSettings(payload([0x21, 0], [0x21, 0]))).toThrow(SETTINGS_ERROR)
    expect(() =>
      encodeSettings([
        [6, 1],
        [6, 1],
      ]),
    ).toThrow(new TypeError('Setting 0x6 is given twice'))
  })

  //= rfc9297#2.1.1-p2-1
  //= rfc9297#2.1.1-p2-2
  test.each([SettingId.h3Datagram, SettingId.enableConnectProtocol])('let setting %i be 0 or 1 only', (id) => {
    expect(() => decodeSettings(payload([id, 2]))).toThrow(SETTINGS_ERROR)
    expect(() => decodeSettings(payload([id, MAX_VARINT]))).toThrow(SETTINGS_ERROR)
    expect(() => encodeSettings([[id, 2]])).toThrow(TypeError)
    expect(decodeSettings(payload([id, 0])).all.get(id)).toBe(0)
  })

  //= rfc9114#7.1-p5-2
  test.each(['06', '0640', '4006', '40', '0600c0'])('that end within a setting ("%s") are H3_FRAME_ERROR', (hex) => {
    expect(() => decodeSettings(fromHex(hex))).toThrow(
      expect.objectContaining({ code: Http3ErrorCode.H3_FRAME_ERROR, scope: 'connection' }),
    )
  })

  test('of any bytes are settings or an Http3Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const settings = decodeSettings(bytes)
          expect(settings.maxFieldSectionSize).toBeGreaterThanOrEqual(0)
        } catch (error) {
          expect(error).toBeInstanceOf(Http3Error)
        }
      }),
    )
  })
})

describe('remembered settings', () => {
  const remembered = decodeSettings(payload([1, 4096], [6, 1000], [7, 10], [8, 1], [0x33, 1]))

  function check(...pairs: readonly (readonly [number, number])[]): () => void {
    return () => checkRememberedSettings(remembered, decodeSettings(payload(...pairs)))
  }

  test('may stay as they were, or grow', () => {
    check([1, 4096], [6, 1000], [7, 10], [8, 1], [0x33, 1])()
    check([0x21, 0], [1, 4096], [6, 2000], [7, 11], [8, 1], [0x33, 1])()
    checkRememberedSettings(DEFAULT_SETTINGS, DEFAULT_SETTINGS)
    checkRememberedSettings(DEFAULT_SETTINGS, decodeSettings(payload([1, 5], [7, 3], [8, 1])))
  })

  //= rfc9114#7.2.4.2-p8-3
  test.each([
    [
      'a field section limit',
      [
        [1, 4096],
        [6, 999],
        [7, 10],
        [8, 1],
        [0x33, 1],
      ],
    ],
    [
      'blocked streams',
      [
        [1, 4096],
        [6, 1000],
        [7, 9],
        [8, 1],
        [0x33, 1],
      ],
    ],
    [
      'extended CONNECT',
      [
        [1, 4096],
        [6, 1000],
        [7, 10],
        [8, 0],
        [0x33, 1],
      ],
    ],
  ] as const)('that allow less are H3_SETTINGS_ERROR: %s', (_, pairs) => {
    expect(check(...pairs)).toThrow(SETTINGS_ERROR)
  })

  //= rfc9297#2.1.1-p4-2
  test('that take datagrams back are H3_SETTINGS_ERROR', () => {
    expect(check([1, 4096], [6, 1000], [7, 10], [8, 1], [0x33, 0])).toThrow(SETTINGS_ERROR)
  })

  //= rfc9114#7.2.4.2-p8-4
  test.each([6, 7, 8, 0x33])('that leave out setting %i are H3_SETTINGS_ERROR', (missing) => {
    const pairs = [
      [1, 4096],
      [6, 1000],
      [7, 10],
      [8, 1],
      [0x33, 1],
    ] as const
    expect(check(...pairs.filter(([id]) => id !== missing))).toThrow(SETTINGS_ERROR)
  })

  // RFC 9204 §3.2.3.
  test.each([0, 4095, 4097])('whose table capacity changes to %i are QPACK_DECODER_STREAM_ERROR', (capacity) => {
    expect(check([1, capacity], [6, 1000], [7, 10], [8, 1], [0x33, 1])).toThrow(
      expect.objectContaining({ code: Http3ErrorCode.QPACK_DECODER_STREAM_ERROR }),
    )
  })
})
