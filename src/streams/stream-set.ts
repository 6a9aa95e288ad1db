/**
 * All streams of a connection: how they come into being and leave (RFC 9000 §2.1, §3), the way of each stream frame to
 * its stream, the limits of the connection (§4), and what is sent when. What a stream does with its frames is in
 * `send-stream.ts` and `receive-stream.ts`.
 */
import { Deque } from '../base/deque.ts'
import { NEVER, type Time } from '../base/time.ts'
import {
  type DataBlockedFrame,
  FrameType,
  type MaxDataFrame,
  type MaxStreamDataFrame,
  type MaxStreamsFrame,
  type ResetStreamAtFrame,
  type ResetStreamFrame,
  type StopSendingFrame,
  type StreamDataBlockedFrame,
  type StreamFrame,
  type StreamsBlockedFrame,
} from '../wire/frame.ts'
import type { FrameSource, PacketWriter } from '../wire/packet-content.ts'
import {
  isBidirectional,
  type Role,
  type StreamDirection,
  streamId,
  streamIndex,
  streamInitiator,
} from '../wire/stream-id.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { ConnectionCredit } from './connection-credit.ts'
import { StreamDeadlines } from './deadlines.ts'
import { PagePool } from './paged-buffer.ts'
import type { ReceiveStream } from './receive-stream.ts'
import { Scheduler } from './scheduler.ts'
import { SendBudget } from './send-budget.ts'
import type { SendStream } from './send-stream.ts'
import { Stream } from './stream.ts'
import { creditOf, StreamAccounts } from './stream-accounts.ts'
import type { ControlSource, StreamContext } from './stream-context.ts'
import { StreamClosedError } from './stream-error.ts'
import { StreamLimits } from './stream-limits.ts'
import type {
  PeerStreamParameters,
  StreamCredit,
  StreamLimitOptions,
  StreamReconfiguration,
  StreamSetOptions,
  StreamTotals,
} from './stream-options.ts'

const STREAM_HIGH_WATER_MARK = 262_144
const CONNECTION_HIGH_WATER_MARK = 4_194_304

/** The streams of one connection. */
export class StreamSet implements FrameSource {
  readonly #role: Role
  readonly #limits: StreamLimitOptions
  readonly #streams = new Map<number, Stream>()
  readonly #bidirectional: StreamLimits
  readonly #unidirectional: StreamLimits
  readonly #context: StreamContext
  readonly #highWaterMark: number
  #maxReceiveWindow: number
  /** Our limits for what we send, as the peer sees the streams: its "local" ones are those that it opened. */
  #sendLimits = { bidiOfPeer: 0, bidiOfOurs: 0, uniOfOurs: 0 }
  /** The stream of the last frame, which is as a rule that of the next. */
  #recent: Stream | undefined
  #closed: Error | 'unsaid' | undefined
  readonly #accounts = new StreamAccounts()

  constructor(options: StreamSetOptions) {
    const { role, limits } = options
    this.#role = role
    this.#limits = limits
    this.#highWaterMark = limits.maxStreamSendBuffer ?? STREAM_HIGH_WATER_MARK
    this.#maxReceiveWindow = limits.maxReceiveWindow
    this.#bidirectional = new StreamLimits('bidirectional', limits.maxIncomingBidirectionalStreams)
    this.#unidirectional = new StreamLimits('unidirectional', limits.maxIncomingUnidirectionalStreams)
    this.#context = {
      credit: new ConnectionCredit(limits.initialMaxData, limits.maxReceiveWindow, options.rtt),
      pages: options.pages ?? new PagePool(),
      budget: new SendBudget(limits.maxSendBuffer ?? CONNECTION_HIGH_WATER_MARK),
      repairs: new Scheduler<SendStream>(),
      fresh: new Scheduler<SendStream>(),
      control: new Deque<ControlSource>(),
      deadlines: new StreamDeadlines<Stream>(),
      held: undefined,
      canResetAt: false,
      emit: options.emit,
      rtt: options.rtt,
      retire: (stream) => this.#retire(stream),
    }
  }

  /** Streams that have not ended. */
  get count(): number {
    return this.#streams.size
  }

  /** Bytes accepted from the application and not put into a packet yet. */
  get queuedBytes(): number {
    return this.#context.budget.queued
  }

  /** The bytes of all streams since the connection began, those of streams that have ended included. */
  totals(): StreamTotals {
    return this.#accounts.totals(this.#context.credit, this.#streams.values())
  }

  /** What either side may still send and open. */
  get credit(): StreamCredit {
    return creditOf(this.#context.credit, this.#bidirectional, this.#unidirectional)
  }

  /** A stream that has not ended. */
  get(id: number): Stream | undefined {
    return this.#streams.get(id)
  }

  /** The streams that have not ended, in the order in which they were opened. */
  values(): IterableIterator<Stream> {
    return this.#streams.values()
  }

  /**
   * Opens a stream, or returns `undefined` while the peer's limit does not allow it (or is not known yet):
   * `streams-available` tells when to try again. Nothing is sent for it until something is written.
   * @throws StreamClosedError when the connection is over.
   */
  open(direction: StreamDirection): Stream | undefined {
    if (this.#closed !== undefined) throw new StreamClosedError(undefined, 'connection', { cause: this.#closeError() })
    const limits = direction === 'bidirectional' ? this.#bidirectional : this.#unidirectional
    const index = limits.open()
    return index === undefined ? undefined : this.#create(streamId(index, this.#role, direction))
  }

  /**
   * Takes in the peer's transport parameters: those remembered for 0-RTT, then those of the handshake. Limits are only
   * ever raised, those of streams that are open already too.
   */
  onPeerParameters(parameters: PeerStreamParameters): void {
    const limits = this.#sendLimits
    limits.bidiOfPeer = Math.max(limits.bidiOfPeer, parameters.initialMaxStreamDataBidiLocal)
    limits.bidiOfOurs = Math.max(limits.bidiOfOurs, parameters.initialMaxStreamDataBidiRemote)
    limits.uniOfOurs = Math.max(limits.uniOfOurs, parameters.initialMaxStreamDataUni)
    this.#context.credit.onMaxData(parameters.initialMaxData)
    // Not only ever raised: a server that refused 0-RTT may have given it up since.
    this.#context.canResetAt = parameters.resetStreamAt
    for (const stream of this.#streams.values()) {
      stream.send?.onMaxStreamData(this.#sendLimit(stream.id))
      if (!parameters.resetStreamAt) stream.send?.onResetAtRefused()
    }
    this.#raiseStreams(this.#bidirectional, parameters.initialMaxStreamsBidi)
    this.#raiseStreams(this.#unidirectional, parameters.initialMaxStreamsUni)
  }

  /**
   * 0-RTT was refused, so nothing of ours has arrived, and the limits that were remembered are void (RFC 9001 §4.6.2). All is
   * sent anew under those of the handshake; streams beyond them wait. Where nothing may be sent anew, the streams end, and
   * calls on them throw a StreamClosedError whose cause is `error`.
   */
  restart(parameters: PeerStreamParameters, error: Error | undefined): void {
    const { control, credit, fresh, repairs } = this.#context
    repairs.clear()
    fresh.clear()
    for (let source = control.shift(); source !== undefined; source = control.shift()) source.controlQueued = false
    credit.restart()
    if (error !== undefined) this.#dropAll(error)
    for (const limits of [this.#bidirectional, this.#unidirectional]) {
      limits.restart(error === undefined ? limits.opened : 0)
    }
    this.#sendLimits = { bidiOfPeer: 0, bidiOfOurs: 0, uniOfOurs: 0 }
    this.#context.held = this.#beyondLimits()
    for (const stream of this.#streams.values()) stream.send?.rewind()
    this.onPeerParameters(parameters)
  }

  #closeError(): Error {
    if (!(this.#closed instanceof Error)) this.#closed = new Error('The connection is closed')
    return this.#closed
  }

  #dropAll(error: Error): void {
    for (const stream of this.#streams.values()) stream.close(error)
    this.#streams.clear()
    this.#recent = undefined
    this.#context.budget.clear()
    this.#context.deadlines.clearAll()
  }

  /** Streams that were opened and are not allowed for now; `undefined`: none. */
  #beyondLimits(): Set<number> | undefined {
    const held = new Set<number>()
    for (const { id } of this.#streams.values()) if (streamIndex(id) >= this.#limitsOf(id).allowed) held.add(id)
    return held.size === 0 ? undefined : held
  }

  /** Changes limits at run time. */
  configure(changes: StreamReconfiguration): void {
    const { maxReceiveWindow, maxIncomingBidirectionalStreams, maxIncomingUnidirectionalStreams } = changes
    if (maxReceiveWindow !== undefined) {
      this.#maxReceiveWindow = maxReceiveWindow
      this.#context.credit.receive.setMaximum(maxReceiveWindow)
      for (const stream of this.#streams.values()) stream.receive?.setMaximumWindow(maxReceiveWindow)
    }
    if (maxIncomingBidirectionalStreams !== undefined) {
      this.#bidirectional.incoming.setMaximum(maxIncomingBidirectionalStreams)
    }
    if (maxIncomingUnidirectionalStreams !== undefined) {
      this.#unidirectional.incoming.setMaximum(maxIncomingUnidirectionalStreams)
    }
  }

  /** RFC 9000 §19.8. @throws TransportError STREAM_STATE_ERROR, STREAM_LIMIT_ERROR, FLOW_CONTROL_ERROR, FINAL_SIZE_ERROR */
  onStream(frame: StreamFrame, now: Time): void {
    this.#receiving(frame.streamId)?.onData(frame, now)
  }

  /** RFC 9000 §19.4. @throws TransportError as {@link onStream} */
  onResetStream(frame: ResetStreamFrame, now: Time): void {
    this.#receiving(frame.streamId)?.onReset(frame, now)
  }

  /** Draft reliable-stream-reset, section 4. @throws TransportError as {@link onStream} */
  onResetStreamAt(frame: ResetStreamAtFrame, now: Time): void {
    this.#receiving(frame.streamId)?.onResetAt(frame, now)
  }

  /** RFC 9000 §19.5. @throws TransportError STREAM_STATE_ERROR, STREAM_LIMIT_ERROR */
  onStopSending(frame: StopSendingFrame): void {
    this.#sending(frame.streamId)?.onStopSending(frame.errorCode)
  }

  /** RFC 9000 §19.10. @throws TransportError STREAM_STATE_ERROR, STREAM_LIMIT_ERROR */
  onMaxStreamData(frame: MaxStreamDataFrame): void {
    this.#sending(frame.streamId)?.onMaxStreamData(frame.maximum)
  }

  /** RFC 9000 §19.9. */
  onMaxData(frame: MaxDataFrame): void {
    if (this.#closed === undefined) this.#context.credit.onMaxData(frame.maximum)
  }

  /** RFC 9000 §19.11. A maximum above 2^60 the decoder has refused. */
  onMaxStreams(frame: MaxStreamsFrame): void {
    if (this.#closed !== undefined) return
    this.#raiseStreams(
      frame.type === FrameType.maxStreamsBidi ? this.#bidirectional : this.#unidirectional,
      frame.maximum,
    )
  }

  /** RFC 9000 §19.12. Credit does not wait for it (§4.2), so there is nothing to do. */
  onDataBlocked(_frame: DataBlockedFrame): void {}

  /** RFC 9000 §19.13: opens the stream, like any frame of the sender. @throws TransportError STREAM_STATE_ERROR, STREAM_LIMIT_ERROR */
  onStreamDataBlocked(frame: StreamDataBlockedFrame): void {
    this.#receiving(frame.streamId)
  }

  /** RFC 9000 §19.14. Credit does not wait for it (§4.6), so there is nothing to do. */
  onStreamsBlocked(_frame: StreamsBlockedFrame): void {}

  /** Whether there is anything to send. */
  get wantsToSend(): boolean {
    return this.wantsToSendData || this.wantsToSendControl
  }

  /** Whether STREAM frames could be written. */
  get wantsToSendData(): boolean {
    const { repairs, fresh, credit } = this.#context
    return !repairs.isEmpty || (credit.send.available > 0 && !fresh.isEmpty)
  }

  /** Whether there are limits, *_BLOCKED, RESET_STREAM, RESET_STREAM_AT or STOP_SENDING frames to write. */
  get wantsToSendControl(): boolean {
    const { control, credit } = this.#context
    return (
      control.length > 0 || credit.wantsToSend || this.#bidirectional.wantsToSend || this.#unidirectional.wantsToSend
    )
  }

  /** Writes limits, *_BLOCKED, RESET_STREAM, RESET_STREAM_AT and STOP_SENDING frames. */
  writeControlFrames(packet: PacketWriter, now: Time): void {
    const { control, credit } = this.#context
    if (credit.wantsToSend) credit.writeFrames(packet, now)
    if (this.#bidirectional.wantsToSend) this.#bidirectional.writeFrames(packet, now)
    if (this.#unidirectional.wantsToSend) this.#unidirectional.writeFrames(packet, now)
    for (let source = control.peek(); source !== undefined; source = control.peek()) {
      if (!source.writeControlFrames(packet, now)) return
      control.shift()
      source.controlQueued = false
    }
  }

  /** A flight is being built in `array`, of which a page of bytes from `room` on is free until {@link endFlight}. */
  beginFlight(array: Uint8Array, room: number): void {
    this.#context.pages.desk.begin(array, room)
  }

  endFlight(): void {
    this.#context.pages.desk.end()
  }

  /** Writes STREAM frames as `scheduler.ts` says, and among the equally urgent what is lost before what is new (RFC 9000 §13.3). */
  writeFrames(packet: PacketWriter, _now: Time): void {
    const { repairs, fresh, credit } = this.#context
    for (;;) {
      const canSendFresh = credit.send.available > 0 && !fresh.isEmpty
      const repairing = !repairs.isEmpty && !(canSendFresh && fresh.urgency < repairs.urgency)
      if (!repairing && !canSendFresh) break
      const turns = repairing ? repairs : fresh
      const stream = turns.peek()
      if (stream === undefined) break
      const { remaining } = packet
      if (!(repairing ? stream.writeRepair(packet) : stream.writeFresh(packet))) break
      turns.onTurn(stream, remaining - packet.remaining)
    }
    if (!fresh.isEmpty) credit.block()
  }

  /** When {@link onTimeout} is to be called: for a deadline, or for credit of streams that the peer cut short. */
  nextTimeout(): Time {
    if (this.#closed !== undefined) return NEVER
    const limits = Math.min(this.#bidirectional.incoming.nextTimeout(), this.#unidirectional.incoming.nextTimeout())
    return Math.min(limits, this.#context.deadlines.nextTimeout())
  }

  onTimeout(now: Time): void {
    this.#bidirectional.incoming.onTimeout(now)
    this.#unidirectional.incoming.onTimeout(now)
    const { deadlines } = this.#context
    for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
      const { stream, deadline } = due
      if (stream.hasEnded) continue
      const { action, code } = deadline
      this.#context.emit({ type: 'stream-deadline', stream, action, code })
      if (action !== 'notify') stream.abort(code)
    }
  }

  /**
   * The connection is over: buffers, turns and streams are dropped, nothing is sent or told any more. Calls on the
   * streams throw a StreamClosedError whose cause is `error`.
   */
  close(error?: Error): void {
    if (this.#closed !== undefined) return
    // A stack trace costs as much as all that follows: a closed set without streams makes its error when it is asked for one.
    this.#closed = error ?? 'unsaid'
    const cause = this.#streams.size === 0 ? undefined : this.#closeError()
    for (const stream of this.#streams.values()) {
      this.#accounts.onEnded(stream)
      if (cause !== undefined) stream.close(cause)
    }
    this.#streams.clear()
    this.#recent = undefined
    this.#context.repairs.clear()
    this.#context.fresh.clear()
    this.#context.control.clear()
    this.#context.deadlines.clearAll()
    this.#context.budget.clear()
    this.#context.credit.close()
    this.#bidirectional.close()
    this.#unidirectional.close()
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    if (this.#closed !== undefined) return
    const { credit, budget } = this.#context
    credit.checkInvariants()
    this.#bidirectional.checkInvariants()
    this.#unidirectional.checkInvariants()
    let queued = 0
    let unread = 0
    for (const stream of this.#streams.values()) {
      stream.checkInvariants()
      if (stream.isTerminal) throw new Error(`Stream ${stream.id} has ended and is still there`)
      queued += stream.send?.queuedBytes ?? 0
      unread += (stream.receive?.bytesReceived ?? 0) - (stream.receive?.bytesRead ?? 0)
    }
    if (queued !== budget.queued) throw new Error(`${queued} bytes wait in streams, ${budget.queued} were counted`)
    const counted = credit.receive.received - credit.receive.consumed
    if (unread !== counted) throw new Error(`${unread} bytes are unread, ${counted} were counted`)
  }

  #limitsOf(id: number): StreamLimits {
    return isBidirectional(id) ? this.#bidirectional : this.#unidirectional
  }

  /** The receiving half that a frame of its sender is for; `undefined`: it has left. */
  #receiving(id: number): ReceiveStream | undefined {
    const stream = this.#find(id)
    if (stream === undefined) {
      if (!isBidirectional(id) && streamInitiator(id) === this.#role) throw stateError(id, 'only this side sends')
      return undefined
    }
    if (stream.receive === undefined) throw stateError(id, 'only this side sends')
    return stream.receive
  }

  /** The sending half that a frame of its receiver is for; `undefined`: it has left. */
  #sending(id: number): SendStream | undefined {
    if (!isBidirectional(id) && streamInitiator(id) !== this.#role) throw stateError(id, 'only the peer sends')
    return this.#find(id)?.send
  }

  /** The stream of a received frame, opened now if the peer may do so; `undefined`: it has left. */
  #find(id: number): Stream | undefined {
    if (this.#recent?.id === id) return this.#recent
    if (this.#closed !== undefined) return undefined
    let stream = this.#streams.get(id)
    if (stream === undefined) {
      const limits = this.#limitsOf(id)
      const index = streamIndex(id)
      if (streamInitiator(id) === this.#role) {
        if (index >= limits.opened) throw stateError(id, 'it was never opened')
        return undefined
      }
      // RFC 9000 §3.2: with a stream all lower ones of its kind are opened, so what is below and not there has left.
      const fresh = limits.incoming.open(index)
      for (let next = index + 1 - fresh; next <= index; next++) stream = this.#openForPeer(next, limits.direction)
      if (stream === undefined) return undefined
    }
    this.#recent = stream
    return stream
  }

  #openForPeer(index: number, direction: StreamDirection): Stream {
    const stream = this.#create(streamId(index, this.#role === 'client' ? 'server' : 'client', direction))
    this.#context.emit({ type: 'stream-opened', stream })
    stream.receive?.onKnown()
    return stream
  }

  #create(id: number): Stream {
    const limits = this.#limits
    const stream = new Stream(id, this.#role, this.#context, {
      sendLimit: this.#sendLimit(id),
      sendHighWaterMark: this.#highWaterMark,
      receiveLimit: this.#receiveLimit(id, limits),
      maxReceiveWindow: this.#maxReceiveWindow,
    })
    this.#streams.set(id, stream)
    return stream
  }

  #sendLimit(id: number): number {
    const limits = this.#sendLimits
    if (!isBidirectional(id)) return limits.uniOfOurs
    return streamInitiator(id) === this.#role ? limits.bidiOfOurs : limits.bidiOfPeer
  }

  #receiveLimit(id: number, limits: StreamLimitOptions): number {
    if (!isBidirectional(id)) return limits.initialMaxStreamDataUni
    return streamInitiator(id) === this.#role
      ? limits.initialMaxStreamDataBidiLocal
      : limits.initialMaxStreamDataBidiRemote
  }

  #raiseStreams(limits: StreamLimits, maximum: number): void {
    const isAwaited = limits.onMaxStreams(maximum)
    if (this.#context.held !== undefined) this.#releaseHeld(this.#context.held)
    if (isAwaited) this.#context.emit({ type: 'streams-available', direction: limits.direction })
  }

  /** Lets go what of the streams that were held back is allowed now. */
  #releaseHeld(held: ReadonlySet<number>): void {
    this.#context.held = this.#beyondLimits()
    for (const id of held) {
      if (this.#context.held?.has(id)) continue
      const stream = this.#streams.get(id)
      stream?.send?.release()
      stream?.receive?.release()
    }
  }

  #retire(stream: Stream): void {
    if (!this.#streams.delete(stream.id)) return
    this.#accounts.onEnded(stream)
    this.#context.deadlines.clear(stream)
    if (this.#recent === stream) this.#recent = undefined
    if (stream.isLocal) return
    const { send, receive } = stream
    const cutShort = (receive?.resetCode !== undefined && !receive.isStopped) || send?.stopCode !== undefined
    this.#limitsOf(stream.id).incoming.onEnded(cutShort)
  }
}

function stateError(id: number, why: string): TransportError {
  return new TransportError(TransportErrorCode.STREAM_STATE_ERROR, `A frame for stream ${id}: ${why}`)
}
