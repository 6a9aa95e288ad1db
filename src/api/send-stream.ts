/** The sending half of a stream as a WHATWG `WritableStream`, with W3C's writer. A write settles when its bytes are in the send buffer, `close` when all are acknowledged. */
import type { SendStream } from '../streams/send-stream.ts'
import { StreamClosedError } from '../streams/stream-error.ts'
import { type Deferred, deferred } from './signal.ts'
import { AtomicChunk, type QuicWritable, type StreamWriterHost, WriteRequests } from './stream-writer.ts'

/** What the adapter needs of its stream. */
export interface WritableHost {
  /** The connection has something to send. */
  wake(): void
  /** The reason that `abort` was given, as an application error code. */
  codeOf(reason: unknown): bigint
  /** The half was given up by the application, with this code. */
  onEnd(code: bigint): void
}

/** What the adapter needs of the half below: a {@link SendStream}, or one of a session. */
export type SendHalf = Pick<
  SendStream,
  'write' | 'finish' | 'reset' | 'resetAt' | 'credit' | 'canResetAt' | 'bytesWritten' | 'isTerminal'
>

/** Drains a `WritableStream` into a {@link SendHalf}. */
export class WritableAdapter<W extends WritableStream<Uint8Array> = QuicWritable> implements StreamWriterHost {
  readonly writable: W
  readonly requests: WriteRequests = new WriteRequests()
  readonly #half: SendHalf
  readonly #host: WritableHost
  #controller: WritableStreamDefaultController | undefined
  #waiting: Deferred<void> | undefined
  #finished: Deferred<void> | undefined
  #error: unknown
  #failed = false
  /** Bytes written when the write began that is under way. */
  #settled: number | undefined
  /** Bytes that arrive whatever happens. */
  #committed = 0

  /** @param create makes the writable, whose writers tell the host what is atomic. */
  constructor(
    half: SendHalf,
    host: WritableHost,
    create: (sink: UnderlyingSink<unknown>, host: StreamWriterHost) => W,
  ) {
    this.#half = half
    this.#host = host
    const sink: UnderlyingSink<unknown> = {
      start: (controller) => {
        this.#controller = controller
        // The sink's own `abort` waits for the write or close under way, which may wait for the peer for ever.
        controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason), { once: true })
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#abort(reason),
    }
    this.writable = create(sink, this)
  }

  commit(): void {
    this.#committed = this.#settled ?? this.#half.bytesWritten
  }

  /** There is room in the send buffer again. */
  onWritable(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** All bytes and the end are acknowledged. */
  onFinished(): void {
    this.#finished?.resolve()
  }

  /** The peer wants no more, or the connection is over. */
  onError(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#error = error
    this.#controller?.error(error)
    this.#finished?.reject(error)
    this.onWritable()
  }

  #write(chunk: unknown): Promise<void> | undefined {
    if (chunk instanceof AtomicChunk) return this.#writeAtomic(chunk)
    this.requests.plain = Math.max(0, this.requests.plain - 1)
    return this.#writeBytes(bytesOf(chunk))
  }

  #writeAtomic(request: AtomicChunk): Promise<void> | undefined {
    if (request.error !== undefined) return undefined
    const bytes = bytesOf(request.chunk)
    return bytes.length <= this.#half.credit ? this.#writeBytes(bytes) : this.#refuseAtomic(bytes)
  }

  async #refuseAtomic(bytes: Uint8Array): Promise<void> {
    // What is asked for in the same turn waits behind it.
    await undefined
    const error = new DOMException(`${bytes.length} bytes are more than flow control lets go now`, 'AbortError')
    for (const each of this.requests.atomic) each.error = error
    if (this.requests.plain === 0 || this.#failed) return
    // What was to follow cannot any more: the stream has a hole.
    this.#abort(error)
    this.#controller?.error(error)
  }

  async #writeBytes(chunk: Uint8Array): Promise<void> {
    this.#settled = this.#half.bytesWritten
    await this.#send(chunk)
    this.#settled = undefined
  }

  async #send(chunk: Uint8Array): Promise<void> {
    let at = 0
    while (at < chunk.length) {
      if (this.#failed) throw this.#error
      const taken = this.#take(at === 0 ? chunk : chunk.subarray(at))
      at += taken
      if (taken > 0) this.#host.wake()
      if (at === chunk.length) return
      this.#waiting ??= deferred<void>()
      await this.#waiting.promise
    }
  }

  #take(bytes: Uint8Array): number {
    try {
      return this.#half.write(bytes)
    } catch (error) {
      // As for readers: the event that tells how the connection ended is on the way.
      if (isEndOfConnection(error)) return 0
      throw error
    }
  }

  #close(): Promise<void> {
    this.#finish()
    this.#host.wake()
    this.#finished = deferred<void>()
    if (this.#half.isTerminal) this.#finished.resolve()
    return this.#finished.promise
  }

  #finish(): void {
    try {
      this.#half.finish()
    } catch (error) {
      if (!isEndOfConnection(error)) throw error
    }
  }

  #abort(reason: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#error = reason
    this.#finished?.reject(reason)
    this.onWritable()
    const code = this.#host.codeOf(reason)
    if (this.#committed > 0 && this.#half.canResetAt) this.#half.resetAt(code, this.#committed)
    else this.#half.reset(code)
    this.#host.onEnd(code)
    this.#host.wake()
  }
}

function isEndOfConnection(error: unknown): boolean {
  return error instanceof StreamClosedError && error.reason === 'connection'
}

/** The bytes of a chunk, which W3C takes as any BufferSource. @throws TypeError for anything else */
export function bytesOf(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  throw new TypeError(`A chunk must be a Uint8Array, got ${typeof chunk}`)
}
