/** W3C's WebTransportReceiveStream and WebTransportBidirectionalStream. */
import type { WebTransportSendStream } from './send-stream.ts'

/** W3C's WebTransportReceiveStreamStats, in bytes. */
export interface WebTransportReceiveStreamStats {
  /** Received, from the beginning and without a gap. */
  readonly bytesReceived: number
  readonly bytesRead: number
}

/** What is below a {@link WebTransportReceiveStream}. */
export interface ReceiveSide {
  receiveStats(): WebTransportReceiveStreamStats
}

/** A stream that the peer sends: a byte stream, for readers of either mode. */
export class WebTransportReceiveStream extends ReadableStream<Uint8Array> {
  readonly #side: ReceiveSide

  /** @internal */
  constructor(source: UnderlyingByteSource, side: ReceiveSide) {
    super(source as unknown as UnderlyingDefaultSource<Uint8Array>)
    this.#side = side
  }

  /** Numbers of this moment. */
  async getStats(): Promise<WebTransportReceiveStreamStats> {
    return this.#side.receiveStats()
  }
}

/** A stream for both directions. */
export class WebTransportBidirectionalStream {
  readonly #readable: WebTransportReceiveStream
  readonly #writable: WebTransportSendStream

  /** @internal */
  constructor(readable: WebTransportReceiveStream, writable: WebTransportSendStream) {
    this.#readable = readable
    this.#writable = writable
  }

  /** What the peer sends. */
  get readable(): WebTransportReceiveStream {
    return this.#readable
  }

  /** What we send. */
  get writable(): WebTransportSendStream {
    return this.#writable
  }
}
