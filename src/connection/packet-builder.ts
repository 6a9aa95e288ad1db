/**
 * Builds the packets of one datagram in a slot of the arena: header, room, the record of what was written, padding, the
 * Length field. It decides nothing about what goes in (`transmitter.ts`) and protects nothing: a finished packet joins
 * the outgoing batch and is sealed with the others of its flight. RFC 9000 §12.2, §14.1, §17.
 */
import { EMPTY } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import type { Writer } from '../base/writer.ts'
import type { PacketBatchBuffer } from '../protection/packet-batch.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import type { SentPacket } from '../recovery/sent-packets.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import {
  type Frame,
  FrameType,
  isAckEliciting,
  outgoingStream,
  type PayloadFrame,
  type StreamFrame,
} from '../wire/frame.ts'
import { encodeFrame, frameSize } from '../wire/frame-encode.ts'
import { patchLength, writeLongHeader } from '../wire/long-header.ts'
import type { Observer } from '../wire/observer.ts'
import type { ByteSource, FrameOwner, PacketWriter, PathId } from '../wire/packet-content.ts'
import { type PacketNumberLength, packetNumberLength, writePacketNumber } from '../wire/packet-number.ts'
import { PacketSpace, PacketType, type ProtectedPacketType, spaceOf } from '../wire/packet-type.ts'
import { FIXED_BIT } from '../wire/short-header.ts'
import type { FixedBit } from './fixed-bit.ts'
import type { OpenPacket } from './open-packet.ts'
import type { Path } from './path.ts'
import type { Workspace } from './workspace.ts'

/** Bytes of an AEAD tag, for every suite of QUIC. */
export const TAG_LENGTH = 16

/** What the headers of a flight have in common. */
export interface HeaderFields {
  readonly version: number
  readonly destination: ConnectionId
  readonly source: ConnectionId
  /** Of Retry or NEW_TOKEN, in a client's Initial packets (RFC 9000 §17.2.2). */
  readonly token: Uint8Array | undefined
  readonly spin: 0 | 1
  readonly keyPhase: 0 | 1
  /** Of the 1-RTT keys. */
  readonly keyGeneration: number
}

const PADDING = 0

/** The builder of a connection, used again for every datagram. */
export class PacketBuilder implements PacketWriter {
  readonly #loss: LossDetector
  readonly #observer: Observer | undefined
  readonly #fixedBit: FixedBit
  readonly #writer: Writer
  readonly #packets: readonly OpenPacket[]
  #count = 0
  #current: OpenPacket
  #sent: SentPacket | undefined
  #bytes: Uint8Array = EMPTY
  #datagramStart = 0
  #limit = 0
  #path: Path | undefined
  #header: HeaderFields | undefined
  #expand = false
  /** Whether the packets of the flight leave as ECT(0); set before it (RFC 9000 §13.4). */
  isMarking = false
  type: ProtectedPacketType = PacketType.initial
  space: PacketSpace = PacketSpace.initial
  path: PathId = 0

  /** @param workspace its writer and its open packets are the builder's from the begin of a datagram to its end. */
  constructor(
    loss: LossDetector,
    observer: Observer | undefined,
    fixedBit: FixedBit,
    { openPackets, writer }: Pick<Workspace, 'openPackets' | 'writer'>,
  ) {
    this.#loss = loss
    this.#fixedBit = fixedBit
    this.#observer = observer
    this.#writer = writer
    this.#packets = openPackets
    this.#current = openPackets[0] as OpenPacket
  }

  /** Begins a datagram of at most `limit` bytes at `start` of `bytes`. */
  beginDatagram(bytes: Uint8Array, start: number, limit: number, path: Path): void {
    this.#bytes = bytes
    this.#datagramStart = start
    this.#limit = start + limit
    this.#path = path
    this.path = path.id
    this.#count = 0
    this.#expand = false
  }

  /** Bytes that the datagram has so far, tags of finished packets included. */
  get datagramSize(): number {
    // An index below 0 is a name to the engine, and takes it a hundred times as long.
    const last = this.#count === 0 ? undefined : this.#packets[this.#count - 1]
    return last === undefined ? 0 : last.end + TAG_LENGTH - this.#datagramStart
  }

  /** Begins a packet behind those already in the datagram. `false`: no room for a packet that is worth its header. */
  beginPacket(type: ProtectedPacketType, header: HeaderFields): boolean {
    const path = this.#path
    const packet = this.#packets[this.#count]
    if (path === undefined || packet === undefined) return false
    const start = this.#datagramStart + this.datagramSize
    const space = spaceOf(type)
    const limit = this.#limit - TAG_LENGTH
    const longest = 1 + header.destination.length + (type === PacketType.oneRtt ? 4 : longHeaderSize(header, type))
    if (start + longest + MIN_FRAMES > limit) return false
    const sent = this.#loss.beginPacket(space, path.recovery)
    const numberLength = packetNumberLength(sent.number, this.#loss.largestAcked(space))
    if (this.isMarking) sent.ecn = path.recovery.ecn
    if (type === PacketType.oneRtt) sent.keyGeneration = header.keyGeneration
    packet.sent = sent
    packet.type = type
    packet.start = start
    packet.padding = 0
    this.#header = header
    this.type = type
    this.space = space
    this.#current = packet
    this.#sent = sent
    this.#writer.reset(this.#bytes, start, limit)
    this.#writeHeader(packet, type, header, sent.number, numberLength)
    return true
  }

  get remaining(): number {
    return this.#writer.remaining
  }

  /** Whether the packet at hand holds no frame yet. */
  get isEmpty(): boolean {
    return this.#sent?.frameCount === 0
  }

  /** Frames of the packet at hand. */
  get frameCount(): number {
    return this.#sent?.frameCount ?? 0
  }

  /** Whether the packet at hand must be acknowledged. */
  get isAckEliciting(): boolean {
    return this.#sent?.ackEliciting ?? false
  }

  write<F extends Frame>(frame: F, owner: FrameOwner<NoInfer<F>>): boolean {
    if (frameSize(frame) > this.#writer.remaining) return false
    encodeFrame(this.#writer, frame)
    this.#record(frame, owner)
    return true
  }

  writePayload<F extends PayloadFrame>(frame: F, source: ByteSource, owner: FrameOwner<NoInfer<F>>): void {
    const writer = this.#writer
    encodeFrame(writer, frame)
    source.copyTo(this.#bytes, writer.offset, frame.type === FrameType.datagram ? 0 : frame.offset, frame.length)
    writer.offset += frame.length
    this.#record(frame, owner)
  }

  streamFrame(streamId: number, offset: number, length: number, fin: boolean): StreamFrame {
    return this.#sent?.streamFrame(streamId, offset, length, fin) ?? outgoingStream(streamId, offset, length, fin)
  }

  expandDatagram(): void {
    this.#expand = true
  }

  /** The packet at hand is an MTU probe: its loss is no sign of congestion (RFC 9000 §14.4). */
  markMtuProbe(): void {
    if (this.#sent !== undefined) this.#sent.isMtuProbe = true
  }

  /** The packet at hand is sent on a path that data is not sent on. */
  markPathProbe(): void {
    if (this.#sent !== undefined) this.#sent.isPathProbe = true
  }

  /** Whether a frame asked for an expanded datagram. */
  get wantsExpansion(): boolean {
    return this.#expand
  }

  /** Ends the packet at hand. `false`: no frame was written, so the packet never was. */
  endPacket(): boolean {
    const packet = this.#current
    const sent = this.#sent
    if (sent === undefined) return false
    this.#sent = undefined
    if (sent.frameCount === 0) {
      this.#loss.cancelPacket(sent)
      return false
    }
    packet.end = this.#writer.offset
    this.#count += 1
    // RFC 9001 §5.4.2: number and ciphertext are at least 4 bytes longer than the sample begins.
    const short = packet.numberOffset + 4 - packet.end
    if (short > 0) this.#pad(packet, short)
    return true
  }

  /**
   * Ends the datagram: pads its last packet until the datagram has `minimum` bytes, tells loss recovery of each packet
   * and hands them to the batch. Returns the datagram's size, 0 where nothing was written.
   */
  endDatagram(minimum: number, batch: PacketBatchBuffer, now: Time): number {
    const last = this.#packets[this.#count - 1]
    if (last === undefined) return 0
    const short = Math.min(minimum, this.#limit - this.#datagramStart) - this.datagramSize
    if (short > 0) this.#pad(last, short)
    for (let index = 0; index < this.#count; index++) {
      const packet = this.#packets[index]
      if (packet?.sent !== undefined) this.#finish(packet, packet.sent, batch, now)
    }
    return this.datagramSize
  }

  #finish(packet: OpenPacket, sent: SentPacket, batch: PacketBatchBuffer, now: Time): void {
    if (packet.lengthOffset >= 0) {
      patchLength(this.#bytes, packet.lengthOffset, packet.end + TAG_LENGTH - packet.numberOffset)
    }
    sent.size = packet.end + TAG_LENGTH - packet.start
    const index = batch.append(packet.start, packet.numberOffset, packet.end, sent.number)
    batch.type[index] = packet.type
    if (this.#observer !== undefined) this.#observe(this.#observer, packet, sent, now)
    this.#loss.onPacketSent(sent, now)
    packet.sent = undefined
  }

  #observe(observer: Observer, packet: OpenPacket, sent: SentPacket, now: Time): void {
    const path = this.#path
    const header = this.#header
    if (observer.packetSent === undefined || path === undefined || header === undefined) return
    const isLong = packet.type !== PacketType.oneRtt
    observer.packetSent(
      {
        type: packet.type,
        packetNumber: sent.number,
        size: sent.size,
        path,
        destination: header.destination,
        source: isLong ? header.source : undefined,
        version: isLong ? header.version : undefined,
        tokenLength: packet.type === PacketType.initial ? (header.token?.length ?? 0) : undefined,
        keyGeneration: isLong ? undefined : sent.keyGeneration,
        isMtuProbe: sent.isMtuProbe,
        isPtoProbe: sent.ackEliciting && this.#loss.probes(sent.space) > 0,
      },
      sent.copyFrames(),
      packet.padding,
      now,
    )
  }

  #pad(packet: OpenPacket, length: number): void {
    this.#bytes.fill(PADDING, packet.end, packet.end + length)
    packet.end += length
    packet.padding += length
    // RFC 9002 §2: packets with PADDING count as in flight.
    if (packet.sent !== undefined) packet.sent.inFlight = true
  }

  #record<F extends Frame>(frame: F, owner: FrameOwner<F>): void {
    const sent = this.#sent
    if (sent === undefined) return
    sent.addFrame(frame, owner)
    if (!sent.ackEliciting && isAckEliciting(frame)) {
      sent.ackEliciting = true
      sent.inFlight = true
    }
  }

  #writeHeader(
    packet: OpenPacket,
    type: ProtectedPacketType,
    header: HeaderFields,
    number: number,
    numberLength: PacketNumberLength,
  ): void {
    const writer = this.#writer
    if (type === PacketType.oneRtt) {
      writer.uint8(this.#fixedBit.take() | (header.spin << 5) | (header.keyPhase << 2) | (numberLength - 1))
      writer.bytes(header.destination.bytes)
      packet.lengthOffset = -1
    } else {
      packet.lengthOffset = writeLongHeader(writer, {
        type,
        version: header.version,
        destination: header.destination,
        source: header.source,
        token: header.token,
        packetNumberLength: numberLength,
      })
      if (this.#fixedBit.take() === 0) this.#bytes[packet.start] = (this.#bytes[packet.start] ?? 0) & ~FIXED_BIT
    }
    packet.numberOffset = writer.offset
    writePacketNumber(writer, number, numberLength)
  }
}

/** A packet with less room than this for frames is not begun. */
const MIN_FRAMES = 24

/** The most that a long header adds to its first byte and destination id. */
function longHeaderSize(header: HeaderFields, type: ProtectedPacketType): number {
  const token = type === PacketType.initial ? 4 + (header.token?.length ?? 0) : 0
  return 4 + 1 + 1 + header.source.length + token + 2 + 4
}
