/** One DATAGRAM on its way (RFC 9221 §5): its bytes until it is sent, and what became of it. */
import { EMPTY } from '../base/bytes.ts'
import type { Duration, Time } from '../base/time.ts'
import type { DatagramFrame } from '../wire/frame.ts'
import type { ByteSource, FrameOwner } from '../wire/packet-content.ts'

/**
 * - `queued`: waits for the handshake, the congestion window or the pacer.
 * - `sent`: in a packet that is neither acknowledged nor lost.
 * - `acked`: the peer's transport has it, which says nothing of the peer's application (RFC 9221 §5.2).
 * - `lost`: declared lost, or unknown when the connection ended. It is never sent again. An acknowledgement that comes after
 *   all makes it `acked`.
 * - `expired`: it was older than its maximum age before it could be sent.
 * - `dropped`: the queue was full and it was the oldest, or it became too large, or the connection ended.
 */
export type DatagramStatus = 'queued' | 'sent' | 'acked' | 'lost' | 'expired' | 'dropped'

/** The queue of a datagram. */
export interface DatagramListener {
  /** The connection is over: nothing more will be known. */
  readonly isClosed: boolean
  /** Acknowledged; `wasLost`: it had been declared lost. */
  onDatagramAcked(datagram: OutgoingMessage, wasLost: boolean): void
  onDatagramLost(datagram: OutgoingMessage): void
}

/** A datagram that was accepted for sending: its own source of bytes, and owner of its frame. */
export class OutgoingMessage implements FrameOwner<DatagramFrame>, ByteSource {
  /** bytes */
  readonly length: number
  readonly queuedAt: Time
  /** ms; `undefined`: that of the queue. */
  readonly maxAge: Duration | undefined
  /** Whether an event is wanted when its fate is known. */
  wantsNotice = false
  readonly #listener: DatagramListener
  #status: DatagramStatus = 'queued'
  #bytes: Uint8Array

  /** @param bytes belong to the datagram from now on. */
  constructor(listener: DatagramListener, bytes: Uint8Array, maxAge: Duration | undefined, now: Time) {
    this.#listener = listener
    this.#bytes = bytes
    this.length = bytes.length
    this.maxAge = maxAge
    this.queuedAt = now
  }

  /** What has become of it so far. */
  get status(): DatagramStatus {
    return this.#status === 'sent' && this.#listener.isClosed ? 'lost' : this.#status
  }

  copyTo(target: Uint8Array, at: number, _offset: number, _length: number): void {
    target.set(this.#bytes, at)
  }

  /** It leaves the queue: its bytes are not needed any more. */
  leave(status: DatagramStatus): void {
    this.#status = status
    this.#bytes = EMPTY
  }

  onAcked(): void {
    if (this.#status !== 'sent' && this.#status !== 'lost') return
    const wasLost = this.#status === 'lost'
    this.#status = 'acked'
    this.#listener.onDatagramAcked(this, wasLost)
  }

  onLost(): void {
    if (this.#status !== 'sent') return
    this.#status = 'lost'
    this.#listener.onDatagramLost(this)
  }
}
