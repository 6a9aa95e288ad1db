import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex, toHex } from '../base/bytes.ts'
import { RangeSet } from '../base/range-set.ts'
import { MAX_VARINT } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { type AckFrame, type Frame, FrameType, type PayloadFrame } from './frame.ts'
import { FrameDecoder } from './frame-decode.ts'
import {
  cryptoPayloadRoom,
  datagramPayloadRoom,
  encodeAck,
  encodeFrame,
  encodePadding,
  frameSize,
  streamPayloadRoom,
} from './frame-encode.ts'
import { PacketType } from './packet-type.ts'

const small = fc.oneof(fc.nat(100), fc.nat(2 ** 20), fc.maxSafeNat())
const code = fc.bigInt({ min: 0n, max: MAX_VARINT })
const offset = fc.oneof(
  fc.constant(0),
  fc.nat(2 ** 20),
  fc.nat(2 ** 31 - 1).map((value) => value * 2 ** 21),
)
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })
const streamCount = fc.oneof(fc.nat(100), fc.maxSafeNat())
const payload = bytes(0, 90).map((buffer) => ({ buffer, start: 0, length: buffer.length }))
const ranges = fc.array(fc.tuple(fc.nat(9999), fc.nat(99)), { minLength: 1, maxLength: 20 }).map((list) => {
  const set = new RangeSet()
  for (const [start, length] of list) set.add(start, start + length + 1)
  return set
})
const ecn = fc.option(fc.record({ ect0: small, ect1: small, ce: small }), { nil: undefined })
const type = <T extends number>(value: T): fc.Arbitrary<T> => fc.constant(value)

const anyFrame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: type(FrameType.padding), length: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ type: type(FrameType.ping) }),
  fc.record({ type: type(FrameType.ack), ranges, ackDelay: small, ecn }),
  fc.record({ type: type(FrameType.resetStream), streamId: small, errorCode: code, finalSize: small }),
  fc.tuple(small, code, small, small).map(
    ([streamId, errorCode, a, b]): Frame => ({
      type: FrameType.resetStreamAt,
      streamId,
      errorCode,
      finalSize: Math.max(a, b),
      reliableSize: Math.min(a, b),
    }),
  ),
  fc.record({ type: type(FrameType.stopSending), streamId: small, errorCode: code }),
  fc.tuple(offset, payload).map(([at, data]): Frame => ({ type: FrameType.crypto, offset: at, ...data })),
  fc.record({ type: type(FrameType.newToken), token: bytes(1, 70) }),
  fc
    .tuple(small, offset, fc.boolean(), payload)
    .map(([streamId, at, fin, data]): Frame => ({ type: FrameType.stream, streamId, offset: at, fin, ...data })),
  fc.record({ type: type(FrameType.maxData), maximum: small }),
  fc.record({ type: type(FrameType.maxStreamData), streamId: small, maximum: small }),
  fc.record({ type: fc.constantFrom(FrameType.maxStreamsBidi, FrameType.maxStreamsUni), maximum: streamCount }),
  fc.record({ type: type(FrameType.dataBlocked), limit: small }),
  fc.record({ type: type(FrameType.streamDataBlocked), streamId: small, limit: small }),
  fc.record({ type: fc.constantFrom(FrameType.streamsBlockedBidi, FrameType.streamsBlockedUni), limit: streamCount }),
  fc.tuple(small, small, bytes(1, 20), bytes(16, 16)).map(
    ([a, b, connectionId, statelessResetToken]): Frame => ({
      type: FrameType.newConnectionId,
      sequenceNumber: Math.max(a, b),
      retirePriorTo: Math.min(a, b),
      connectionId,
      statelessResetToken,
    }),
  ),
  fc.record({ type: type(FrameType.retireConnectionId), sequenceNumber: small }),
  fc.record({ type: fc.constantFrom(FrameType.pathChallenge, FrameType.pathResponse), data: bytes(8, 8) }),
  fc.record({
    type: type(FrameType.connectionCloseTransport),
    errorCode: code,
    frameType: code,
    reason: fc.string({ unit: 'binary' }),
  }),
  fc.record({
    type: type(FrameType.connectionCloseApplication),
    errorCode: code,
    reason: fc.string({ unit: 'binary' }),
  }),
  fc.record({ type: type(FrameType.handshakeDone) }),
  fc.record({ type: type(FrameType.immediateAck) }),
  fc.record({
    type: type(FrameType.ackFrequency),
    sequenceNumber: small,
    threshold: small,
    maxAckDelay: small,
    reorderingThreshold: small,
  }),
  payload.map((data): Frame => ({ type: FrameType.datagram, ...data })),
)

function isPayload(frame: Frame): frame is PayloadFrame {
  return 'buffer' in frame
}

/** Header and payload of one frame. */
function encode(frame: Frame): Uint8Array {
  const writer = new Writer(0)
  encodeFrame(writer, frame)
  if (isPayload(frame)) writer.bytes(frame.buffer.subarray(frame.start, frame.start + frame.length))
  return writer.finish()
}

/** What can be compared: payload and ranges by value. */
function plain(frame: Frame): unknown {
  if (isPayload(frame)) {
    const { buffer, start, length, ...rest } = frame
    return { ...rest, data: toHex(buffer.subarray(start, start + length)) }
  }
  if (frame.type !== FrameType.ack) return frame
  const list = Array.from({ length: frame.ranges.size }, (_, i) => [frame.ranges.startAt(i), frame.ranges.endAt(i)])
  return { ...frame, ranges: list, ecn: frame.ecn === undefined ? undefined : { ...frame.ecn } }
}

describe('round trip', () => {
  test('frames of all types come back, one after the other, with their size and type', () => {
    const decoder = new FrameDecoder()
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 12 }), fc.nat(9), (frames, before) => {
        // Two paddings side by side are one.
        const sequence = frames.filter(
          (frame, i) => frame.type !== FrameType.padding || frames[i - 1]?.type !== FrameType.padding,
        )
        const encoded = sequence.map(encode)
        const buffer = concat(new Uint8Array(before), ...encoded, Uint8Array.of(0xff))
        decoder.reset(buffer, before, buffer.length - 1, PacketType.oneRtt)
        for (const [index, frame] of sequence.entries()) {
          const decoded = decoder.next()
          expect(decoded && plain(decoded)).toEqual(plain(frame))
          expect(decoder.frameSize).toBe(encoded[index]?.length)
          expect(frameSize(frame)).toBe(encoded[index]?.length)
          const first = encoded[index]?.[0]
          expect(Number(decoder.rawType)).toBe(first === 0x40 ? FrameType.ackFrequency : first)
        }
        expect(decoder.next()).toBeUndefined()
        expect(decoder.next()).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })

  test('a saturated number of streams goes out as it came in', () => {
    const frame = { type: FrameType.maxStreamsBidi, maximum: Number.MAX_SAFE_INTEGER } as const
    expect(toHex(encode(frame))).toBe('12c01fffffffffffff')
  })
})

describe('forms on the wire', () => {
  // RFC 9000 §19.8: OFF only where the offset is not 0, LEN always, FIN as asked.
  test.each([
    [0, false, '0a0403'],
    [0, true, '0b0403'],
    [5, false, '0e040503'],
    [5, true, '0f040503'],
  ])('STREAM at %d, fin %s is %s', (at, fin, hex) => {
    const frame: Frame = { type: FrameType.stream, streamId: 4, offset: at, fin, buffer: EMPTY, start: 0, length: 3 }
    const writer = new Writer()
    encodeFrame(writer, frame)
    expect(toHex(writer.finish())).toBe(hex)
  })

  test('STREAM without LEN reaches to the end of the packet', () => {
    const decoder = new FrameDecoder()
    decoder.reset(fromHex('0804aabbcc'), 0, 5, PacketType.oneRtt)
    expect(decoder.next()).toMatchObject({ streamId: 4, offset: 0, fin: false, start: 2, length: 3 })
    expect(decoder.next()).toBeUndefined()
  })

  // RFC 9221 §4.
  test('DATAGRAM without LEN reaches to the end of the packet, and may be empty', () => {
    const decoder = new FrameDecoder()
    decoder.reset(fromHex('30aabb'), 0, 3, PacketType.oneRtt)
    expect(decoder.next()).toMatchObject({ start: 1, length: 2 })
    expect(decoder.frameSize).toBe(3)
    decoder.reset(fromHex('310030'), 0, 3, PacketType.oneRtt)
    expect(decoder.next()).toMatchObject({ length: 0 })
    expect(decoder.next()).toMatchObject({ length: 0 })
    expect(decoder.next()).toBeUndefined()
  })

  test('integers other than the frame type may be longer than needed', () => {
    const decoder = new FrameDecoder()
    decoder.reset(fromHex('10c000000000000005'), 0, 9, PacketType.oneRtt)
    expect(decoder.next()).toEqual({ type: FrameType.maxData, maximum: 5 })
  })

  //= rfc9000#19.3-p1-1
  //# QUIC implementations MUST properly handle both
  //# types, and, if they have enabled ECN for packets they send, they
  //# SHOULD use the information in the ECN section to manage their
  //# congestion state.
  test('ACK with ECN counts is followed by one without', () => {
    const decoder = new FrameDecoder()
    decoder.reset(fromHex('030a0500020102030205000a'), 0, 12, PacketType.oneRtt)
    const first = decoder.next()
    expect(first && plain(first)).toEqual({
      type: FrameType.ack,
      ranges: [[8, 11]],
      ackDelay: 5,
      ecn: { ect0: 1, ect1: 2, ce: 3 },
    })
    decoder.reset(fromHex('0205000005'), 0, 5, PacketType.oneRtt)
    const second = decoder.next()
    expect(second && plain(second)).toEqual({ type: FrameType.ack, ranges: [[0, 6]], ackDelay: 0, ecn: undefined })
  })

  test('padding is written as zeros over what was there', () => {
    const target = new Uint8Array(4).fill(9)
    const writer = new Writer(0)
    writer.reset(target, 1, 3)
    encodePadding(writer, 2)
    expect([...target]).toEqual([9, 0, 0, 9])
  })
})

describe('room', () => {
  /** The most bytes that fit, found by trying. */
  function longest(room: number, wanted: number, size: (length: number) => number): number {
    for (let length = wanted; length >= 0; length--) if (size(length) <= room) return length
    return -1
  }
  const room = fc.oneof(fc.nat(20), fc.nat(100), fc.integer({ min: 16380, max: 16400 }))
  const wanted = fc.oneof(fc.nat(5), fc.nat(100), fc.nat(17000))

  test('a STREAM or CRYPTO frame takes as much as fits, and is not sent for nothing', () => {
    fc.assert(
      fc.property(room, wanted, fc.constantFrom(0, 70, 2 ** 20), offset, (remaining, want, streamId, at) => {
        const stream = longest(remaining, want, (length) =>
          frameSize({ type: FrameType.stream, streamId, offset: at, fin: false, buffer: EMPTY, start: 0, length }),
        )
        expect(streamPayloadRoom(remaining, streamId, at, want)).toBe(stream === 0 && want > 0 ? -1 : stream)
        const crypto = longest(remaining, want, (length) =>
          frameSize({ type: FrameType.crypto, offset: at, buffer: EMPTY, start: 0, length }),
        )
        expect(cryptoPayloadRoom(remaining, at, want)).toBe(crypto === 0 && want > 0 ? -1 : crypto)
      }),
    )
  })

  test('a DATAGRAM frame takes as much as fits, and may be empty', () => {
    fc.assert(
      fc.property(room, (remaining) => {
        const most = longest(remaining, remaining, (length) =>
          frameSize({ type: FrameType.datagram, buffer: EMPTY, start: 0, length }),
        )
        expect(datagramPayloadRoom(remaining)).toBe(most)
      }),
    )
  })

  test('encodeAck leaves old ranges out where room is short, and writes nothing where there is none', () => {
    fc.assert(
      fc.property(ranges, ecn, fc.nat(60), (set, counts, remaining) => {
        const frame: AckFrame = { type: FrameType.ack, ranges: set, ackDelay: 7, ecn: counts }
        const target = new Uint8Array(remaining)
        const writer = new Writer(0)
        writer.reset(target)
        const written = encodeAck(writer, frame)
        expect(written).toBe(writer.length > 0)
        if (!written) return
        const decoder = new FrameDecoder()
        decoder.reset(target, 0, writer.offset, PacketType.oneRtt)
        const decoded = decoder.next()
        expect(decoded?.type === FrameType.ack && decoded.ranges.max).toBe(set.max)
        expect(decoder.next()).toBeUndefined()
      }),
    )
  })

  test('a frame that does not fit is the caller’s bug', () => {
    const writer = new Writer(0)
    writer.reset(new Uint8Array(3))
    expect(() => encodeFrame(writer, { type: FrameType.pathChallenge, data: new Uint8Array(8) })).toThrow(RangeError)
  })
})
