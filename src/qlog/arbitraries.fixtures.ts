/** Random frames and facts for property tests. */
import fc from 'fast-check'
import { RangeSet } from '../base/range-set.ts'
import { type Frame, FrameType } from '../wire/frame.ts'

const MAX = Number.MAX_SAFE_INTEGER

const number = fc.oneof(fc.nat(), fc.nat(MAX), fc.constant(MAX))
const code = fc.bigInt(0n, 2n ** 62n - 1n)
const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })
const text = fc.string({ unit: 'binary', maxLength: 40 })
const payload = { buffer: fc.constant(new Uint8Array(0)), start: fc.constant(0), length: fc.nat(65_535) }
const ranges = fc
  .array(fc.tuple(fc.nat(1_000_000), fc.integer({ min: 1, max: 50 })), { minLength: 1, maxLength: 20 })
  .map((pairs) => {
    const set = new RangeSet()
    for (const [start, length] of pairs) set.add(start, start + length)
    return set
  })
const ecn = fc.option(fc.record({ ect0: number, ect1: number, ce: number }), { nil: undefined })
const is = fc.constant

type FrameOf<K extends keyof typeof FrameType> = Frame & { readonly type: (typeof FrameType)[K] }

/** One arbitrary for each type of frame: a type that has none is an error of the compiler. */
export const FRAMES: { readonly [K in Exclude<keyof typeof FrameType, 'ackEcn'>]: fc.Arbitrary<FrameOf<K>> } = {
  padding: fc.record({ type: is(FrameType.padding), length: fc.nat(65_535) }),
  ping: fc.record({ type: is(FrameType.ping) }),
  ack: fc.record({ type: is(FrameType.ack), ranges, ackDelay: number, ecn }),
  resetStream: fc.record({ type: is(FrameType.resetStream), streamId: number, errorCode: code, finalSize: number }),
  resetStreamAt: fc.record({
    type: is(FrameType.resetStreamAt),
    streamId: number,
    errorCode: code,
    finalSize: number,
    reliableSize: number,
  }),
  stopSending: fc.record({ type: is(FrameType.stopSending), streamId: number, errorCode: code }),
  crypto: fc.record({ type: is(FrameType.crypto), offset: number, ...payload }),
  newToken: fc.record({ type: is(FrameType.newToken), token: fc.uint8Array({ minLength: 1, maxLength: 80 }) }),
  stream: fc.record({ type: is(FrameType.stream), streamId: number, offset: number, fin: fc.boolean(), ...payload }),
  maxData: fc.record({ type: is(FrameType.maxData), maximum: number }),
  maxStreamData: fc.record({ type: is(FrameType.maxStreamData), streamId: number, maximum: number }),
  maxStreamsBidi: fc.record({ type: is(FrameType.maxStreamsBidi), maximum: number }),
  maxStreamsUni: fc.record({ type: is(FrameType.maxStreamsUni), maximum: number }),
  dataBlocked: fc.record({ type: is(FrameType.dataBlocked), limit: number }),
  streamDataBlocked: fc.record({ type: is(FrameType.streamDataBlocked), streamId: number, limit: number }),
  streamsBlockedBidi: fc.record({ type: is(FrameType.streamsBlockedBidi), limit: number }),
  streamsBlockedUni: fc.record({ type: is(FrameType.streamsBlockedUni), limit: number }),
  newConnectionId: fc.record({
    type: is(FrameType.newConnectionId),
    sequenceNumber: number,
    retirePriorTo: number,
    connectionId: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    statelessResetToken: bytes(16),
  }),
  retireConnectionId: fc.record({ type: is(FrameType.retireConnectionId), sequenceNumber: number }),
  pathChallenge: fc.record({ type: is(FrameType.pathChallenge), data: bytes(8) }),
  pathResponse: fc.record({ type: is(FrameType.pathResponse), data: bytes(8) }),
  connectionCloseTransport: fc.record({
    type: is(FrameType.connectionCloseTransport),
    errorCode: fc.oneof(code, fc.bigInt(0n, 0x200n)),
    frameType: code,
    reason: text,
  }),
  connectionCloseApplication: fc.record({
    type: is(FrameType.connectionCloseApplication),
    errorCode: code,
    reason: text,
  }),
  handshakeDone: fc.record({ type: is(FrameType.handshakeDone) }),
  immediateAck: fc.record({ type: is(FrameType.immediateAck) }),
  ackFrequency: fc.record({
    type: is(FrameType.ackFrequency),
    sequenceNumber: number,
    threshold: number,
    maxAckDelay: number,
    reorderingThreshold: number,
  }),
  datagram: fc.record({ type: is(FrameType.datagram), ...payload }),
}

/** Any frame. */
export const frame: fc.Arbitrary<Frame> = fc.oneof(...Object.values(FRAMES))
