/** W3C's WebTransportSendStream and WebTransportWriter: the platform's classes with some members more. */
import { commitAll, countPlain, type StreamWriterHost, writeAtomic } from '../stream-writer.ts'
import type { WebTransportSendGroup, WebTransportSendStreamStats } from './send-group.ts'
import { longLong } from './values.ts'

/** Who sends in which order: what streams and the writables of datagrams have in common. */
export interface SendOrdering {
  sendGroup: WebTransportSendGroup | null
  sendOrder: number
}

/** What is below a {@link WebTransportSendStream}. */
export interface SendSide extends SendOrdering {
  sendStats(): WebTransportSendStreamStats
}

/** A stream that we send: a `WritableStream` of bytes. */
export class WebTransportSendStream extends WritableStream<Uint8Array> {
  readonly #side: SendSide
  readonly #host: StreamWriterHost

  /** @internal */
  constructor(sink: UnderlyingSink<unknown>, side: SendSide, host: StreamWriterHost) {
    super(sink)
    this.#side = side
    this.#host = host
  }

  /** With whom it shares; `null`: with all of the session that have no group. @throws (on setting) InvalidStateError for a group of another session */
  get sendGroup(): WebTransportSendGroup | null {
    return this.#side.sendGroup
  }

  set sendGroup(group: WebTransportSendGroup | null) {
    this.#side.sendGroup = group
  }

  /** Within its group all bytes of a higher order go first; 0 at first. */
  get sendOrder(): number {
    return this.#side.sendOrder
  }

  set sendOrder(order: number) {
    this.#side.sendOrder = longLong(order)
  }

  /** Numbers of this moment. */
  async getStats(): Promise<WebTransportSendStreamStats> {
    return this.#side.sendStats()
  }

  /** @throws TypeError where a writer has the stream already */
  override getWriter(): WebTransportWriter {
    return new WebTransportWriter(this, this.#host)
  }
}

/** The writer of a {@link WebTransportSendStream}. */
export class WebTransportWriter extends WritableStreamDefaultWriter<Uint8Array> {
  readonly #host: StreamWriterHost

  /** @internal */
  constructor(stream: WebTransportSendStream, host: StreamWriterHost) {
    super(stream)
    this.#host = host
  }

  override write(chunk?: Uint8Array): Promise<void> {
    countPlain(this, this.#host)
    return super.write(chunk)
  }

  /**
   * Writes a chunk that is sent whole within the flow-control credit of the moment at which its turn comes. Where there is
   * less, it rejects with an `AbortError`, nothing of it is sent, and with it go the atomic writes that wait behind it; the
   * stream lives on, unless writes that are not atomic wait there as well, which fail it.
   */
  atomicWrite(chunk?: Uint8Array): Promise<void> {
    return writeAtomic(this.#host, chunk, (request) => super.write(request))
  }

  /**
   * Promises the bytes of the writes that have settled: they arrive even if the stream is aborted later, where the peer
   * takes RESET_STREAM_AT. @throws TypeError when the writer was released
   */
  commit(): void {
    commitAll(this, this.#host)
  }
}
