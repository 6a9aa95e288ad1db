/**
 * The receiving half of a stream: the state machine of RFC 9000 §3.2, final size (§4.5), the credit it grants, and
 * STOP_SENDING. The bytes lie in `reassembler.ts`.
 */
import type { Time } from '../base/time.ts'
import { Latest, Once } from '../recovery/delivery.ts'
import {
  FrameType,
  type MaxStreamDataFrame,
  type ResetStreamAtFrame,
  type ResetStreamFrame,
  type StopSendingFrame,
  type StreamFrame,
} from '../wire/frame.ts'
import type { FrameOwner, PacketWriter } from '../wire/packet-content.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { ReceiveWindow } from './flow-control.ts'
import { Reassembler } from './reassembler.ts'
import type { Stream } from './stream.ts'
import { type ControlSource, queueControl, type StreamContext } from './stream-context.ts'
import { checkErrorCode, StreamClosedError } from './stream-error.ts'

/** RFC 9000 §3.2: Recv, Size Known, Data Recvd, Data Read, Reset Recvd, Reset Read. A reset counts as read when it is announced. */
export type ReceiveState = 'receive' | 'sizeKnown' | 'dataReceived' | 'dataRead' | 'resetReceived' | 'resetRead'

/** The frames that a receiving half writes and is told the fate of. */
export type ReceiveStreamFrame = MaxStreamDataFrame | StopSendingFrame

// A connection's window stays this much larger than that of any of its streams, so that one stream cannot use it up.
const CONNECTION_FACTOR = 1.5

/**
 * The receiving half of a stream. `read` until it returns 0 or -1; `stream-readable` comes again only then. The methods
 * called `on…`, `write…` and `close` are for its set.
 */
export class ReceiveStream implements FrameOwner<ReceiveStreamFrame>, ControlSource {
  readonly id: number
  controlQueued = false
  readonly #stream: Stream
  readonly #context: StreamContext
  readonly #window: ReceiveWindow
  readonly #reassembler: Reassembler
  #state: ReceiveState = 'receive'
  #finalSize = -1
  #resetCode: bigint | undefined
  /** The code of RESET_STREAM or RESET_STREAM_AT, which may not change even where the reset is not reported. */
  #codeOfPeer: bigint | undefined
  /** RESET_STREAM_AT came: bytes up to here are read before the reset is reported. */
  #reliableSize = Infinity
  #stop: Once<StopSendingFrame> | undefined
  #stopCode: bigint | undefined
  /** Made when the limit is raised first. */
  #limit: Latest<MaxStreamDataFrame> | undefined
  /** `stream-readable` was told and not all was read since. */
  #announced = false
  #closed: Error | undefined

  constructor(stream: Stream, context: StreamContext, limit: number, maximumWindow: number) {
    this.id = stream.id
    this.#stream = stream
    this.#context = context
    this.#window = new ReceiveWindow(limit, maximumWindow)
    this.#reassembler = new Reassembler(context.pages)
  }

  get state(): ReceiveState {
    return this.#state
  }

  /** Bytes that `read` would return now. */
  get readableBytes(): number {
    return this.#resetCode === undefined && this.#stop === undefined ? this.#available() : 0
  }

  /** Whether `read` would return anything but 0: bytes, or the end. */
  get isReadable(): boolean {
    return this.#available() > 0 || this.#state === 'dataReceived' || this.#state === 'dataRead'
  }

  /** Whether all bytes and the end were read. */
  get isFinished(): boolean {
    return this.#state === 'dataRead' && this.#stop === undefined
  }

  /** The code of the peer's reset, once it is reported: not if all bytes had arrived before it, nor before the bytes that RESET_STREAM_AT promised are read. */
  get resetCode(): bigint | undefined {
    return this.#resetCode
  }

  /** Whether the application wanted no more, by `stop`. */
  get isStopped(): boolean {
    return this.#stop !== undefined
  }

  /** Whether all bytes and the end have arrived. */
  get #isWhole(): boolean {
    return this.#state === 'dataReceived' || this.#state === 'dataRead'
  }

  /** Whether nothing of this half is left to be done: Data Read or Reset Read. */
  get isTerminal(): boolean {
    return this.#state === 'dataRead' || this.#state === 'resetRead'
  }

  /** Whether the application has nothing left to gain from it: all was read, it was reset, or it was stopped. */
  get hasEnded(): boolean {
    return this.#stop !== undefined || this.isTerminal || this.#closed !== undefined
  }

  /** The length of the whole stream, once the peer has told it. */
  get finalSize(): number | undefined {
    return this.#finalSize < 0 ? undefined : this.#finalSize
  }

  /** The end of the furthest byte that arrived. */
  get bytesReceived(): number {
    return this.#window.received
  }

  /** Bytes read, or thrown away in the application's stead. */
  get bytesRead(): number {
    return this.#window.consumed
  }

  /** Bytes of memory held. Takes time in proportion to it. */
  get heldBytes(): number {
    return this.#reassembler.heldBytes
  }

  /**
   * Moves bytes that are next in order to `into`; returns how many. 0: nothing more for now. -1: this was all, the peer
   * ended the stream here. Credit returns to the peer with each read.
   * @throws StreamClosedError after the peer's reset, after `stop`, and after the end of the connection, unless all had arrived
   * before.
   */
  read(into: Uint8Array): number {
    this.#checkReadable()
    if (this.#state === 'dataRead') return -1
    const isCapped = this.#reliableSize < Infinity
    const length = this.#reassembler.read(isCapped ? into.subarray(0, this.#available()) : into)
    if (length > 0 && this.#closed === undefined) this.#onConsumed(length)
    if (this.#available() > 0) return length
    this.#announced = false
    if (this.#reassembler.readOffset >= this.#reliableSize) this.#endByReset()
    if (this.#state !== 'dataReceived') return length
    this.#end('dataRead')
    return length > 0 ? length : -1
  }

  /**
   * Wants no more of the stream: what arrived and what will arrive is thrown away, its credit returns, and STOP_SENDING
   * goes out unless all has arrived (RFC 9000 §3.5). Does nothing where the stream has ended or was stopped before.
   * @throws RangeError for a code that a varint cannot carry.
   */
  stop(code: bigint): void {
    checkErrorCode(code)
    if (this.#stop !== undefined || this.#resetCode !== undefined || this.#closed !== undefined) return
    if (this.#state === 'dataRead') return
    this.#stop = new Once()
    this.#stopCode = code
    this.#limit?.clear()
    this.#discard()
    if (this.#state === 'dataReceived') {
      this.#end('dataRead')
      return
    }
    this.#stop.send({ type: FrameType.stopSending, streamId: this.id, errorCode: code })
    queueControl(this.#context, this)
  }

  /** The peer knows of the stream: it may be owed its first credit. */
  onKnown(): void {
    if (this.#wantsUpdate()) queueControl(this.#context, this)
  }

  /** Takes in a STREAM frame. @throws TransportError FLOW_CONTROL_ERROR, FINAL_SIZE_ERROR */
  onData(frame: StreamFrame, now: Time): void {
    const { offset, length, fin } = frame
    const end = offset + length
    this.#checkFinalSize(end, fin)
    if (end > this.#window.received) this.#take(end, now)
    if (fin && this.#finalSize < 0) {
      this.#finalSize = end
      if (this.#state === 'receive') this.#state = 'sizeKnown'
      // RFC 9000 §13.3: no more MAX_STREAM_DATA once the size is known.
      this.#limit?.clear()
    }
    if (this.#stop !== undefined) {
      // RFC 9000 §3.5: discarded on receipt, and counted all the same.
      this.#discard()
      this.#endIfStopped()
      return
    }
    if (this.#state !== 'receive' && this.#state !== 'sizeKnown') return
    this.#reassembler.insert(
      offset,
      frame.buffer,
      frame.start,
      Math.max(0, Math.min(length, this.#reliableSize - offset)),
    )
    if (this.#reassembler.contiguousEnd === this.#finalSize && this.#reliableSize === Infinity) {
      this.#state = 'dataReceived'
    }
    this.#announce()
  }

  /** Takes in a RESET_STREAM frame. @throws TransportError FLOW_CONTROL_ERROR, FINAL_SIZE_ERROR */
  onReset(frame: ResetStreamFrame, now: Time): void {
    const { finalSize } = frame
    this.#checkFinalSize(finalSize, true)
    // Without RESET_STREAM_AT nothing forbids RESET_STREAM to change its mind about the code.
    if (this.#reliableSize < Infinity) this.#checkCode(frame.errorCode)
    this.#codeOfPeer ??= frame.errorCode
    // RFC 9000 §4.5: the final size counts for the connection, whatever arrived of it.
    if (finalSize > this.#window.received) this.#take(finalSize, now)
    // RFC 9000 §3.2: where all bytes are there already, the reset is ignored in their favour.
    if (this.#state !== 'receive' && this.#state !== 'sizeKnown') return
    this.#finalSize = finalSize
    this.#endByReset()
  }

  /**
   * Takes in a RESET_STREAM_AT frame: what lies below its reliable size is read first (draft reliable-stream-reset).
   * @throws TransportError FLOW_CONTROL_ERROR, FINAL_SIZE_ERROR, STREAM_STATE_ERROR
   */
  onResetAt(frame: ResetStreamAtFrame, now: Time): void {
    const { finalSize, reliableSize, errorCode } = frame
    this.#checkFinalSize(finalSize, true)
    this.#checkCode(errorCode)
    this.#codeOfPeer ??= errorCode
    if (finalSize > this.#window.received) this.#take(finalSize, now)
    if (this.#state !== 'receive' && this.#state !== 'sizeKnown') return
    this.#finalSize = finalSize
    this.#state = 'sizeKnown'
    this.#limit?.clear()
    // Section 5.2: a larger one was overtaken by a smaller.
    this.#reliableSize = Math.min(this.#reliableSize, reliableSize)
    if (this.#stop !== undefined || this.#reassembler.readOffset >= this.#reliableSize) this.#endByReset()
    else this.#announce()
  }

  /** Writes STOP_SENDING or MAX_STREAM_DATA, if due. */
  writeControlFrames(packet: PacketWriter, now: Time): boolean {
    const stop = this.#stop
    if (stop?.wantsToSend) {
      stop.writeWith(packet, this)
      if (stop.wantsToSend) return false
    }
    if (this.#wantsUpdate()) this.#raiseLimit(now)
    const limit = this.#limit
    if (limit?.wantsToSend) {
      limit.writeWith(packet, this)
      if (limit.wantsToSend) return false
    }
    return true
  }

  onAcked(frame: ReceiveStreamFrame, now: Time): void {
    if (this.#closed !== undefined) return
    if (frame.type === FrameType.stopSending) {
      this.#stop?.onAcked(frame, now)
      this.#endIfStopped()
    } else {
      this.#limit?.onAcked(frame, now)
    }
  }

  onLost(frame: ReceiveStreamFrame, now: Time): void {
    if (this.#closed !== undefined || this.isTerminal) return
    if (frame.type === FrameType.stopSending) this.#stop?.onLost(frame, now)
    else this.#limit?.onLost(frame, now)
    if (this.#stop?.wantsToSend || this.#limit?.wantsToSend) queueControl(this.#context, this)
  }

  /** What there is to be said may be, whatever held it back. */
  release(): void {
    if (this.#stop?.wantsToSend || this.#limit?.wantsToSend) queueControl(this.#context, this)
  }

  /** Changes what the window may grow to. */
  setMaximumWindow(bytes: number): void {
    this.#window.setMaximum(bytes)
  }

  /**
   * The connection is over: everything is dropped, later calls tell `error` as the cause. But what has arrived whole can still
   * be read: who is told that it is there may be told so only after the end.
   */
  close(error: Error): void {
    this.#closed = error
    if (this.#state !== 'dataReceived' || this.#stop !== undefined) this.#reassembler.discard()
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    this.#window.checkInvariants()
    const { readOffset, contiguousEnd } = this.#reassembler
    const discarding = this.#stop !== undefined || this.#resetCode !== undefined
    if (!discarding && readOffset !== this.#window.consumed) {
      throw new Error(`Stream ${this.id} read ${readOffset} bytes and returned credit for ${this.#window.consumed}`)
    }
    if (!discarding && contiguousEnd > this.#window.received) {
      throw new Error(`Stream ${this.id} holds ${contiguousEnd} bytes and counted ${this.#window.received}`)
    }
  }

  /** Bytes that can be read: those in order, and none above the reliable size. */
  #available(): number {
    const { readOffset, readableBytes } = this.#reassembler
    return Math.min(readableBytes, Math.max(0, this.#reliableSize - readOffset))
  }

  #announce(): void {
    if (this.#announced || (this.#available() === 0 && this.#state !== 'dataReceived')) return
    this.#announced = true
    this.#context.emit({ type: 'stream-readable', stream: this.#stream })
  }

  #endByReset(): void {
    const code = this.#codeOfPeer ?? 0n
    this.#resetCode = code
    this.#state = 'resetReceived'
    this.#stop?.cancel()
    this.#limit?.clear()
    this.#discard()
    if (this.#stop === undefined) this.#context.emit({ type: 'stream-reset', stream: this.#stream, code })
    this.#end('resetRead')
  }

  #checkReadable(): void {
    if (this.#closed !== undefined && !this.#isWhole) {
      throw new StreamClosedError(this.id, 'connection', { cause: this.#closed })
    }
    if (this.#stop !== undefined) throw new StreamClosedError(this.id, 'stopped', { code: this.#stopCode })
    if (this.#resetCode !== undefined) throw new StreamClosedError(this.id, 'reset', { code: this.#resetCode })
  }

  #checkFinalSize(end: number, final: boolean): void {
    const known = this.#finalSize >= 0
    if (known ? end > this.#finalSize || (final && end !== this.#finalSize) : final && end < this.#window.received) {
      const size = known ? this.#finalSize : this.#window.received
      const what = known ? 'its final size is' : 'it has received'
      throw new TransportError(
        TransportErrorCode.FINAL_SIZE_ERROR,
        `Stream ${this.id} ${final ? 'ends' : 'has data'} at ${end}, but ${what} ${size}`,
      )
    }
  }

  /** Reliable-stream-reset section 5.2: the code of a reset does not change. */
  #checkCode(code: bigint): void {
    if (this.#codeOfPeer === undefined || this.#codeOfPeer === code) return
    throw new TransportError(
      TransportErrorCode.STREAM_STATE_ERROR,
      `Stream ${this.id} was reset with code ${this.#codeOfPeer}, and now with ${code}`,
    )
  }

  /** Counts the bytes up to `end` against the credit of stream and connection. */
  #take(end: number, now: Time): void {
    const amount = end - this.#window.received
    this.#window.take(amount, now)
    this.#context.credit.receive.take(amount, now)
  }

  #onConsumed(amount: number): void {
    this.#window.onConsumed(amount)
    this.#context.credit.receive.onConsumed(amount)
    if (this.#wantsUpdate()) queueControl(this.#context, this)
  }

  /** Whether the peer is owed credit for this stream: in Recv only (RFC 9000 §3.3). */
  #wantsUpdate(): boolean {
    return this.#state === 'receive' && this.#stop === undefined && this.#window.wantsUpdate
  }

  #raiseLimit(now: Time): void {
    const { size } = this.#window
    const maximum = this.#window.takeUpdate(now, this.#context.rtt())
    if (this.#window.size > size) this.#context.credit.receive.ensureSize(CONNECTION_FACTOR * this.#window.size)
    this.#limit ??= new Latest()
    this.#limit.set({ type: FrameType.maxStreamData, streamId: this.id, maximum })
  }

  /** Throws away what is there; all that was received counts as consumed. */
  #discard(): void {
    this.#reassembler.discard()
    const amount = this.#window.received - this.#window.consumed
    this.#window.onConsumed(amount)
    this.#context.credit.receive.onConsumed(amount)
  }

  /** A stopped stream has ended when its size is known and the peer knows that nobody reads. */
  #endIfStopped(): void {
    if (this.#state === 'sizeKnown' && this.#stop?.isAcked) this.#end('dataRead')
  }

  #end(state: ReceiveState): void {
    this.#state = state
    if (this.#closed === undefined) this.#stream.onHalfEnded()
  }
}
