/** Each input that RFC 9000 forbids, with the error that it names. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import { type Frame, FrameType, isAllowedIn } from './frame.ts'
import { FrameDecoder } from './frame-decode.ts'
import { PacketType, type ProtectedPacketType } from './packet-type.ts'
import { TransportError, transportErrorName } from './transport-error.ts'

const PACKETS = [PacketType.initial, PacketType.zeroRtt, PacketType.handshake, PacketType.oneRtt] as const

/** All frames of a payload. */
function decodeAll(payload: Uint8Array, packetType: ProtectedPacketType = PacketType.oneRtt): Frame[] {
  // Ones behind the end, so that reading beyond it would be noticed.
  const buffer = concat(payload, new Uint8Array(16).fill(0x01))
  const decoder = new FrameDecoder()
  decoder.reset(buffer, 0, payload.length, packetType)
  const frames: Frame[] = []
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame)
  return frames
}

/** Name and frame type of the error that decoding ends with; `undefined` if there is none. Anything but a TransportError passes through. */
function errorOf(
  payload: Uint8Array,
  packetType?: ProtectedPacketType,
): { name: string; frameType: bigint } | undefined {
  try {
    decodeAll(payload, packetType)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    return { name: transportErrorName(error.code), frameType: error.frameType }
  }
  return undefined
}

function errorIn(hex: string, packetType?: ProtectedPacketType): { name: string; frameType: bigint } | undefined {
  return errorOf(fromHex(hex.replaceAll(' ', '')), packetType)
}

const ID_8 = '0102030405060708'
const TOKEN = '00112233445566778899aabbccddeeff'
/** One good frame of each kind that has fields. */
const GOOD: readonly (readonly [string, string])[] = [
  ['ACK', '02 41f4 05 01 0a 03 02'],
  ['ACK with ECN', '03 41f4 05 01 0a 03 02 01 02 03'],
  ['RESET_STREAM', '04 04 4102 4103'],
  ['RESET_STREAM_AT', '24 04 4102 4103 4101'],
  ['STOP_SENDING', '05 04 4102'],
  ['CRYPTO', '06 4040 03 aabbcc'],
  ['NEW_TOKEN', '07 03 aabbcc'],
  ['STREAM with all fields', '0f 04 4040 03 aabbcc'],
  ['MAX_DATA', '10 4400'],
  ['MAX_STREAM_DATA', '11 04 4400'],
  ['MAX_STREAMS', '12 4400'],
  ['DATA_BLOCKED', '14 4400'],
  ['STREAM_DATA_BLOCKED', '15 04 4400'],
  ['STREAMS_BLOCKED', '17 4400'],
  ['NEW_CONNECTION_ID', `18 05 03 08 ${ID_8} ${TOKEN}`],
  ['RETIRE_CONNECTION_ID', '19 4005'],
  ['ACK_FREQUENCY', '40af 05 08 4410 03'],
  ['PATH_CHALLENGE', `1a ${ID_8}`],
  ['PATH_RESPONSE', `1b ${ID_8}`],
  ['CONNECTION_CLOSE', '1c 0a 4006 03 616263'],
  ['CONNECTION_CLOSE of an application', '1d 4100 03 616263'],
  ['DATAGRAM', '31 03 aabbcc'],
]

describe('each frame cut at each byte', () => {
  test.each(GOOD)('%s', (_name, hex) => {
    const whole = fromHex(hex.replaceAll(' ', ''))
    expect(decodeAll(whole)).toHaveLength(1)
    for (let end = 1; end < whole.length; end++) {
      expect(errorOf(whole.subarray(0, end))).toEqual({
        name: 'FRAME_ENCODING_ERROR',
        // Of a type of two bytes the first alone is not the type.
        frameType: whole[0] === 0x40 && end > 1 ? BigInt(FrameType.ackFrequency) : BigInt(whole[0] ?? 0),
      })
    }
  })
})

describe('each rule of a frame', () => {
  //= rfc9000#19.3.1-p14-1
  //# If any computed packet number is negative, an endpoint MUST generate
  //# a connection error of type FRAME_ENCODING_ERROR.
  test.each([
    ['first ACK range below 0', '02 05 00 00 06'],
    ['gap below 0', '02 05 00 01 00 04 00'],
    ['ACK range below 0', '02 05 00 01 00 03 01'],
    ['more ACK ranges than bytes', '02 4400 00 3f 00 00 00'],
    ['2^62-1 ACK ranges', '02 4400 00 ffffffffffffffff 00 0000'],
    ['first ACK range of 2^62-1 packets', '02 4400 00 00 ffffffffffffffff'],
  ])('%s is a FRAME_ENCODING_ERROR', (_why, hex) => {
    expect(errorIn(hex)).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 2n })
  })

  //= rfc9000#19.6-p7-1
  //# Receipt of a frame that exceeds
  //# this limit MUST be treated as a connection error of type
  //# FRAME_ENCODING_ERROR or CRYPTO_BUFFER_EXCEEDED.
  test('CRYPTO data beyond 2^62-1, and beyond what a number holds', () => {
    expect(errorIn('06 ffffffffffffffff 01 aa')?.name).toBe('FRAME_ENCODING_ERROR')
    expect(errorIn('06 fffffffffffffffe 01 aa')?.name).toBe('CRYPTO_BUFFER_EXCEEDED')
    expect(errorIn('06 c01fffffffffffff 01 aa')?.name).toBe('CRYPTO_BUFFER_EXCEEDED')
    expect(errorIn('06 c01ffffffffffffe 01 aa')).toBeUndefined()
    expect(errorIn('06 ffffffffffffffff 05 aa')?.name).toBe('FRAME_ENCODING_ERROR')
  })

  //= rfc9000#19.8-p9-1
  //# Receipt of a frame that exceeds this limit
  //# MUST be treated as a connection error of type FRAME_ENCODING_ERROR or
  //# FLOW_CONTROL_ERROR.
  test('STREAM data beyond 2^62-1, and beyond what a number holds', () => {
    expect(errorIn('0e 04 ffffffffffffffff 01 aa')).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 0x0en })
    expect(errorIn('0c 04 ffffffffffffffff aa')).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 0x0cn })
    expect(errorIn('0e 04 fffffffffffffffe 01 aa')?.name).toBe('FLOW_CONTROL_ERROR')
    expect(errorIn('0e 04 c01fffffffffffff 01 aa')?.name).toBe('FLOW_CONTROL_ERROR')
    expect(errorIn('0e 04 c01ffffffffffffe 01 aa')).toBeUndefined()
  })

  //= draft-ietf-quic-reliable-stream-reset#4-p5-1
  test('a reliable size above the final size', () => {
    expect(errorIn('24 04 07 05 05')).toBeUndefined()
    expect(errorIn('24 04 07 05 06')).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 0x24n })
    // Beyond what a number holds, too; a final size that large is beyond all credit, which is for the stream to say.
    expect(errorIn('24 04 07 fffffffffffffffe fffffffffffffffe')).toBeUndefined()
    expect(errorIn('24 04 07 fffffffffffffffe ffffffffffffffff')?.name).toBe('FRAME_ENCODING_ERROR')
    expect(errorIn('24 04 07 ffffffffffffffff fffffffffffffffe')).toBeUndefined()
  })

  //= rfc9000#19.7-p5.4-2
  //# A client MUST treat receipt
  //# of a NEW_TOKEN frame with an empty Token field as a connection
  //# error of type FRAME_ENCODING_ERROR.
  test('an empty token', () => {
    expect(errorIn('07 00')).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 7n })
    expect(errorIn('07 4000 aa')?.name).toBe('FRAME_ENCODING_ERROR')
  })

  //= rfc9000#19.11-p5.2-1
  //# Receipt of a frame that
  //# permits opening of a stream larger than this limit MUST be treated
  //# as a connection error of type FRAME_ENCODING_ERROR.
  //= rfc9000#19.14-p6.2-1
  //# Receipt of a frame that encodes a larger
  //# stream ID MUST be treated as a connection error of type
  //# STREAM_LIMIT_ERROR or FRAME_ENCODING_ERROR.
  //= rfc9000#4.6-p2-1
  test.each(['12', '13', '16', '17'])('type %s with more than 2^60 streams', (type) => {
    expect(errorIn(`${type} d000000000000001`)).toEqual({
      name: 'FRAME_ENCODING_ERROR',
      frameType: BigInt(`0x${type}`),
    })
    expect(errorIn(`${type} ffffffffffffffff`)?.name).toBe('FRAME_ENCODING_ERROR')
    expect(errorIn(`${type} d000000000000000`)).toBeUndefined()
    expect(errorIn(`${type} cfffffffffffffff`)).toBeUndefined()
  })

  //= rfc9000#19.15-p5.6-1
  //# Values less than 1 and greater than 20 are invalid
  //# and MUST be treated as a connection error of type
  //# FRAME_ENCODING_ERROR.
  test('NEW_CONNECTION_ID with an id of 0 or more than 20 bytes', () => {
    const frame = (length: number): string =>
      `18 05 03 ${length.toString(16).padStart(2, '0')} ${'ab'.repeat(length)} ${TOKEN}`
    for (const length of [0, 21, 40]) expect(errorIn(frame(length))?.name).toBe('FRAME_ENCODING_ERROR')
    for (const length of [1, 20]) expect(errorIn(frame(length))).toBeUndefined()
  })

  //= rfc9000#19.15-p9-2
  //# Receiving a value in the Retire Prior To field that is greater than
  //# that in the Sequence Number field MUST be treated as a connection
  //# error of type FRAME_ENCODING_ERROR.
  test('NEW_CONNECTION_ID that retires more than there are', () => {
    expect(errorIn(`18 05 06 08 ${ID_8} ${TOKEN}`)?.name).toBe('FRAME_ENCODING_ERROR')
    expect(errorIn(`18 05 05 08 ${ID_8} ${TOKEN}`)).toBeUndefined()
  })

  test('lengths of 2^62-1 bytes', () => {
    for (const hex of ['06 00', '07', '0a 04', '31', '1c 00 00', '1d 00']) {
      expect(errorIn(`${hex} ffffffffffffffff aabb`)?.name).toBe('FRAME_ENCODING_ERROR')
    }
  })
})

describe('each packet', () => {
  //= rfc9000#12.4-p3-2
  //# An endpoint MUST treat receipt of a packet containing no frames as a
  //# connection error of type PROTOCOL_VIOLATION.
  test.each(PACKETS)('of type %d without frames is a PROTOCOL_VIOLATION', (packetType) => {
    expect(errorIn('', packetType)).toEqual({ name: 'PROTOCOL_VIOLATION', frameType: 0n })
  })

  //= rfc9000#12.4-p12-1
  //# An endpoint MUST treat
  //# receipt of a frame in a packet type that is not permitted as a
  //# connection error of type PROTOCOL_VIOLATION.
  //= rfc9000#17.2.4-p6-1
  //# Endpoints MUST treat receipt
  //# of Handshake packets with other frames as a connection error of type
  //# PROTOCOL_VIOLATION.
  //= rfc9000#12.5-p2.2-1
  //# CONNECTION_CLOSE frames signaling application errors (type 0x1d) MUST
  //# only appear in the application data packet number space.
  //= rfc9221#6-p1-1
  //= rfc9221#5-p3-1
  //# Like STREAM frames, DATAGRAM frames contain application data and MUST
  //# be protected with either 0-RTT or 1-RTT keys.
  test('holds a frame that may stand in it, or is a PROTOCOL_VIOLATION that names the frame', () => {
    const frames = [...GOOD.map(([, hex]) => hex), '00', '01', '1e', '1f', '08 04', '30']
    for (const packetType of PACKETS) {
      for (const hex of frames) {
        const type = hex.startsWith('40af') ? FrameType.ackFrequency : Number.parseInt(hex.slice(0, 2), 16)
        const expected = isAllowedIn(type, packetType)
          ? undefined
          : { name: 'PROTOCOL_VIOLATION', frameType: BigInt(type) }
        expect([packetType, hex, errorIn(hex, packetType)]).toEqual([packetType, hex, expected])
      }
    }
  })
})

describe('frame types', () => {
  const known = new Set([...Array(0x20).keys(), 0x24, 0x30, 0x31])

  //= rfc9000#12.4-p16-1
  //# An endpoint MUST treat the receipt of a frame of unknown type as a
  //# connection error of type FRAME_ENCODING_ERROR.
  test('unknown ones are a FRAME_ENCODING_ERROR in every packet', () => {
    for (const packetType of PACKETS) {
      for (let type = 0; type < 0x40; type++) {
        if (known.has(type)) continue
        const frame = concat(Uint8Array.of(type), new Uint8Array(40))
        expect(errorOf(frame, packetType)).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: BigInt(type) })
      }
      expect(errorIn('4040 00', packetType)).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 0x40n })
      expect(errorIn('80004000 00', packetType)).toEqual({ name: 'FRAME_ENCODING_ERROR', frameType: 0x4000n })
      expect(errorIn('ffffffffffffffff', packetType)).toEqual({
        name: 'FRAME_ENCODING_ERROR',
        frameType: 2n ** 62n - 1n,
      })
      expect(errorIn('d000000000000001', packetType)).toEqual({
        name: 'FRAME_ENCODING_ERROR',
        frameType: 2n ** 60n + 1n,
      })
    }
  })

  //= rfc9000#12.4-p18-1
  //# To ensure simple and efficient
  //# implementations of frame parsing, a frame type MUST use the shortest
  //# possible encoding.
  test('in a longer form than needed are a PROTOCOL_VIOLATION, known or not', () => {
    for (const [hex, type] of [
      ['4001', 1n],
      ['4000', 0n],
      ['80000001', 1n],
      ['c000000000000001', 1n],
      ['403f', 0x3fn],
      ['800000af', 0xafn],
      ['c0000000000000af', 0xafn],
      ['80003fff', 0x3fffn],
      ['c00000003fffffff', 0x3fffffffn],
    ] as const) {
      expect(errorIn(`${hex} 0000`)).toEqual({ name: 'PROTOCOL_VIOLATION', frameType: type })
    }
  })

  test('cut short are a FRAME_ENCODING_ERROR', () => {
    for (const hex of ['40', '80', '8000', 'c0000000000000', '01 40']) {
      expect(errorIn(hex)?.name).toBe('FRAME_ENCODING_ERROR')
    }
  })
})

describe('numbers above 2^53-1', () => {
  const MAX = Number.MAX_SAFE_INTEGER

  test('limits are saturated', () => {
    expect(decodeAll(fromHex('10ffffffffffffffff'))).toEqual([{ type: FrameType.maxData, maximum: MAX }])
    expect(decodeAll(fromHex('1104c020000000000000'))).toEqual([
      { type: FrameType.maxStreamData, streamId: 4, maximum: MAX },
    ])
    expect(decodeAll(fromHex('12d000000000000000'))).toEqual([{ type: FrameType.maxStreamsBidi, maximum: MAX }])
    expect(decodeAll(fromHex('14ffffffffffffffff'))).toEqual([{ type: FrameType.dataBlocked, limit: MAX }])
  })

  test('final sizes are saturated, above all that was ever allowed', () => {
    expect(decodeAll(fromHex('040400ffffffffffffffff'))).toMatchObject([{ finalSize: MAX }])
    expect(decodeAll(fromHex('0f04ffffffffffffffff00'))).toMatchObject([{ offset: MAX, length: 0, fin: true }])
  })

  test('a stream id keeps the bits that say whose it is, so that its owner finds the right error', () => {
    for (const low of [0, 1, 2, 3]) {
      const id = MAX - 3 + low
      expect(decodeAll(fromHex(`05fffffffffffffff${(12 + low).toString(16)}00`))).toEqual([
        { type: FrameType.stopSending, streamId: id, errorCode: 0n },
      ])
      expect(decodeAll(fromHex(`05c01ffffffffffff${(12 + low).toString(16)}00`))).toMatchObject([{ streamId: id }])
    }
  })

  test('packet numbers never sent stay numbers never sent', () => {
    const [ack] = decodeAll(fromHex('02ffffffffffffffff000000'))
    expect(ack?.type === FrameType.ack && ack.ranges.max).toBe(MAX + 1)
  })

  test('error codes and frame types of a close are exact', () => {
    expect(decodeAll(fromHex('1cfffffffffffffffec02000000000000100'))).toEqual([
      { type: FrameType.connectionCloseTransport, errorCode: 2n ** 62n - 2n, frameType: 2n ** 53n + 1n, reason: '' },
    ])
  })
})

test('a reason that is not UTF-8 is read as far as it can be', () => {
  expect(decodeAll(fromHex('1d0003'.concat('61ff62')))).toMatchObject([{ reason: 'a\ufffdb' }])
})

test('whatever the bytes, decoding ends, or with a TransportError that names the frame', () => {
  const sequence = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.constantFrom(...GOOD).map(([, hex]) => fromHex(hex.replaceAll(' ', ''))),
    ),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        sequence.map((parts) => concat(...parts)),
        fc.uint8Array(),
      ),
      fc.constantFrom(...PACKETS),
      (payload, packetType) => {
        const error = errorOf(payload, packetType)
        if (error !== undefined) {
          expect([
            'FRAME_ENCODING_ERROR',
            'PROTOCOL_VIOLATION',
            'FLOW_CONTROL_ERROR',
            'CRYPTO_BUFFER_EXCEEDED',
          ]).toContain(error.name)
        }
      },
    ),
    { numRuns: 1000 },
  )
})
