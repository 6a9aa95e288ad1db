/**
 * The sending half of a stream: the state machine of RFC 9000 §3.1, what it writes into packets, what it makes of acks,
 * losses, MAX_STREAM_DATA and STOP_SENDING. The bytes lie in `send-buffer.ts`; whose turn it is `scheduler.ts` says.
 */
import type { Time } from '../base/time.ts'
import { FrameType, type StreamDataBlockedFrame, type StreamFrame } from '../wire/frame.ts'
import { streamPayloadRoom } from '../wire/frame-encode.ts'
import type { FrameOwner, PacketWriter } from '../wire/packet-content.ts'
import type { SendGroup, StreamPriority } from './scheduler.ts'
import type { BudgetWaiter } from './send-budget.ts'
import { SendBuffer } from './send-buffer.ts'
import { type ResetFrame, SendReset } from './send-reset.ts'
import type { Stream } from './stream.ts'
import { type ControlSource, queueControl, type StreamContext } from './stream-context.ts'
import { StreamCredit } from './stream-credit.ts'
import { checkErrorCode, StreamClosedError, StreamStateError } from './stream-error.ts'

/** RFC 9000 §3.1: Ready, Send, Data Sent, Data Recvd, Reset Sent, Reset Recvd. A reset counts as sent when it is decided, RESET_STREAM_AT as FIN does. */
export type SendState = 'ready' | 'send' | 'dataSent' | 'dataReceived' | 'resetSent' | 'resetReceived'

/** What a sending half writes. */
export type SendStreamFrame = StreamFrame | ResetFrame | StreamDataBlockedFrame

// A frame cut to fit the end of a packet carries at least this many bytes, or waits for the next packet. With its header
// that is still less than the room that the transmitter pads away.
const LEAST_CUT = 8

/**
 * The sending half of a stream. Once it has ended for the application (`isWritable` is false), `write` and `finish` throw
 * {@link StreamClosedError}; `reset` is always harmless. The methods called `on…`, `write…` and `close` are for its set.
 */
export class SendStream implements FrameOwner<SendStreamFrame>, ControlSource, BudgetWaiter {
  readonly id: number
  controlQueued = false
  readonly #stream: Stream
  readonly #context: StreamContext
  readonly #credit: StreamCredit
  readonly #buffer: SendBuffer
  readonly #highWaterMark: number
  #state: SendState = 'ready'
  /** `finish` was called: the final size is what was written. */
  #finished = false
  /** FIN is to be sent, the first time or again. */
  #finPending = false
  #finAcked = false
  /** Made when a reset is decided. */
  #reset: SendReset | undefined
  #stopCode: bigint | undefined
  #written = 0
  #closed: Error | undefined
  #wantsWritable = false

  constructor(stream: Stream, context: StreamContext, limit: number, highWaterMark: number) {
    this.id = stream.id
    this.#stream = stream
    this.#context = context
    this.#credit = new StreamCredit(stream.id, limit)
    this.#buffer = new SendBuffer(context.pages)
    this.#highWaterMark = highWaterMark
  }

  get state(): SendState {
    return this.#state
  }

  get priority(): StreamPriority {
    return this.#stream.priority
  }

  get sendOrder(): number {
    return this.#stream.sendOrder
  }

  get sendGroup(): SendGroup | undefined {
    return this.#stream.sendGroup
  }

  /** Whether `write` and `finish` may be called. */
  get isWritable(): boolean {
    return !this.#finished && this.#reset === undefined && this.#closed === undefined
  }

  /** Bytes that `write` would take now. */
  get writableBytes(): number {
    if (!this.isWritable) return 0
    return Math.max(0, Math.min(this.#highWaterMark - this.#buffer.unsent, this.#context.budget.room))
  }

  /** Bytes beyond those that wait that flow control lets go now (RFC 9000 §4.1). */
  get credit(): number {
    if (!this.isWritable) return 0
    const { budget, credit } = this.#context
    return Math.max(0, Math.min(this.#credit.available - this.#buffer.unsent, credit.send.available - budget.queued))
  }

  /** Whether the peer takes RESET_STREAM_AT. */
  get canResetAt(): boolean {
    return this.#context.canResetAt
  }

  /** All bytes that `write` ever took, those included that a reset dropped. */
  get bytesWritten(): number {
    return this.#written
  }

  /** Bytes sent at least once. */
  get bytesSent(): number {
    return this.#buffer.sent
  }

  /** Bytes sent again, each time counted. */
  get bytesRetransmitted(): number {
    return this.#buffer.sentAgain
  }

  /** Bytes at the beginning of the stream that are known to have arrived, without a gap. */
  get bytesAcknowledged(): number {
    return this.#buffer.acknowledged
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.#buffer.unsent
  }

  /** Whether nothing of this half is left to be done: Data Recvd or Reset Recvd. */
  get isTerminal(): boolean {
    return this.#state === 'dataReceived' || this.#state === 'resetReceived'
  }

  /** Whether the application has nothing left to gain from it: it was reset, but for RESET_STREAM_AT, or all has arrived. */
  get hasEnded(): boolean {
    return this.#reset?.isWhole || this.isTerminal || this.#closed !== undefined
  }

  /** The code of our RESET_STREAM or RESET_STREAM_AT, once decided. */
  get resetCode(): bigint | undefined {
    return this.#reset?.code
  }

  /** The code of the peer's STOP_SENDING, if that ended this half. */
  get stopCode(): bigint | undefined {
    return this.#stopCode
  }

  /**
   * Takes a copy of as many bytes as the high-water marks of the stream and of the connection have room for; returns how
   * many. After a return of fewer than were given, `stream-writable` follows.
   * @throws StreamClosedError after `finish`, a reset by either side, or the end of the connection.
   */
  write(bytes: Uint8Array): number {
    this.#checkWritable()
    if (this.#finished) throw new StreamClosedError(this.id, 'finished')
    const length = Math.min(bytes.length, this.writableBytes)
    if (length > 0) {
      this.#buffer.append(bytes, length)
      this.#written += length
      this.#context.budget.add(length)
      this.#schedule()
    }
    if (length < bytes.length) {
      this.#wantsWritable = true
      if (this.#context.budget.room === 0) this.#context.budget.wait(this)
    }
    return length
  }

  /**
   * Ends the stream behind what was written. A second call does nothing.
   * @throws StreamClosedError after a reset by either side or the end of the connection.
   */
  finish(): void {
    this.#checkWritable()
    if (this.#finished) return
    this.#finished = true
    this.#finPending = true
    this.#wantsWritable = false
    this.#context.budget.forget(this)
    this.#schedule()
  }

  /**
   * Gives the stream up: RESET_STREAM goes out, the rest is dropped (RFC 9000 §3.1). Does nothing where it was before.
   * @throws RangeError for a code that a varint cannot carry, or another one than {@link resetAt} was given.
   */
  reset(code: bigint): void {
    checkErrorCode(code)
    if (this.#reset?.isWhole || this.isTerminal || this.#closed !== undefined) return
    this.#reset?.checkCode(code)
    this.#beginReset(code)
  }

  /**
   * Gives the stream up but for its first `reliableSize` bytes, which are sent until they have arrived: RESET_STREAM_AT goes
   * out (draft reliable-stream-reset). May be called again with a smaller size. Does nothing where the peer wants no more,
   * all has arrived, or the connection is over.
   * @throws RangeError for a code that a varint cannot carry or that differs from that of an earlier reset, and for a size
   * above what was written or what an earlier reset promised; StreamStateError where the peer does not take such frames.
   */
  resetAt(code: bigint, reliableSize: number): void {
    checkErrorCode(code)
    if (!this.#context.canResetAt) throw new StreamStateError('The peer did not offer to take RESET_STREAM_AT')
    const most = this.#reset?.reliableSize ?? this.#buffer.end
    const isOver = this.#stopCode !== undefined || this.isTerminal || this.#closed !== undefined
    if (!(Number.isInteger(reliableSize) && reliableSize >= 0 && (isOver || reliableSize <= most))) {
      throw new RangeError(`reliableSize must be an integer from 0 to ${most}, got ${reliableSize}`)
    }
    if (isOver) return
    this.#reset?.checkCode(code)
    if (reliableSize === this.#reset?.reliableSize) return
    if (reliableSize === 0) this.#beginReset(code)
    else this.#beginResetAt(code, reliableSize)
  }

  /** The peer, which offered to take RESET_STREAM_AT when 0-RTT was remembered, does not any more. */
  onResetAtRefused(): void {
    if (this.#reset !== undefined && this.#isLive()) this.#beginReset(this.#reset.code)
  }

  /** RFC 9000 §19.10: a limit that is no higher is ignored, and so is any once nothing new is to be sent. */
  onMaxStreamData(maximum: number): void {
    if (this.#credit.raise(maximum) && this.#isLive()) this.#schedule()
  }

  /** RFC 9000 §3.5: answered by a reset with the same code, unless all has arrived or a reset is under way. */
  onStopSending(code: bigint): void {
    if (!this.#isLive()) return
    this.#stopCode = code
    this.#context.emit({ type: 'stream-stopped', stream: this.#stream, code })
    // Reliable-stream-reset section 5.2: the code of a reset does not change.
    this.#beginReset(this.#reset?.code ?? code)
  }

  /** Writes RESET_STREAM, RESET_STREAM_AT or STREAM_DATA_BLOCKED, if due. */
  writeControlFrames(packet: PacketWriter): boolean {
    const reset = this.#reset
    if (reset?.wantsToSend) {
      const { unsent } = this.#buffer
      if (reset.writeWith(packet, this, unsent === 0)) this.#state = 'dataSent'
      if (reset.wantsToSend && (unsent === 0 || !reset.isPartialPending)) return false
    }
    const credit = this.#credit
    if (credit.wantsToSend) {
      credit.writeWith(packet, this)
      if (credit.wantsToSend) return false
      this.#onFirstFrame()
    }
    return true
  }

  /** Writes one frame of lost bytes, or the end alone. `false`: there is too little room. */
  writeRepair(packet: PacketWriter): boolean {
    const buffer = this.#buffer
    const wanted = buffer.lostLength
    const offset = wanted > 0 ? buffer.lostStart : buffer.end
    const room = streamPayloadRoom(packet.remaining, this.id, offset, wanted)
    if (room < Math.min(wanted, LEAST_CUT)) return false
    this.#writeStream(packet, offset, room)
    buffer.onSentAgain(room)
    this.#schedule()
    return true
  }

  /** Writes one frame of new bytes, within the credit of stream and connection. `false`: there is too little room. */
  writeFresh(packet: PacketWriter): boolean {
    const buffer = this.#buffer
    const connection = this.#context.credit.send
    const offset = buffer.sent
    // RFC 9000 §4.1: never beyond either limit.
    const wanted = Math.min(buffer.unsent, this.#credit.available, connection.available)
    const room = streamPayloadRoom(packet.remaining, this.id, offset, wanted)
    if (room < Math.min(wanted, LEAST_CUT)) return false
    this.#credit.take(room)
    connection.take(room)
    buffer.onSent(room)
    this.#writeStream(packet, offset, room)
    this.#schedule()
    this.#context.budget.release(room)
    if (this.#reset?.isPartialPending && buffer.unsent === 0) queueControl(this.#context, this)
    if (this.#wantsWritable) this.#announceRoom()
    return true
  }

  /** Asks for `stream-writable` as soon as there is room, as a short `write` does. */
  wantRoom(): void {
    if (!this.isWritable) return
    this.#wantsWritable = true
    if (this.#context.budget.room === 0) this.#context.budget.wait(this)
  }

  onBudget(): void {
    this.#announceRoom()
  }

  onAcked(frame: SendStreamFrame, now: Time): void {
    if (frame.type === FrameType.resetStream) {
      this.#reset?.onAcked(frame, now)
      if (this.#state === 'resetSent' && this.#closed === undefined) this.#end('resetReceived')
    } else if (frame.type === FrameType.resetStreamAt && this.#isLive()) {
      this.#reset?.onAcked(frame, now)
      if (this.#hasArrived()) this.#end('dataReceived')
    } else if (frame.type === FrameType.stream && this.#isLive()) {
      this.#buffer.onAcked(frame.offset, frame.length)
      if (frame.fin) {
        this.#finAcked = true
        this.#finPending = false
      }
      if (this.#hasArrived()) this.#end('dataReceived')
      else this.#schedule()
    }
  }

  onLost(frame: SendStreamFrame, now: Time): void {
    if (this.#closed !== undefined) return
    if (frame.type === FrameType.stream) {
      if (!this.#isLive()) return // RFC 9000 §13.3: after a reset no STREAM frame is needed.
      this.#buffer.onLost(frame.offset, frame.length)
      if (frame.fin && !this.#finAcked && this.#reset === undefined) this.#finPending = true
      this.#schedule()
      return
    }
    if (frame.type === FrameType.streamDataBlocked) this.#credit.onLost(frame, now)
    // Reliable-stream-reset section 4: not once all has arrived.
    else if (!this.isTerminal) this.#reset?.onLost(frame, now)
    this.#queueControl()
  }

  /** 0-RTT was refused: what was sent has not arrived, and is to be sent anew, as soon as there is credit (RFC 9001 §4.6.2). */
  rewind(): void {
    this.#credit.restart()
    if (this.#reset?.isWhole) this.#buffer.truncate(0)
    this.#context.budget.add(this.#buffer.rewind())
    this.#reset?.restart(this.#buffer.end)
    if (this.#state === 'dataSent') this.#state = 'send'
    this.#finPending = this.#finished
  }

  /** What there is to be sent may be, whatever held it back. */
  release(): void {
    if (this.#isLive()) this.#schedule()
    this.#queueControl()
  }

  #queueControl(): void {
    if (this.#credit.wantsToSend || this.#reset?.wantsToSend) queueControl(this.#context, this)
  }

  /** The connection is over: everything is dropped, later calls tell `error` as the cause. */
  close(error: Error): void {
    this.#closed = error
    this.#buffer.discard()
    this.#wantsWritable = false
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    this.#credit.checkInvariants(this.#buffer.sent)
    this.#buffer.checkInvariants()
    const { held, repairs, fresh } = this.#context
    const live = this.#isLive() && !held?.has(this.id)
    if (repairs.has(this) !== (live && this.#wantsRepair()))
      throw new Error(`Stream ${this.id}: repairs are not scheduled`)
    if (fresh.has(this) !== (live && this.#wantsFresh()))
      throw new Error(`Stream ${this.id}: new bytes are not scheduled`)
  }

  #checkWritable(): void {
    if (this.#closed !== undefined) throw new StreamClosedError(this.id, 'connection', { cause: this.#closed })
    if (this.#reset === undefined) return
    const reason = this.#stopCode === undefined ? 'reset' : 'stopped'
    throw new StreamClosedError(this.id, reason, { code: this.#reset.code })
  }

  /** Whether the peer is known to have all that it is to get, and the end or the reset. */
  #hasArrived(): boolean {
    if (this.#finAcked && this.#buffer.acknowledged === this.#buffer.end) return true
    return this.#reset?.isPartialAcked === true && this.#buffer.isAcknowledged
  }

  /** Whether bytes may still be sent: Ready, Send or Data Sent. */
  #isLive(): boolean {
    return this.#reset?.isWhole !== true && this.#state !== 'dataReceived' && this.#closed === undefined
  }

  #wantsRepair(): boolean {
    return this.#buffer.hasLost || (this.#finPending && this.#buffer.unsent === 0)
  }

  #wantsFresh(): boolean {
    return this.#buffer.unsent > 0 && this.#credit.available > 0
  }

  /** Takes the places that what is to be sent entitles to. */
  #schedule(): void {
    const { credit, held, repairs, fresh } = this.#context
    if (held?.has(this.id)) return
    if (this.#wantsRepair()) repairs.add(this)
    else repairs.remove(this)
    if (this.#wantsFresh()) {
      fresh.add(this)
      if (credit.send.available === 0) credit.block()
      return
    }
    fresh.remove(this)
    if (this.#buffer.unsent > 0 && this.#credit.block()) queueControl(this.#context, this)
  }

  #writeStream(packet: PacketWriter, offset: number, length: number): void {
    const fin = this.#finished && !this.#finAcked && offset + length === this.#buffer.end
    packet.writePayload(packet.streamFrame(this.id, offset, length, fin), this.#buffer, this)
    this.#onFirstFrame()
    if (!fin) return
    this.#finPending = false
    this.#state = 'dataSent'
  }

  /** RFC 9000 §3.1: with its first frame the stream is there for the peer. */
  #onFirstFrame(): void {
    if (this.#state !== 'ready') return
    this.#state = 'send'
    this.#stream.receive?.onKnown()
  }

  #beginResetAt(code: bigint, reliableSize: number): void {
    const { budget } = this.#context
    const buffer = this.#buffer
    const queued = buffer.unsent
    // What FIN or an earlier frame has told the peer was sent before, so the final size stays (RFC 9000 §4.5).
    buffer.truncate(reliableSize)
    this.#reset ??= new SendReset(this.id, code)
    this.#reset.beginPartial(buffer.end, reliableSize)
    this.#stream.receive?.onKnown()
    this.#finished = false
    this.#finPending = false
    this.#wantsWritable = false
    budget.forget(this)
    budget.release(queued - buffer.unsent)
    if (buffer.unsent === 0) this.#credit.unblock()
    this.#schedule()
    queueControl(this.#context, this)
  }

  #beginReset(code: bigint): void {
    const { budget, repairs, fresh } = this.#context
    // RFC 9000 §4.5: the final size is what was sent, since that is the credit taken.
    const finalSize = this.#buffer.sent
    this.#reset ??= new SendReset(this.id, code)
    this.#reset.beginWhole(finalSize)
    this.#stream.receive?.onKnown()
    this.#state = 'resetSent'
    this.#wantsWritable = false
    this.#finPending = false
    budget.forget(this)
    budget.release(this.#buffer.unsent)
    this.#buffer.discard()
    repairs.remove(this)
    fresh.remove(this)
    // RFC 9000 §3.3: none of these after a reset.
    this.#credit.unblock()
    queueControl(this.#context, this)
  }

  /** Tells a waiting writer, once half of the stream's mark is free and the connection has room too. */
  #announceRoom(): void {
    if (!this.#wantsWritable || 2 * this.#buffer.unsent > this.#highWaterMark) return
    if (this.#context.budget.room === 0) {
      this.#context.budget.wait(this)
      return
    }
    this.#wantsWritable = false
    this.#context.emit({ type: 'stream-writable', stream: this.#stream })
  }

  #end(state: SendState): void {
    this.#state = state
    this.#context.repairs.remove(this)
    this.#context.fresh.remove(this)
    this.#context.emit({ type: 'stream-send-finished', stream: this.#stream })
    this.#stream.onHalfEnded()
  }
}
