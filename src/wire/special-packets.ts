/** Version Negotiation (RFC 8999 §6, RFC 9000 §17.2.1) and Retry packets (RFC 9000 §17.2.5), which carry no frames. */
import { concat, copyBytes } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { ConnectionId } from './connection-id.ts'
import { type LongHeader, longHeaderByte, RETRY_TAG_LENGTH, writeIds } from './long-header.ts'
import { PacketType } from './packet-type.ts'
import { FIXED_BIT, HEADER_FORM } from './short-header.ts'

/**
 * A Version Negotiation packet. `destination` is the source id of the packet it answers and `source` that packet's
 * destination id; `unused` gives its first byte's arbitrary bits.
 */
export function encodeVersionNegotiation(fields: {
  readonly destination: ConnectionId
  readonly source: ConnectionId
  readonly versions: readonly number[]
  readonly unused?: number
}): Uint8Array {
  const writer = new Writer()
  // RFC 9000 §17.2.1: the fixed bit is set, so that demultiplexers see QUIC (RFC 7983).
  const firstByte = HEADER_FORM | FIXED_BIT | ((fields.unused ?? 0) & 0x3f)
  writeIds(writer, firstByte, { version: 0, destination: fields.destination, source: fields.source })
  for (const version of fields.versions) writer.uint32(version)
  return writer.finish()
}

/** The versions of a Version Negotiation packet; `undefined` if the list is empty or cut short (RFC 8999 §6: to be ignored). */
export function parseVersionNegotiation(header: LongHeader): readonly number[] | undefined {
  const length = header.packetEnd - header.numberOffset
  if (header.type !== PacketType.versionNegotiation || length === 0 || length % 4 !== 0) return undefined
  const reader = new Reader(header.bytes, header.numberOffset, header.packetEnd)
  const versions: number[] = []
  while (reader.remaining > 0) versions.push(reader.uint32())
  return versions
}

/** What a Retry packet says. */
export interface RetryFields {
  readonly version: number
  readonly destination: ConnectionId
  readonly source: ConnectionId
  /** Never empty. */
  readonly token: Uint8Array
  /** The first byte's arbitrary lower four bits. */
  readonly unused?: number
}

/** A Retry packet. `integrityTag` is given the packet without its tag and returns the 16 bytes of RFC 9001 §5.8. */
export function encodeRetry(fields: RetryFields, integrityTag: (withoutTag: Uint8Array) => Uint8Array): Uint8Array {
  const writer = new Writer()
  writeIds(writer, longHeaderByte(fields.version, PacketType.retry) | ((fields.unused ?? 0) & 0x0f), fields)
  writer.bytes(fields.token)
  writer.bytes(integrityTag(writer.finish()))
  return writer.finish()
}

/** The parts of a Retry packet that a client needs, as copies. */
export interface ParsedRetry {
  readonly token: Uint8Array
  /** The packet up to its tag, which the tag authenticates. */
  readonly withoutTag: Uint8Array
  readonly integrityTag: Uint8Array
}

/** The body of a Retry packet; `undefined` if the header is not one of a Retry with a token. */
export function parseRetry(header: LongHeader): ParsedRetry | undefined {
  if (header.type !== PacketType.retry || header.tokenLength === 0) return undefined
  const tagStart = header.packetEnd - RETRY_TAG_LENGTH
  return {
    token: header.token(),
    withoutTag: copyBytes(header.bytes, header.start, tagStart),
    integrityTag: copyBytes(header.bytes, tagStart, header.packetEnd),
  }
}

/** What the Retry integrity tag is computed over (RFC 9001 §5.8): the client's first destination id, then the packet. */
export function encodeRetryPseudoPacket(originalDestination: Uint8Array, withoutTag: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(originalDestination.length), originalDestination, withoutTag)
}
