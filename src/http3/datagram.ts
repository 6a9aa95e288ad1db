/**
 * HTTP datagrams in QUIC DATAGRAM frames (RFC 9297 §2.1). Whether a stream takes them is its own business; those that
 * travel as capsules are read by `CapsuleDecoder`.
 */
import { Reader } from '../base/reader.ts'
import { MAX_SAFE, varintSize } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'

/** The largest id of a request stream that a number holds exactly. */
const MAX_STREAM_ID = MAX_SAFE - 3

/** An HTTP datagram as it came. */
export interface HttpDatagram {
  /** The request stream that it belongs to; an id above 2^53-1, which no stream here ever has, reads as 2^53-4. */
  readonly streamId: number
  /** A view into the bytes that were given, as long as they live. */
  readonly payload: Uint8Array
}

/** Bytes in front of the payload. */
export function datagramHeaderSize(streamId: number): number {
  return varintSize(streamId / 4)
}

/**
 * The content of a QUIC DATAGRAM frame that carries `payload` for a request stream, in a fresh array.
 * @throws RangeError unless `streamId` is that of a client's bidirectional stream.
 */
export function encodeDatagram(streamId: number, payload: Uint8Array): Uint8Array {
  if (!(Number.isSafeInteger(streamId) && streamId >= 0 && streamId % 4 === 0)) {
    throw new RangeError(`streamId must be that of a request stream, got ${streamId}`)
  }
  const content = new Uint8Array(datagramHeaderSize(streamId) + payload.length)
  const writer = new Writer(0)
  writer.reset(content)
  writer.varint(streamId / 4)
  writer.bytes(payload)
  return content
}

/**
 * Reads the content of a QUIC DATAGRAM frame.
 * @throws Http3Error H3_DATAGRAM_ERROR where it is too short for its Quarter Stream ID, or that exceeds 2^60-1.
 */
export function decodeDatagram(content: Uint8Array): HttpDatagram {
  const reader = new Reader(content)
  const quarter = reader.varintSaturated()
  if (!reader.ok) throw datagramError(`A DATAGRAM of ${content.length} bytes ends within its Quarter Stream ID`)
  // Above the two bits of its length, an integer of 8 bytes has 60 bits where the next two are zero.
  if ((content[0] ?? 0) >= 0xd0) throw datagramError('A DATAGRAM has a Quarter Stream ID above 2^60-1')
  const streamId = quarter * 4
  return {
    streamId: Math.min(streamId, MAX_STREAM_ID),
    payload: content.subarray(reader.offset),
  }
}

function datagramError(reason: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_DATAGRAM_ERROR, reason)
}
