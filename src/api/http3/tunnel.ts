/** What CONNECT makes of a request stream, at either end (RFC 9114 §4.4, RFC 9220): bytes both ways, and datagrams (RFC 9297). */

import type { Duration, Time } from '../../base/time.ts'
import { Http3ErrorCode } from '../../http3/error.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { OutgoingMessage } from '../../streams/datagram.ts'
import { StreamClosedError } from '../../streams/stream-error.ts'
import type { QuicError } from '../errors.ts'
import { errorCode } from '../errors.ts'
import { bytesOf } from '../send-stream.ts'
import { type Deferred, deferred } from '../signal.ts'
import { ContentReader, messageError } from './content-reader.ts'
import { endOf } from './ends.ts'
import type { Exchange, ExchangeSession, StreamFact } from './exchanges.ts'

/** Datagrams that wait to be sent; beyond it writers wait for a turn. */
const TURN = 64

/** A tunnel. */
export class Http3Tunnel implements Exchange {
  /** What the other end sends. Credit goes back to it as this is read. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>
  /** What this end sends; closing it tells the other end that there is no more. */
  readonly writable: WritableStream<Uint8Array>
  /** Messages that may be lost, in both directions (RFC 9297). */
  readonly datagrams: TunnelDatagrams
  /** The stream of the core, for layers that frame it themselves. @internal */
  readonly stream: RequestStream
  readonly #session: ExchangeSession
  /** What a failure of what the tunnel leads to is told with. */
  readonly #faultCode: bigint
  readonly #reader: ContentReader
  readonly #closed = deferred<void>()
  #writing: WritableStreamDefaultController | undefined
  #room: Deferred<void> | undefined
  #error: unknown
  #isReadOver = false
  #isWriteOver = false

  /**
   * @param leadsToTcp a proxy's end of a plain CONNECT: what it cannot read from or write to is a TCP connection that has failed.
   * @internal
   */
  constructor(stream: RequestStream, session: ExchangeSession, leadsToTcp: boolean) {
    this.stream = stream
    this.#session = session
    // RFC 9114 §4.4; RFC 9220 §3 for extended CONNECT.
    this.#faultCode = leadsToTcp ? Http3ErrorCode.H3_CONNECT_ERROR : Http3ErrorCode.H3_REQUEST_CANCELLED
    this.#reader = new ContentReader(stream, {
      touch: () => session.touch(),
      onEnd: () => this.#onReadOver(),
      onCancel: (reason) => {
        if (this.#isFault(reason)) return this.abort(this.#faultCode)
        stream.stop(Http3ErrorCode.H3_REQUEST_CANCELLED)
        this.#onReadOver()
        session.touch()
      },
    })
    this.readable = this.#reader.readable
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writing = controller
        // The sink's own `abort` would wait for the write under way, which may wait for the other end for ever.
        controller.signal.addEventListener('abort', () => this.#onAbort(controller.signal.reason), { once: true })
      },
      write: (chunk) => this.#write(bytesOf(chunk)),
      close: () => this.#finish(),
    })
    this.datagrams = new TunnelDatagrams(stream, session)
  }

  /** Fulfils when both directions have ended, rejects when the tunnel was cut. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Gives up both directions with an error code of HTTP/3; default H3_REQUEST_CANCELLED. */
  abort(code: bigint | number = Http3ErrorCode.H3_REQUEST_CANCELLED): void {
    const checked = errorCode(code)
    if (this.#isReadOver && this.#isWriteOver) return
    this.stream.abort(checked)
    this.#cut(messageError('local', checked, 'We gave the tunnel up'))
    this.#session.touch()
  }

  /** @internal */
  onFact(fact: StreamFact): void {
    switch (fact.type) {
      case 'body':
        return this.#reader.onBody()
      case 'writable':
        this.#room?.resolve()
        this.#room = undefined
        return
      case 'datagram':
        return this.datagrams.onDatagram()
      case 'stopped':
        return this.#onStopped(messageError('remote', fact.code, 'The other end takes no more'))
      case 'failed':
        // RFC 9114 §4.4: both directions go.
        this.stream.abort(this.#faultCode)
        return this.#cut(messageError(fact.side, fact.code, fact.reason))
      case 'ended':
        return this.#onOver()
    }
  }

  /** @internal */
  onEnd(error: QuicError): void {
    this.#cut(endOf(error))
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#error !== undefined) throw this.#error
      const taken = this.stream.writeBody(at === 0 ? bytes : bytes.subarray(at))
      at += taken
      if (taken > 0) this.#session.touch()
      if (at === bytes.length) return
      this.#room ??= deferred<void>()
      await this.#room.promise
    }
  }

  #finish(): void {
    this.stream.finish()
    this.#session.touch()
    this.#onWriteOver()
  }

  /** Whether a proxy's TCP connection has failed, which ends both directions. Who wants no more gives no reason, or an AbortError. */
  #isFault(reason: unknown): boolean {
    const isWish = reason === undefined || (reason as { readonly name?: unknown } | null)?.name === 'AbortError'
    return !isWish && this.#faultCode === Http3ErrorCode.H3_CONNECT_ERROR
  }

  #onAbort(reason: unknown): void {
    // The abort ends this half by itself, and Node 22 does not bear an error on top of it.
    this.#writing = undefined
    if (this.#isFault(reason)) return this.abort(this.#faultCode)
    this.#error ??= reason ?? new DOMException('The writable was aborted', 'AbortError')
    this.#room?.resolve()
    try {
      this.stream.reset(Http3ErrorCode.H3_REQUEST_CANCELLED)
    } catch (error) {
      if (!(error instanceof StreamClosedError)) throw error
    }
    this.#session.touch()
    this.#onWriteOver()
  }

  #onStopped(error: unknown): void {
    this.#error ??= error
    this.#writing?.error(error)
    this.#room?.resolve()
    this.#onWriteOver()
  }

  #cut(error: unknown): void {
    this.#error ??= error
    // This half first: a pipe from the other one to it then fails once, by its own error.
    if (!this.#isWriteOver) this.#writing?.error(error)
    this.#room?.resolve()
    this.#reader.onError(error)
    this.#closed.reject(error)
    this.datagrams.onEnd()
    this.#isReadOver = true
    this.#isWriteOver = true
  }

  #onReadOver(): void {
    this.#isReadOver = true
    this.#onOver()
  }

  #onWriteOver(): void {
    this.#isWriteOver = true
    this.#onOver()
  }

  #onOver(): void {
    if (!this.#isReadOver || !this.#isWriteOver) return
    this.#closed.resolve()
    this.datagrams.onEnd()
  }
}

/** The datagrams of one tunnel. */
export class TunnelDatagrams {
  readonly #stream: RequestStream
  readonly #session: ExchangeSession
  #consumer: ((bytes: Uint8Array) => void) | undefined
  #readable: ReadableStream<Uint8Array> | undefined
  #reading: ReadableStreamDefaultController<Uint8Array> | undefined
  #wanted: Deferred<void> | undefined
  #writable: WritableStream<Uint8Array> | undefined
  #sent = 0
  #isOver = false

  /** @internal */
  constructor(stream: RequestStream, session: ExchangeSession) {
    this.#stream = stream
    this.#session = session
  }

  /** Bytes that a datagram may have now; 0: the other end takes none. */
  get maxDatagramSize(): number {
    return this.#isOver ? 0 : this.#stream.maxDatagramSize
  }

  /** What the other end sends, a chunk for each datagram. What is not read in time is dropped, the oldest first. */
  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#reading = controller
        },
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#reading = undefined
          this.#wanted?.resolve()
        },
      },
      { highWaterMark: 0 },
    )
    return this.#readable
  }

  /** What this end sends, a datagram for each chunk; one that is too large is dropped, as a network would. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream<Uint8Array>({
      write: async (chunk) => {
        const bytes = bytesOf(chunk)
        if (bytes.length <= this.maxDatagramSize) this.send(bytes)
        this.#sent += 1
        // Lets the connection send what waits before more is put in front of it.
        if (this.#sent % TURN === 0) await this.#turn()
      },
    })
    return this.#writable
  }

  /**
   * Sends a datagram, once or not at all; `bytes` may be used again at once.
   * @param maxAge ms after which it is not worth sending
   * @throws RangeError above {@link maxDatagramSize}; InvalidStateError once the tunnel is over
   */
  send(bytes: Uint8Array, maxAge?: Duration): OutgoingMessage {
    if (this.#isOver) throw new DOMException('The tunnel is over', 'InvalidStateError')
    const message = this.#stream.sendDatagram(bytes, this.#now(), maxAge)
    this.#session.touch()
    return message
  }

  /** Hands datagrams to `consumer` instead of the readable, those that wait at once; `undefined`: to the readable again. */
  serve(consumer: ((bytes: Uint8Array) => void) | undefined): void {
    this.#consumer = consumer
    if (consumer !== undefined && !this.#isOver) this.onDatagram()
  }

  /** There are datagrams to read. @internal */
  onDatagram(): void {
    if (this.#consumer === undefined) {
      this.#wanted?.resolve()
      return
    }
    for (let bytes = this.#stream.readDatagram(); bytes !== undefined; bytes = this.#stream.readDatagram()) {
      this.#consumer(bytes)
      if (this.#consumer === undefined) return
    }
  }

  /** The tunnel is over. @internal */
  onEnd(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wanted?.resolve()
    this.#reading?.close()
    this.#reading = undefined
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!this.#isOver && this.#reading !== undefined) {
      const bytes = this.#stream.readDatagram()
      if (bytes !== undefined) return controller.enqueue(bytes)
      this.#wanted = deferred<void>()
      await this.#wanted.promise
    }
  }

  #now(): Time {
    return this.#session.taken?.now() ?? 0
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => this.#session.taken?.environment.defer(resolve))
  }
}
