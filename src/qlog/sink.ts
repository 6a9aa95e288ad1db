/**
 * Where the records of a trace go. Whatever a sink does, the connection goes on: what throws or rejects gets no more, and a
 * stream that is slower than the connection loses records beyond a bound rather than hold memory without one.
 */
import { encodeUtf8 } from '../base/bytes.ts'

/** Takes the records of one trace, in order; each begins with RS and ends with a line feed. */
export interface QlogRecordSink {
  /** `false`: the record was dropped. */
  write(record: string): unknown
  /** The connection is gone: no record follows. */
  close?(): void
}

/** A function that takes records as `write` does, a sink with an end, or a stream of UTF-8, which is closed at the end. */
export type QlogSink = ((record: string) => unknown) | QlogRecordSink | WritableStream<Uint8Array>

/** A sink that never throws. */
export interface SafeSink {
  /** `false`: the record was dropped, or nothing is taken any more. */
  write(record: string): boolean
  close(): void
}

/** UTF-16 code units that wait for a slow stream; beyond that records are dropped. */
export const MAX_BUFFERED = 4_194_304

/** `sink` behind one face. `onError` is called at most once. @throws TypeError for a stream that is locked */
export function safeSink(sink: QlogSink, onError: (error: unknown) => void): SafeSink {
  if (typeof sink === 'function') return new GuardedSink({ write: sink }, onError)
  if ('getWriter' in sink) return new StreamSink(sink, onError)
  return new GuardedSink(sink, onError)
}

/** Records to somebody's functions. */
class GuardedSink implements SafeSink {
  readonly #sink: QlogRecordSink
  readonly #onError: (error: unknown) => void
  #isOver = false

  constructor(sink: QlogRecordSink, onError: (error: unknown) => void) {
    this.#sink = sink
    this.#onError = onError
  }

  write(record: string): boolean {
    if (this.#isOver) return false
    try {
      return this.#sink.write(record) !== false
    } catch (error) {
      this.#fail(error)
      return false
    }
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.#sink.close?.()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#isOver = true
    this.#onError(error)
  }
}

/** Records to a stream: what comes while a chunk is being written makes the next chunk. */
class StreamSink implements SafeSink {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #onError: (error: unknown) => void
  #waiting = ''
  #isBusy = false
  #isClosing = false
  #isOver = false

  constructor(stream: WritableStream<Uint8Array>, onError: (error: unknown) => void) {
    this.#writer = stream.getWriter()
    this.#onError = onError
    this.#writer.closed.catch((error: unknown) => this.#fail(error))
  }

  write(record: string): boolean {
    if (this.#isOver || this.#isClosing || this.#waiting.length + record.length > MAX_BUFFERED) return false
    this.#waiting += record
    this.#pump()
    return true
  }

  close(): void {
    this.#isClosing = true
    this.#pump()
  }

  #pump(): void {
    if (this.#isBusy || this.#isOver) return
    if (this.#waiting === '') {
      if (!this.#isClosing) return
      this.#isOver = true
      this.#writer.close().catch((error: unknown) => this.#onError(error))
      return
    }
    const chunk = encodeUtf8(this.#waiting)
    this.#waiting = ''
    this.#isBusy = true
    this.#writer.write(chunk).then(
      () => {
        this.#isBusy = false
        this.#pump()
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#waiting = ''
    this.#onError(error)
  }
}
