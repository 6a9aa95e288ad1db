/**
 * Long headers (RFC 9000 §17.2, RFC 8999 §5.1): parsed into one reused record of offsets, written with a Length to
 * patch. What is malformed is dropped by returning `false`: anybody can forge it.
 */
import { copyBytes, EMPTY, toLatin1 } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'
import { ConnectionId, MAX_CONNECTION_ID_LENGTH } from './connection-id.ts'
import type { PacketNumberLength } from './packet-number.ts'
import { PacketType } from './packet-type.ts'
import { FIXED_BIT, HEADER_FORM, isLongHeader, MIN_PROTECTED_LENGTH } from './short-header.ts'
import { isSupportedVersion, longPacketType, longTypeBits } from './version.ts'

/** Bytes of the integrity tag that ends a Retry packet (RFC 9001 §5.8). */
export const RETRY_TAG_LENGTH = 16

/** A parsed long header: offsets into `bytes`, valid as long as these stay. One record serves for packet after packet. */
export class LongHeader {
  /**
   * Whether a cleared fixed bit is accepted: set it after this endpoint has sent grease_quic_bit (RFC 9287 §3). Else
   * such packets are dropped (RFC 9000 §17.2).
   */
  anyFixedBit = false
  bytes: Uint8Array = EMPTY
  /** Where the packet begins. */
  start = 0
  version = 0
  /** `undefined` for a version that is not supported: then ids and version alone are known. */
  type: PacketType | undefined = undefined
  destinationStart = 0
  destinationLength = 0
  sourceStart = 0
  sourceLength = 0
  /** The token of an Initial or Retry packet. */
  tokenStart = 0
  tokenLength = 0
  /** Where the packet number begins, still protected; where the list of versions begins in Version Negotiation. */
  numberOffset = 0
  /** The Length field: bytes from `numberOffset` to `packetEnd`. */
  payloadLength = 0
  /** Where the packet ends and the next one of the datagram begins. Set even if `parse` refused the packet. */
  packetEnd = 0
  readonly #reader = new Reader()

  /** The destination id, as an object of its own. */
  destinationId(): ConnectionId {
    return ConnectionId.from(this.bytes.subarray(this.destinationStart, this.destinationStart + this.destinationLength))
  }

  /** The source id, as an object of its own. */
  sourceId(): ConnectionId {
    return ConnectionId.from(this.bytes.subarray(this.sourceStart, this.sourceStart + this.sourceLength))
  }

  /** A copy of the token. */
  token(): Uint8Array {
    return copyBytes(this.bytes, this.tokenStart, this.tokenStart + this.tokenLength)
  }

  /**
   * Parses the packet at `start` of a datagram that ends at `end`. `false`: to be dropped; then `packetEnd` is where
   * the datagram may go on, `end` if that cannot be known.
   */
  parse(bytes: Uint8Array, start: number, end: number): boolean {
    const reader = this.#reader
    reader.reset(bytes, start, end)
    this.bytes = bytes
    this.start = start
    this.packetEnd = end
    this.type = undefined
    this.tokenStart = 0
    this.tokenLength = 0
    const first = reader.uint8()
    this.version = reader.uint32()
    this.destinationLength = reader.uint8()
    this.destinationStart = reader.skip(this.destinationLength)
    this.sourceLength = reader.uint8()
    this.sourceStart = reader.skip(this.sourceLength)
    this.numberOffset = reader.offset
    this.payloadLength = reader.remaining
    if (!reader.ok || !isLongHeader(first)) return false
    if (this.version === 0) {
      this.type = PacketType.versionNegotiation
      return true
    }
    if (!isSupportedVersion(this.version)) return true
    // RFC 9000 §17.2: versions 1 and 2 have ids of at most 20 bytes; packets with longer ones are dropped.
    if (this.destinationLength > MAX_CONNECTION_ID_LENGTH || this.sourceLength > MAX_CONNECTION_ID_LENGTH) return false
    if ((first & FIXED_BIT) === 0 && !this.anyFixedBit) return false
    this.type = longPacketType(this.version, (first >> 4) & 3)
    return this.type === PacketType.retry ? this.#parseRetry(reader) : this.#parseProtected(reader)
  }

  #parseRetry(reader: Reader): boolean {
    this.tokenStart = reader.offset
    // RFC 9000 §17.2.5.2: a Retry without a token is dropped, as is one too short for its tag.
    this.tokenLength = Math.max(0, reader.remaining - RETRY_TAG_LENGTH)
    return this.tokenLength > 0
  }

  #parseProtected(reader: Reader): boolean {
    if (this.type === PacketType.initial) {
      this.tokenLength = reader.varint()
      this.tokenStart = reader.skip(this.tokenLength)
    }
    const length = reader.varint()
    if (!reader.ok || length > reader.remaining) return false
    this.numberOffset = reader.offset
    this.payloadLength = length
    this.packetEnd = reader.offset + length
    return length >= MIN_PROTECTED_LENGTH
  }
}

/** What is written into a long header. */
export interface LongHeaderFields {
  readonly type: 0 | 1 | 2
  readonly version: number
  readonly destination: ConnectionId
  readonly source: ConnectionId
  /** Initial packets only. */
  readonly token?: Uint8Array | undefined
  readonly packetNumberLength: PacketNumberLength
}

/**
 * Writes a long header up to, not with, the packet number. Returns where its Length field stands, two bytes that
 * {@link patchLength} fills in later.
 */
export function writeLongHeader(writer: Writer, fields: LongHeaderFields): number {
  writeIds(writer, longHeaderByte(fields.version, fields.type) | (fields.packetNumberLength - 1), fields)
  if (fields.type === PacketType.initial) {
    const token = fields.token ?? EMPTY
    writer.varint(token.length)
    writer.bytes(token)
  }
  return writer.skip(2)
}

/** The first byte of a long header, its lower four bits zero. */
export function longHeaderByte(version: number, type: 0 | 1 | 2 | 3): number {
  return HEADER_FORM | FIXED_BIT | (longTypeBits(version, type) << 4)
}

/** Writes the part of a long header that is the same in all versions (RFC 8999 §5.1). */
export function writeIds(
  writer: Writer,
  firstByte: number,
  fields: { readonly version: number; readonly destination: ConnectionId; readonly source: ConnectionId },
): void {
  writer.uint8(firstByte)
  writer.uint32(fields.version)
  writer.uint8(fields.destination.length)
  // Short headers follow: what these ids make of their bytes need not be kept.
  writer.bytes(fields.destination.toBytes())
  writer.uint8(fields.source.length)
  writer.bytes(fields.source.toBytes())
}

/**
 * Fills in the Length field at `lengthOffset`: `length` bytes from the packet number to the packet's end, tag included.
 * @throws RangeError above 16383, which two bytes cannot hold.
 */
export function patchLength(bytes: Uint8Array, lengthOffset: number, length: number): void {
  if (!(length >= 0 && length < 0x4000)) throw new RangeError(`Length must be from 0 to 16383, got ${length}`)
  bytes[lengthOffset] = 0x40 | (length >> 8)
  bytes[lengthOffset + 1] = length & 0xff
}

/**
 * The key of the destination id of the packet at `start`, for routing; `undefined` if there is not all of it. Works on
 * packets of any version. `localIdLength` is the length of the ids that this endpoint hands out, for short headers.
 */
export function peekDestination(
  bytes: Uint8Array,
  start: number,
  end: number,
  localIdLength: number,
): string | undefined {
  if (start >= end) return undefined
  const isLong = isLongHeader(bytes[start] ?? 0)
  const at = isLong ? start + 6 : start + 1
  if (at > end) return undefined
  const length = isLong ? (bytes[start + 5] ?? 0) : localIdLength
  return at + length > end ? undefined : toLatin1(bytes, at, at + length)
}
