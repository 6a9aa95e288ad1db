/** The decoder of field sections (RFC 9204 §2.2): one for each connection, fed by the peer's encoder stream. */
import { copyBytes, EMPTY } from '../../base/bytes.ts'
import { Writer } from '../../base/writer.ts'
import { Http3Error, Http3ErrorCode } from '../error.ts'
import { FIELD_OVERHEAD, type Field, fieldSize } from '../field.ts'
import { BlockedSections } from './blocked-sections.ts'
import { DynamicTable } from './dynamic-table.ts'
import {
  InstructionStream,
  writeInsertCountIncrement,
  writeSectionAcknowledgment,
  writeStreamCancellation,
} from './instructions.ts'
import { INCOMPLETE, LiteralReader } from './literal.ts'
import { staticFields } from './static-table.ts'

/** What a decoder promises to its peer and grants it. */
export interface QpackDecoderOptions {
  /** SETTINGS_QPACK_MAX_TABLE_CAPACITY, bytes. */
  readonly maxTableCapacity: number
  /** SETTINGS_QPACK_BLOCKED_STREAMS. */
  readonly maxBlockedStreams: number
  /** Bytes of a section as RFC 9114 §4.2.2 counts them; `Infinity`: no limit. Larger ones are not built. */
  readonly maxFieldSectionSize: number
}

/** A field section. */
export interface DecodedSection {
  /** In their order; empty where the section is too large. */
  readonly fields: readonly Field[]
  /** It is larger than `maxFieldSectionSize`. */
  readonly isTooLarge: boolean
}

/** A section that waited, and the stream on which it came. */
export interface UnblockedSection {
  readonly streamId: number
  readonly section: DecodedSection
}

// Interim responses, response and trailers: nobody needs more while the first of them waits.
const MAX_WAITING_SECTIONS = 16
// Bytes for the decoder stream that wait, beyond which the peer lets too much wait (RFC 9204 §7.3).
const MAX_WAITING_INSTRUCTIONS = 65_536

/**
 * Decodes the field sections that a peer sent.
 *
 * Call `takeInstructions` after `decode`, `takeUnblocked`, `receive` and `cancel`, and write what it returns to the decoder
 * stream; `takeUnblocked` until there is nothing after `receive`. While a stream is blocked, it is best read no further
 * (RFC 9204 §2.2.1): its sections are kept in order, but only a few.
 */
export class QpackDecoder {
  readonly #options: QpackDecoderOptions
  readonly #table = new DynamicTable<Field>()
  readonly #blocked = new BlockedSections()
  readonly #section = new LiteralReader(Http3ErrorCode.QPACK_DECOMPRESSION_FAILED, 'stream')
  readonly #stream: InstructionStream
  readonly #instructions = new Writer(64)
  // What the peer's encoder knows to be here (RFC 9204 §2.1.4).
  #knownReceivedCount = 0

  constructor(options: QpackDecoderOptions) {
    this.#options = options
    this.#stream = new InstructionStream(new LiteralReader(Http3ErrorCode.QPACK_ENCODER_STREAM_ERROR), (reader) =>
      this.#instruction(reader),
    )
  }

  /**
   * Decodes a whole encoded section; what must wait is copied. `undefined`: it waits, and `takeUnblocked` brings it.
   * @throws Http3Error QPACK_DECOMPRESSION_FAILED, as a rule for the connection; for the stream alone where an integer is
   * larger than any that can be read (RFC 9204 §7.4): the stream is then to be cancelled. H3_EXCESSIVE_LOAD where far too
   * many sections wait on the stream, or too many acknowledgments.
   */
  decode(streamId: number, section: Uint8Array): DecodedSection | undefined {
    const reader = this.#section
    reader.reset(section)
    const required = this.#requiredInsertCount()
    const waiting = this.#blocked.get(streamId)
    if (waiting === undefined && required <= this.#table.insertCount) return this.#decode(streamId, required)
    const { at } = reader
    if (waiting === undefined) this.#checkBlocked()
    else if (waiting.sections.length === MAX_WAITING_SECTIONS) {
      throw new Http3Error(Http3ErrorCode.H3_EXCESSIVE_LOAD, `More than ${MAX_WAITING_SECTIONS} field sections wait`)
    }
    const entry = { bytes: copyBytes(section), at, requiredInsertCount: required }
    if (waiting === undefined) this.#blocked.add(streamId, entry)
    else waiting.sections.push(entry)
    return undefined
  }

  /**
   * The next section that waited and can now be decoded, oldest first.
   * @throws Http3Error as `decode`.
   */
  takeUnblocked(): UnblockedSection | undefined {
    const stream = this.#blocked.peekReady()
    const entry = stream?.sections.shift()
    if (stream === undefined || entry === undefined) return undefined
    this.#section.reset(entry.bytes, entry.at)
    const section = this.#decode(stream.id, entry.requiredInsertCount)
    this.#blocked.onTaken(this.#table.insertCount)
    if (this.#blocked.blockedStreams > this.#options.maxBlockedStreams) this.#tooManyBlocked()
    return { streamId: stream.id, section }
  }

  /**
   * Bytes of the peer's encoder stream, cut anywhere; borrowed.
   * @throws Http3Error QPACK_ENCODER_STREAM_ERROR
   */
  receive(bytes: Uint8Array): void {
    this.#stream.receive(bytes)
    this.#blocked.onInserts(this.#table.insertCount)
  }

  /**
   * The stream was reset or is abandoned before all its sections were decoded: none of them is any more, and the peer's
   * encoder is told (RFC 9204 §2.2.2.2).
   * @throws Http3Error H3_EXCESSIVE_LOAD where the peer lets too many instructions wait.
   */
  cancel(streamId: number): void {
    this.#blocked.remove(streamId)
    // Without a table nothing can be referred to.
    if (this.#options.maxTableCapacity === 0) return
    writeStreamCancellation(this.#instructions, streamId)
    this.#checkInstructions()
  }

  /** Bytes for the decoder stream that wait; removes them. `undefined`: none. */
  takeInstructions(): Uint8Array | undefined {
    const increment = this.#table.insertCount - this.#knownReceivedCount
    // A section that is about to be decoded may acknowledge the inserts with itself.
    if (increment > 0 && !this.#blocked.hasReady) {
      writeInsertCountIncrement(this.#instructions, increment)
      this.#knownReceivedCount = this.#table.insertCount
    }
    if (this.#instructions.length === 0) return undefined
    const bytes = this.#instructions.finish()
    this.#instructions.clear()
    return bytes
  }

  // ---- the encoder stream, RFC 9204 §4.3

  #instruction(reader: LiteralReader): boolean {
    const first = reader.bytes[reader.at] ?? 0
    if (first >= 0x80) return this.#insertNameReference(reader, (first & 0x40) !== 0)
    if (first >= 0x40) return this.#insertLiteral(reader)
    const value = reader.integer(5)
    if (value === INCOMPLETE) return false
    if (first >= 0x20) this.#setCapacity(reader, value)
    else this.#insert(reader, this.#entryOf(reader, value))
    return true
  }

  #setCapacity(reader: LiteralReader, capacity: number): void {
    const { maxTableCapacity } = this.#options
    if (capacity > maxTableCapacity) {
      reader.fail(`The capacity of the dynamic table must be at most ${maxTableCapacity}, got ${capacity}`)
    }
    this.#table.setCapacity(capacity)
  }

  #insertNameReference(reader: LiteralReader, isStatic: boolean): boolean {
    const index = reader.integer(6)
    if (index === INCOMPLETE) return false
    const entry = isStatic ? staticFields()[index] : this.#entryOf(reader, index)
    if (entry === undefined) return reader.fail(`The static table has no entry ${index}`)
    const { name } = entry
    const room = this.#table.capacity - fieldSize(name, '')
    const isHuffman = isFlagged(reader, 0x80)
    const length = this.#stringLength(reader, 7, isHuffman, room)
    if (length === INCOMPLETE || reader.at + length > reader.end) return false
    const value = reader.string(length, isHuffman, room)
    if (value === undefined) return this.#tooLarge(reader)
    this.#insert(reader, { name, value })
    return true
  }

  #insertLiteral(reader: LiteralReader): boolean {
    const room = this.#table.capacity - FIELD_OVERHEAD
    const isNameHuffman = isFlagged(reader, 0x20)
    const nameLength = this.#stringLength(reader, 5, isNameHuffman, room)
    if (nameLength === INCOMPLETE) return false
    const nameAt = reader.at
    reader.at += nameLength
    const isHuffman = isFlagged(reader, 0x80)
    const length = this.#stringLength(reader, 7, isHuffman, room)
    if (length === INCOMPLETE || reader.at + length > reader.end) return false
    const valueAt = reader.at
    reader.at = nameAt
    const name = reader.string(nameLength, isNameHuffman, room)
    reader.at = valueAt
    const value = name === undefined ? undefined : reader.string(length, isHuffman, room)
    if (name === undefined || value === undefined) return this.#tooLarge(reader)
    this.#insert(reader, { name, value })
    return true
  }

  /** The length of a string that is to have at most `room` characters; checked before any of it is there. */
  #stringLength(reader: LiteralReader, bits: number, isHuffman: boolean, room: number): number {
    const length = reader.integer(bits)
    // A code has at most 30 bits, so that four bytes hold at least one character.
    if (length !== INCOMPLETE && length > (isHuffman ? 4 * room + 3 : room)) this.#tooLarge(reader)
    return length
  }

  #tooLarge(reader: LiteralReader): never {
    return reader.fail(`An entry is larger than the dynamic table's capacity of ${this.#table.capacity}`)
  }

  /** The entry of a relative index as instructions count (RFC 9204 §3.2.5). */
  #entryOf(reader: LiteralReader, relativeIndex: number): Field {
    const entry = this.#table.get(this.#table.insertCount - 1 - relativeIndex)
    return entry ?? reader.fail(`The dynamic table has no entry of relative index ${relativeIndex}`)
  }

  #insert(reader: LiteralReader, entry: Field): void {
    if (!this.#table.insert(entry)) this.#tooLarge(reader)
  }

  // ---- field sections, RFC 9204 §4.5

  #requiredInsertCount(): number {
    const encoded = this.#integer(8)
    if (encoded === 0) return 0
    const maxEntries = Math.floor(this.#options.maxTableCapacity / FIELD_OVERHEAD)
    const range = 2 * maxEntries
    if (encoded > range) this.#section.fail(`The encoded insert count must be at most ${range}, got ${encoded}`)
    const most = this.#table.insertCount + maxEntries
    let required = Math.floor(most / range) * range + encoded - 1
    if (required > most) {
      if (required <= range) this.#section.fail(`No insert count is encoded as ${encoded} now`)
      required -= range
    }
    if (required === 0) this.#section.fail('A required insert count of 0 must be encoded as 0')
    return required
  }

  #decode(streamId: number, required: number): DecodedSection {
    const section = this.#fieldLines(required, this.#base(required))
    this.#section.reset(EMPTY)
    if (required > 0) {
      writeSectionAcknowledgment(this.#instructions, streamId)
      this.#knownReceivedCount = Math.max(this.#knownReceivedCount, required)
      this.#checkInstructions()
    }
    return section
  }

  #base(required: number): number {
    const isNegative = isFlagged(this.#section, 0x80)
    const delta = this.#integer(7)
    if (!isNegative) return required + delta
    if (required <= delta) this.#section.fail(`The base must not be negative: ${required} - ${delta} - 1`)
    return required - delta - 1
  }

  #fieldLines(required: number, base: number): DecodedSection {
    const reader = this.#section
    const { maxFieldSectionSize } = this.#options
    const fields: Field[] = []
    let size = 0
    while (reader.at < reader.end) {
      const field = this.#fieldLine(required, base, maxFieldSectionSize - size)
      // Beyond the limit lines are passed over: the rest is checked, not built.
      if (field === undefined) size = Infinity
      else size += fieldSize(field.name, field.value)
      if (size <= maxFieldSectionSize && field !== undefined) fields.push(field)
      else fields.length = 0
    }
    return { fields, isTooLarge: size > maxFieldSectionSize }
  }

  /** The next line; `undefined` if its strings exceed `limit`. */
  #fieldLine(required: number, base: number, limit: number): Field | undefined {
    const reader = this.#section
    const first = reader.bytes[reader.at] ?? 0
    if (first >= 0x80) {
      const index = this.#integer(6)
      return (first & 0x40) !== 0 ? this.#static(index) : this.#dynamic(base - 1 - index, required)
    }
    if (first >= 0x40) {
      const index = this.#integer(4)
      const entry = (first & 0x10) !== 0 ? this.#static(index) : this.#dynamic(base - 1 - index, required)
      return this.#literal(entry.name, (first & 0x20) !== 0, limit)
    }
    if (first >= 0x20) {
      const name = this.#string(3, (first & 0x08) !== 0, limit)
      return this.#literal(name, (first & 0x10) !== 0, limit)
    }
    if (first >= 0x10) return this.#dynamic(base + this.#integer(4), required)
    const { name } = this.#dynamic(base + this.#integer(3), required)
    return this.#literal(name, (first & 0x08) !== 0, limit)
  }

  #literal(name: string | undefined, isNeverIndexed: boolean, limit: number): Field | undefined {
    const room = name === undefined ? -1 : limit - fieldSize(name, '')
    const value = this.#string(7, isFlagged(this.#section, 0x80), room)
    if (name === undefined || value === undefined) return undefined
    return isNeverIndexed ? { name, value, isNeverIndexed } : { name, value }
  }

  #string(bits: number, isHuffman: boolean, limit: number): string | undefined {
    const reader = this.#section
    const length = this.#integer(bits)
    if (length > reader.end - reader.at) reader.fail('A string is longer than its field section')
    if (limit >= 0) return reader.string(length, isHuffman, limit)
    reader.at += length
    return undefined
  }

  #integer(bits: number): number {
    const value = this.#section.integer(bits)
    if (value === INCOMPLETE) this.#section.fail('A field section ends within a field line')
    return value
  }

  #static(index: number): Field {
    return staticFields()[index] ?? this.#section.fail(`The static table has no entry ${index}`)
  }

  #dynamic(index: number, required: number): Field {
    if (!(index < required)) {
      this.#section.fail(`Entry ${index} is beyond the required insert count of ${required}`)
    }
    return this.#table.get(index) ?? this.#section.fail(`The dynamic table has no entry ${index}`)
  }

  // ---- limits

  #checkBlocked(): void {
    if (this.#blocked.blockedStreams >= this.#options.maxBlockedStreams) this.#tooManyBlocked()
  }

  #tooManyBlocked(): never {
    return this.#section.fail(`More than ${this.#options.maxBlockedStreams} streams are blocked`)
  }

  #checkInstructions(): void {
    if (this.#instructions.length <= MAX_WAITING_INSTRUCTIONS) return
    throw new Http3Error(Http3ErrorCode.H3_EXCESSIVE_LOAD, 'The decoder stream is not read fast enough')
  }
}

function isFlagged(reader: LiteralReader, flag: number): boolean {
  return ((reader.bytes[reader.at] ?? 0) & flag) !== 0
}
