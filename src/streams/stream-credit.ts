/** Flow control of what one stream sends (RFC 9000 §4.1): the window that the peer gives, and STREAM_DATA_BLOCKED. */
import { Latest } from '../recovery/delivery.ts'
import { FrameType, type StreamDataBlockedFrame } from '../wire/frame.ts'
import type { FrameOwner, PacketWriter } from '../wire/packet-content.ts'
import { SendWindow } from './flow-control.ts'

/** The credit of a sending half. */
export class StreamCredit {
  readonly #id: number
  #window: SendWindow
  /** Made when the stream is blocked first. */
  #blocked: Latest<StreamDataBlockedFrame> | undefined

  constructor(id: number, limit: number) {
    this.#id = id
    this.#window = new SendWindow(limit)
  }

  /** Bytes that may be sent for the first time. */
  get available(): number {
    return this.#window.available
  }

  /** Whether STREAM_DATA_BLOCKED is to be sent. */
  get wantsToSend(): boolean {
    return this.#blocked?.wantsToSend ?? false
  }

  /** `amount` bytes are sent. @throws RangeError beyond what is available */
  take(amount: number): void {
    this.#window.take(amount)
  }

  /** RFC 9000 §19.10. `false`: the limit is no higher. */
  raise(limit: number): boolean {
    if (!this.#window.raise(limit)) return false
    this.#blocked?.clear()
    return true
  }

  /** There are bytes to send, and no credit: whether that is to be said. Once for each limit (RFC 9000 §19.13). */
  block(): boolean {
    if (!this.#window.block()) return false
    this.#blocked ??= new Latest()
    this.#blocked.set({ type: FrameType.streamDataBlocked, streamId: this.#id, limit: this.#window.limit })
    return true
  }

  /** Nothing is blocked any more. */
  unblock(): void {
    this.#blocked?.clear()
  }

  writeWith(packet: PacketWriter, owner: FrameOwner<StreamDataBlockedFrame>): void {
    this.#blocked?.writeWith(packet, owner)
  }

  /** RFC 9000 §13.3: again only while blocked on the same limit, which a higher one has cleared. */
  onLost(frame: StreamDataBlockedFrame, now: number): void {
    this.#blocked?.onLost(frame, now)
  }

  /** Nothing was spent after all, and nothing granted. */
  restart(): void {
    this.#window = new SendWindow(0)
    this.#blocked?.clear()
  }

  /** Throws if the counts contradict one another, or `sent` bytes were not what was spent. For tests. */
  checkInvariants(sent: number): void {
    this.#window.checkInvariants()
    if (this.#window.used !== sent) {
      throw new Error(`Stream ${this.#id} sent ${sent} bytes on a credit of ${this.#window.used}`)
    }
  }
}
