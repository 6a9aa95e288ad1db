/**
 * Reads HTTP/3 frames off a QUIC stream (RFC 9114 §7.1), pulling no more than it needs: what is not asked for stays with the
 * stream, and costs the peer its credit.
 */
import type { ReceiveStream } from '../streams/receive-stream.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { FrameHeaderReader } from './frames.ts'

/** Bytes of payload that are set aside before any of them has come. */
const FIRST_CHUNK = 1_024

/** Bytes that a scratch buffer must have at least. */
export const SCRATCH_SIZE = 4_096

/** A place in the sequence of frames of one stream. */
export class FrameCursor {
  readonly #receive: ReceiveStream
  readonly #header = new FrameHeaderReader()
  readonly #scratch: Uint8Array
  /** Bytes of the frame at hand that were not read. */
  #remaining = 0
  #isBetween = true
  #payload: Uint8Array | undefined
  #filled = 0

  /** @param scratch of {@link SCRATCH_SIZE}, which others may use between calls. */
  constructor(receive: ReceiveStream, scratch: Uint8Array) {
    this.#receive = receive
    this.#scratch = scratch
  }

  /** Of the frame whose header was read last. */
  get type(): number {
    return this.#header.type
  }

  /** bytes */
  get length(): number {
    return this.#header.length
  }

  /** Bytes of the frame that are still to be read. */
  get remaining(): number {
    return this.#remaining
  }

  /**
   * Goes to the next frame, the last one having been read: `frame`, its header is read; `wait`: it has not come; `end`: the
   * stream ends behind the last frame.
   * @throws Http3Error H3_FRAME_ERROR where it ends within a header
   */
  next(): 'frame' | 'wait' | 'end' {
    if (this.#isBetween) this.#begin()
    while (!this.#header.isComplete) {
      const into = this.#scratch.subarray(0, this.#header.needed)
      const length = this.#receive.read(into)
      if (length === 0) return 'wait'
      if (length < 0) {
        if (this.#header.isEmpty) return 'end'
        throw truncated(this.#receive.id)
      }
      this.#header.push(into, 0, length)
    }
    this.#remaining = this.#header.length
    this.#isBetween = true
    return 'frame'
  }

  /** Takes bytes of the frame; how many, 0: none have come. @throws Http3Error H3_FRAME_ERROR where the stream ends within it */
  read(into: Uint8Array): number {
    if (this.#remaining === 0) return 0
    const length = this.#receive.read(into.length > this.#remaining ? into.subarray(0, this.#remaining) : into)
    if (length < 0) throw truncated(this.#receive.id)
    this.#remaining -= length
    return length
  }

  /** The whole payload, once it has come; the caller's. What is set aside grows with what arrives, not with what is announced. */
  collect(): Uint8Array | undefined {
    this.#payload ??= new Uint8Array(Math.min(this.#header.length, FIRST_CHUNK))
    while (this.#remaining > 0) {
      if (this.#filled === this.#payload.length) this.#payload = grown(this.#payload, this.#header.length)
      const length = this.read(this.#payload.subarray(this.#filled))
      if (length === 0) return undefined
      this.#filled += length
    }
    return this.#payload
  }

  /** Throws the rest of the payload away; whether all of it has come. */
  skip(): boolean {
    while (this.#remaining > 0) if (this.read(this.#scratch) === 0) return false
    return true
  }

  #begin(): void {
    this.#isBetween = false
    this.#header.reset()
    this.#payload = undefined
    this.#filled = 0
  }
}

function grown(bytes: Uint8Array, limit: number): Uint8Array {
  const larger = new Uint8Array(Math.min(limit, bytes.length * 2))
  larger.set(bytes)
  return larger
}

/** RFC 9114 §7.1. */
function truncated(streamId: number): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_FRAME_ERROR, `Stream ${streamId} ends within a frame`)
}
