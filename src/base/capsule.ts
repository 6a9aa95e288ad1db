/**
 * The Capsule Protocol (RFC 9297 §3.2): type, length and value, one behind the other on a stream of bytes. It knows no
 * type of capsule; what one means is its reader's business. Nothing is held but the value of the one capsule that is
 * under way, and of unknown capsules not even that.
 */
import { copyBytes } from './bytes.ts'
import { Reader } from './reader.ts'
import { varintSize } from './varint.ts'
import { Writer } from './writer.ts'

/** Type DATAGRAM (RFC 9297 §3.5). */
export const DATAGRAM_CAPSULE = 0x00

/** Two varints at their longest. */
const MAX_HEADER = 16

/** The stream of capsules is malformed, or a capsule longer than its reader takes (RFC 9297 §3.3). */
export class CapsuleError extends Error {
  override readonly name = 'CapsuleError'
}

/** What a {@link CapsuleDecoder} is for. */
export interface CapsuleReader {
  /**
   * The most bytes that the value of a capsule of this type may have; `undefined`: it is skipped, since its type is unknown, or
   * nobody wants one of its `length`.
   */
  limitOf(type: number, length: number): number | undefined
  /** A capsule of a known type. `value` is valid only during the call. */
  onCapsule(type: number, value: Uint8Array): void
}

/** Cuts a stream of bytes, in pieces of any size, into capsules. */
export class CapsuleDecoder {
  readonly #reader: CapsuleReader
  readonly #header = new Uint8Array(MAX_HEADER)
  readonly #cursor = new Reader()
  #headerLength = 0
  /** Bytes of the value that are still to come; -1 within a header. */
  #missing = -1
  #type = 0
  /** The value so far, where it came in several pieces. */
  #value: Uint8Array | undefined
  #filled = 0
  #isSkipping = false

  constructor(reader: CapsuleReader) {
    this.#reader = reader
  }

  /** Whether the bytes so far end with a capsule: a stream may end here and nowhere else. */
  get isAtBoundary(): boolean {
    return this.#missing < 0 && this.#headerLength === 0
  }

  /**
   * Takes the next bytes and reports every capsule that they complete.
   * @throws CapsuleError for a capsule of a known type that is longer than its limit; the decoder is useless from then on.
   */
  receive(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length || this.#missing === 0) {
      at = this.#missing < 0 ? this.#readHeader(bytes, at) : this.#readValue(bytes, at)
    }
  }

  #readHeader(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.length && this.#missing < 0) {
      this.#header[this.#headerLength++] = bytes[at++] ?? 0
      this.#cursor.reset(this.#header, 0, this.#headerLength)
      const type = this.#cursor.varintSaturated()
      const length = this.#cursor.varintSaturated()
      if (this.#cursor.ok) this.#begin(type, length)
    }
    return at
  }

  #begin(type: number, length: number): void {
    const limit = this.#reader.limitOf(type, length)
    if (limit !== undefined && length > limit) {
      throw new CapsuleError(`A capsule of type 0x${type.toString(16)} may have ${limit} bytes, this one has ${length}`)
    }
    this.#headerLength = 0
    this.#missing = length
    this.#type = type
    this.#value = undefined
    this.#filled = 0
    this.#isSkipping = limit === undefined
  }

  #readValue(bytes: Uint8Array, at: number): number {
    const length = Math.min(this.#missing, bytes.length - at)
    const isWhole = length === this.#missing
    const part = bytes.subarray(at, at + length)
    this.#missing -= length
    if (!this.#isSkipping && !(isWhole && this.#filled === 0)) {
      this.#value ??= new Uint8Array(length + this.#missing)
      this.#value.set(part, this.#filled)
      this.#filled += length
    }
    if (isWhole) {
      const value = this.#value ?? part
      this.#missing = -1
      this.#value = undefined
      if (!this.#isSkipping) this.#reader.onCapsule(this.#type, value)
    }
    return at + length
  }
}

/** Bytes that type and length of a capsule take. */
export function capsuleHeaderSize(type: number, length: number): number {
  return varintSize(type) + varintSize(length)
}

/** A whole capsule. */
export function encodeCapsule(type: number, value: Uint8Array): Uint8Array {
  const writer = new Writer(capsuleHeaderSize(type, value.length) + value.length)
  writer.varint(type)
  writer.varint(value.length)
  writer.bytes(value)
  return copyBytes(writer.finish())
}
