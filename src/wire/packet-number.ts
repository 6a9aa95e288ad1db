/** Packet numbers on the wire: how many bytes of one are sent, and which number they stand for (RFC 9000 §17.1, Appendix A). */
import type { Writer } from '../base/writer.ts'

/** Bytes of a truncated packet number. */
export type PacketNumberLength = 1 | 2 | 3 | 4

/**
 * How many bytes of `full` must be sent while `largestAcked` (-1: nothing) is what the peer has acknowledged.
 * RFC 9000 §17.1: more than twice the range of numbers that are under way.
 * @throws RangeError when more than 2^31 packets are under way, which four bytes cannot tell apart.
 */
export function packetNumberLength(full: number, largestAcked: number): PacketNumberLength {
  const range = full - largestAcked
  if (range < 0x80) return 1
  if (range < 0x8000) return 2
  if (range < 0x80_0000) return 3
  if (range < 0x8000_0000) return 4
  throw new RangeError(`Packet number ${full} is too far above the acknowledged ${largestAcked}`)
}

/**
 * The full packet number for the `length` bytes `truncated`: of those that end in these bytes, the one closest to the
 * number after `largestProcessed` (-1: nothing yet). RFC 9000 A.3.
 */
export function decodePacketNumber(truncated: number, length: PacketNumberLength, largestProcessed: number): number {
  const expected = largestProcessed + 1
  const window = 2 ** (8 * length)
  const half = window / 2
  const candidate = expected - (expected % window) + truncated
  if (candidate <= expected - half && candidate <= Number.MAX_SAFE_INTEGER - window) return candidate + window
  if (candidate > expected + half && candidate >= window) return candidate - window
  return candidate
}

/** Writes the `length` low bytes of `full`. */
export function writePacketNumber(writer: Writer, full: number, length: PacketNumberLength): void {
  if (length === 1) writer.uint8(full % 0x1_0000_0000)
  else if (length === 2) writer.uint16(full % 0x1_0000_0000)
  else if (length === 3) writer.uint24(full % 0x1_0000_0000)
  else writer.uint32(full % 0x1_0000_0000)
}

/** Reads a truncated packet number of `length` bytes; the caller has made sure that they are there. */
export function readPacketNumber(bytes: Uint8Array, at: number, length: PacketNumberLength): number {
  let truncated = 0
  for (let i = 0; i < length; i++) truncated = truncated * 0x100 + (bytes[at + i] ?? 0)
  return truncated
}
