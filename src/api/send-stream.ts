/** The sending half of a stream as a WHATWG `WritableStream`. A write settles when its bytes are in the send buffer, `close` when all are acknowledged. */
import type { SendStream } from '../streams/send-stream.ts'
import { type Deferred, deferred } from './signal.ts'

/** What the adapter needs of its stream. */
export interface WritableHost {
  /** The connection has something to send. */
  wake(): void
  /** The reason that `abort` was given, as an application error code. */
  codeOf(reason: unknown): bigint
  /** The half was given up by the application, with this code. */
  onEnd(code: bigint): void
}

/** Drains a `WritableStream` into a {@link SendStream}. */
export class WritableAdapter {
  readonly writable: WritableStream<Uint8Array>
  readonly #half: SendStream
  readonly #host: WritableHost
  #controller: WritableStreamDefaultController | undefined
  #waiting: Deferred<void> | undefined
  #finished: Deferred<void> | undefined
  #error: unknown
  #failed = false

  constructor(half: SendStream, host: WritableHost) {
    this.#half = half
    this.#host = host
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
        // The sink's own `abort` waits for the write or close under way, which may wait for the peer for ever.
        controller.signal.addEventListener('abort', () => this.#abort(controller.signal.reason), { once: true })
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: (reason) => this.#abort(reason),
    })
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

  async #write(chunk: Uint8Array): Promise<void> {
    if (!(chunk instanceof Uint8Array)) throw new TypeError(`A chunk must be a Uint8Array, got ${typeof chunk}`)
    let at = 0
    while (at < chunk.length) {
      if (this.#failed) throw this.#error
      const taken = this.#half.write(at === 0 ? chunk : chunk.subarray(at))
      at += taken
      if (taken > 0) this.#host.wake()
      if (at === chunk.length) return
      this.#waiting ??= deferred<void>()
      await this.#waiting.promise
    }
  }

  #close(): Promise<void> {
    this.#half.finish()
    this.#host.wake()
    this.#finished = deferred<void>()
    if (this.#half.isTerminal) this.#finished.resolve()
    return this.#finished.promise
  }

  #abort(reason: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#error = reason
    this.#finished?.reject(reason)
    this.onWritable()
    const code = this.#host.codeOf(reason)
    this.#half.reset(code)
    this.#host.onEnd(code)
    this.#host.wake()
  }
}
