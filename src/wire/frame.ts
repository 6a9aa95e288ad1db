/**
 * The frames of RFC 9000 §19, RFC 9221 §4 and draft-ietf-quic-reliable-stream-reset as one union of plain objects. The same object is decoded or encoded,
 * recorded with the packet that carried it, told to its owner when acknowledged or lost, and printed by qlog.
 */
import { EMPTY } from '../base/bytes.ts'
import type { RangeSet } from '../base/range-set.ts'
import { PacketType, type ProtectedPacketType } from './packet-type.ts'

/** Frame types (RFC 9000 Table 3, RFC 9221 §4). Where several types differ by flags alone, the lowest stands for all. */
export const FrameType = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  ackEcn: 0x03,
  resetStream: 0x04,
  stopSending: 0x05,
  crypto: 0x06,
  newToken: 0x07,
  stream: 0x08,
  maxData: 0x10,
  maxStreamData: 0x11,
  maxStreamsBidi: 0x12,
  maxStreamsUni: 0x13,
  dataBlocked: 0x14,
  streamDataBlocked: 0x15,
  streamsBlockedBidi: 0x16,
  streamsBlockedUni: 0x17,
  newConnectionId: 0x18,
  retireConnectionId: 0x19,
  pathChallenge: 0x1a,
  pathResponse: 0x1b,
  connectionCloseTransport: 0x1c,
  connectionCloseApplication: 0x1d,
  handshakeDone: 0x1e,
  immediateAck: 0x1f,
  resetStreamAt: 0x24,
  datagram: 0x30,
  ackFrequency: 0xaf,
} as const

type T = typeof FrameType

/** A run of PADDING frames, `length` bytes in all (RFC 9000 §19.1). */
export interface PaddingFrame {
  readonly type: T['padding']
  length: number
}
/** RFC 9000 §19.2. */
export interface PingFrame {
  readonly type: T['ping']
}
/** ECN counts of an ACK frame (RFC 9000 §19.3.2), in packets. */
export interface EcnCounts {
  ect0: number
  ect1: number
  ce: number
}
/** RFC 9000 §19.3, with `ecn` §19.3.2. */
export interface AckFrame {
  readonly type: T['ack']
  /** Packet numbers as half-open ranges, never empty. */
  ranges: RangeSet
  /** The field as it is on the wire: microseconds divided by 2^ack_delay_exponent. */
  ackDelay: number
  ecn: EcnCounts | undefined
}
/** RFC 9000 §19.4. */
export interface ResetStreamFrame {
  readonly type: T['resetStream']
  readonly streamId: number
  readonly errorCode: bigint
  readonly finalSize: number
}
/** RFC 9000 §19.5. */
export interface StopSendingFrame {
  readonly type: T['stopSending']
  readonly streamId: number
  readonly errorCode: bigint
}
/** Bytes of a payload frame. Received: `length` bytes at `start` of `buffer`, valid during the call. Sent: `buffer` is empty. */
export interface FramePayload {
  buffer: Uint8Array
  start: number
  length: number
}
/** RFC 9000 §19.6. */
export interface CryptoFrame extends FramePayload {
  readonly type: T['crypto']
  offset: number
}
/** RFC 9000 §19.7. */
export interface NewTokenFrame {
  readonly type: T['newToken']
  readonly token: Uint8Array
}
/** RFC 9000 §19.8. */
export interface StreamFrame extends FramePayload {
  readonly type: T['stream']
  streamId: number
  offset: number
  fin: boolean
}
/** RFC 9000 §19.9. */
export interface MaxDataFrame {
  readonly type: T['maxData']
  readonly maximum: number
}
/** RFC 9000 §19.10. */
export interface MaxStreamDataFrame {
  readonly type: T['maxStreamData']
  readonly streamId: number
  readonly maximum: number
}
/** RFC 9000 §19.11, 0x12 bidirectional and 0x13 unidirectional. */
export interface MaxStreamsFrame {
  readonly type: T['maxStreamsBidi'] | T['maxStreamsUni']
  readonly maximum: number
}
/** RFC 9000 §19.12. */
export interface DataBlockedFrame {
  readonly type: T['dataBlocked']
  readonly limit: number
}
/** RFC 9000 §19.13. */
export interface StreamDataBlockedFrame {
  readonly type: T['streamDataBlocked']
  readonly streamId: number
  readonly limit: number
}
/** RFC 9000 §19.14, 0x16 bidirectional and 0x17 unidirectional. */
export interface StreamsBlockedFrame {
  readonly type: T['streamsBlockedBidi'] | T['streamsBlockedUni']
  readonly limit: number
}
/** RFC 9000 §19.15. */
export interface NewConnectionIdFrame {
  readonly type: T['newConnectionId']
  readonly sequenceNumber: number
  readonly retirePriorTo: number
  /** 1 to 20 bytes, a copy. */
  readonly connectionId: Uint8Array
  /** 16 bytes, a copy. */
  readonly statelessResetToken: Uint8Array
}
/** RFC 9000 §19.16. */
export interface RetireConnectionIdFrame {
  readonly type: T['retireConnectionId']
  readonly sequenceNumber: number
}
/** RFC 9000 §19.17. */
export interface PathChallengeFrame {
  readonly type: T['pathChallenge']
  /** 8 bytes, a copy. */
  readonly data: Uint8Array
}
/** RFC 9000 §19.18. */
export interface PathResponseFrame {
  readonly type: T['pathResponse']
  /** 8 bytes, a copy. */
  readonly data: Uint8Array
}
/** RFC 9000 §19.19, 0x1c from the transport. */
export interface TransportCloseFrame {
  readonly type: T['connectionCloseTransport']
  readonly errorCode: bigint
  /** The type of the frame that caused it; 0 if unknown. */
  readonly frameType: bigint
  readonly reason: string
}
/** RFC 9000 §19.19, 0x1d from the application. */
export interface ApplicationCloseFrame {
  readonly type: T['connectionCloseApplication']
  readonly errorCode: bigint
  readonly reason: string
}
/** RFC 9000 §19.20. */
export interface HandshakeDoneFrame {
  readonly type: T['handshakeDone']
}
/** RESET_STREAM_AT of draft-ietf-quic-reliable-stream-reset, section 4. */
export interface ResetStreamAtFrame {
  readonly type: T['resetStreamAt']
  readonly streamId: number
  readonly errorCode: bigint
  readonly finalSize: number
  /** Bytes from the beginning of the stream that are delivered all the same; at most `finalSize`. */
  readonly reliableSize: number
}
/** Draft ack-frequency §5. */
export interface ImmediateAckFrame {
  readonly type: T['immediateAck']
}
/** Draft ack-frequency §4. */
export interface AckFrequencyFrame {
  readonly type: T['ackFrequency']
  readonly sequenceNumber: number
  /** Ack-eliciting packets that may be received without an acknowledgement. */
  readonly threshold: number
  /** Microseconds. */
  readonly maxAckDelay: number
  /** Packets; 0: what comes out of order is not acknowledged at once. */
  readonly reorderingThreshold: number
}
/** RFC 9221 §4. */
export interface DatagramFrame extends FramePayload {
  readonly type: T['datagram']
}

/** Frames whose bytes come from a {@link FramePayload} or, when sent, from a `ByteSource`. */
export type PayloadFrame = CryptoFrame | StreamFrame | DatagramFrame

export type Frame =
  | PaddingFrame
  | PingFrame
  | AckFrame
  | ResetStreamFrame
  | StopSendingFrame
  | CryptoFrame
  | NewTokenFrame
  | StreamFrame
  | MaxDataFrame
  | MaxStreamDataFrame
  | MaxStreamsFrame
  | DataBlockedFrame
  | StreamDataBlockedFrame
  | StreamsBlockedFrame
  | NewConnectionIdFrame
  | RetireConnectionIdFrame
  | PathChallengeFrame
  | PathResponseFrame
  | TransportCloseFrame
  | ApplicationCloseFrame
  | HandshakeDoneFrame
  | ImmediateAckFrame
  | AckFrequencyFrame
  | ResetStreamAtFrame
  | DatagramFrame

/** Whether a packet with this frame must be acknowledged (RFC 9002 §2: all but ACK, PADDING and CONNECTION_CLOSE). */
export function isAckEliciting(frame: Frame): boolean {
  switch (frame.type) {
    case FrameType.padding:
    case FrameType.ack:
    case FrameType.connectionCloseTransport:
    case FrameType.connectionCloseApplication:
      return false
    default:
      return true
  }
}

/** Whether the frame probes a path and does not by itself cause migration (RFC 9000 §9.1). */
export function isProbing(frame: Frame): boolean {
  switch (frame.type) {
    case FrameType.padding:
    case FrameType.newConnectionId:
    case FrameType.pathChallenge:
    case FrameType.pathResponse:
      return true
    default:
      return false
  }
}

/** Whether a frame of this type may stand in a packet of that type (RFC 9000 §12.4 Table 3, §12.5). */
export function isAllowedIn(frameType: number, packetType: ProtectedPacketType): boolean {
  switch (packetType) {
    case PacketType.initial:
    case PacketType.handshake:
      return (
        frameType <= FrameType.ackEcn ||
        frameType === FrameType.crypto ||
        frameType === FrameType.connectionCloseTransport
      )
    case PacketType.zeroRtt:
      switch (frameType) {
        case FrameType.ack:
        case FrameType.ackEcn:
        case FrameType.crypto:
        case FrameType.newToken:
        case FrameType.retireConnectionId:
        case FrameType.pathResponse:
        case FrameType.handshakeDone:
        // Draft ack-frequency §3: its transport parameter is not remembered.
        case FrameType.immediateAck:
        case FrameType.ackFrequency:
          return false
        default:
          return true
      }
    case PacketType.oneRtt:
      return true
  }
}

/** A STREAM frame to be sent: of its payload it holds the length alone. */
export function outgoingStream(streamId: number, offset: number, length: number, fin: boolean): StreamFrame {
  return { type: FrameType.stream, buffer: EMPTY, start: 0, length, streamId, offset, fin }
}
