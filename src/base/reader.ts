/**
 * A cursor that reads big-endian fields and RFC 9000 §16 integers out of somebody's bytes. It fails stickily: the first
 * field that does not fit sets `ok` to false, and from then on every read gives zero or nothing. So a whole structure
 * is read without a check, and `ok` is looked at once.
 */
import { copyBytes, EMPTY } from './bytes.ts'
import { MAX_SAFE } from './varint.ts'

/** A sticky-failing cursor. It holds the array given to it and never writes to it. */
export class Reader {
  /** The array being read; set by `reset`. */
  bytes: Uint8Array
  /** Where the next read begins; may be set by the caller, to at most `end`. */
  offset: number
  /** Where reading ends; may be set by the caller, to at most the array's length. */
  end: number
  /** Whether every read so far found its bytes. */
  ok: boolean

  constructor(bytes: Uint8Array = EMPTY, start = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.offset = start
    this.end = end
    this.ok = true
  }

  /** Starts anew over the bytes from `start` up to `end`. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.bytes = bytes
    this.offset = start
    this.end = end
    this.ok = true
  }

  /** Bytes left; 0 after a failure. */
  get remaining(): number {
    return this.end - this.offset
  }

  /** Declares the structure malformed, as a read beyond the end does. Returns 0. */
  fail(): 0 {
    this.ok = false
    // With nothing left every further read fails by its own bounds check.
    this.offset = this.end
    return 0
  }

  uint8(): number {
    if (this.offset >= this.end) return this.fail()
    return this.bytes[this.offset++] ?? 0
  }

  uint16(): number {
    const { bytes, offset } = this
    if (offset + 2 > this.end) return this.fail()
    this.offset = offset + 2
    return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
  }

  uint24(): number {
    const { bytes, offset } = this
    if (offset + 3 > this.end) return this.fail()
    this.offset = offset + 3
    return ((bytes[offset] ?? 0) << 16) | ((bytes[offset + 1] ?? 0) << 8) | (bytes[offset + 2] ?? 0)
  }

  uint32(): number {
    const { offset } = this
    if (offset + 4 > this.end) return this.fail()
    this.offset = offset + 4
    return uint32At(this.bytes, offset)
  }

  /** A variable-length integer up to 2^53-1; a larger one fails. For offsets, lengths, packet numbers and stream ids. */
  varint(): number {
    const value = this.#varint()
    return value > MAX_SAFE ? this.fail() : value
  }

  /** A variable-length integer; one above 2^53-1 reads as 2^53-1. For limits, which lose nothing by it. */
  varintSaturated(): number {
    return Math.min(this.#varint(), MAX_SAFE)
  }

  /** A variable-length integer, exactly. For codes and identifiers that are only compared and handed on. */
  varintBigint(): bigint {
    const { offset } = this
    const first = this.bytes[offset] ?? 0
    if (offset < this.end && first < 0xc0) return BigInt(this.#varint())
    if (offset + 8 > this.end) return BigInt(this.fail())
    this.offset = offset + 8
    const high = uint32At(this.bytes, offset) & 0x3fff_ffff
    return (BigInt(high) << 32n) | BigInt(uint32At(this.bytes, offset + 4))
  }

  /** The value as a double: exact up to 2^53, and above 2^53-1 whenever the true value is. */
  #varint(): number {
    const { bytes, offset, end } = this
    if (offset >= end) return this.fail()
    const first = bytes[offset] ?? 0
    if (first < 0x40) {
      this.offset = offset + 1
      return first
    }
    if (first < 0x80) {
      if (offset + 2 > end) return this.fail()
      this.offset = offset + 2
      return ((first & 0x3f) << 8) | (bytes[offset + 1] ?? 0)
    }
    if (first < 0xc0) {
      if (offset + 4 > end) return this.fail()
      this.offset = offset + 4
      return uint32At(bytes, offset) & 0x3fff_ffff
    }
    if (offset + 8 > end) return this.fail()
    this.offset = offset + 8
    return (uint32At(bytes, offset) & 0x3fff_ffff) * 0x1_0000_0000 + uint32At(bytes, offset + 4)
  }

  /** The next `length` bytes as a view into the array, valid as long as its owner leaves them alone. */
  bytesView(length: number): Uint8Array {
    const start = this.skip(length)
    return this.ok ? this.bytes.subarray(start, start + length) : EMPTY
  }

  /** The next `length` bytes as a copy. */
  bytesCopy(length: number): Uint8Array {
    const start = this.skip(length)
    return this.ok ? copyBytes(this.bytes, start, start + length) : EMPTY
  }

  /** Passes over `length` bytes; returns where they begin, 0 if they are not there. */
  skip(length: number): number {
    const start = this.offset
    if (!(length >= 0 && length <= this.end - start)) return this.fail()
    this.offset = start + length
    return start
  }
}

function uint32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
  )
}
