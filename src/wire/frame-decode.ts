/**
 * Bytes to frames (RFC 9000 §12.4, §19; RFC 9221 §4), strictly: whatever is not exactly a frame that may stand in this
 * packet is a {@link TransportError} with the code that the RFC names, and nothing else is ever thrown. Rules that need
 * the connection's state (limits, roles, ids) are not here but with the owner of the frame.
 */
import { decodeUtf8, EMPTY } from '../base/bytes.ts'
import { RangeSet } from '../base/range-set.ts'
import { Reader } from '../base/reader.ts'
import { MAX_SAFE, MAX_VARINT, varintSize } from '../base/varint.ts'
import { readAckRanges } from './ack-ranges.ts'
import { MAX_CONNECTION_ID_LENGTH, STATELESS_RESET_TOKEN_LENGTH } from './connection-id.ts'
import {
  type AckFrame,
  type CryptoFrame,
  type DatagramFrame,
  type EcnCounts,
  type Frame,
  FrameType,
  type HandshakeDoneFrame,
  type ImmediateAckFrame,
  isAllowedIn,
  type PaddingFrame,
  type PingFrame,
  type StreamFrame,
} from './frame.ts'
import { PacketType, type ProtectedPacketType, packetTypeName } from './packet-type.ts'
import { MAX_STREAM_COUNT } from './stream-id.ts'
import { TransportError, TransportErrorCode } from './transport-error.ts'

/**
 * Decodes the frames of one packet after the other. The objects for PADDING, ACK, CRYPTO, STREAM and DATAGRAM are used
 * again: each is valid until the next call of `next` or `reset`, and its payload as long as the buffer stays.
 *
 * Numbers above 2^53-1 (architecture: "numbers"): limits, ids of streams, final sizes, numbers of packets and of
 * connection ids are saturated, after the RFC's own bound was checked; they exceed whatever this side ever allowed or
 * sent, so their owner's check gives the same answer. A saturated stream id keeps its two low bits, which say whose it is.
 */
export class FrameDecoder {
  readonly #reader = new Reader()
  #packetType: ProtectedPacketType = PacketType.oneRtt
  #start = 0
  #frameStart = 0
  /** The type of the last frame, as far as it is a safe integer; -1 if it is not. */
  #type = 0
  #largeType = 0n
  readonly #padding: PaddingFrame = { type: FrameType.padding, length: 0 }
  readonly #ping: PingFrame = { type: FrameType.ping }
  readonly #handshakeDone: HandshakeDoneFrame = { type: FrameType.handshakeDone }
  readonly #immediateAck: ImmediateAckFrame = { type: FrameType.immediateAck }
  readonly #ack: AckFrame = { type: FrameType.ack, ranges: new RangeSet(), ackDelay: 0, ecn: undefined }
  readonly #ecn: EcnCounts = { ect0: 0, ect1: 0, ce: 0 }
  readonly #ackBounds: number[] = []
  readonly #crypto: CryptoFrame = { type: FrameType.crypto, offset: 0, buffer: EMPTY, start: 0, length: 0 }
  readonly #stream: StreamFrame = {
    type: FrameType.stream,
    streamId: 0,
    offset: 0,
    fin: false,
    buffer: EMPTY,
    start: 0,
    length: 0,
  }
  readonly #datagram: DatagramFrame = { type: FrameType.datagram, buffer: EMPTY, start: 0, length: 0 }

  /** Starts on the payload of a packet, from `start` up to `end`. */
  reset(buffer: Uint8Array, start: number, end: number, packetType: ProtectedPacketType): void {
    this.#reader.reset(buffer, start, end)
    this.#packetType = packetType
    this.#start = start
    this.#frameStart = start
    this.#type = 0
  }

  /** The type of the last frame as it was on the wire, flags included: what a CONNECTION_CLOSE names. */
  get rawType(): bigint {
    return this.#type >= 0 ? BigInt(this.#type) : this.#largeType
  }

  /** The same where it is a number below 2^53, else -1. */
  get type(): number {
    return this.#type
  }

  /** Bytes that the last frame took on the wire, its type included. */
  get frameSize(): number {
    return this.#reader.offset - this.#frameStart
  }

  /**
   * The next frame; `undefined` at the end of the packet.
   * @throws TransportError FRAME_ENCODING_ERROR for a malformed or unknown frame, PROTOCOL_VIOLATION for a packet without
   * frames, a frame that may not stand in this type of packet, or a frame type that is encoded longer than needed.
   */
  next(): Frame | undefined {
    const reader = this.#reader
    if (reader.offset >= reader.end) {
      // RFC 9000 §12.4: a packet without a frame is a violation.
      if (reader.end <= this.#start) throw this.#error(TransportErrorCode.PROTOCOL_VIOLATION, 'Packet without a frame')
      return undefined
    }
    this.#frameStart = reader.offset
    const type = this.#readType()
    this.#type = type
    if (this.#packetType !== PacketType.oneRtt) this.#checkAllowed(type)
    const frame = this.#decode(type)
    if (!reader.ok) throw this.#malformed('is malformed')
    return frame
  }

  #decode(type: number): Frame {
    const reader = this.#reader
    switch (type) {
      case FrameType.padding:
        return this.#decodePadding()
      case FrameType.ping:
        return this.#ping
      case FrameType.ack:
      case FrameType.ackEcn:
        return this.#decodeAck(type === FrameType.ackEcn)
      case FrameType.resetStream:
        return {
          type,
          streamId: this.#streamId(),
          errorCode: reader.varintBigint(),
          finalSize: reader.varintSaturated(),
        }
      case FrameType.stopSending:
        return { type, streamId: this.#streamId(), errorCode: reader.varintBigint() }
      case FrameType.crypto:
        return this.#decodeCrypto()
      case FrameType.newToken:
        return this.#decodeNewToken()
      case FrameType.maxData:
        return { type, maximum: reader.varintSaturated() }
      case FrameType.maxStreamData:
        return { type, streamId: this.#streamId(), maximum: reader.varintSaturated() }
      case FrameType.maxStreamsBidi:
      case FrameType.maxStreamsUni:
        return { type, maximum: this.#streamCount() }
      case FrameType.dataBlocked:
        return { type, limit: reader.varintSaturated() }
      case FrameType.streamDataBlocked:
        return { type, streamId: this.#streamId(), limit: reader.varintSaturated() }
      case FrameType.streamsBlockedBidi:
      case FrameType.streamsBlockedUni:
        return { type, limit: this.#streamCount() }
      case FrameType.newConnectionId:
        return this.#decodeNewConnectionId()
      case FrameType.retireConnectionId:
        return { type, sequenceNumber: reader.varintSaturated() }
      case FrameType.pathChallenge:
      case FrameType.pathResponse:
        return { type, data: reader.bytesCopy(8) }
      case FrameType.connectionCloseTransport:
        return { type, errorCode: reader.varintBigint(), frameType: reader.varintBigint(), reason: this.#reason() }
      case FrameType.connectionCloseApplication:
        return { type, errorCode: reader.varintBigint(), reason: this.#reason() }
      case FrameType.handshakeDone:
        return this.#handshakeDone
      case FrameType.resetStreamAt:
        return this.#decodeResetStreamAt()
      case FrameType.immediateAck:
        return this.#immediateAck
      case FrameType.ackFrequency:
        return {
          type,
          sequenceNumber: reader.varintSaturated(),
          threshold: reader.varintSaturated(),
          maxAckDelay: reader.varintSaturated(),
          reorderingThreshold: reader.varintSaturated(),
        }
      case FrameType.datagram:
      case FrameType.datagram | 1:
        return this.#decodeDatagram((type & 0x01) !== 0)
      default:
        if (type >= FrameType.stream && type < FrameType.maxData) return this.#decodeStream(type)
        throw this.#malformed('has an unknown type')
    }
  }

  #decodePadding(): PaddingFrame {
    const reader = this.#reader
    const { bytes, end } = reader
    let at = reader.offset
    while (at < end && bytes[at] === 0) at++
    reader.offset = at
    this.#padding.length = at - this.#frameStart
    return this.#padding
  }

  #decodeAck(hasEcn: boolean): AckFrame {
    const reader = this.#reader
    const ack = this.#ack
    const largest = reader.varintSaturated()
    ack.ackDelay = reader.varintSaturated()
    readAckRanges(reader, largest, ack.ranges, this.#ackBounds)
    ack.ecn = undefined
    if (hasEcn) {
      const ecn = this.#ecn
      ecn.ect0 = reader.varintSaturated()
      ecn.ect1 = reader.varintSaturated()
      ecn.ce = reader.varintSaturated()
      ack.ecn = ecn
    }
    return ack
  }

  #decodeStream(type: number): StreamFrame {
    const reader = this.#reader
    const stream = this.#stream
    stream.streamId = this.#streamId()
    const offsetAt = reader.offset
    const offset = (type & 0x04) === 0 ? 0 : reader.varintSaturated()
    const length = (type & 0x02) === 0 ? reader.remaining : reader.varint()
    stream.offset = offset
    stream.fin = (type & 0x01) !== 0
    stream.buffer = reader.bytes
    stream.length = length
    stream.start = reader.skip(length)
    // More than 2^53-1 bytes of credit are never given.
    if (offset + length > MAX_SAFE) this.#refuseOffset(offsetAt, length, TransportErrorCode.FLOW_CONTROL_ERROR)
    return stream
  }

  #decodeCrypto(): CryptoFrame {
    const reader = this.#reader
    const crypto = this.#crypto
    const offsetAt = reader.offset
    const offset = reader.varintSaturated()
    const length = reader.varint()
    crypto.offset = offset
    crypto.buffer = reader.bytes
    crypto.length = length
    crypto.start = reader.skip(length)
    if (offset + length > MAX_SAFE) this.#refuseOffset(offsetAt, length, TransportErrorCode.CRYPTO_BUFFER_EXCEEDED)
    return crypto
  }

  #decodeDatagram(hasLength: boolean): DatagramFrame {
    const reader = this.#reader
    const datagram = this.#datagram
    const length = hasLength ? reader.varint() : reader.remaining
    datagram.buffer = reader.bytes
    datagram.length = length
    datagram.start = reader.skip(length)
    return datagram
  }

  #decodeResetStreamAt(): Frame {
    const reader = this.#reader
    const streamId = this.#streamId()
    const errorCode = reader.varintBigint()
    const sizesAt = reader.offset
    const finalSize = reader.varintSaturated()
    const reliableSize = reader.varintSaturated()
    // Reliable-stream-reset section 4. Sizes that no number holds are compared as they are on the wire.
    const exact = new Reader(reader.bytes, sizesAt, reader.end)
    const exactFinal = exact.varintBigint()
    if (reader.ok && exactFinal < exact.varintBigint())
      throw this.#malformed('has a reliable size above the final size')
    return { type: FrameType.resetStreamAt, streamId, errorCode, finalSize, reliableSize }
  }

  #decodeNewToken(): Frame {
    const length = this.#reader.varint()
    // RFC 9000 §19.7: a token is not empty.
    if (length === 0) throw this.#malformed('has an empty token')
    return { type: FrameType.newToken, token: this.#reader.bytesCopy(length) }
  }

  #decodeNewConnectionId(): Frame {
    const reader = this.#reader
    const sequenceNumber = reader.varint()
    const retirePriorTo = reader.varint()
    const length = reader.uint8()
    const connectionId = reader.bytesCopy(length)
    const statelessResetToken = reader.bytesCopy(STATELESS_RESET_TOKEN_LENGTH)
    if (length < 1 || length > MAX_CONNECTION_ID_LENGTH) throw this.#malformed(`has an id of ${length} bytes`)
    if (retirePriorTo > sequenceNumber) throw this.#malformed(`retires ids below ${retirePriorTo}, above its own`)
    return { type: FrameType.newConnectionId, sequenceNumber, retirePriorTo, connectionId, statelessResetToken }
  }

  #reason(): string {
    const length = this.#reader.varint()
    return decodeUtf8(this.#reader.bytesView(length))
  }

  /** A stream id; one above 2^53-1 becomes the highest below it with the same low bits. */
  #streamId(): number {
    const reader = this.#reader
    const id = reader.varintSaturated()
    return id === MAX_SAFE ? MAX_SAFE - 3 + ((reader.bytes[reader.offset - 1] ?? 0) & 3) : id
  }

  /** A number of streams. RFC 9000 §19.11, §19.14: at most 2^60. */
  #streamCount(): number {
    const reader = this.#reader
    const at = reader.offset
    const count = reader.varintSaturated()
    if (count === MAX_SAFE) {
      reader.offset = at
      if (reader.varintBigint() > MAX_STREAM_COUNT) throw this.#malformed('allows more than 2^60 streams')
    }
    return count
  }

  /** RFC 9000 §19.6, §19.8: no offset exceeds 2^62-1; what lies above 2^53-1 exceeds what we allow. */
  #refuseOffset(offsetAt: number, length: number, code: bigint): void {
    const reader = this.#reader
    if (!reader.ok) return
    const offset = new Reader(reader.bytes, offsetAt, reader.end).varintBigint()
    if (offset + BigInt(length) > MAX_VARINT) throw this.#malformed('ends above 2^62-1')
    throw this.#error(code, `Frame of type 0x${this.rawType.toString(16)} ends at ${offset + BigInt(length)}`)
  }

  #readType(): number {
    const reader = this.#reader
    const first = reader.uint8()
    if (first < 0x40) return first
    // The one type of two bytes that is known here.
    if (first === 0x40 && reader.bytes[reader.offset] === FrameType.ackFrequency && reader.remaining > 0) {
      reader.skip(1)
      return FrameType.ackFrequency
    }
    this.#type = first
    return this.#refuseLongType()
  }

  /** A longer type is unknown, unless it is the long form of a shorter one. */
  #refuseLongType(): never {
    const reader = this.#reader
    reader.offset = this.#frameStart
    const type = reader.varintBigint()
    if (!reader.ok) throw this.#malformed('has a type cut short')
    this.#type = -1
    this.#largeType = type
    // RFC 9000 §12.4: a frame type has the shortest possible encoding.
    if (varintSize(type) < this.frameSize) {
      throw this.#error(
        TransportErrorCode.PROTOCOL_VIOLATION,
        `Frame type 0x${type.toString(16)} in a longer form than needed`,
      )
    }
    throw this.#malformed('has an unknown type')
  }

  #checkAllowed(type: number): void {
    if (isAllowedIn(type, this.#packetType)) return
    if (!isKnown(type)) throw this.#malformed('has an unknown type')
    const name = packetTypeName(this.#packetType)
    throw this.#error(
      TransportErrorCode.PROTOCOL_VIOLATION,
      `Frame of type 0x${type.toString(16)} in a packet of type ${name}`,
    )
  }

  #malformed(what: string): TransportError {
    return this.#error(TransportErrorCode.FRAME_ENCODING_ERROR, `Frame of type 0x${this.rawType.toString(16)} ${what}`)
  }

  #error(code: bigint, reason: string): TransportError {
    return new TransportError(code, reason, { frameType: this.rawType })
  }
}

function isKnown(type: number): boolean {
  return (
    type <= FrameType.immediateAck ||
    type === FrameType.resetStreamAt ||
    type === FrameType.datagram ||
    type === (FrameType.datagram | 1) ||
    type === FrameType.ackFrequency
  )
}
