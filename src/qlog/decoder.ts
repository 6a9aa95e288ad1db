/**
 * Reads qlog as it comes: JSON text sequences (main-schema §5), lines of JSON, and contained files (§4), of the current drafts
 * and of their forerunners. It holds one record at a time, however long the file is; what is damaged is passed over and told
 * of (§13).
 */
import { concat, encodeUtf8 } from '../base/bytes.ts'
import { type ContainedListener, ContainedScanner } from './contained-scanner.ts'
import { excerpt, isObject, objectOf, parseJson, textOf, textOfBytes } from './json-values.ts'
import { type Place, QlogError, type QlogWarning, type QlogWarningCode } from './read-error.ts'
import type { QlogEvent, QlogObject } from './schema.ts'
import { type EventShape, eventOf, eventShape, hasSameTimes, type QlogTraceHead, traceHead } from './trace-reader.ts'

/** What a reader comes upon, in the order of the file. */
export type QlogPart =
  /** Once, as soon as it is known. */
  | { readonly kind: 'file'; readonly schema: string; readonly title: string | undefined }
  /** A trace begins, with what it has said of itself so far. */
  | { readonly kind: 'trace'; readonly trace: QlogTraceHead }
  /** An event of the trace that began last; `time` in ms since the trace's reference, whatever the file's `time_format`. */
  | { readonly kind: 'event'; readonly event: QlogEvent }
  /** The trace is over; members that stood behind its events are known now. */
  | { readonly kind: 'trace-end'; readonly trace: QlogTraceHead }
  /** Something was passed over. */
  | { readonly kind: 'warning'; readonly warning: QlogWarning }

/** Options of {@link QlogDecoder}. */
export interface QlogDecoderOptions {
  /** Bytes of one record or event; a longer one is passed over. Default 16 MiB. */
  readonly maxRecordSize?: number | undefined
}

const DEFAULT_MAX_RECORD_SIZE = 16_777_216

const RECORD_SEPARATOR = 0x1e
const LINE_FEED = 0x0a
const OPEN_BRACE = 0x7b

/** The first bytes of gzip and of Zstandard. */
const COMPRESSED = [0x1f, 0x28] as const

/**
 * A reader of one file, which is handed to it in pieces of any size.
 *
 * @example
 * ```ts
 * import { QlogDecoder } from 'isoquic/qlog'
 *
 * async function lost(file: ReadableStream<Uint8Array>): Promise<number> {
 *   const decoder = new QlogDecoder()
 *   let count = 0
 *   for await (const chunk of file) {
 *     for (const part of decoder.decode(chunk)) {
 *       if (part.kind === 'event' && part.event.name === 'quic:packet_lost') count += 1
 *     }
 *   }
 *   decoder.finish()
 *   return count
 * }
 * ```
 */
export class QlogDecoder {
  readonly #limit: number
  #mode: 'start' | 'contained' | 'sequence' | 'over' = 'start'
  #out: QlogPart[] = []
  #scanner: ContainedScanner | undefined = undefined
  #delimiter: typeof RECORD_SEPARATOR | typeof LINE_FEED = RECORD_SEPARATOR
  // The record under way, where the next byte stands, and where the record began.
  #parts: Uint8Array[] = []
  #size = 0
  #offset = 0
  #line = 1
  #place: Place = { line: 1, offset: 0 }
  // The file, and the trace that began last.
  #file: Record<string, unknown> = {}
  #isTold = false
  #trace: Record<string, unknown> = {}
  #hasEvents = false
  #isInTrace = false
  #shape: EventShape = eventShape({})
  #last = 0

  /** @throws RangeError for a size that is no positive integer */
  constructor(options: QlogDecoderOptions = {}) {
    const { maxRecordSize = DEFAULT_MAX_RECORD_SIZE } = options
    if (!Number.isSafeInteger(maxRecordSize) || maxRecordSize <= 0) {
      throw new RangeError(`maxRecordSize must be a positive integer, got ${maxRecordSize}`)
    }
    this.#limit = maxRecordSize
  }

  /**
   * Takes the next bytes, or the next text; what they complete. Bytes may change afterwards.
   * @throws QlogError where the file does not begin as qlog does; whatever comes later is at most a warning
   */
  decode(chunk: Uint8Array | string): readonly QlogPart[] {
    let bytes = typeof chunk === 'string' ? encodeUtf8(chunk) : chunk
    while (bytes.length > 0 && this.#mode !== 'over') bytes = bytes.subarray(this.#take(bytes))
    return this.#takeOut()
  }

  /**
   * The file is over; what is left of it.
   * @throws QlogError where it was no qlog file
   */
  finish(): readonly QlogPart[] {
    const { line, offset } = this.#scanner?.place ?? { line: this.#line, offset: this.#offset }
    if (this.#mode === 'start') throw this.#noQlog('', { line, offset })
    if (this.#mode === 'contained') this.#finishContained({ line, offset })
    if (this.#mode === 'sequence' && this.#size > 0) this.#endRecord(true)
    if (this.#mode === 'sequence' && !this.#isTold) throw this.#noQlog('', { line, offset })
    this.#endTrace({ line, offset })
    this.#mode = 'over'
    return this.#takeOut()
  }

  #takeOut(): readonly QlogPart[] {
    const out = this.#out
    this.#out = []
    return out
  }

  /** How many of `bytes` were taken. */
  #take(bytes: Uint8Array): number {
    if (this.#mode === 'start') return this.#begin(bytes)
    if (this.#mode === 'sequence') return this.#takeRecords(bytes)
    const scanner = this.#scanner
    const taken = scanner?.scan(bytes) ?? bytes.length
    if (scanner !== undefined) ({ line: this.#line, offset: this.#offset } = scanner.place)
    return taken
  }

  /** The first byte that is no space says what the file is. */
  #begin(bytes: Uint8Array): number {
    const byte = bytes[0] ?? 0
    const place = { line: this.#line, offset: this.#offset }
    // A byte order mark may stand before all.
    if (byte === LINE_FEED || byte === 0x20 || byte === 0x0d || byte === 0x09 || BOM[this.#offset] === byte) {
      this.#skip(byte)
      return 1
    }
    if (byte === RECORD_SEPARATOR) {
      this.#mode = 'sequence'
      return 0
    }
    if (byte !== OPEN_BRACE) throw this.#noQlog(textOfBytes(bytes.subarray(0, 200)), place, byte)
    this.#scanner = new ContainedScanner(this.#listener(), this.#limit, place)
    this.#mode = 'contained'
    return 0
  }

  #skip(byte: number): void {
    this.#offset += 1
    if (byte === LINE_FEED) this.#line += 1
  }

  #noQlog(text: string, place: Place, byte?: number): QlogError {
    if (COMPRESSED.some((magic) => magic === byte)) {
      return new QlogError('compressed', 'The file is compressed: decompress it first', place)
    }
    return new QlogError('not_qlog', `A qlog file begins with a JSON object, got ${excerpt(text)}`, place)
  }

  // ── Sequences ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #takeRecords(bytes: Uint8Array): number {
    // Whoever writes its header without a separator may have them all the same.
    if (this.#delimiter === LINE_FEED && this.#size === 0 && bytes[0] === RECORD_SEPARATOR) {
      this.#delimiter = RECORD_SEPARATOR
    }
    const end = bytes.indexOf(this.#delimiter)
    const stop = end < 0 ? bytes.length : end
    if (stop > 0) this.#keep(bytes.subarray(0, stop), end < 0)
    if (end < 0) return stop
    if (this.#size > 0) this.#endRecord(false)
    this.#skip(this.#delimiter)
    return stop + 1
  }

  #keep(bytes: Uint8Array, mustCopy: boolean): void {
    if (this.#size === 0) this.#place = { line: this.#line, offset: this.#offset }
    this.#size += bytes.length
    this.#offset += bytes.length
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) this.#line += 1
    if (this.#size > this.#limit) this.#parts = []
    else this.#parts.push(mustCopy ? bytes.slice() : bytes)
  }

  #endRecord(isLast: boolean): void {
    const place = this.#place
    const isTooLarge = this.#size > this.#limit
    const [first] = this.#parts
    const bytes = first !== undefined && this.#parts.length === 1 ? first : concat(...this.#parts)
    this.#parts = []
    this.#size = 0
    const text = textOfBytes(bytes)
    if (!isTooLarge && text.trim() === '') return
    if (!this.#isTold) {
      const header = parseJson(text)
      if (!isObject(header)) throw this.#noQlog(text, place)
      this.#onHeader(header, place)
    } else this.#onRecord(isTooLarge ? undefined : text, place, isLast && !text.endsWith('\n'))
  }

  #onHeader(header: QlogObject, place: Place): void {
    this.#file = { ...header }
    this.#tellFile(place)
    this.#beginTrace(objectOf(header['trace']))
  }

  #onRecord(text: string | undefined, place: Place, isCut: boolean): void {
    if (text === undefined) {
      this.#warn('too_large', `A record has more than ${this.#limit} bytes`, place)
      return
    }
    const value = parseJson(text)
    if (value !== undefined) this.#onEvent(value, place)
    else if (isCut) this.#warn('truncated', 'The file ends within a record', place)
    else this.#warn('damaged', `A record is no JSON: ${excerpt(text)}`, place)
  }

  // ── Contained files ───────────────────────────────────────────────────────────────────────────────────────────────

  #listener(): ContainedListener {
    return {
      onMember: (key, text, place) => this.#onMember(key, text, place),
      onTracesBegin: () => {
        this.#file['traces'] = true
        if (schemaOf(this.#file) !== undefined) this.#tellFile({ line: 1, offset: 0 })
      },
      onTraceBegin: () => {
        this.#trace = {}
        this.#hasEvents = false
        this.#isInTrace = true
      },
      onEventsBegin: () => this.#beginTrace(this.#trace),
      onEvent: (text, place) => this.#onContainedEvent(text, place),
      onTraceEnd: (place) => {
        if (!this.#hasEvents) this.#warn('not_a_trace', `A trace has no events${this.#reportOf()}`, place)
        this.#endTrace(place)
        this.#isInTrace = false
      },
      onOther: (place) => this.#warn('not_a_trace', 'An element of traces is no object', place),
      onEnd: () => this.#onEnd(),
      onMalformed: (place) => this.#onMalformed(place),
    }
  }

  #onMember(key: string, text: string | undefined, place: Place): void {
    if (text === undefined) {
      this.#warn('too_large', `The member ${excerpt(key)} has more than ${this.#limit} bytes`, place)
      return
    }
    const value = parseJson(text)
    if (value === undefined) this.#warn('damaged', `The member ${excerpt(key)} is no JSON: ${excerpt(text)}`, place)
    else (this.#isInTrace ? this.#trace : this.#file)[key] = value
  }

  #onContainedEvent(text: string | undefined, place: Place): void {
    const value = text === undefined ? undefined : parseJson(text)
    if (text === undefined) this.#warn('too_large', `An event has more than ${this.#limit} bytes`, place)
    else if (value === undefined) this.#warn('damaged', `An event is no JSON: ${excerpt(text)}`, place)
    else this.#onEvent(value, place)
  }

  /** The object is over. Where it had no traces it was the header of lines. */
  #onEnd(): void {
    const place = { line: 1, offset: 0 }
    const hasTraces = 'traces' in this.#file
    this.#tellFile(place)
    if (hasTraces) this.#mode = 'over'
    else {
      this.#mode = 'sequence'
      this.#delimiter = LINE_FEED
      this.#beginTrace(objectOf(this.#file['trace']))
    }
  }

  #onMalformed(place: Place): void {
    this.#mode = 'over'
    if (!this.#isTold && schemaOf(this.#file) === undefined) {
      throw new QlogError('not_qlog', `The file is no JSON from byte ${place.offset} on`, place)
    }
    this.#tellFile(place)
    this.#warn('malformed', `The file is no JSON from byte ${place.offset} on`, place)
    if (this.#isInTrace) this.#endTrace(place)
  }

  #finishContained(place: Place): void {
    this.#tellFile(place)
    this.#warn('truncated', 'The file ends before its traces do', place)
  }

  /** What a trace without events says of itself (main-schema §4.1). */
  #reportOf(): string {
    const report = textOf(this.#trace['error_description'])
    return report === undefined ? '' : `: ${report.slice(0, 200)}`
  }

  // ── Both ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #tellFile(place: Place): void {
    if (this.#isTold) return
    const schema = schemaOf(this.#file)
    if (schema === undefined) {
      const { traces: _, ...shown } = this.#file
      const got = excerpt(JSON.stringify(shown))
      throw new QlogError('no_version', `A qlog file names its file_schema or qlog_version, got ${got}`, place)
    }
    this.#isTold = true
    this.#out.push({ kind: 'file', schema, title: textOf(this.#file['title']) })
  }

  #beginTrace(trace: QlogObject): void {
    this.#trace = { ...trace }
    this.#hasEvents = true
    this.#shape = eventShape(trace)
    this.#last = 0
    this.#out.push({ kind: 'trace', trace: traceHead(trace) })
  }

  #endTrace(place: Place): void {
    if (!this.#hasEvents) return
    this.#hasEvents = false
    if (!hasSameTimes(this.#shape, eventShape(this.#trace))) {
      this.#warn('late_times', 'The trace says behind its events how their times are to be read', place)
    }
    this.#out.push({ kind: 'trace-end', trace: traceHead(this.#trace) })
  }

  #onEvent(value: unknown, place: Place): void {
    if (Array.isArray(value) && this.#shape.fields === undefined) {
      throw new QlogError(
        'array_events',
        'Events are arrays, and no event_fields before them name their elements',
        place,
      )
    }
    const event = eventOf(value, this.#shape, this.#last)
    if (event === undefined) {
      this.#warn('not_an_event', `An event has no name or no time: ${excerpt(JSON.stringify(value))}`, place)
      return
    }
    this.#last = event.time
    this.#out.push({ kind: 'event', event })
  }

  #warn(code: QlogWarningCode, message: string, { line, offset }: Place): void {
    this.#out.push({ kind: 'warning', warning: { code, message, line, offset } })
  }
}

const BOM = [0xef, 0xbb, 0xbf] as const

function schemaOf(file: QlogObject): string | undefined {
  return textOf(file['file_schema']) ?? textOf(file['qlog_version'])
}
