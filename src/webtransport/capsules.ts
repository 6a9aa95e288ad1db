/**
 * The capsules of a session, which flow on its CONNECT stream (draft-ietf-webtrans-http3 §4.7, §5.6, §6; RFC 9297 §3):
 * written, and cut out of what comes. What they do to a session is its own business.
 */
import { copyBytes, decodeUtf8, encodeUtf8, equalBytes } from '../base/bytes.ts'
import { CapsuleDecoder, CapsuleError, DATAGRAM_CAPSULE, encodeCapsule } from '../base/capsule.ts'
import { Reader } from '../base/reader.ts'
import { MAX_SAFE } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from '../http3/error.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { WebTransportErrorCode } from './error-codes.ts'

/** Types of capsules (§9.6; the two of drafts for HTTP/2 that are forbidden here). */
export const CapsuleType = {
  closeSession: 0x2843,
  drainSession: 0x78ae,
  maxData: 0x190b4d3d,
  maxStreamData: 0x190b4d3e,
  maxStreamsBidi: 0x190b4d3f,
  maxStreamsUni: 0x190b4d40,
  dataBlocked: 0x190b4d41,
  streamDataBlocked: 0x190b4d42,
  streamsBlockedBidi: 0x190b4d43,
  streamsBlockedUni: 0x190b4d44,
} as const

/** The longest reason of an end, bytes of UTF-8 (§6). */
export const MAX_CLOSE_REASON = 1024

/** The largest datagram that is taken out of a capsule, bytes. */
const MAX_DATAGRAM = 65_535

const MAX_VARINT_SIZE = 8

/** Streams beyond cannot be numbered (RFC 9000 §4.6). */
const MAX_STREAMS = 2n ** 60n

/** WT_CLOSE_SESSION. A reason above 1,024 bytes is cut at the end of a character. */
export function encodeCloseSession(code: number, reason: string): Uint8Array {
  const writer = new Writer(64)
  writer.uint32(code)
  writer.bytes(cutUtf8(encodeUtf8(reason), MAX_CLOSE_REASON))
  return encodeCapsule(CapsuleType.closeSession, writer.finish())
}

/** WT_DRAIN_SESSION. */
export function encodeDrainSession(): Uint8Array {
  return encodeCapsule(CapsuleType.drainSession, new Uint8Array(0))
}

/** WT_MAX_DATA or WT_DATA_BLOCKED. */
export function encodeDataCapsule(kind: 'maximum' | 'blocked', bytes: number): Uint8Array {
  return encodeNumber(kind === 'maximum' ? CapsuleType.maxData : CapsuleType.dataBlocked, bytes)
}

/** WT_MAX_STREAMS or WT_STREAMS_BLOCKED. */
export function encodeStreamsCapsule(
  kind: 'maximum' | 'blocked',
  direction: StreamDirection,
  streams: number,
): Uint8Array {
  const { maxStreamsBidi, maxStreamsUni, streamsBlockedBidi, streamsBlockedUni } = CapsuleType
  if (direction === 'bidirectional')
    return encodeNumber(kind === 'maximum' ? maxStreamsBidi : streamsBlockedBidi, streams)
  return encodeNumber(kind === 'maximum' ? maxStreamsUni : streamsBlockedUni, streams)
}

function encodeNumber(type: number, value: number): Uint8Array {
  const writer = new Writer(MAX_VARINT_SIZE)
  writer.varint(value)
  return encodeCapsule(type, writer.finish())
}

/** At most `limit` bytes of UTF-8, no character of them in part. */
function cutUtf8(bytes: Uint8Array, limit: number): Uint8Array {
  if (bytes.length <= limit) return bytes
  let end = limit
  // A byte of the form 10xxxxxx goes on with a character, so what is behind the cut must not be one.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return copyBytes(bytes, 0, end)
}

/** What capsules tell a session. */
export interface CapsuleSink {
  /** Whether the limits of §5 hold; where they do not, their capsules are ignored (§5.1). */
  readonly hasFlowControl: boolean
  /** Whether the draft forbids the capsules of HTTP/2's flow control: -14 on. */
  readonly forbidsStreamCapsules: boolean
  onClose(code: number, reason: string): void
  onDrain(): void
  /** `payload` is valid only during the call. */
  onDatagram(payload: Uint8Array): void
  /** Bytes; what is above 2^53-1 is told as that. */
  onMaxData(maximum: number): void
  /** What is above 2^53-1 is told as that. */
  onMaxStreams(direction: StreamDirection, maximum: number): void
}

/** Takes in what comes on a CONNECT stream. */
export class CapsuleReader {
  readonly #sink: CapsuleSink
  readonly #decoder: CapsuleDecoder
  #isClosed = false

  constructor(sink: CapsuleSink) {
    this.#sink = sink
    this.#decoder = new CapsuleDecoder({
      limitOf: (type, length) => this.#limitOf(type, length),
      onCapsule: (type, value) => this.#onCapsule(type, value),
    })
  }

  /**
   * The next bytes.
   * @throws Http3Error that ends the CONNECT stream alone: H3_MESSAGE_ERROR for what is malformed, too long, or follows the
   * end of the session; WT_FLOW_CONTROL_ERROR
   */
  receive(bytes: Uint8Array): void {
    try {
      if (bytes.length > 0) this.#checkOpen()
      this.#decoder.receive(bytes)
      if (this.#isClosed && !this.#decoder.isAtBoundary) this.#checkOpen()
    } catch (error) {
      if (error instanceof CapsuleError) throw malformed(error.message)
      throw error
    }
  }

  /** The stream ends here. @throws Http3Error where it does within a capsule (RFC 9297 §3.3) */
  finish(): void {
    if (!this.#decoder.isAtBoundary) throw malformed('The CONNECT stream ends within a capsule')
  }

  /** Newest draft §6: nothing follows WT_CLOSE_SESSION. */
  #checkOpen(): void {
    if (this.#isClosed) throw malformed('Something follows WT_CLOSE_SESSION')
  }

  #limitOf(type: number, length: number): number | undefined {
    this.#checkOpen()
    switch (type) {
      case CapsuleType.closeSession:
        return 4 + MAX_CLOSE_REASON
      case CapsuleType.drainSession:
        return 0
      case DATAGRAM_CAPSULE:
        // RFC 9297 §3.5: what is too large to be of use is not even gathered.
        return length <= MAX_DATAGRAM ? MAX_DATAGRAM : undefined
      case CapsuleType.maxStreamData:
      case CapsuleType.streamDataBlocked:
        if (this.#sink.forbidsStreamCapsules) throw flowControlError(`A capsule of type 0x${type.toString(16)} came`)
        return undefined
      case CapsuleType.maxData:
      case CapsuleType.dataBlocked:
      case CapsuleType.maxStreamsBidi:
      case CapsuleType.maxStreamsUni:
      case CapsuleType.streamsBlockedBidi:
      case CapsuleType.streamsBlockedUni:
        return this.#sink.hasFlowControl ? MAX_VARINT_SIZE : undefined
      default:
        return undefined
    }
  }

  #onCapsule(type: number, value: Uint8Array): void {
    switch (type) {
      case CapsuleType.closeSession:
        return this.#onClose(value)
      case CapsuleType.drainSession:
        return this.#sink.onDrain()
      case DATAGRAM_CAPSULE:
        return this.#sink.onDatagram(value)
      case CapsuleType.maxData:
        return this.#sink.onMaxData(saturated(integer(type, value)))
      case CapsuleType.maxStreamsBidi:
        return this.#sink.onMaxStreams('bidirectional', streamCount(type, value))
      case CapsuleType.maxStreamsUni:
        return this.#sink.onMaxStreams('unidirectional', streamCount(type, value))
      case CapsuleType.streamsBlockedBidi:
      case CapsuleType.streamsBlockedUni:
        // Credit does not wait for it (§5.6), so it is only held against the limit.
        streamCount(type, value)
        return
      default:
        integer(type, value)
    }
  }

  #onClose(value: Uint8Array): void {
    const reader = new Reader(value)
    const code = reader.uint32()
    if (!reader.ok) throw malformed(`WT_CLOSE_SESSION has ${value.length} bytes, and no whole code`)
    const bytes = value.subarray(4)
    const reason = decodeUtf8(bytes)
    // What is ill-formed decodes to U+FFFD, and that to other bytes.
    if (!equalBytes(encodeUtf8(reason), bytes)) throw malformed('The reason in WT_CLOSE_SESSION is no UTF-8')
    this.#isClosed = true
    this.#sink.onClose(code, reason)
  }
}

/** The one integer that a capsule of flow control holds. */
function integer(type: number, value: Uint8Array): bigint {
  const reader = new Reader(value)
  const number = reader.varintBigint()
  if (!reader.ok || reader.remaining > 0)
    throw malformed(`A capsule of type 0x${type.toString(16)} must hold one integer`)
  return number
}

function streamCount(type: number, value: Uint8Array): number {
  const count = integer(type, value)
  if (count > MAX_STREAMS) throw flowControlError(`${count} streams cannot be numbered`)
  return saturated(count)
}

function saturated(value: bigint): number {
  return value > BigInt(MAX_SAFE) ? MAX_SAFE : Number(value)
}

function malformed(reason: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_MESSAGE_ERROR, reason, 'stream')
}

/** The session is to end for a breach of §5. */
export function flowControlError(reason: string): Http3Error {
  return new Http3Error(WebTransportErrorCode.WT_FLOW_CONTROL_ERROR, reason, 'stream')
}
