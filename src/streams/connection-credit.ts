/** Flow control of the connection as a whole (RFC 9000 §4.1): both windows and the frames that speak of them. */
import type { Duration, Time } from '../base/time.ts'
import { Latest } from '../recovery/delivery.ts'
import { type DataBlockedFrame, FrameType, type MaxDataFrame } from '../wire/frame.ts'
import type { FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { ReceiveWindow, SendWindow } from './flow-control.ts'

/** The credit of a connection, beside that of each stream; owner of MAX_DATA and DATA_BLOCKED. */
export class ConnectionCredit implements FrameSource {
  /** What we may send; spent by the streams as they send bytes for the first time. */
  send: SendWindow = new SendWindow(0)
  /** What the peer may send; the streams count here what they receive and what is read of it. */
  readonly receive: ReceiveWindow
  readonly #rtt: () => Duration
  readonly #maxData = new Latest<MaxDataFrame>()
  readonly #blocked = new Latest<DataBlockedFrame>()

  /**
   * @param initial our initial_max_data, in bytes.
   * @param maximum bytes that the receive window may grow to.
   * @param rtt the smoothed round trip.
   */
  constructor(initial: number, maximum: number, rtt: () => Duration) {
    this.receive = new ReceiveWindow(initial, maximum)
    this.#rtt = rtt
  }

  /** MAX_DATA or initial_max_data of the peer (RFC 9000 §19.9); a limit that is no higher is ignored. */
  onMaxData(maximum: number): void {
    if (this.send.raise(maximum)) this.#blocked.clear()
  }

  /** Nothing was spent after all, and nothing granted. */
  restart(): void {
    this.send = new SendWindow(0)
    this.#blocked.clear()
  }

  /** A stream has bytes to send, and the connection no credit: says so once for each limit (RFC 9000 §19.12). */
  block(): void {
    if (this.send.block()) this.#blocked.set({ type: FrameType.dataBlocked, limit: this.send.limit })
  }

  get wantsToSend(): boolean {
    return this.receive.wantsUpdate || this.#maxData.wantsToSend || this.#blocked.wantsToSend
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    if (this.receive.wantsUpdate) {
      this.#maxData.set({ type: FrameType.maxData, maximum: this.receive.takeUpdate(now, this.#rtt()) })
    }
    this.#maxData.writeFrames(packet, now)
    this.#blocked.writeFrames(packet, now)
  }

  /** The connection is over. */
  close(): void {
    this.#maxData.clear()
    this.#blocked.clear()
  }

  /** Throws if the counts contradict one another. For tests. */
  checkInvariants(): void {
    this.send.checkInvariants()
    this.receive.checkInvariants()
  }
}
