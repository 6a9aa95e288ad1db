/** PINGs that the application asks for (RFC 9000 §19.2), to learn that the peer is there and how far away. */
import type { Duration, Time } from '../base/time.ts'
import { FrameType, type PingFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketType } from '../wire/packet-type.ts'

/** A PING with the requests that it answers. */
export interface PingRecord extends PingFrame {
  readonly ids: readonly number[]
  readonly sentAt: Time
  /** Another was asked for in its place. */
  isRepeated: boolean
}

/** What {@link Pings} need. */
export interface PingsOptions {
  /** The request `id` was answered. */
  onPong(id: number, rtt: Duration): void
}

/** The PINGs of one connection: one frame for all that are asked for together, another one where it is lost. */
export class Pings implements FrameSource, FrameOwner<PingRecord> {
  readonly #options: PingsOptions
  /** Requests without an answer. */
  #waiting: number[] = []
  #due: number[] = []
  #nextId = 0

  constructor(options: PingsOptions) {
    this.#options = options
  }

  /** Asks for a PING; `onPong` is told the number that it returns. */
  request(): number {
    const id = this.#nextId
    this.#nextId += 1
    this.#waiting.push(id)
    this.#due.push(id)
    return id
  }

  /** Nobody waits for the answer any more. */
  cancel(id: number): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== id)
    this.#due = this.#due.filter((due) => due !== id)
  }

  get wantsToSend(): boolean {
    return this.#due.length > 0
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    if (this.#due.length === 0 || packet.type !== PacketType.oneRtt) return
    const frame: PingRecord = { type: FrameType.ping, ids: this.#due, sentAt: now, isRepeated: false }
    if (packet.write(frame, this)) this.#due = []
  }

  onAcked(frame: PingRecord, now: Time): void {
    for (const id of frame.ids) {
      const index = this.#waiting.indexOf(id)
      if (index < 0) continue
      this.#waiting.splice(index, 1)
      this.#options.onPong(id, now - frame.sentAt)
    }
    // What was answered need not be asked again.
    if (this.#due.length > 0) this.#due = this.#due.filter((id) => this.#waiting.includes(id))
  }

  onLost(frame: PingRecord): void {
    if (frame.isRepeated) return
    frame.isRepeated = true
    for (const id of frame.ids) if (this.#waiting.includes(id)) this.#due.push(id)
  }

  /** The connection is over. */
  close(): void {
    this.#waiting = []
    this.#due = []
  }
}
