/** The content of a message that arrives, as a WHATWG byte stream: credit goes back to the peer as it is read, and not before. */

import { http3ErrorName } from '../../http3/error.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import { StreamClosedError } from '../../streams/stream-error.ts'
import { bufferFor, closeBytes, handBytes } from '../byte-source.ts'
import { QuicStreamError } from '../errors.ts'
import { type Deferred, deferred } from '../signal.ts'

/** What the reader needs of its exchange. */
export interface ContentReaderHost {
  /** The first read: whoever waits for a sign to send the content may be given it. */
  onWanted?(): void
  /** The connection has something to do, and HTTP/3 may have something to tell. */
  touch(): void
  /** All was read, trailers included. */
  onEnd(): void
  /** Nobody wants the rest. */
  onCancel(reason: unknown): void
}

/** Feeds a `ReadableStream` from a {@link RequestStream}. */
export class ContentReader {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  readonly #stream: RequestStream
  readonly #host: ContentReaderHost
  #controller: ReadableByteStreamController | undefined
  #waiting: Deferred<void> | undefined
  #isWanted = false
  #isOver = false

  constructor(stream: RequestStream, host: ContentReaderHost) {
    this.#stream = stream
    this.#host = host
    this.readable = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller
      },
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => this.#cancel(reason),
    })
  }

  /** Whether anybody has asked for the content. */
  get isWanted(): boolean {
    return this.#isWanted
  }

  /** Whether nothing more will be read. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** There is content to read, or the end. */
  onBody(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** Nothing more will come. */
  onError(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#controller?.error(error)
    this.onBody()
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    if (!this.#isWanted) {
      this.#isWanted = true
      this.#host.onWanted?.()
    }
    while (!this.#isOver) {
      if (this.#fill(controller)) return
      this.#waiting ??= deferred<void>()
      await this.#waiting.promise
    }
  }

  /** `false`: nothing to read for now. */
  #fill(controller: ReadableByteStreamController): boolean {
    const request = controller.byobRequest
    const most = this.#stream.stream.receive?.readableBytes ?? 0
    const into = bufferFor(request, Math.max(1, most))
    let length: number
    try {
      length = this.#stream.readBody(into)
    } catch (error) {
      // A reset, or the end of the connection, whose event is on the way and says more.
      if (error instanceof StreamClosedError) return false
      throw error
    }
    if (length === 0) {
      // What came may have been wrong, and told so.
      this.#host.touch()
      return false
    }
    if (length > 0) handBytes(controller, request, into, length)
    else this.#end(controller)
    this.#host.touch()
    return true
  }

  #end(controller: ReadableByteStreamController): void {
    this.#isOver = true
    this.#host.onEnd()
    closeBytes(controller)
  }

  #cancel(reason: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.onBody()
    this.#host.onCancel(reason)
  }
}

/** The error that stands for the end of one message by either side. */
export function messageError(side: 'local' | 'remote', code: bigint, reason: string): QuicStreamError {
  const name = http3ErrorName(code)
  const words = reason === '' ? name : `${name}: ${reason}`
  return new QuicStreamError(words, code, { side, reason })
}
