/** Instructions of the encoder stream and of the decoder stream (RFC 9204 §4.3, §4.4), and streams of them cut anywhere. */
import { copyBytes, EMPTY } from '../../base/bytes.ts'
import type { Writer } from '../../base/writer.ts'
import type { LiteralReader } from './literal.ts'
import { writeString } from './literal.ts'
import { writePrefixInteger } from './prefix-integer.ts'

/** Set Dynamic Table Capacity (RFC 9204 §4.3.1). */
export function writeSetCapacity(writer: Writer, capacity: number): void {
  writePrefixInteger(writer, 0x20, 5, capacity)
}

/**
 * Insert with Name Reference (RFC 9204 §4.3.2): to the static table by index, or to the dynamic table by relative index.
 * @throws TypeError for a value with characters above U+00FF.
 */
export function writeInsertNameReference(writer: Writer, isStatic: boolean, index: number, value: string): void {
  writePrefixInteger(writer, isStatic ? 0xc0 : 0x80, 6, index)
  writeString(writer, 0, 8, value)
}

/**
 * Insert with Literal Name (RFC 9204 §4.3.3).
 * @throws TypeError for characters above U+00FF.
 */
export function writeInsertLiteral(writer: Writer, name: string, value: string): void {
  writeString(writer, 0x40, 6, name)
  writeString(writer, 0, 8, value)
}

/** Duplicate (RFC 9204 §4.3.4) of the entry of a relative index. */
export function writeDuplicate(writer: Writer, relativeIndex: number): void {
  writePrefixInteger(writer, 0, 5, relativeIndex)
}

/** Section Acknowledgment (RFC 9204 §4.4.1). */
export function writeSectionAcknowledgment(writer: Writer, streamId: number): void {
  writePrefixInteger(writer, 0x80, 7, streamId)
}

/** Stream Cancellation (RFC 9204 §4.4.2). */
export function writeStreamCancellation(writer: Writer, streamId: number): void {
  writePrefixInteger(writer, 0x40, 6, streamId)
}

/** Insert Count Increment (RFC 9204 §4.4.3). */
export function writeInsertCountIncrement(writer: Writer, increment: number): void {
  writePrefixInteger(writer, 0, 6, increment)
}

/** Takes one instruction of `reader` and obeys it; `false`, with the reader anywhere, if it is not whole yet. */
export type InstructionHandler = (reader: LiteralReader) => boolean

/**
 * A stream of instructions. Holds what has come of one that is not whole, which the handler bounds by refusing those that
 * announce too much.
 */
export class InstructionStream {
  readonly #reader: LiteralReader
  readonly #handler: InstructionHandler
  #held: Uint8Array = EMPTY
  #length = 0

  constructor(reader: LiteralReader, handler: InstructionHandler) {
    this.#reader = reader
    this.#handler = handler
  }

  /** Obeys all that is whole with `bytes`, which are borrowed. Whatever the handler throws passes through. */
  receive(bytes: Uint8Array): void {
    const reader = this.#reader
    if (this.#length === 0) {
      reader.reset(bytes)
      const at = this.#run()
      this.#held = at === bytes.length ? EMPTY : copyBytes(bytes, at)
      this.#length = this.#held.length
    } else {
      this.#append(bytes)
      reader.reset(this.#held, 0, this.#length)
      const at = this.#run()
      if (at > 0) {
        this.#held = at === this.#length ? EMPTY : copyBytes(this.#held, at, this.#length)
        this.#length = this.#held.length
      }
    }
    reader.reset(EMPTY)
  }

  /** Where the first instruction begins that is not whole. */
  #run(): number {
    const reader = this.#reader
    let at = reader.at
    while (at < reader.end && this.#handler(reader)) at = reader.at
    return at
  }

  // By doubling, so that an instruction that comes byte by byte is not copied as often.
  #append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#held.length))
      grown.set(this.#held.subarray(0, this.#length))
      this.#held = grown
    }
    this.#held.set(bytes, this.#length)
    this.#length = length
  }
}
