/**
 * A cursor that writes big-endian fields and RFC 9000 §16 integers: into storage of its own that grows, or, after
 * `reset`, into a span of somebody's array, where running over the end is the caller's bug.
 */
import { copyBytes } from './bytes.ts'
import { MAX_SAFE, type VarintSize, varintSize } from './varint.ts'

/** Where an open length prefix stands; from `openVector`, for `closeVector`. */
export type VectorMark = number

/** A writing cursor. */
export class Writer {
  /** The array written to. Changes when a growing writer outgrows it. */
  buffer: Uint8Array
  /** Where the next write goes; may be set by the caller within the span, to go back and patch. */
  offset: number
  #start: number
  #end: number
  #grows: boolean

  /** A writer with storage of its own, `capacity` bytes at first, that grows as needed. */
  constructor(capacity = 256) {
    this.buffer = new Uint8Array(capacity)
    this.offset = 0
    this.#start = 0
    this.#end = capacity
    this.#grows = true
  }

  /** From now on writes into `bytes` from `start` up to `end`, and never grows. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.buffer = bytes
    this.offset = start
    this.#start = start
    this.#end = end
    this.#grows = false
  }

  /** Forgets what was written and begins again at the start. */
  clear(): void {
    this.offset = this.#start
  }

  /** Bytes of room left; `Infinity` while the writer grows. */
  get remaining(): number {
    return this.#grows ? Infinity : this.#end - this.offset
  }

  /** Bytes written so far. */
  get length(): number {
    return this.offset - this.#start
  }

  /** A copy of all that was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return copyBytes(this.buffer, this.#start, this.offset)
  }

  /** Makes room for `length` bytes and passes over them, unwritten; returns where they begin. */
  skip(length: number): number {
    const at = this.offset
    if (at + length > this.#end) this.#grow(length)
    this.offset = at + length
    return at
  }

  uint8(value: number): void {
    const at = this.skip(1)
    this.buffer[at] = value
  }

  uint16(value: number): void {
    const at = this.skip(2)
    this.buffer[at] = value >>> 8
    this.buffer[at + 1] = value
  }

  uint24(value: number): void {
    const at = this.skip(3)
    this.buffer[at] = value >>> 16
    this.buffer[at + 1] = value >>> 8
    this.buffer[at + 2] = value
  }

  uint32(value: number): void {
    const at = this.skip(4)
    putUint32(this.buffer, at, value)
  }

  /**
   * A variable-length integer in its shortest form.
   * @throws RangeError for a value that has none.
   */
  varint(value: number | bigint): void {
    // The two shortest forms are nearly all there is in packets.
    if (typeof value === 'number' && value >= 0 && value < 0x4000) {
      if (value < 0x40) this.uint8(value)
      else this.uint16(0x4000 | value)
    } else {
      this.#varint(value, varintSize(value))
    }
  }

  /**
   * A variable-length integer of exactly `length` bytes, so that it can be patched later (RFC 9000 §16 allows longer forms).
   * @throws RangeError for a value that does not fit.
   */
  varintOfLength(value: number | bigint, length: VarintSize): void {
    if (varintSize(value) > length) throw new RangeError(`A varint of ${length} bytes cannot hold ${value}`)
    this.#varint(value, length)
  }

  #varint(value: number | bigint, length: VarintSize): void {
    const at = this.skip(length)
    const { buffer } = this
    if (length === 1) {
      buffer[at] = Number(value)
    } else if (length === 2) {
      const number = Number(value)
      buffer[at] = 0x40 | (number >>> 8)
      buffer[at + 1] = number
    } else if (length === 4) {
      putUint32(buffer, at, 0x8000_0000 | Number(value))
    } else if (value <= MAX_SAFE) {
      const number = Number(value)
      putUint32(buffer, at, 0xc000_0000 | Math.floor(number / 0x1_0000_0000))
      putUint32(buffer, at + 4, number)
    } else {
      const big = BigInt(value)
      putUint32(buffer, at, 0xc000_0000 | Number(big >> 32n))
      putUint32(buffer, at + 4, Number(big & 0xffff_ffffn))
    }
  }

  /** Copies all of `source`. */
  bytes(source: Uint8Array): void {
    const at = this.skip(source.length)
    this.buffer.set(source, at)
  }

  /** Leaves room for a length of `lengthBytes` bytes, the prefix of what is written until `closeVector` (TLS presentation, RFC 8446 §3.4). */
  openVector(lengthBytes: 1 | 2 | 3): VectorMark {
    return this.skip(lengthBytes) * 4 + lengthBytes
  }

  /**
   * Patches the length prefix that `openVector` left. Inner vectors are closed before outer ones.
   * @throws RangeError when the vector outgrew its prefix.
   */
  closeVector(mark: VectorMark): void {
    const lengthBytes = mark % 4
    const at = (mark - lengthBytes) / 4
    const length = this.offset - at - lengthBytes
    if (length >= 2 ** (8 * lengthBytes)) {
      throw new RangeError(`A vector with a length of ${lengthBytes} bytes cannot hold ${length} bytes`)
    }
    for (let i = 0; i < lengthBytes; i++) this.buffer[at + i] = length >>> (8 * (lengthBytes - 1 - i))
  }

  #grow(length: number): void {
    const needed = this.offset + length
    if (!this.#grows) throw new RangeError(`Writing ${length} bytes needs more than the ${this.remaining} left`)
    const larger = new Uint8Array(Math.max(needed, 2 * this.buffer.length))
    larger.set(this.buffer.subarray(0, this.offset))
    this.buffer = larger
    this.#end = larger.length
  }
}

function putUint32(buffer: Uint8Array, at: number, value: number): void {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}
