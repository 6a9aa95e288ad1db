/**
 * One request and its response between the WHATWG and Node. Node's own HTTP/1.1 server speaks to a Duplex of ours (its event
 * `'connection'` takes one), so the application gets the genuine IncomingMessage and ServerResponse with all that they do; the
 * Duplex translates. Back-pressure goes through it both ways, and its end is the end of everything here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { lastChunk, type RequestBytes } from './request-writer.ts'
import type { FieldLines, ResponseSink } from './response-reader.ts'
import { ResponseReader } from './response-reader.ts'
import { type NodeSocket, nodeSocket, type SocketFacts } from './socket.ts'

/** Bytes of the response that wait for their reader, beside what the Duplex holds. */
const HIGH_WATER_MARK = 65_536

/** What an exchange needs of the request. */
export interface ExchangeRequest {
  readonly method: string
  readonly bytes: RequestBytes
  readonly body: ReadableStream<Uint8Array> | undefined
  readonly signal: AbortSignal
  /** Whether the client waits to be told to send the content, which whoever reads from `body` does. */
  readonly isAsking: boolean
  /** The request's trailers, once its content has been read. */
  readonly trailers: () => Promise<FieldLines>
  readonly facts: SocketFacts
}

/** Where it goes what a Response does not hold. */
export interface ExchangeSink {
  informational(status: number, fields: FieldLines): void
  trailers(fields: FieldLines): void
  /** The response is none that could be sent. */
  failed(error: unknown): void
}

/** One request, one response. */
export class Exchange implements ResponseSink {
  /** What the application sees as `request.socket`. */
  readonly socket: NodeSocket
  readonly method: string
  /** Rejects where there is none: the application gave up, or the client went. */
  readonly response: Promise<Response>
  readonly #sink: ExchangeSink
  readonly #reader: ResponseReader
  readonly #request: ExchangeRequest
  #resolve: (response: Response) => void = () => {}
  #reject: (reason: unknown) => void = () => {}
  #isAnswered = false
  /** The content has not been asked for. */
  #isContentDue = false
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Goes on with the Duplex's writing once the response's reader has taken something. */
  #onWritten: (() => void) | undefined
  /** Goes on with the request's content once the application has taken something. */
  #onRead: (() => void) | undefined
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #onAbort = (): void => {
    this.socket.destroy()
  }

  constructor(request: ExchangeRequest, sink: ExchangeSink) {
    this.#request = request
    this.#sink = sink
    this.method = request.method
    this.#reader = new ResponseReader(this, request.method === 'HEAD')
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.socket = nodeSocket(
      {
        read: () => this.#goOnReading(),
        write: (chunk, _, done) => this.#write([chunk], done),
        writev: (chunks, done) =>
          this.#write(
            chunks.map(({ chunk }) => chunk),
            done,
          ),
        final: (done) => {
          // An end before the response's own is that of the connection.
          if (!this.#reader.finish()) this.socket.destroy()
          done()
        },
        destroy: (error, done) => {
          this.#onDestroyed(error)
          done(error)
        },
      },
      request.facts,
    )
  }

  /** The head goes in, then the content. Call it once somebody reads from the socket. */
  start(): void {
    const { signal, bytes, body } = this.#request
    if (signal.aborted) {
      this.socket.destroy()
      return
    }
    signal.addEventListener('abort', this.#onAbort)
    this.#isContentDue = body !== undefined && bytes.framing !== 'none'
    this.socket.push(bytes.head)
    if (!this.#request.isAsking) this.#startContent()
  }

  /** Reading is what has the client send it, where it waits to be told (RFC 9110 §10.1.1). */
  #startContent(): void {
    const { body, signal } = this.#request
    if (body === undefined || !this.#isContentDue || this.socket.destroyed) return
    this.#isContentDue = false
    this.#body = body.getReader()
    this.#feed(this.#body).catch((error: unknown) => {
      // The content breaks off, and with it the request, as when a connection is lost.
      this.socket.destroy(error instanceof Error && !signal.aborted ? error : undefined)
    })
  }

  /** The application has it: `request` and `response` are genuine. Whatever is still missing when they end is settled here. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    let isUnread = false
    // An application that reads without a word to the client wants the content no less.
    request.on('newListener', (event) => {
      if (event === 'data' || event === 'readable') this.#startContent()
    })
    // Before Node's own listener, which reads to the end what nobody reads.
    response.prependOnceListener('finish', () => {
      isUnread = request.readableFlowing === null && request.listenerCount('readable') === 0
    })
    response.once('close', () => {
      if (!this.#reader.isComplete || isUnread || request.closed || request.complete) this.socket.destroy()
      else request.once('close', () => this.socket.destroy())
    })
  }

  /** The application has failed: 500, or the end of a response that has begun. */
  fail(error: unknown): void {
    if (!this.#isAnswered) {
      this.#isAnswered = true
      this.#resolve(new Response(null, { status: 500 }))
    }
    this.socket.destroy(error instanceof Error ? error : undefined)
  }

  informational(status: number, fields: FieldLines): void {
    if (status === 100 && this.#isContentDue) this.#startContent()
    else this.#sink.informational(status, fields)
  }

  head(status: number, reason: string, fields: FieldLines, hasContent: boolean): void {
    // Reset Content has none (RFC 9110 §15.3.6), whatever the application writes.
    const body = hasContent && status !== 205 ? this.#content() : null
    // What a Response cannot say, such as a status of 600, throws here.
    const response = new Response(body, { status, statusText: reason, headers: headersOf(fields) })
    this.#isAnswered = true
    this.#resolve(response)
  }

  content(bytes: Uint8Array): void {
    this.socket.touch()
    // Copied: the application may reuse its buffer as soon as it is told that it was written.
    if (bytes.length > 0) this.#controller?.enqueue(new Uint8Array(bytes))
  }

  end(trailers: FieldLines): void {
    if (trailers.length > 0) this.#sink.trailers(trailers)
    this.#controller?.close()
    this.#controller = undefined
  }

  #content(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => this.#goOnWriting(),
        cancel: () => {
          this.#controller = undefined
          this.socket.destroy()
        },
      },
      { highWaterMark: HIGH_WATER_MARK, size: ({ byteLength }) => byteLength },
    )
  }

  #write(chunks: readonly Uint8Array[], done: (error?: Error) => void): void {
    try {
      for (const chunk of chunks) this.#reader.push(chunk)
    } catch (error) {
      this.#sink.failed(error)
      this.fail(error)
      done()
      return
    }
    if ((this.#controller?.desiredSize ?? 1) > 0) done()
    else this.#onWritten = done
  }

  #goOnWriting(): void {
    const done = this.#onWritten
    this.#onWritten = undefined
    done?.()
  }

  #goOnReading(): void {
    const goOn = this.#onRead
    this.#onRead = undefined
    goOn?.()
  }

  async #feed(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const { framing, length } = this.#request.bytes
    let left = framing === 'length' ? length : Infinity
    for (;;) {
      const { done, value } = await reader.read()
      if (this.socket.destroyed) return
      if (done) break
      if (value.byteLength === 0) continue
      left -= value.byteLength
      // What goes beyond the announced length would be taken for a second request.
      if (left < 0) throw new TypeError(`The content is longer than its Content-Length of ${length} bytes`)
      if (!this.#push(value, framing)) {
        await new Promise<void>((resolve) => {
          this.#onRead = resolve
        })
      }
    }
    if (framing === 'length' && left > 0) {
      throw new TypeError(`The content is ${left} bytes shorter than its Content-Length of ${length}`)
    }
    this.#body = undefined
    if (framing !== 'chunked') return
    const end = lastChunk(await this.#request.trailers())
    if (!this.socket.destroyed) this.socket.push(end)
  }

  /** Returns whether there is room for more. */
  #push(bytes: Uint8Array, framing: 'length' | 'chunked' | 'none'): boolean {
    this.socket.touch()
    if (framing !== 'chunked') return this.socket.push(bytes)
    this.socket.push(`${bytes.byteLength.toString(16)}\r\n`, 'latin1')
    this.socket.push(bytes)
    return this.socket.push('\r\n', 'latin1')
  }

  #onDestroyed(error: Error | null): void {
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    this.#goOnReading()
    this.#body?.cancel(error ?? undefined).catch(() => {})
    this.#body = undefined
    const { signal } = this.#request
    const reason: unknown = signal.aborted ? signal.reason : (error ?? new Error('The application gave the request up'))
    if (!this.#isAnswered) this.#reject(reason)
    this.#controller?.error(reason)
    this.#controller = undefined
    this.#goOnWriting()
  }
}

/** Field lines as Headers. @throws TypeError for what is no field */
export function headersOf(fields: FieldLines): Headers {
  const headers = new Headers()
  for (const [name, value] of fields) headers.append(name, value)
  return headers
}
