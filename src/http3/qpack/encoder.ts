/** The encoder of field sections (RFC 9204 §2.1): one for each connection, told of progress by the peer's decoder stream. */
import { copyBytes } from '../../base/bytes.ts'
import { Writer } from '../../base/writer.ts'
import { Http3Error, Http3ErrorCode } from '../error.ts'
import { FIELD_OVERHEAD, type Field, fieldSize } from '../field.ts'
import { type EncoderEntry, EncoderTable } from './encoder-table.ts'
import { FieldHistory } from './field-history.ts'
import { type Indexing, indexingOf } from './indexing-policy.ts'
import {
  InstructionStream,
  writeDuplicate,
  writeInsertLiteral,
  writeInsertNameReference,
  writeSetCapacity,
} from './instructions.ts'
import { INCOMPLETE, LiteralReader, writeString } from './literal.ts'
import { prefixIntegerSize, writePrefixInteger } from './prefix-integer.ts'
import { SectionLedger } from './section-ledger.ts'
import { type StaticName, staticNames } from './static-table.ts'

/** What an encoder may spend. */
export interface QpackEncoderOptions {
  /** Bytes of the dynamic table at most; 0: none is used. */
  readonly maxTableCapacity: number
}

/** What the peer's decoder allows. */
export interface QpackPeerSettings {
  /** SETTINGS_QPACK_MAX_TABLE_CAPACITY, bytes. */
  readonly maxTableCapacity: number
  /** SETTINGS_QPACK_BLOCKED_STREAMS. */
  readonly maxBlockedStreams: number
}

// Unacknowledged sections, beyond which the dynamic table is not used: a peer may never acknowledge any.
const MAX_SECTIONS = 1024
// The prefix of a section is written last; two integers of at most ten bytes.
const PREFIX_ROOM = 20
// Scratch arrays larger than this are not kept.
const KEPT_SCRATCH = 16_384

/**
 * Encodes field sections for a peer.
 *
 * Write what `takeInstructions` returns to the encoder stream, before the section that `encode` returned.
 */
export class QpackEncoder {
  readonly #maxTableCapacity: number
  readonly #table = new EncoderTable()
  readonly #ledger = new SectionLedger()
  readonly #history = new FieldHistory()
  readonly #stream: InstructionStream
  readonly #statics: ReadonlyMap<string, StaticName> = staticNames()
  #section = new Writer(512)
  #instructions = new Writer(512)
  // Where whole instructions end.
  #instructed = 0
  #peerCapacity = 0
  #maxBlockedStreams = 0
  // The section at hand: what it may do, and what it refers to.
  #credit = 0
  #usesTable = false
  #mayBlock = false
  #base = 0
  #requiredInsertCount = 0
  #oldest = Infinity

  constructor(options: QpackEncoderOptions) {
    this.#maxTableCapacity = options.maxTableCapacity
    this.#stream = new InstructionStream(new LiteralReader(Http3ErrorCode.QPACK_DECODER_STREAM_ERROR), (reader) =>
      this.#instruction(reader),
    )
  }

  /**
   * The peer's SETTINGS, or those remembered for 0-RTT and then the true ones (RFC 9204 §3.2.3). Until then the static
   * table and literals alone are used.
   * @throws Http3Error QPACK_DECODER_STREAM_ERROR where the capacity is not the one that was remembered.
   */
  onPeerSettings(settings: QpackPeerSettings): void {
    if (this.#peerCapacity !== 0 && settings.maxTableCapacity !== this.#peerCapacity) {
      throw new Http3Error(
        Http3ErrorCode.QPACK_DECODER_STREAM_ERROR,
        `SETTINGS_QPACK_MAX_TABLE_CAPACITY must stay ${this.#peerCapacity}, got ${settings.maxTableCapacity}`,
      )
    }
    this.#peerCapacity = settings.maxTableCapacity
    this.#maxBlockedStreams = settings.maxBlockedStreams
  }

  /**
   * Encodes a field section. `credit`: bytes that the encoder stream can take now; no instruction is made that would not
   * fit, so that none waits for flow control while a section needs it (RFC 9204 §2.1.3). The returned array is the caller's.
   * @throws TypeError for characters above U+00FF; the section is then not sent.
   */
  encode(streamId: number, fields: readonly Field[], credit: number): Uint8Array {
    this.#begin(streamId, credit)
    try {
      for (let i = 0; i < fields.length; i++) {
        const field = fields[i]
        if (field !== undefined) this.#field(field)
      }
    } finally {
      // Whatever was begun when an error was thrown is no instruction.
      this.#instructions.offset = this.#instructed
    }
    const start = this.#prefix()
    if (this.#requiredInsertCount > 0) this.#remember(streamId)
    const bytes = copyBytes(this.#section.buffer, start, this.#section.offset)
    if (this.#section.buffer.length > KEPT_SCRATCH) this.#section = new Writer(512)
    return bytes
  }

  /** Bytes for the encoder stream that wait; removes them. `undefined`: none. */
  takeInstructions(): Uint8Array | undefined {
    if (this.#instructions.length === 0) return undefined
    const bytes = this.#instructions.finish()
    if (this.#instructions.buffer.length > KEPT_SCRATCH) this.#instructions = new Writer(512)
    else this.#instructions.clear()
    this.#instructed = 0
    return bytes
  }

  /**
   * Bytes of the peer's decoder stream, cut anywhere; borrowed.
   * @throws Http3Error QPACK_DECODER_STREAM_ERROR
   */
  receive(bytes: Uint8Array): void {
    this.#stream.receive(bytes)
  }

  // ---- a section, RFC 9204 §4.5

  #begin(streamId: number, credit: number): void {
    this.#section.clear()
    this.#section.skip(PREFIX_ROOM)
    this.#credit = credit
    this.#requiredInsertCount = 0
    this.#oldest = Infinity
    this.#usesTable = this.#ledger.length < MAX_SECTIONS && this.#setCapacity()
    this.#base = this.#table.insertCount
    this.#mayBlock = this.#ledger.blockedStreams < this.#maxBlockedStreams || this.#ledger.isBlocked(streamId)
  }

  /** Whether there is a table; it begins to be one with its first use. */
  #setCapacity(): boolean {
    if (this.#table.capacity > 0) return true
    const capacity = Math.min(this.#maxTableCapacity, this.#peerCapacity)
    // Too small for any entry.
    if (capacity <= FIELD_OVERHEAD) return false
    const start = this.#instructions.offset
    writeSetCapacity(this.#instructions, capacity)
    if (!this.#affords(start)) return false
    this.#table.setCapacity(capacity)
    return true
  }

  #field(field: Field): void {
    const { name, value } = field
    const known = this.#statics.get(name)
    const indexing = field.isNeverIndexed === true ? 'never' : indexingOf(name, value)
    if (indexing === 'never') {
      this.#literal(name, value, known, true)
      return
    }
    const exact = known?.values.get(value)
    if (exact !== undefined) {
      writePrefixInteger(this.#section, 0xc0, 6, exact)
      return
    }
    if (this.#usesTable && indexing !== 'none') {
      const entry = this.#entryFor(name, value, known, indexing)
      if (entry !== undefined) {
        this.#reference(entry)
        return
      }
    }
    this.#literal(name, value, known, false)
  }

  /** An entry that the section may refer to, inserted if need be. */
  #entryFor(name: string, value: string, known: StaticName | undefined, indexing: Indexing): EncoderEntry | undefined {
    const found = this.#table.find(name, value)
    if (found === undefined) {
      if (indexing === 'second' && !this.#history.meets(name, value)) return undefined
      const entry = this.#insert(name, value, known)
      return entry !== undefined && this.#mayBlock ? entry : undefined
    }
    if (this.#table.isDraining(found)) {
      const duplicate = this.#duplicate(found)
      if (duplicate !== undefined && this.#mayBlock) return duplicate
    }
    if (this.#isReferable(found)) return found
    // Until a duplicate is acknowledged, the old entry serves.
    const older = this.#table.get(found.duplicateOf)
    return older !== undefined && this.#isReferable(older) ? older : undefined
  }

  #isReferable(entry: EncoderEntry): boolean {
    if (entry.index < this.#table.dropCount) return false
    return this.#mayBlock || entry.index < this.#table.knownReceivedCount
  }

  #reference(entry: EncoderEntry): void {
    const { index } = entry
    this.#use(index)
    if (index < this.#base) writePrefixInteger(this.#section, 0x80, 6, this.#base - 1 - index)
    else writePrefixInteger(this.#section, 0x10, 4, index - this.#base)
  }

  #literal(name: string, value: string, known: StaticName | undefined, isNeverIndexed: boolean): void {
    const section = this.#section
    const index = known === undefined && this.#usesTable ? this.#nameFor(name, isNeverIndexed) : -1
    if (known !== undefined) {
      writePrefixInteger(section, isNeverIndexed ? 0x70 : 0x50, 4, known.index)
    } else if (index < 0) {
      writeString(section, isNeverIndexed ? 0x30 : 0x20, 4, name)
    } else if (index < this.#base) {
      this.#use(index)
      writePrefixInteger(section, isNeverIndexed ? 0x60 : 0x40, 4, this.#base - 1 - index)
    } else {
      this.#use(index)
      writePrefixInteger(section, isNeverIndexed ? 0x08 : 0x00, 3, index - this.#base)
    }
    writeString(section, 0, 8, value)
  }

  /** Absolute index of an entry whose name a literal may refer to; -1: none. */
  #nameFor(name: string, isNeverIndexed: boolean): number {
    const found = this.#table.get(this.#table.findName(name))
    let entry = found
    if (!isNeverIndexed) {
      // A name whose values change gets an entry for itself, which is then kept alive.
      if (found === undefined) entry = this.#history.meets(name, '') ? this.#insert(name, '', undefined) : undefined
      else if (found.value === '' && this.#table.isDraining(found)) entry = this.#duplicate(found) ?? found
    }
    if (entry !== undefined && this.#isReferable(entry)) return entry.index
    return found !== undefined && this.#isReferable(found) ? found.index : -1
  }

  #use(index: number): void {
    this.#requiredInsertCount = Math.max(this.#requiredInsertCount, index + 1)
    this.#oldest = Math.min(this.#oldest, index)
  }

  /** Writes the prefix before the lines; returns where it begins (RFC 9204 §4.5.1). */
  #prefix(): number {
    const section = this.#section
    const end = section.offset
    const required = this.#requiredInsertCount
    const range = 2 * Math.floor(this.#peerCapacity / FIELD_OVERHEAD)
    const encoded = required === 0 ? 0 : (required % range) + 1
    const isNegative = required > this.#base
    const delta = required === 0 ? 0 : isNegative ? required - this.#base - 1 : this.#base - required
    const start = PREFIX_ROOM - prefixIntegerSize(8, encoded) - prefixIntegerSize(7, delta)
    section.offset = start
    writePrefixInteger(section, 0, 8, encoded)
    writePrefixInteger(section, isNegative ? 0x80 : 0, 7, delta)
    section.offset = end
    return start
  }

  #remember(streamId: number): void {
    const oldest = this.#oldest
    const entry = this.#table.get(oldest)
    if (entry !== undefined) entry.sections++
    const section = { requiredInsertCount: this.#requiredInsertCount, oldest }
    this.#ledger.add(streamId, section, this.#table.knownReceivedCount)
  }

  // ---- the encoder stream, RFC 9204 §4.3

  #insert(name: string, value: string, known: StaticName | undefined): EncoderEntry | undefined {
    // A line that takes most of the table costs more entries than it saves bytes.
    if (fieldSize(name, value) > this.#table.capacity * 0.75) return undefined
    if (!this.#table.hasRoom(name, value, this.#oldest)) return undefined
    const instructions = this.#instructions
    const start = instructions.offset
    const index = known === undefined ? this.#table.findName(name) : known.index
    if (index < 0) writeInsertLiteral(instructions, name, value)
    else {
      const isStatic = known !== undefined
      writeInsertNameReference(instructions, isStatic, isStatic ? index : this.#table.insertCount - 1 - index, value)
    }
    return this.#affords(start) ? this.#table.insert(name, value, -1) : undefined
  }

  #duplicate(entry: EncoderEntry): EncoderEntry | undefined {
    if (!this.#table.hasRoom(entry.name, entry.value, this.#oldest)) return undefined
    const start = this.#instructions.offset
    writeDuplicate(this.#instructions, this.#table.insertCount - 1 - entry.index)
    return this.#affords(start) ? this.#table.insert(entry.name, entry.value, entry.index) : undefined
  }

  /** Whether the instruction that begins at `start` fits into the credit; it is taken back if not. */
  #affords(start: number): boolean {
    if (this.#instructions.offset > this.#credit) this.#instructions.offset = start
    else this.#instructed = this.#instructions.offset
    return this.#instructed > start
  }

  // ---- the decoder stream, RFC 9204 §4.4

  #instruction(reader: LiteralReader): boolean {
    const first = reader.bytes[reader.at] ?? 0
    const value = reader.integer(first >= 0x80 ? 7 : 6)
    if (value === INCOMPLETE) return false
    if (first >= 0x80) this.#onSectionAcknowledgment(reader, value)
    else if (first >= 0x40) this.#onStreamCancellation(value)
    else this.#onInsertCountIncrement(reader, value)
    return true
  }

  #onSectionAcknowledgment(reader: LiteralReader, streamId: number): void {
    const section = this.#ledger.shift(streamId)
    if (section === undefined) return reader.fail(`No section of stream ${streamId} waits for an acknowledgment`)
    this.#release(section.oldest)
    if (section.requiredInsertCount > this.#table.knownReceivedCount) this.#onReceived(section.requiredInsertCount)
  }

  #onStreamCancellation(streamId: number): void {
    for (let section = this.#ledger.shift(streamId); section !== undefined; section = this.#ledger.shift(streamId)) {
      this.#release(section.oldest)
    }
  }

  #onInsertCountIncrement(reader: LiteralReader, increment: number): void {
    const count = this.#table.knownReceivedCount + increment
    if (increment === 0) reader.fail('An insert count increment must not be 0')
    if (count > this.#table.insertCount) {
      reader.fail(`The insert count must be at most ${this.#table.insertCount}, got ${count}`)
    }
    this.#onReceived(count)
  }

  #release(oldest: number): void {
    const entry = this.#table.get(oldest)
    if (entry !== undefined) entry.sections--
  }

  #onReceived(count: number): void {
    this.#table.knownReceivedCount = count
    this.#ledger.onKnownReceived(count)
  }
}
