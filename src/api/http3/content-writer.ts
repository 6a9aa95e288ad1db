/** The content of a message that leaves: a `ReadableStream` is read as fast as the stream below takes what comes of it, and no faster. */
import type { Field } from '../../http3/field.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import { bytesOf } from '../send-stream.ts'
import { type Deferred, deferred } from '../signal.ts'

/** What the writer needs of its exchange. */
export interface ContentWriterHost {
  /** The connection has something to send. */
  touch(): void
}

/** What is sent. */
export interface OutgoingContent {
  readonly body: ReadableStream<Uint8Array> | Uint8Array
  /** What was announced by `content-length`. */
  readonly length: number | undefined
  /** Asked for behind the content. */
  trailers?(): Promise<readonly Field[] | undefined>
}

/** The content is not what was announced. */
export class ContentLengthError extends TypeError {
  override readonly name = 'ContentLengthError'
}

/** Drains content into a {@link RequestStream}. */
export class ContentWriter {
  readonly #stream: RequestStream
  readonly #host: ContentWriterHost
  #waiting: Deferred<void> | undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #failure: { readonly error: unknown } | undefined
  #written = 0

  constructor(stream: RequestStream, host: ContentWriterHost) {
    this.#stream = stream
    this.#host = host
  }

  /** There is room again. */
  onWritable(): void {
    this.#waiting?.resolve()
    this.#waiting = undefined
  }

  /** Nobody takes the content any more: its source is told. */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = { error }
    this.onWritable()
    this.#reader?.cancel(error).catch(() => {})
  }

  /**
   * Sends all of it and the end; fulfils when the stream has it.
   * @throws what its source fails with; `TypeError` for what is no bytes; {@link ContentLengthError}; what {@link fail} was given
   */
  async send(content: OutgoingContent): Promise<void> {
    const { body, length } = content
    if (body instanceof Uint8Array) await this.#write(body, length)
    else await this.#pump(body, length)
    if (length !== undefined && this.#written < length) {
      throw new ContentLengthError(`The content has ${this.#written} bytes, and content-length says ${length}`)
    }
    const trailers = await content.trailers?.()
    this.#check()
    if (trailers === undefined || trailers.length === 0) this.#stream.finish()
    else this.#stream.sendFields(trailers, true)
    this.#host.touch()
  }

  async #pump(body: ReadableStream<Uint8Array>, length: number | undefined): Promise<void> {
    const reader = body.getReader()
    this.#reader = reader
    try {
      this.#check()
      for (;;) {
        const { done, value } = await reader.read()
        this.#check()
        if (done) return
        await this.#write(bytesOf(value), length)
      }
    } catch (error) {
      reader.cancel(error).catch(() => {})
      throw error
    } finally {
      this.#reader = undefined
    }
  }

  async #write(bytes: Uint8Array, length: number | undefined): Promise<void> {
    if (length !== undefined && this.#written + bytes.length > length) {
      throw new ContentLengthError(`The content has more than the ${length} bytes of content-length`)
    }
    this.#written += bytes.length
    for (let at = 0; at < bytes.length; ) {
      this.#check()
      const taken = this.#stream.writeBody(at === 0 ? bytes : bytes.subarray(at))
      at += taken
      if (taken > 0) this.#host.touch()
      if (at === bytes.length) return
      this.#waiting ??= deferred<void>()
      await this.#waiting.promise
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
