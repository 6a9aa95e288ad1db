/** Frames to bytes (RFC 9000 §19, RFC 9221 §4), always in their shortest form. */
import { encodeUtf8 } from '../base/bytes.ts'
import { varintSize } from '../base/varint.ts'
import type { Writer } from '../base/writer.ts'
import { ackRangesSize, ackRangesThatFit, writeAckRanges } from './ack-ranges.ts'
import { type AckFrame, type Frame, FrameType } from './frame.ts'

/** Flags of a STREAM frame's type (RFC 9000 §19.8). */
const STREAM_OFF = 0x04
const STREAM_LEN = 0x02
const STREAM_FIN = 0x01
/** The flag of a DATAGRAM frame's type (RFC 9221 §4). */
const DATAGRAM_LEN = 0x01

/**
 * Bytes that the whole frame takes, a payload frame's bytes included.
 * @throws RangeError for a field that no varint can carry.
 */
export function frameSize(frame: Frame): number {
  switch (frame.type) {
    case FrameType.padding:
      return frame.length
    case FrameType.ping:
    case FrameType.handshakeDone:
    case FrameType.immediateAck:
      return 1
    case FrameType.ack:
      return ackFixedSize(frame) + ackRangesSize(frame.ranges, frame.ranges.size)
    case FrameType.resetStream:
      return 1 + varintSize(frame.streamId) + varintSize(frame.errorCode) + varintSize(frame.finalSize)
    case FrameType.resetStreamAt:
      return (
        1 +
        varintSize(frame.streamId) +
        varintSize(frame.errorCode) +
        varintSize(frame.finalSize) +
        varintSize(frame.reliableSize)
      )
    case FrameType.stopSending:
      return 1 + varintSize(frame.streamId) + varintSize(frame.errorCode)
    case FrameType.crypto:
      return 1 + varintSize(frame.offset) + varintSize(frame.length) + frame.length
    case FrameType.newToken:
      return 1 + varintSize(frame.token.length) + frame.token.length
    case FrameType.stream:
      return streamFixedSize(frame.streamId, frame.offset) + varintSize(frame.length) + frame.length
    case FrameType.maxData:
    case FrameType.maxStreamsBidi:
    case FrameType.maxStreamsUni:
      return 1 + varintSize(frame.maximum)
    case FrameType.maxStreamData:
      return 1 + varintSize(frame.streamId) + varintSize(frame.maximum)
    case FrameType.dataBlocked:
    case FrameType.streamsBlockedBidi:
    case FrameType.streamsBlockedUni:
      return 1 + varintSize(frame.limit)
    case FrameType.streamDataBlocked:
      return 1 + varintSize(frame.streamId) + varintSize(frame.limit)
    case FrameType.newConnectionId:
      return 18 + varintSize(frame.sequenceNumber) + varintSize(frame.retirePriorTo) + frame.connectionId.length
    case FrameType.retireConnectionId:
      return 1 + varintSize(frame.sequenceNumber)
    case FrameType.pathChallenge:
    case FrameType.pathResponse:
      return 9
    case FrameType.connectionCloseTransport:
      return 1 + varintSize(frame.errorCode) + varintSize(frame.frameType) + reasonSize(frame.reason)
    case FrameType.connectionCloseApplication:
      return 1 + varintSize(frame.errorCode) + reasonSize(frame.reason)
    case FrameType.datagram:
      return 1 + varintSize(frame.length) + frame.length
    case FrameType.ackFrequency:
      return (
        2 +
        varintSize(frame.sequenceNumber) +
        varintSize(frame.threshold) +
        varintSize(frame.maxAckDelay) +
        varintSize(frame.reorderingThreshold)
      )
  }
}

/**
 * Writes the frame; of a payload frame its header only: its `length` bytes follow. STREAM has OFF if its offset is not 0,
 * and LEN; DATAGRAM has LEN.
 * @throws RangeError where the writer has too little room ({@link frameSize} tells) or a field cannot be encoded.
 */
export function encodeFrame(writer: Writer, frame: Frame): void {
  switch (frame.type) {
    case FrameType.padding:
      encodePadding(writer, frame.length)
      return
    case FrameType.ack:
      writeAck(writer, frame, frame.ranges.size)
      return
    case FrameType.stream:
      writer.uint8(FrameType.stream | STREAM_LEN | (frame.offset > 0 ? STREAM_OFF : 0) | (frame.fin ? STREAM_FIN : 0))
      writer.varint(frame.streamId)
      if (frame.offset > 0) writer.varint(frame.offset)
      writer.varint(frame.length)
      return
    case FrameType.datagram:
      writer.uint8(FrameType.datagram | DATAGRAM_LEN)
      writer.varint(frame.length)
      return
    case FrameType.crypto:
      writer.uint8(frame.type)
      writer.varint(frame.offset)
      writer.varint(frame.length)
      return
    case FrameType.ackFrequency:
      writer.varint(frame.type)
      writer.varint(frame.sequenceNumber)
      writer.varint(frame.threshold)
      writer.varint(frame.maxAckDelay)
      writer.varint(frame.reorderingThreshold)
      return
    default:
      writer.uint8(frame.type)
      encodeFields(writer, frame)
  }
}

type PlainFrame = Exclude<
  Frame,
  {
    readonly type:
      | typeof FrameType.padding
      | typeof FrameType.ack
      | typeof FrameType.stream
      | typeof FrameType.datagram
      | typeof FrameType.ackFrequency
      | typeof FrameType.crypto
  }
>

/** The fields that follow the type of a frame that is neither ACK nor padding and has no payload. */
function encodeFields(writer: Writer, frame: PlainFrame): void {
  switch (frame.type) {
    case FrameType.ping:
    case FrameType.handshakeDone:
    case FrameType.immediateAck:
      return
    case FrameType.resetStream:
      writer.varint(frame.streamId)
      writer.varint(frame.errorCode)
      writer.varint(frame.finalSize)
      return
    case FrameType.resetStreamAt:
      writer.varint(frame.streamId)
      writer.varint(frame.errorCode)
      writer.varint(frame.finalSize)
      writer.varint(frame.reliableSize)
      return
    case FrameType.stopSending:
      writer.varint(frame.streamId)
      writer.varint(frame.errorCode)
      return
    case FrameType.newToken:
      writer.varint(frame.token.length)
      writer.bytes(frame.token)
      return
    case FrameType.maxData:
    case FrameType.maxStreamsBidi:
    case FrameType.maxStreamsUni:
      writer.varint(frame.maximum)
      return
    case FrameType.maxStreamData:
      writer.varint(frame.streamId)
      writer.varint(frame.maximum)
      return
    case FrameType.dataBlocked:
    case FrameType.streamsBlockedBidi:
    case FrameType.streamsBlockedUni:
      writer.varint(frame.limit)
      return
    case FrameType.streamDataBlocked:
      writer.varint(frame.streamId)
      writer.varint(frame.limit)
      return
    case FrameType.newConnectionId:
      writer.varint(frame.sequenceNumber)
      writer.varint(frame.retirePriorTo)
      writer.uint8(frame.connectionId.length)
      writer.bytes(frame.connectionId)
      writer.bytes(frame.statelessResetToken)
      return
    case FrameType.retireConnectionId:
      writer.varint(frame.sequenceNumber)
      return
    case FrameType.pathChallenge:
    case FrameType.pathResponse:
      writer.bytes(frame.data)
      return
    case FrameType.connectionCloseTransport:
      writer.varint(frame.errorCode)
      writer.varint(frame.frameType)
      encodeReason(writer, frame.reason)
      return
    case FrameType.connectionCloseApplication:
      writer.varint(frame.errorCode)
      encodeReason(writer, frame.reason)
  }
}

/**
 * Writes an ACK frame with as many of its ranges as fit into `room` bytes, newest first (RFC 9000 §13.2.3).
 * `false`: not even the newest fits, nothing was written.
 */
export function encodeAck(writer: Writer, frame: AckFrame, room: number = writer.remaining): boolean {
  const count = ackRangesThatFit(frame.ranges, room - ackFixedSize(frame))
  if (count === 0) return false
  writeAck(writer, frame, count)
  return true
}

function writeAck(writer: Writer, frame: AckFrame, count: number): void {
  const { ranges, ackDelay, ecn } = frame
  writer.uint8(ecn === undefined ? FrameType.ack : FrameType.ackEcn)
  writer.varint(ranges.max - 1)
  writer.varint(ackDelay)
  writeAckRanges(writer, ranges, count)
  if (ecn === undefined) return
  writer.varint(ecn.ect0)
  writer.varint(ecn.ect1)
  writer.varint(ecn.ce)
}

/** Bytes of an ACK frame without ACK Range Count and ranges. */
function ackFixedSize(frame: AckFrame): number {
  const { ecn } = frame
  const size = 1 + varintSize(frame.ranges.max - 1) + varintSize(frame.ackDelay)
  return ecn === undefined ? size : size + varintSize(ecn.ect0) + varintSize(ecn.ect1) + varintSize(ecn.ce)
}

/** Writes `length` PADDING frames. */
export function encodePadding(writer: Writer, length: number): void {
  const at = writer.skip(length)
  writer.buffer.fill(0, at, at + length)
}

/** How many bytes of a stream fit into a STREAM frame within `remaining` bytes, up to `wanted`; -1 if no frame is worth it. */
export function streamPayloadRoom(remaining: number, streamId: number, offset: number, wanted: number): number {
  return payloadRoom(remaining - streamFixedSize(streamId, offset), wanted)
}

/** How many bytes fit into a CRYPTO frame within `remaining` bytes, up to `wanted`; -1 if no frame is worth it. */
export function cryptoPayloadRoom(remaining: number, offset: number, wanted: number): number {
  return payloadRoom(remaining - 1 - varintSize(offset), wanted)
}

/** The longest payload of a DATAGRAM frame within `remaining` bytes; -1 if not even an empty one fits. */
export function datagramPayloadRoom(remaining: number): number {
  return remaining < 2 ? -1 : Math.max(0, payloadRoom(remaining - 1, remaining))
}

/** Bytes of a STREAM frame before its Length field. */
function streamFixedSize(streamId: number, offset: number): number {
  return 1 + varintSize(streamId) + (offset > 0 ? varintSize(offset) : 0)
}

/** How many of `wanted` bytes fit into `room` together with a varint of their number; -1 if none of one or more does. */
function payloadRoom(room: number, wanted: number): number {
  if (room < 1) return -1
  let length = Math.min(wanted, room - 1, 0x3f)
  if (wanted > length && room > 2) length = Math.max(length, Math.min(wanted, room - 2, 0x3fff))
  if (wanted > length && room > 4) length = Math.max(length, Math.min(wanted, room - 4))
  return length === 0 && wanted > 0 ? -1 : length
}

function reasonSize(reason: string): number {
  const { length } = encodeUtf8(reason)
  return varintSize(length) + length
}

function encodeReason(writer: Writer, reason: string): void {
  const bytes = encodeUtf8(reason)
  writer.varint(bytes.length)
  writer.bytes(bytes)
}
