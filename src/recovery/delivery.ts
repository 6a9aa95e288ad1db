/**
 * RFC 9000 §13.3 for control frames, written once: a small sender holds a frame until it has arrived. `Once` for a value
 * that never changes, `Latest` for one whose newest state counts. An owner routes its frames' fates to them.
 */
import type { Time } from '../base/time.ts'
import type { Frame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'

const IDLE = 0
const QUEUED = 1
const SENT = 2
const ACKED = 3
type State = 0 | 1 | 2 | 3

/**
 * Sends one frame until it is acknowledged: HANDSHAKE_DONE, RESET_STREAM, RETIRE_CONNECTION_ID. Losses reported twice, and
 * acknowledgements after a loss, are harmless.
 */
export class Once<F extends Frame> implements FrameSource, FrameOwner<F> {
  #frame: F | undefined = undefined
  #state: State = IDLE

  /** The frame that is to arrive, or has. */
  get frame(): F | undefined {
    return this.#frame
  }

  get wantsToSend(): boolean {
    return this.#state === QUEUED
  }

  /** Whether the peer has it. */
  get isAcked(): boolean {
    return this.#state === ACKED
  }

  /** Whether it is on its way or waiting to be sent. */
  get isPending(): boolean {
    return this.#state === QUEUED || this.#state === SENT
  }

  /** Queues the frame. What was given before wins: a value that must arrive does not change (RFC 9000 §13.3). */
  send(frame: F): void {
    if (this.#state !== IDLE) return
    this.#frame = frame
    this.#state = QUEUED
  }

  /** Gives up: nothing is sent again. An acknowledgement still counts. */
  cancel(): void {
    if (this.#state !== ACKED) this.#state = IDLE
  }

  writeFrames(packet: PacketWriter, _now: Time): void {
    this.writeWith(packet, this)
  }

  /** As `writeFrames`, for an owner that stands in front and passes on what it hears. */
  writeWith(packet: PacketWriter, owner: FrameOwner<F>): void {
    if (this.#state !== QUEUED || this.#frame === undefined) return
    if (packet.write<F>(this.#frame, owner as FrameOwner<NoInfer<F>>)) this.#state = SENT
  }

  onAcked(frame: F, _now: Time): void {
    if (frame === this.#frame) this.#state = ACKED
  }

  onLost(frame: F, _now: Time): void {
    if (frame === this.#frame && this.#state === SENT) this.#state = QUEUED
  }
}

/**
 * Sends the newest of a row of values until it is acknowledged: MAX_DATA, MAX_STREAMS, STREAM_DATA_BLOCKED. What becomes of
 * older ones is of no interest.
 */
export class Latest<F extends Frame> implements FrameSource, FrameOwner<F> {
  #frame: F | undefined = undefined
  #state: State = IDLE

  /** The newest frame. */
  get frame(): F | undefined {
    return this.#frame
  }

  get wantsToSend(): boolean {
    return this.#state === QUEUED
  }

  /** Whether the peer has the newest. */
  get isAcked(): boolean {
    return this.#state === ACKED
  }

  /** Queues `frame` in place of whatever was before. The caller makes a new object for each value. */
  set(frame: F): void {
    this.#frame = frame
    this.#state = QUEUED
  }

  /** Stops sending; the next `set` begins anew. */
  clear(): void {
    this.#frame = undefined
    this.#state = IDLE
  }

  writeFrames(packet: PacketWriter, _now: Time): void {
    this.writeWith(packet, this)
  }

  /** As `writeFrames`, for an owner that stands in front and passes on what it hears. */
  writeWith(packet: PacketWriter, owner: FrameOwner<F>): void {
    if (this.#state !== QUEUED || this.#frame === undefined) return
    if (packet.write<F>(this.#frame, owner as FrameOwner<NoInfer<F>>)) this.#state = SENT
  }

  onAcked(frame: F, _now: Time): void {
    if (frame === this.#frame) this.#state = ACKED
  }

  onLost(frame: F, _now: Time): void {
    if (frame === this.#frame && this.#state === SENT) this.#state = QUEUED
  }
}
