/**
 * One stream of a session between the session's core and the platform's streams that the application holds: what either tells
 * the other, and how it ends.
 */
import type { SessionStream } from '../../webtransport/session-streams.ts'
import { iterable } from '../iterable.ts'
import { ReadableAdapter } from '../receive-stream.ts'
import type { QuicSendGroup } from '../send-group.ts'
import { WritableAdapter } from '../send-stream.ts'
import { codeOf, invalidState, streamError } from './error.ts'
import {
  type ReceiveSide,
  WebTransportBidirectionalStream,
  WebTransportReceiveStream,
  type WebTransportReceiveStreamStats,
} from './receive-stream.ts'
import { WebTransportSendGroup, type WebTransportSendStreamStats } from './send-group.ts'
import { type SendSide, WebTransportSendStream } from './send-stream.ts'

/** What a stream needs of its session. */
export interface StreamEndsHost {
  /** The stream has something for the connection to do. */
  wake(): void
  /** The group below; `undefined`: it is of another session. */
  groupOf(group: WebTransportSendGroup): QuicSendGroup | undefined
  /** That of streams which were given none: sessions of one connection do not mix their orders. */
  readonly nullGroup: object
  /** Both halves have ended: there is nothing more to tell the stream. */
  onEnded(): void
}

/** Both ends of one stream. */
export class StreamEnds implements SendSide, ReceiveSide {
  readonly #stream: SessionStream
  readonly #host: StreamEndsHost
  readonly #writing: WritableAdapter<WebTransportSendStream> | undefined
  readonly #reading: ReadableAdapter<WebTransportReceiveStream> | undefined
  readonly #item: WebTransportBidirectionalStream | WebTransportSendStream | WebTransportReceiveStream
  #sendGroup: WebTransportSendGroup | null = null
  #innerGroup: QuicSendGroup | undefined
  readonly #member = { getStats: (): WebTransportSendStreamStats => this.sendStats() }
  #isSending: boolean
  #isReceiving: boolean
  /** Never falls, though what was discarded is not readable any more. */
  #bytesReceived = 0

  constructor(stream: SessionStream, host: StreamEndsHost) {
    this.#stream = stream
    this.#host = host
    const { send, receive } = stream
    this.#isSending = send !== undefined
    this.#isReceiving = receive !== undefined
    stream.core.sendGroup = host.nullGroup
    const wake = (): void => host.wake()
    if (send !== undefined) {
      const onEnd = (): void => this.#onSendEnd(undefined)
      this.#writing = new WritableAdapter(
        send,
        { wake, codeOf, onEnd },
        (sink, writers) => new WebTransportSendStream(sink, this, writers),
      )
    }
    if (receive !== undefined) {
      const onEnd = (): void => this.#onReceiveEnd(undefined)
      const create = (source: UnderlyingByteSource): WebTransportReceiveStream =>
        iterable(new WebTransportReceiveStream(source, this)) as unknown as WebTransportReceiveStream
      this.#reading = new ReadableAdapter(receive, { wake, codeOf, onEnd }, create)
    }
    this.#item = this.#createItem()
  }

  /** What the application is given. */
  get item(): WebTransportBidirectionalStream | WebTransportSendStream | WebTransportReceiveStream {
    return this.#item
  }

  get sendGroup(): WebTransportSendGroup | null {
    return this.#sendGroup
  }

  set sendGroup(group: WebTransportSendGroup | null) {
    const inner = group === null ? undefined : this.#innerOf(group)
    this.#innerGroup?.leave(this.#member)
    this.#sendGroup = group
    this.#innerGroup = inner
    this.#stream.core.sendGroup = inner ?? this.#host.nullGroup
    if (this.#isSending) inner?.join(this.#member)
    this.#host.wake()
  }

  get sendOrder(): number {
    return this.#stream.core.sendOrder
  }

  set sendOrder(order: number) {
    this.#stream.core.sendOrder = order
    this.#host.wake()
  }

  sendStats(): WebTransportSendStreamStats {
    const { bytesWritten = 0, bytesSent = 0, bytesAcknowledged = 0 } = this.#stream.send ?? {}
    return { bytesWritten, bytesSent, bytesAcknowledged }
  }

  receiveStats(): WebTransportReceiveStreamStats {
    const { bytesRead = 0, readableBytes = 0 } = this.#stream.receive ?? {}
    this.#bytesReceived = Math.max(this.#bytesReceived, bytesRead + readableBytes)
    return { bytesReceived: this.#bytesReceived, bytesRead }
  }

  /** Gives up both halves: nobody takes the stream. */
  abandon(): void {
    this.#stream.abort(0n)
    this.#onSendEnd(undefined)
    this.#onReceiveEnd(undefined)
    this.#host.wake()
  }

  // ── Told by the session ───────────────────────────────────────────────────────────────────────────────────────────

  onReadable(): void {
    this.#reading?.onReadable()
  }

  onWritable(): void {
    this.#writing?.onWritable()
  }

  onSendFinished(): void {
    this.#writing?.onFinished()
    this.#onSendEnd(undefined)
  }

  /** The peer wants no more. */
  onStopped(code: number | undefined): void {
    this.#onSendEnd(streamError(`The peer stopped the stream${withCode(code)}`, code))
  }

  /** The peer gave up sending. */
  onReset(code: number | undefined): void {
    this.#onReceiveEnd(streamError(`The peer reset the stream${withCode(code)}`, code))
  }

  /** The session is over. */
  fail(error: unknown): void {
    // W3C's order, and the one in which a pipe between the two leaves no rejection behind in workerd.
    this.#onSendEnd(error)
    this.#onReceiveEnd(error)
  }

  #createItem(): WebTransportBidirectionalStream | WebTransportSendStream | WebTransportReceiveStream {
    const readable = this.#reading?.readable
    const writable = this.#writing?.writable
    if (readable === undefined) {
      if (writable === undefined) throw new TypeError('A stream has at least one half')
      return writable
    }
    return writable === undefined ? readable : new WebTransportBidirectionalStream(readable, writable)
  }

  #innerOf(group: WebTransportSendGroup): QuicSendGroup {
    if (!(group instanceof WebTransportSendGroup))
      throw new TypeError('sendGroup must be a WebTransportSendGroup or null')
    const inner = this.#host.groupOf(group)
    if (inner === undefined) throw invalidState('sendGroup must be of the same session')
    return inner
  }

  #onSendEnd(error: unknown): void {
    if (!this.#isSending) return
    this.#isSending = false
    if (error !== undefined) this.#writing?.onError(error)
    this.#writing?.onWritable()
    this.#innerGroup?.onEnded(this.#member)
    this.#settle()
  }

  #onReceiveEnd(error: unknown): void {
    if (!this.#isReceiving) return
    this.#isReceiving = false
    if (error !== undefined) this.#reading?.onError(error)
    this.#reading?.onReadable()
    this.#settle()
  }

  #settle(): void {
    if (!this.#isSending && !this.#isReceiving) this.#host.onEnded()
  }
}

function withCode(code: number | undefined): string {
  return code === undefined ? '' : ` with code ${code}`
}
