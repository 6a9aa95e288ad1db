/** A WebTransport session with W3C's members, whichever end it is. */
import type { WebTransportDatagramDuplexStream } from './datagrams.ts'
import type { WebTransportBidirectionalStream, WebTransportReceiveStream } from './receive-stream.ts'
import type { WebTransportSendGroup } from './send-group.ts'
import type { WebTransportSendStream } from './send-stream.ts'
import type { SessionCore, WebTransportCloseInfo, WebTransportReliabilityMode } from './session-core.ts'
import type { WebTransportSendStreamOptions } from './session-streams.ts'
import type { WebTransportConnectionStats } from './stats.ts'
import { bufferSource, dictionary, optionalUnsignedShort, unsignedLong } from './values.ts'

/** W3C's WebTransportCongestionControl. */
export type WebTransportCongestionControl = 'default' | 'throughput' | 'low-latency'

/**
 * A session: what W3C's interface `WebTransport` has. Clients make a {@link WebTransport}, which is one; servers are given a
 * {@link WebTransportServerSession}, which is one as well.
 */
export class WebTransportSession {
  readonly #core: SessionCore
  readonly #congestionControl: WebTransportCongestionControl

  /** @internal */
  constructor(core: SessionCore, congestionControl: WebTransportCongestionControl) {
    this.#core = core
    this.#congestionControl = congestionControl
  }

  /** Fulfils when the session is established; rejects with a `WebTransportError` if it does not come to that. */
  get ready(): Promise<undefined> {
    return this.#core.ready
  }

  /**
   * Fulfils when either end has closed the session, with what it said; rejects with a `WebTransportError` on any other end. After a
   * {@link close} of our own it waits until that was sent, five seconds at most, so that the process may end with it.
   */
  get closed(): Promise<WebTransportCloseInfo> {
    return this.#core.closed
  }

  /** Fulfils when the peer wants the session to end soon. */
  get draining(): Promise<undefined> {
    return this.#core.draining
  }

  /** Whether datagrams may be lost on the way; `'pending'` before `ready`. */
  get reliability(): WebTransportReliabilityMode {
    return this.#core.reliability
  }

  /** What was asked for, if it could be satisfied; else `'default'`. */
  get congestionControl(): WebTransportCongestionControl {
    return this.#congestionControl
  }

  /** Unidirectional streams that the peer is expected to have open at once, where that was told. @throws (on setting) TypeError */
  get anticipatedConcurrentIncomingUnidirectionalStreams(): number | null {
    return this.#core.anticipated('unidirectional')
  }

  set anticipatedConcurrentIncomingUnidirectionalStreams(count: number | null) {
    const name = 'anticipatedConcurrentIncomingUnidirectionalStreams'
    this.#core.anticipate('unidirectional', optionalUnsignedShort(count, name))
  }

  /** Bidirectional streams that the peer is expected to have open at once, where that was told. @throws (on setting) TypeError */
  get anticipatedConcurrentIncomingBidirectionalStreams(): number | null {
    return this.#core.anticipated('bidirectional')
  }

  set anticipatedConcurrentIncomingBidirectionalStreams(count: number | null) {
    const name = 'anticipatedConcurrentIncomingBidirectionalStreams'
    this.#core.anticipate('bidirectional', optionalUnsignedShort(count, name))
  }

  /** Of the answer that established the session; `null` before. */
  get responseHeaders(): Headers | null {
    return this.#core.responseHeaders
  }

  /** The application protocol that the server chose among those offered; empty where it chose none. */
  get protocol(): string {
    return this.#core.protocol
  }

  /** Messages without order or repetition. */
  get datagrams(): WebTransportDatagramDuplexStream {
    return this.#core.datagrams
  }

  /** Streams for both directions that the peer opens. */
  get incomingBidirectionalStreams(): ReadableStream<WebTransportBidirectionalStream> {
    return this.#core.streams.incomingBidirectional
  }

  /** Streams that the peer opens and sends. */
  get incomingUnidirectionalStreams(): ReadableStream<WebTransportReceiveStream> {
    return this.#core.streams.incomingUnidirectional
  }

  /**
   * Opens a stream for both directions; the peer hears of it with the first bytes. Rejects with a `QuotaExceededError` at the
   * limit, unless it is to wait; an `InvalidStateError` after the end; a `TypeError` for a group of another session.
   */
  createBidirectionalStream(options?: WebTransportSendStreamOptions): Promise<WebTransportBidirectionalStream> {
    return this.#core.streams.create('bidirectional', options) as Promise<WebTransportBidirectionalStream>
  }

  /** Opens a stream for sending; see {@link createBidirectionalStream}. */
  createUnidirectionalStream(options?: WebTransportSendStreamOptions): Promise<WebTransportSendStream> {
    return this.#core.streams.create('unidirectional', options) as Promise<WebTransportSendStream>
  }

  /** Makes a group for `sendGroup` of streams and datagrams. @throws InvalidStateError after the end */
  createSendGroup(): WebTransportSendGroup {
    return this.#core.createSendGroup()
  }

  /** Numbers of the connection, and of the session's datagrams. Rejects with an `InvalidStateError` where the session failed. */
  getStats(): Promise<WebTransportConnectionStats> {
    return this.#core.getStats()
  }

  /**
   * Keying material that both ends can derive and nobody else (RFC 8446 §7.5), of this session alone. Rejects with a
   * `RangeError` for a label or context above 255 bytes and a length of 0 or above 8,160, an `InvalidStateError` after the end.
   */
  async exportKeyingMaterial(
    label: BufferSource,
    context: BufferSource,
    outputLength: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const length = unsignedLong(outputLength)
    const material = this.#core.exportKeyingMaterial(
      bufferSource(label, 'label').slice(),
      bufferSource(context, 'context').slice(),
      length,
    )
    return new Uint8Array(await material)
  }

  /** Ends the session; what streams still hold is dropped. Before `ready` the attempt is given up. */
  close(closeInfo?: WebTransportCloseInfo): void {
    const { closeCode = 0, reason = '' } = dictionary(closeInfo, 'closeInfo')
    this.#core.close(unsignedLong(closeCode), String(reason))
  }
}
