/** Traces kept in memory, within a bound, for hosts without files: a page shows them, downloads them, or sends them away. */
import { FORMAT_JSON_SEQ, type QlogTraceInfo } from './schema.ts'
import type { QlogRecordSink } from './sink.ts'

/** Options of {@link QlogMemory}. */
export interface QlogMemoryOptions {
  /** UTF-16 code units of all traces together, of which each takes a byte or two. Default 16,777,216. */
  readonly maxLength?: number | undefined
}

/** One trace in memory. */
export interface StoredTrace extends QlogTraceInfo {
  /** Whether its connection is gone. */
  readonly isComplete: boolean
  /** UTF-16 code units. */
  readonly length: number
  /** What was logged so far. */
  text(): string
  /** The same as a file, of the type that the drafts name. */
  blob(): Blob
  /** In a page: lets the user save it under `fileName`. @throws TypeError where there is no document */
  download(): void
}

const DEFAULT_MAX_LENGTH = 16_777_216

/**
 * Keeps the traces of connections. When they are full, the oldest of those that are complete goes; where there is none, records
 * are dropped, and the trace says how many.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { QlogMemory, qlogTo } from 'isoquic/qlog'
 *
 * const memory = new QlogMemory()
 * const observer = qlogTo((trace) => memory.open(trace))
 * const connection = await connect(transport, { address: 'example.org:4433', alpn: ['echo'], observer })
 * document.querySelector('button')?.addEventListener('click', () => memory.traces[0]?.download())
 * ```
 */
export class QlogMemory {
  readonly #maxLength: number
  readonly #traces = new Set<TraceSink>()
  #length = 0

  /** @throws RangeError for a length that is no positive integer */
  constructor(options: QlogMemoryOptions = {}) {
    const { maxLength = DEFAULT_MAX_LENGTH } = options
    if (!Number.isSafeInteger(maxLength) || maxLength <= 0) {
      throw new RangeError(`maxLength must be a positive integer, got ${maxLength}`)
    }
    this.#maxLength = maxLength
  }

  /** The oldest first. */
  get traces(): readonly StoredTrace[] {
    return [...this.#traces]
  }

  /** UTF-16 code units of all traces. */
  get length(): number {
    return this.#length
  }

  /** Where the records of a new trace go: what the function has to return that `qlogTo` is given. */
  open(trace: QlogTraceInfo): QlogRecordSink {
    const sink = new TraceSink(trace, (length) => this.#reserve(length))
    this.#traces.add(sink)
    return sink
  }

  /** Forgets the traces of connections that are gone. */
  clear(): void {
    for (const trace of this.#traces) if (trace.isComplete) this.#forget(trace)
  }

  /** Whether there is room for a record, which is taken then. */
  #reserve(length: number): boolean {
    for (const trace of this.#traces) {
      if (this.#length + length <= this.#maxLength) break
      if (trace.isComplete) this.#forget(trace)
    }
    if (this.#length + length > this.#maxLength) return false
    this.#length += length
    return true
  }

  #forget(trace: TraceSink): void {
    if (this.#traces.delete(trace)) this.#length -= trace.length
  }
}

class TraceSink implements QlogRecordSink, StoredTrace {
  readonly originalDestination: string
  readonly role: 'client' | 'server'
  readonly fileName: string
  readonly #reserve: (length: number) => boolean
  #records: string[] = []
  #length = 0
  #isComplete = false
  #url: string | undefined = undefined

  constructor({ fileName, originalDestination, role }: QlogTraceInfo, reserve: (length: number) => boolean) {
    this.originalDestination = originalDestination
    this.role = role
    this.fileName = fileName
    this.#reserve = reserve
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  get length(): number {
    return this.#length
  }

  write(record: string): boolean {
    if (!this.#reserve(record.length)) return false
    this.#records.push(record)
    this.#length += record.length
    return true
  }

  close(): void {
    this.#isComplete = true
  }

  text(): string {
    // Once joined, a trace takes less memory.
    this.#records = [this.#records.join('')]
    return this.#records[0] ?? ''
  }

  blob(): Blob {
    return new Blob([this.text()], { type: FORMAT_JSON_SEQ })
  }

  download(): void {
    if (typeof document === 'undefined')
      throw new TypeError('A trace can be downloaded in a page alone: take its blob()')
    // The browser may not have read the one before: so it is kept until there is another.
    if (this.#url !== undefined) URL.revokeObjectURL(this.#url)
    this.#url = URL.createObjectURL(this.blob())
    const link = document.createElement('a')
    link.href = this.#url
    link.download = this.fileName
    link.click()
  }
}
