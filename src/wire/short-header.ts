/** The short header of 1-RTT packets (RFC 9000 §17.3.1), and the bits that both header forms have in their first byte. */
import type { Writer } from '../base/writer.ts'
import type { ConnectionId } from './connection-id.ts'
import type { PacketNumberLength } from './packet-number.ts'

/** First byte: set in long headers (RFC 9000 §17.2). */
export const HEADER_FORM = 0x80
/** First byte of either form: set, unless the peer sent grease_quic_bit (RFC 9287). */
export const FIXED_BIT = 0x40
/** First byte of either form: length of the packet number less one, protected. */
export const PACKET_NUMBER_LENGTH_MASK = 0x03
/** First byte of a short header: the latency spin bit (RFC 9000 §17.4). */
export const SHORT_HEADER_SPIN = 0x20
/** First byte of a short header: reserved, zero before protection. */
export const SHORT_HEADER_RESERVED = 0x18
/** First byte of a short header: the key phase (RFC 9001 §6), protected. */
export const SHORT_HEADER_KEY_PHASE = 0x04
/** First byte of a long header with packet number: reserved, zero before protection. */
export const LONG_HEADER_RESERVED = 0x0c

/**
 * Bytes from the packet number to the end that a protected packet must have: header protection samples 16 bytes that
 * begin 4 bytes after the number does (RFC 9001 §5.4.2).
 */
export const MIN_PROTECTED_LENGTH = 20

/** Whether a packet that begins with this byte has a long header. */
export function isLongHeader(firstByte: number): boolean {
  return (firstByte & HEADER_FORM) !== 0
}

/**
 * Whether a reserved bit is set in the first byte, either form, after header protection was removed. To be asked only
 * once the packet is authenticated (RFC 9001 §9.5); then it is a PROTOCOL_VIOLATION.
 */
export function hasReservedBits(firstByte: number): boolean {
  return (firstByte & (isLongHeader(firstByte) ? LONG_HEADER_RESERVED : SHORT_HEADER_RESERVED)) !== 0
}

/**
 * Where the packet number of a 1-RTT packet begins; -1 if the packet is to be dropped, because it is too short to be
 * unprotected, has a long header, or a cleared fixed bit without `anyFixedBit` (RFC 9000 §17.3.1, RFC 9287 §3).
 * `idLength` is the length of the ids that this endpoint hands out.
 */
export function parseShortHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  idLength: number,
  anyFixedBit = false,
): number {
  const numberOffset = start + 1 + idLength
  if (numberOffset + MIN_PROTECTED_LENGTH > end) return -1
  const first = bytes[start] ?? 0
  if (isLongHeader(first) || ((first & FIXED_BIT) === 0 && !anyFixedBit)) return -1
  return numberOffset
}

/** Writes a short header up to, not with, the packet number. */
export function writeShortHeader(
  writer: Writer,
  destination: ConnectionId,
  numberLength: PacketNumberLength,
  keyPhase: 0 | 1,
  spin: 0 | 1,
): void {
  writer.uint8(
    FIXED_BIT |
      (spin === 1 ? SHORT_HEADER_SPIN : 0) |
      (keyPhase === 1 ? SHORT_HEADER_KEY_PHASE : 0) |
      (numberLength - 1),
  )
  writer.bytes(destination.bytes)
}
