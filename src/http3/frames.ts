/**
 * The frame layout of HTTP/3 (RFC 9114 §7): types, headers, and the payloads that are a single identifier. Which frame
 * may stand on which stream is the streams' business.
 */
import { Reader } from '../base/reader.ts'
import { varintSize } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { VarintReader } from './stream-kinds.ts'

/**
 * Frame types (RFC 9114 §11.2.1, RFC 9218 §7.2). `webTransportStream` is the signal that turns a bidirectional stream
 * over to a session (draft-ietf-webtrans-http3 §4.3); it has no length.
 */
export const FrameType = {
  data: 0x00,
  headers: 0x01,
  cancelPush: 0x03,
  settings: 0x04,
  pushPromise: 0x05,
  goAway: 0x07,
  maxPushId: 0x0d,
  webTransportStream: 0x41,
  priorityUpdateRequest: 0xf0700,
  priorityUpdatePush: 0xf0701,
} as const

/** Whether the type was a frame of HTTP/2 that HTTP/3 lacks, which nobody may send (RFC 9114 §7.2.8, §11.2.1). */
export function isReservedFrameType(type: number): boolean {
  return type === 0x02 || type === 0x06 || type === 0x08 || type === 0x09
}

/**
 * Bytes that type and length take.
 * @throws RangeError for what no varint can carry.
 */
export function frameHeaderSize(type: number, length: number): number {
  return varintSize(type) + varintSize(length)
}

/**
 * Writes type and length at `at`, which must leave room for {@link frameHeaderSize}. Returns the offset behind them.
 * @throws RangeError where there is too little room.
 */
export function writeFrameHeader(into: Uint8Array, at: number, type: number, length: number): number {
  return writeVarint(into, writeVarint(into, at, type), length)
}

function writeVarint(into: Uint8Array, at: number, value: number): number {
  const size = varintSize(value)
  if (at + size > into.length) throw new RangeError(`${into.length - at} bytes cannot hold the varint ${value}`)
  // The low bytes from the right; the two top bits of the first byte tell the size: 0, 1, 2 or 3.
  let rest = value
  for (let i = at + size - 1; i >= at; i--) {
    into[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  into[at] = (into[at] ?? 0) | ((31 - Math.clz32(size)) << 6)
  return at + size
}

/** A whole frame, in a fresh array. */
export function encodeFrame(type: number, payload: Uint8Array): Uint8Array {
  const headerSize = frameHeaderSize(type, payload.length)
  const frame = new Uint8Array(headerSize + payload.length)
  writeFrameHeader(frame, 0, type, payload.length)
  frame.set(payload, headerSize)
  return frame
}

/** A whole GOAWAY frame (RFC 9114 §7.2.6): `id` is a request stream's from a server, a push id from a client. */
export function encodeGoAway(id: number | bigint): Uint8Array {
  return encodeIdFrame(FrameType.goAway, id)
}

/** A whole frame whose payload is one identifier: CANCEL_PUSH, GOAWAY, MAX_PUSH_ID. */
export function encodeIdFrame(type: number, id: number | bigint): Uint8Array {
  const writer = new Writer(16)
  writer.varint(type)
  writer.varint(varintSize(id))
  writer.varint(id)
  return writer.finish()
}

/**
 * The identifier that is the whole payload of a CANCEL_PUSH, GOAWAY or MAX_PUSH_ID frame; one above 2^53-1 reads as
 * 2^53-1, an id that no stream and no push here ever reaches.
 * @throws Http3Error H3_FRAME_ERROR unless it fills the payload exactly (RFC 9114 §7.1).
 */
export function decodeId(payload: Uint8Array): number {
  const reader = new Reader(payload)
  const id = reader.varintSaturated()
  if (!reader.ok || reader.remaining > 0) {
    throw new Http3Error(
      Http3ErrorCode.H3_FRAME_ERROR,
      `A frame that holds one identifier has a payload of ${payload.length} bytes, which is not one integer`,
    )
  }
  return id
}

/** Reads frame headers out of pieces of any size. It holds two integers, and none of the bytes. */
export class FrameHeaderReader {
  /** The type, once `isComplete`, or even before (`hasType`); one above 2^53-1 reads as 2^53-1, and is unknown. */
  type = 0
  /** Bytes of the payload, once `isComplete`; a length above 2^53-1 reads as 2^53-1. */
  length = 0
  #hasType = false
  #isComplete = false
  readonly #varint = new VarintReader()

  /** Bytes that are certainly still needed: at least 1 until `isComplete`, then 0. */
  get needed(): number {
    if (this.#isComplete) return 0
    return this.#hasType ? this.#varint.needed : this.#varint.needed + 1
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Whether `type` is known already: the signal value of WebTransport is no frame and has no length. */
  get hasType(): boolean {
    return this.#hasType
  }

  /** Whether nothing of a header has been read: a stream may end here. */
  get isEmpty(): boolean {
    return !this.#hasType && this.#varint.isEmpty
  }

  /** Takes bytes from `at`, before `end`, until the header is whole. Returns the offset behind the last byte taken. */
  push(bytes: Uint8Array, at = 0, end: number = bytes.length): number {
    const offset = this.#hasType ? at : this.pushType(bytes, at, end)
    if (!this.#hasType || this.#isComplete) return offset
    const behind = this.#varint.push(bytes, offset, end)
    if (this.#varint.isComplete) {
      this.length = this.#varint.value
      this.#isComplete = true
    }
    return behind
  }

  /** As `push`, but stops behind the type. */
  pushType(bytes: Uint8Array, at = 0, end: number = bytes.length): number {
    if (this.#hasType) return at
    const offset = this.#varint.push(bytes, at, end)
    if (this.#varint.isComplete) {
      this.type = this.#varint.value
      this.#hasType = true
      this.#varint.reset()
    }
    return offset
  }

  /** Ready for the next header. */
  reset(): void {
    this.type = 0
    this.length = 0
    this.#hasType = false
    this.#isComplete = false
    this.#varint.reset()
  }
}
