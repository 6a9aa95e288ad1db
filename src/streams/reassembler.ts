/**
 * Puts the bytes of a stream back in order (RFC 9000 §2.2). In order, they are copied behind the last and nothing else is
 * noted. Out of order, they are copied to their place and marked there, one bit for each: alternate bytes over a
 * whole window cost an eighth of it in marks, and each frame costs the same however many gaps there are. So neither
 * memory nor time needs a limit of its own beside flow control.
 */
import { PAGE_SIZE, PagedBuffer, type PagePool } from './paged-buffer.ts'

/** The received part of one stream, from what was read up to what arrived. */
export class Reassembler {
  readonly #pool: PagePool
  readonly #buffer: PagedBuffer
  /** For pages with bytes beyond #contiguous: which of them are there. Made when first needed. */
  #marks: Map<number, Uint8Array> | undefined
  #readOffset = 0
  #contiguous = 0
  #highest = 0

  constructor(pool: PagePool) {
    this.#pool = pool
    this.#buffer = new PagedBuffer(pool)
  }

  /** The offset of the next byte to be read. */
  get readOffset(): number {
    return this.#readOffset
  }

  /** The offset of the first byte that has not arrived. */
  get contiguousEnd(): number {
    return this.#contiguous
  }

  /** Bytes that can be read now. */
  get readableBytes(): number {
    return this.#contiguous - this.#readOffset
  }

  /** Takes a copy of `length` bytes that begin at `start` of `bytes`. What is there already stays or is overwritten. */
  insert(offset: number, bytes: Uint8Array, start: number, length: number): void {
    const end = offset + length
    if (length === 0 || end <= this.#contiguous) return
    if (offset < this.#contiguous) {
      start += this.#contiguous - offset
      offset = this.#contiguous
    }
    this.#buffer.write(offset, bytes, start, end - offset)
    if (offset > this.#contiguous) {
      this.#mark(offset, end)
      return
    }
    if (end < this.#highest) {
      this.#advance(end)
      return
    }
    this.#contiguous = end
    this.#highest = end
    if (this.#marks !== undefined) this.#dropMarks()
  }

  /** Moves bytes to `into` as far as it goes; returns how many. */
  read(into: Uint8Array): number {
    const length = Math.min(into.length, this.readableBytes)
    if (length === 0) return 0
    this.#buffer.copyTo(into, 0, this.#readOffset, length)
    this.#readOffset += length
    // An idle stream holds no memory.
    if (this.#readOffset === this.#highest) this.#buffer.releaseAll()
    else this.#buffer.releaseBelow(this.#readOffset)
    return length
  }

  /** Lets everything go that is not read. Nothing may be inserted or read afterwards. */
  discard(): void {
    this.#buffer.releaseAll()
    this.#dropMarks()
    this.#readOffset = this.#contiguous = this.#highest
  }

  /** Bytes of memory held for bytes and marks. Takes time in proportion to it. */
  get heldBytes(): number {
    let held = this.#buffer.heldBytes
    for (const marks of this.#marks?.values() ?? []) held += marks.length
    return held
  }

  #mark(offset: number, end: number): void {
    if (end > this.#highest) this.#highest = end
    this.#marks ??= new Map()
    while (offset < end) {
      const number = Math.floor(offset / PAGE_SIZE)
      let marks = this.#marks.get(number)
      if (marks === undefined) {
        marks = this.#pool.takeSmallPage().fill(0)
        this.#marks.set(number, marks)
      }
      const inPage = offset & (PAGE_SIZE - 1)
      const past = Math.min(inPage + end - offset, PAGE_SIZE)
      setBits(marks, inPage, past)
      offset += past - inPage
    }
  }

  /** Moves #contiguous to `end` and over the marked bytes that follow it. */
  #advance(end: number): void {
    const passed = Math.floor(this.#contiguous / PAGE_SIZE)
    this.#contiguous = end
    for (let number = passed; number < Math.floor(end / PAGE_SIZE); number++) this.#dropMarksOf(number)
    while (this.#contiguous < this.#highest) {
      const number = Math.floor(this.#contiguous / PAGE_SIZE)
      const marks = this.#marks?.get(number)
      if (marks === undefined) return
      const inPage = this.#contiguous & (PAGE_SIZE - 1)
      const past = firstClearBit(marks, inPage)
      this.#contiguous += past - inPage
      if (past < PAGE_SIZE) break
      this.#dropMarksOf(number)
    }
    if (this.#contiguous === this.#highest) this.#dropMarks()
  }

  #dropMarksOf(number: number): void {
    const marks = this.#marks?.get(number)
    if (marks === undefined) return
    this.#marks?.delete(number)
    this.#pool.give(marks)
  }

  #dropMarks(): void {
    for (const marks of this.#marks?.values() ?? []) this.#pool.give(marks)
    this.#marks = undefined
  }
}

/** Sets the bits from `from` up to `to`, the lowest of each byte first. */
function setBits(bits: Uint8Array, from: number, to: number): void {
  const first = from >> 3
  const last = (to - 1) >> 3
  const head = (0xff << (from & 7)) & 0xff
  const tail = 0xff >> (7 - ((to - 1) & 7))
  if (first === last) {
    bits[first] = (bits[first] ?? 0) | (head & tail)
    return
  }
  bits[first] = (bits[first] ?? 0) | head
  bits.fill(0xff, first + 1, last)
  bits[last] = (bits[last] ?? 0) | tail
}

/** The position of the first bit at or above `from` that is not set; the number of bits if there is none. */
function firstClearBit(bits: Uint8Array, from: number): number {
  let index = from >> 3
  let byte = (bits[index] ?? 0) | (0xff >> (8 - (from & 7)))
  while (byte === 0xff) {
    if (++index === bits.length) return bits.length * 8
    byte = bits[index] ?? 0
  }
  return index * 8 + 31 - Math.clz32(~byte & (byte + 1))
}
