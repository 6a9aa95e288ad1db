/** HTTP datagrams in QUIC DATAGRAM frames (RFC 9297 §2.1): which stream each belongs to. */
import { Deque } from '../base/deque.ts'
import type { Duration, Time } from '../base/time.ts'
import { varintSize } from '../base/varint.ts'
import type { OutgoingMessage } from '../streams/datagram.ts'
import type { DatagramQueue } from '../streams/datagram-queue.ts'
import { decodeDatagram, encodeDatagram } from './datagram.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import type { Http3Log } from './http3-log.ts'

/** Datagrams that may wait for streams whose first bytes are still on their way (RFC 9297 §2.1). */
const MAX_EARLY = 16

/** Takes the datagrams of one stream. */
export interface DatagramReceiver {
  onDatagram(payload: Uint8Array): void
}

/** Where datagrams go. */
export interface DatagramRoutes {
  /** `undefined`: there is no such stream, or not any more. */
  find(streamId: number): DatagramReceiver | undefined
  /** Whether such a stream may still come. */
  isAwaited(streamId: number): boolean
  /** Whether the peer may have opened such a stream at all. */
  isPossible(streamId: number): boolean
}

/** The datagrams of all streams of a connection. */
export class HttpDatagrams {
  readonly #queue: DatagramQueue
  readonly #routes: DatagramRoutes
  readonly #log: Http3Log | undefined
  readonly #early = new Deque<{ readonly streamId: number; readonly payload: Uint8Array }>()
  /** Whether the peer takes them. */
  isEnabled = false

  constructor(queue: DatagramQueue, routes: DatagramRoutes, log: Http3Log | undefined) {
    this.#log = log
    this.#queue = queue
    this.#routes = routes
  }

  /** Bytes of a payload that can be sent now; 0: none. */
  maxSize(streamId: number): number {
    return this.isEnabled ? Math.max(0, this.#queue.maxDatagramSize - varintSize(streamId / 4)) : 0
  }

  /** @throws RangeError above {@link maxSize} */
  send(streamId: number, payload: Uint8Array, now: Time, maxAge: Duration | undefined): OutgoingMessage {
    const limit = this.maxSize(streamId)
    if (payload.length > limit || limit === 0) {
      throw new RangeError(
        this.isEnabled
          ? `A datagram of stream ${streamId} may have ${limit} bytes, this one has ${payload.length}`
          : 'The peer takes no HTTP datagrams',
      )
    }
    this.#log?.datagram('local', streamId, payload.length)
    return this.#queue.send(encodeDatagram(streamId, payload), maxAge, now)
  }

  /** Hands out what has come. @throws Http3Error H3_DATAGRAM_ERROR, H3_ID_ERROR */
  onReadable(now: Time): void {
    for (let bytes = this.#queue.read(now); bytes !== undefined; bytes = this.#queue.read(now)) {
      const { streamId, payload } = decodeDatagram(bytes)
      this.#log?.datagram('remote', streamId, payload.length)
      const receiver = this.#routes.find(streamId)
      if (receiver !== undefined) receiver.onDatagram(payload)
      else if (!this.#routes.isPossible(streamId)) {
        throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `A datagram for stream ${streamId}, beyond the limit`)
      } else if (this.#routes.isAwaited(streamId)) this.#keep(streamId, payload)
    }
  }

  /** The stream has come: so has what came for it before. */
  onStream(streamId: number, receiver: DatagramReceiver): void {
    for (let left = this.#early.length; left > 0; left--) {
      const datagram = this.#early.shift()
      if (datagram?.streamId === streamId) receiver.onDatagram(datagram.payload)
      else if (datagram !== undefined) this.#early.push(datagram)
    }
  }

  /** Forgets those that wait. */
  clear(): void {
    this.#early.clear()
  }

  #keep(streamId: number, payload: Uint8Array): void {
    if (this.#early.length >= MAX_EARLY) this.#early.shift()
    this.#early.push({ streamId, payload })
  }
}
