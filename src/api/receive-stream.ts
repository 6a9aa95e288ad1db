/** The receiving half of a stream as a WHATWG byte stream. Bytes are copied once, into the reader's buffer where it brings one. */

import type { ReceiveStream } from '../streams/receive-stream.ts'
import { StreamClosedError } from '../streams/stream-error.ts'
import { bufferFor, closeBytes, handBytes } from './byte-source.ts'
import { type Deferred, deferred } from './signal.ts'

/** What the adapter needs of its stream. */
export interface ReadableHost {
  /** The connection has something to do: credit, STOP_SENDING. */
  wake(): void
  /** The reason that `cancel` was given, as an application error code. */
  codeOf(reason: unknown): bigint
  /** The half has ended: well, or given up by the application with this code. */
  onEnd(code?: bigint): void
}

/** What the adapter needs of the half below: a {@link ReceiveStream}, or one of a session. */
export type ReceiveHalf = Pick<ReceiveStream, 'read' | 'stop' | 'readableBytes' | 'resetCode' | 'isFinished'>

/** Feeds a `ReadableStream` from a {@link ReceiveHalf}. */
export class ReadableAdapter<R extends ReadableStream<Uint8Array> = ReadableStream<Uint8Array>> {
  readonly readable: R
  readonly #half: ReceiveHalf
  readonly #host: ReadableHost
  #waiting: Deferred<void> | undefined
  #controller: ReadableStreamController<Uint8Array> | undefined
  #ended = false

  /** @param create makes the readable, a byte stream. */
  constructor(half: ReceiveHalf, host: ReadableHost, create: (source: UnderlyingByteSource) => R) {
    this.#half = half
    this.#host = host
    this.readable = create({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller
      },
      pull: (controller) => this.#pull(controller as ReadableByteStreamController),
      cancel: (reason) => this.#cancel(reason),
    })
  }

  /** There may be bytes, or the end, to read. */
  onReadable(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** The peer reset the stream, or the connection is over. */
  onError(error: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#controller?.error(error)
    this.onReadable()
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    while (!this.#ended) {
      if (this.#fill(controller)) return
      this.#waiting ??= deferred<void>()
      await this.#waiting.promise
    }
  }

  /** `false`: nothing to read for now. */
  #fill(controller: ReadableByteStreamController): boolean {
    // The promised bytes before a reset are read, and its event is on the way.
    if (this.#half.resetCode !== undefined) return false
    const request = controller.byobRequest
    const into = bufferFor(request, this.#half.readableBytes)
    const length = this.#read(into)
    if (length === 0) return false
    this.#host.wake()
    if (length > 0) handBytes(controller, request, into, length)
    if (length < 0 || this.#half.isFinished) this.#end(controller)
    return true
  }

  #read(into: Uint8Array): number {
    try {
      return this.#half.read(into)
    } catch (error) {
      // The connection has ended in this very turn, and the event that tells how is on the way.
      if (error instanceof StreamClosedError && error.reason === 'connection') return 0
      throw error
    }
  }

  /** All is read. */
  #end(controller: ReadableByteStreamController): void {
    this.#ended = true
    this.#host.onEnd()
    closeBytes(controller)
  }

  #cancel(reason: unknown): void {
    this.#ended = true
    this.onReadable()
    const code = this.#host.codeOf(reason)
    this.#half.stop(code)
    this.#host.onEnd(code)
    this.#host.wake()
  }
}
