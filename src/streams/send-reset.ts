/**
 * How a sending half gives its stream up: RESET_STREAM (RFC 9000 §19.4), or RESET_STREAM_AT, which promises the beginning
 * of the stream all the same (draft-ietf-quic-reliable-stream-reset). What is dropped and what is still sent is the
 * business of `send-stream.ts`.
 */
import type { Time } from '../base/time.ts'
import { Latest, Once } from '../recovery/delivery.ts'
import { FrameType, type ResetStreamAtFrame, type ResetStreamFrame } from '../wire/frame.ts'
import type { FrameOwner, PacketWriter } from '../wire/packet-content.ts'

/** The frames of a reset. */
export type ResetFrame = ResetStreamFrame | ResetStreamAtFrame

/** The reset of one stream, from its decision on: of the whole stream, or at first of its end alone. */
export class SendReset {
  /** Neither frame changes it. */
  readonly code: bigint
  readonly #streamId: number
  #whole: Once<ResetStreamFrame> | undefined
  /** The frame with the smallest reliable size so far. */
  #partial: Latest<ResetStreamAtFrame> | undefined

  constructor(streamId: number, code: bigint) {
    this.#streamId = streamId
    this.code = code
  }

  /** Whether nothing is promised: RESET_STREAM was decided. */
  get isWhole(): boolean {
    return this.#whole !== undefined
  }

  /** Bytes that are promised. */
  get reliableSize(): number {
    return this.#whole === undefined ? (this.#partial?.frame?.reliableSize ?? 0) : 0
  }

  /** Whether RESET_STREAM_AT, with the smallest reliable size, has arrived. */
  get isPartialAcked(): boolean {
    return this.#partial?.isAcked === true
  }

  /** Whether RESET_STREAM_AT waits to be sent, or for the bytes that its final size counts. */
  get isPartialPending(): boolean {
    return this.#partial?.wantsToSend === true
  }

  get wantsToSend(): boolean {
    return this.#whole?.wantsToSend === true || this.isPartialPending
  }

  /** Draft, section 5.2. @throws RangeError for another code than before. */
  checkCode(code: bigint): void {
    if (code === this.code) return
    throw new RangeError(
      `code must stay ${this.code}, with which stream ${this.#streamId} was reset before, got ${code}`,
    )
  }

  /** RESET_STREAM is to go out, in place of whatever was. */
  beginWhole(finalSize: number): void {
    this.#partial?.clear()
    this.#whole = new Once()
    this.#whole.send({ type: FrameType.resetStream, streamId: this.#streamId, errorCode: this.code, finalSize })
  }

  /** RESET_STREAM_AT is to go out, with these sizes from now on. */
  beginPartial(finalSize: number, reliableSize: number): void {
    this.#partial ??= new Latest()
    const { code: errorCode } = this
    this.#partial.set({
      type: FrameType.resetStreamAt,
      streamId: this.#streamId,
      errorCode,
      finalSize,
      reliableSize,
    })
  }

  /** 0-RTT was refused, and with it whatever was said: it is to be said again, with the final size of now. */
  restart(finalSize: number): void {
    if (this.#whole !== undefined) this.beginWhole(0)
    else this.beginPartial(finalSize, this.reliableSize)
  }

  /** Writes the frame that is due; `mayCount`: all that the final size counts was sent. Returns whether it was RESET_STREAM_AT. */
  writeWith(packet: PacketWriter, owner: FrameOwner<ResetFrame>, mayCount: boolean): boolean {
    this.#whole?.writeWith(packet, owner)
    if (!this.isPartialPending || !mayCount) return false
    this.#partial?.writeWith(packet, owner)
    return !this.isPartialPending
  }

  onAcked(frame: ResetFrame, now: Time): void {
    if (frame.type === FrameType.resetStream) this.#whole?.onAcked(frame, now)
    else this.#partial?.onAcked(frame, now)
  }

  onLost(frame: ResetFrame, now: Time): void {
    if (frame.type === FrameType.resetStream) this.#whole?.onLost(frame, now)
    else this.#partial?.onLost(frame, now)
  }
}
