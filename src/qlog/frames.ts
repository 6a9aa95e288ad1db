/** Frames as qlog shows them (draft-ietf-quic-qlog-quic-events-13 §8.13). */
import { toHex } from '../base/bytes.ts'
import type { RangeSet } from '../base/range-set.ts'
import {
  type AckFrame,
  type AckFrequencyFrame,
  type Frame,
  type FramePayload,
  FrameType,
  type ImmediateAckFrame,
} from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import { alertOf, TransportErrorCode } from '../wire/transport-error.ts'
import { milliseconds, type QlogObject, uint64 } from './schema.ts'

/**
 * `frame` as qlog shows it. Payloads, tokens and reset tokens are shown by their length at most: whoever has them can
 * read the connection, or end it (main-schema §14.1).
 * @param ackDelayExponent of whoever sent the frame; what an ACK frame's delay is a multiple of
 */
export function frameData(frame: Frame, ackDelayExponent: number): QlogObject {
  switch (frame.type) {
    case FrameType.padding:
      return { frame_type: 'padding', raw: { length: frame.length } }
    case FrameType.ping:
      return { frame_type: 'ping' }
    case FrameType.ack:
      return ackData(frame, ackDelayExponent)
    case FrameType.resetStream:
      return {
        frame_type: 'reset_stream',
        stream_id: frame.streamId,
        ...applicationError(frame.errorCode),
        final_size: frame.finalSize,
      }
    case FrameType.resetStreamAt:
      return {
        frame_type: 'reset_stream_at',
        stream_id: frame.streamId,
        ...applicationError(frame.errorCode),
        final_size: frame.finalSize,
        reliable_size: frame.reliableSize,
      }
    case FrameType.stopSending:
      return { frame_type: 'stop_sending', stream_id: frame.streamId, ...applicationError(frame.errorCode) }
    case FrameType.crypto:
      return { frame_type: 'crypto', offset: frame.offset, raw: payload(frame) }
    case FrameType.newToken:
      return { frame_type: 'new_token', token: { type: 'resumption', raw: { length: frame.token.length } } }
    case FrameType.stream:
      return {
        frame_type: 'stream',
        stream_id: frame.streamId,
        offset: frame.offset,
        fin: frame.fin ? true : undefined,
        raw: payload(frame),
      }
    case FrameType.maxData:
      return { frame_type: 'max_data', maximum: frame.maximum }
    case FrameType.maxStreamData:
      return { frame_type: 'max_stream_data', stream_id: frame.streamId, maximum: frame.maximum }
    case FrameType.maxStreamsBidi:
      return { frame_type: 'max_streams', stream_type: 'bidirectional', maximum: frame.maximum }
    case FrameType.maxStreamsUni:
      return { frame_type: 'max_streams', stream_type: 'unidirectional', maximum: frame.maximum }
    case FrameType.dataBlocked:
      return { frame_type: 'data_blocked', limit: frame.limit }
    case FrameType.streamDataBlocked:
      return { frame_type: 'stream_data_blocked', stream_id: frame.streamId, limit: frame.limit }
    case FrameType.streamsBlockedBidi:
      return { frame_type: 'streams_blocked', stream_type: 'bidirectional', limit: frame.limit }
    case FrameType.streamsBlockedUni:
      return { frame_type: 'streams_blocked', stream_type: 'unidirectional', limit: frame.limit }
    case FrameType.newConnectionId:
      return {
        frame_type: 'new_connection_id',
        sequence_number: frame.sequenceNumber,
        retire_prior_to: frame.retirePriorTo,
        connection_id_length: frame.connectionId.length,
        connection_id: toHex(frame.connectionId),
      }
    case FrameType.retireConnectionId:
      return { frame_type: 'retire_connection_id', sequence_number: frame.sequenceNumber }
    case FrameType.pathChallenge:
      return { frame_type: 'path_challenge', data: toHex(frame.data) }
    case FrameType.pathResponse:
      return { frame_type: 'path_response', data: toHex(frame.data) }
    case FrameType.connectionCloseTransport:
      return {
        frame_type: 'connection_close',
        error_space: 'transport',
        ...transportError(frame.errorCode),
        reason: frame.reason,
        trigger_frame_type: frame.frameType === 0n ? undefined : uint64(frame.frameType),
      }
    case FrameType.connectionCloseApplication:
      return {
        frame_type: 'connection_close',
        error_space: 'application',
        ...applicationError(frame.errorCode),
        reason: frame.reason,
      }
    case FrameType.handshakeDone:
      return { frame_type: 'handshake_done' }
    case FrameType.datagram:
      return { frame_type: 'datagram', raw: payload(frame) }
    case FrameType.immediateAck:
    case FrameType.ackFrequency:
      return unnamed(frame)
  }
}

/** The name of a transport error code; the code itself where it has none (§8.14). */
export function transportError(code: bigint): { readonly error: string; readonly error_code?: number | string } {
  const alert = alertOf(code)
  if (alert !== undefined) return { error: `crypto_error_0x1${alert.toString(16).padStart(2, '0')}` }
  for (const [name, value] of Object.entries(TransportErrorCode)) {
    if (value === code && code <= TransportErrorCode.NO_VIABLE_PATH) return { error: name.toLowerCase() }
  }
  return { error: 'unknown', error_code: uint64(code) }
}

/** The drafts of qlog have no name for it (§8.13.23). */
function unnamed(frame: ImmediateAckFrame | AckFrequencyFrame): QlogObject {
  return { frame_type: 'unknown', frame_type_bytes: frame.type, raw: { length: frameSize(frame) } }
}

function applicationError(code: bigint): QlogObject {
  return { error: 'unknown', error_code: uint64(code) }
}

function payload(frame: FramePayload): QlogObject {
  return { payload_length: frame.length }
}

function ackData({ ackDelay, ecn, ranges }: AckFrame, exponent: number): QlogObject {
  return {
    frame_type: 'ack',
    ack_delay: milliseconds((ackDelay * 2 ** exponent) / 1000),
    acked_ranges: inclusive(ranges),
    ect1: ecn?.ect1,
    ect0: ecn?.ect0,
    ce: ecn?.ce,
  }
}

/** `[7]` or `[from, to]`, the last number included. */
function inclusive(ranges: RangeSet): readonly (readonly number[])[] {
  const pairs: (readonly number[])[] = []
  for (let index = 0; index < ranges.size; index++) {
    const from = ranges.startAt(index)
    const to = ranges.endAt(index) - 1
    pairs.push(from === to ? [from] : [from, to])
  }
  return pairs
}
