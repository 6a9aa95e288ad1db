/** A QUIC stream for applications: Web Streams where they are asked for, and a path without promises beside them. */
import type { Duration, Time } from '../base/time.ts'
import type { DeadlineAction } from '../streams/deadlines.ts'
import { DEFAULT_PRIORITY, type StreamPriority } from '../streams/scheduler.ts'
import type { SendStream } from '../streams/send-stream.ts'
import type { Stream } from '../streams/stream.ts'
import { StreamClosedError, StreamStateError } from '../streams/stream-error.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { checkAbortable, checkType, shown } from './checks.ts'
import { errorCode, type QuicError, QuicStreamError } from './errors.ts'
import { checkKeys } from './known-keys.ts'
import { ReadableAdapter, type ReadableHost } from './receive-stream.ts'
import type { QuicSendGroup } from './send-group.ts'
import { WritableAdapter, type WritableHost } from './send-stream.ts'
import { type Abortable, abortable, type Deferred, deferred } from './signal.ts'
import { type QuicStreamStats, streamStatsOf } from './stats.ts'
import { createWritable, type QuicWritable } from './stream-writer.ts'

/** What a stream needs of its connection. */
export interface StreamHost {
  /** The stream has something for the connection to do. */
  wake(): void
  /** Bytes were read: the connection may have something to do. */
  onRead(): void
  now(): Time
  /** Whether the group was made by this stream's connection. */
  isOwnGroup(group: QuicSendGroup): boolean
  /** Both halves have ended: there is nothing more to tell the stream. */
  onEnded(): void
}

/** How a stream is reset but for its beginning. */
export interface ResetAtOptions {
  /** The application's code; default 0. */
  readonly code?: bigint | number
  /** Bytes from the beginning of the stream that arrive all the same. */
  readonly reliableSize: number
}

/** What a deadline does. */
export interface DeadlineOptions {
  /** `'reset'` gives the stream up, `'notify'` dispatches the event `deadline` of the connection, `'both'` (the default) does so first. */
  readonly action?: DeadlineAction
  /** Of RESET_STREAM and STOP_SENDING; default 0xff. */
  readonly code?: bigint | number
}

/** A deadline that has not passed. */
export interface QuicStreamDeadline {
  /** ms, at least 0 */
  readonly remaining: Duration
  readonly action: DeadlineAction
}

const DEADLINE_CODE = 0xff

/**
 * One stream (RFC 9000 §2). A unidirectional one has only one half: the other half's members throw, and `readable` or
 * `writable` is `undefined`.
 */
export class QuicStream {
  readonly id: number
  readonly direction: StreamDirection
  readonly #stream: Stream
  readonly #host: StreamHost
  #reading: ReadableAdapter | undefined
  #writing: WritableAdapter | undefined
  #whenReadable: Deferred<void> | undefined
  #whenWritable: Deferred<void> | undefined
  #sendGroup: QuicSendGroup | undefined
  #sendError: unknown
  #receiveError: unknown
  #error: unknown
  #isSending: boolean
  #isReceiving: boolean
  readonly #closed = deferred<void>()

  constructor(stream: Stream, host: StreamHost) {
    this.id = stream.id
    this.direction = stream.direction
    this.#stream = stream
    this.#host = host
    this.#isSending = stream.send !== undefined
    this.#isReceiving = stream.receive !== undefined
  }

  /** What the peer sends, as a byte stream; chunks of up to 64 KiB, or the reader's own buffers (BYOB). */
  get readable(): ReadableStream<Uint8Array> {
    const half = this.#stream.receive
    if (half === undefined) throw this.#sendsAlone()
    if (this.#reading === undefined) {
      this.#reading = new ReadableAdapter(
        half,
        this.#adapterHost((code) => this.#onReceiveEnd(code === undefined ? undefined : this.#stopped(code))),
        (source): ReadableStream<Uint8Array> => new ReadableStream(source),
      )
      if (this.#receiveError !== undefined) this.#reading.onError(this.#receiveError)
    }
    return this.#reading.readable
  }

  /** What we send. A write waits for room in the send buffer; `close` sends the end and waits until all is acknowledged. */
  get writable(): QuicWritable {
    const half = this.#stream.send
    if (half === undefined) throw this.#receivesAlone()
    if (this.#writing === undefined) {
      this.#writing = new WritableAdapter(
        half,
        this.#adapterHost((code) => this.#onSendEnd(code === undefined ? undefined : this.#resetBy(code))),
        createWritable,
      )
      if (this.#sendError !== undefined) this.#writing.onError(this.#sendError)
    }
    return this.#writing.writable
  }

  /** Fulfils when both halves have ended well; rejects with a {@link QuicStreamError} or the connection's error. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  /** Which streams go first (RFC 9218): lower urgency before higher; incremental ones share. */
  get priority(): StreamPriority {
    return this.#stream.priority
  }

  /** @throws RangeError for an urgency that is not an integer from 0 to 7 */
  set priority(priority: Partial<StreamPriority>) {
    checkKeys(priority, ['urgency', 'incremental'], 'priority')
    checkType(priority.incremental, 'incremental', 'boolean')
    this.#stream.priority = { ...DEFAULT_PRIORITY, ...this.#stream.priority, ...priority }
    this.#host.wake()
  }

  /** Among the streams of its group, and as urgent ones, all bytes of a higher order go first (W3C WebTransport); 0 at first. */
  get sendOrder(): number {
    return this.#stream.sendOrder
  }

  /** @throws RangeError for what is not a safe integer */
  set sendOrder(sendOrder: number) {
    this.#stream.sendOrder = sendOrder
    this.#host.wake()
  }

  /** With whom it shares, as one against other groups; streams without a group are one more. */
  get sendGroup(): QuicSendGroup | undefined {
    return this.#sendGroup
  }

  /** @throws InvalidStateError for a group of another connection */
  set sendGroup(group: QuicSendGroup | undefined) {
    if (group !== undefined && !this.#host.isOwnGroup(group)) {
      throw new DOMException('sendGroup must be of the same connection', 'InvalidStateError')
    }
    this.#sendGroup?.leave(this)
    this.#sendGroup = group
    this.#stream.sendGroup = group
    if (this.#isSending || this.#isReceiving) group?.join(this)
    this.#host.wake()
  }

  /**
   * Moves bytes into `into` without waiting: how many, 0 for none now, -1 for the end of the stream.
   * @throws QuicStreamError after a reset, or the connection's error.
   */
  read(into: Uint8Array): number {
    const half = this.#stream.receive
    if (half === undefined) throw this.#sendsAlone()
    if (!(into instanceof Uint8Array)) throw new TypeError(`into must be a Uint8Array, got ${shown(into)}`)
    // The bytes that a reset left may have been read before its event is told.
    if (half.resetCode !== undefined && this.#receiveError === undefined) this.onReset(half.resetCode)
    if (this.#receiveError !== undefined) throw this.#receiveError
    const length = half.read(into)
    if (length > 0) this.#host.onRead()
    if (length < 0 || half.isFinished) {
      this.#host.wake()
      this.#onReceiveEnd(undefined)
    }
    return length
  }

  /** Fulfils when {@link read} has something to say. */
  whenReadable(options?: Abortable): Promise<void> {
    checkAbortable(options)
    const half = this.#stream.receive
    if (half === undefined || half.isReadable || this.#receiveError !== undefined) {
      return abortable(Promise.resolve(), options?.signal)
    }
    this.#whenReadable ??= deferred<void>()
    return abortable(this.#whenReadable.promise, options?.signal)
  }

  /**
   * Takes as many bytes as there is room for, without waiting; returns how many. The array may be used again at once.
   * @throws QuicStreamError after STOP_SENDING, or the connection's error.
   */
  tryWrite(bytes: Uint8Array): number {
    const half = this.#stream.send
    if (half === undefined) throw this.#receivesAlone()
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`bytes must be a Uint8Array, got ${shown(bytes)}`)
    if (this.#sendError !== undefined) throw this.#sendError
    const length = this.#writes(half, bytes)
    if (length > 0) this.#host.wake()
    return length
  }

  #writes(half: SendStream, bytes: Uint8Array): number {
    try {
      return half.write(bytes)
    } catch (error) {
      throw error instanceof StreamClosedError ? new DOMException(error.message, 'InvalidStateError') : error
    }
  }

  /** Fulfils when {@link tryWrite} has room again. */
  whenWritable(options?: Abortable): Promise<void> {
    checkAbortable(options)
    const half = this.#stream.send
    // Where nothing may be written any more, `tryWrite` says so at once.
    if (half === undefined || !half.isWritable || half.writableBytes > 0) {
      return abortable(Promise.resolve(), options?.signal)
    }
    half.wantRoom()
    this.#whenWritable ??= deferred<void>()
    return abortable(this.#whenWritable.promise, options?.signal)
  }

  /** Ends the sending half behind what was written, without waiting. The same as `writable.close()` if a writer is in use. */
  finish(): void {
    if (this.#stream.send === undefined) throw this.#receivesAlone()
    if (this.#sendError !== undefined || !this.#stream.send.isWritable) return
    this.#stream.send.finish()
    this.#host.wake()
  }

  /** Ends the sending half and waits until all is acknowledged. Rejects with a TypeError while a writer holds `writable`: close that. A `signal` ends the wait alone. */
  close(options?: Abortable): Promise<void> {
    checkAbortable(options)
    return abortable(this.#close(options?.signal), options?.signal)
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    if (this.#stream.send === undefined) throw this.#receivesAlone()
    if (signal?.aborted) return
    if (this.#writing !== undefined) return this.#writing.writable.close()
    this.finish()
    for (;;) {
      if (this.#sendError !== undefined) throw this.#sendError
      if (this.#stream.send.isTerminal) return
      this.#whenWritable ??= deferred<void>()
      await this.#whenWritable.promise
    }
  }

  #receivesAlone(): TypeError {
    return new TypeError(`Stream ${this.id} is for receiving alone: it has no writable`)
  }

  #sendsAlone(): TypeError {
    return new TypeError(`Stream ${this.id} is for sending alone: it has no readable`)
  }

  /** Gives up sending: RESET_STREAM with `code`; queued bytes are dropped (RFC 9000 §3.1). */
  reset(code?: bigint | number): void {
    const value = errorCode(code)
    if (this.#stream.send === undefined) throw this.#receivesAlone()
    this.#stream.send.reset(value)
    this.#onSendEnd(this.#resetBy(value))
    this.#host.wake()
  }

  /**
   * Gives up sending but for the first `reliableSize` bytes, which are sent until they have arrived, and read before the
   * peer hears of the reset (RESET_STREAM_AT of draft-ietf-quic-reliable-stream-reset). May be called again with a smaller
   * size, and {@link reset} may follow, both with the same code.
   * @throws RangeError for a size above what was written, a size or code that goes back on an earlier call;
   * InvalidStateError where the peer did not offer it, or its parameters are not known yet.
   */
  resetAt(options: ResetAtOptions): void {
    checkKeys(options, ['code', 'reliableSize'])
    const code = errorCode(options.code)
    const half = this.#stream.send
    if (half === undefined) throw this.#receivesAlone()
    try {
      half.resetAt(code, options.reliableSize)
    } catch (error) {
      throw error instanceof StreamStateError ? new DOMException(error.message, 'InvalidStateError') : error
    }
    this.#onSendEnd(this.#resetBy(code))
    this.#host.wake()
  }

  /** Asks the peer to stop: STOP_SENDING with `code`; unread bytes are dropped, their credit returns (RFC 9000 §3.5). */
  stopSending(code?: bigint | number): void {
    const value = errorCode(code)
    if (this.#stream.receive === undefined) throw this.#sendsAlone()
    this.#stream.receive.stop(value)
    this.#onReceiveEnd(this.#stopped(value))
    this.#host.wake()
  }

  /** Both at once: {@link reset} and {@link stopSending}. */
  abort(code?: bigint | number): void {
    if (this.#stream.send !== undefined) this.reset(code)
    if (this.#stream.receive !== undefined) this.stopSending(code)
  }

  /**
   * Lets the stream live for `ms` from now at most, in place of an earlier deadline. A stream that has ended has none.
   * @throws RangeError for a time that is not above 0, TypeError for an unknown action
   */
  setDeadline(ms: Duration, options: DeadlineOptions = {}): void {
    if (typeof ms !== 'number') throw new TypeError(`ms must be a number, got ${typeof ms}`)
    if (!(ms > 0 && ms < Infinity)) throw new RangeError(`ms must be positive and finite, got ${ms}`)
    checkKeys(options, ['action', 'code'])
    const { action = 'both' } = options
    if (action !== 'reset' && action !== 'notify' && action !== 'both') {
      throw new TypeError(`action must be 'reset', 'notify' or 'both', got ${String(action)}`)
    }
    const code = errorCode(options.code ?? DEADLINE_CODE)
    this.#stream.deadline = { at: this.#host.now() + ms, action, code }
    this.#host.wake()
  }

  /** Takes the deadline back: it never fires. */
  clearDeadline(): void {
    this.#stream.deadline = undefined
    this.#host.wake()
  }

  /** What is left of the time that {@link setDeadline} gave; `undefined` without a deadline. */
  get deadline(): QuicStreamDeadline | undefined {
    const { deadline } = this.#stream
    if (deadline === undefined) return undefined
    return { remaining: Math.max(0, deadline.at - this.#host.now()), action: deadline.action }
  }

  /** Numbers of this moment. */
  getStats(): QuicStreamStats {
    return streamStatsOf(this.#stream)
  }

  // ── Called by the connection ──────────────────────────────────────────────────────────────────────────────────────

  /** Bytes or the end can be read. @internal */
  onReadable(): void {
    this.#reading?.onReadable()
    this.#whenReadable?.resolve()
    this.#whenReadable = undefined
  }

  /** There is room to write. @internal */
  onWritable(): void {
    this.#writing?.onWritable()
    this.#whenWritable?.resolve()
    this.#whenWritable = undefined
  }

  /** All that was sent is acknowledged. @internal */
  onSendFinished(): void {
    this.#writing?.onFinished()
    this.#onSendEnd(undefined)
  }

  /** STOP_SENDING arrived. @internal */
  onStopped(code: bigint): void {
    this.#onSendEnd(
      new QuicStreamError(`The peer stopped stream ${this.id} with code ${code}`, code, { side: 'remote' }),
    )
  }

  /** RESET_STREAM arrived. @internal */
  onReset(code: bigint): void {
    this.#onReceiveEnd(
      new QuicStreamError(`The peer reset stream ${this.id} with code ${code}`, code, { side: 'remote' }),
    )
  }

  /** The deadline has passed, and both halves were given up. @internal */
  onDeadline(code: bigint): void {
    const error = new QuicStreamError(
      `The deadline of stream ${this.id} passed: it was reset with code ${code}`,
      code,
      {
        side: 'local',
      },
    )
    this.#onSendEnd(error)
    this.#onReceiveEnd(error)
  }

  /** The connection is over. @internal */
  onConnectionClosed(error: QuicError): void {
    if (this.#isSending) this.#onSendEnd(error)
    if (this.#isReceiving) this.#onReceiveEnd(error)
  }

  #onSendEnd(error: unknown): void {
    if (!this.#isSending) return
    this.#isSending = false
    if (error !== undefined) {
      this.#sendError = error
      this.#error ??= error
      this.#writing?.onError(error)
    }
    this.onWritable()
    this.#settle()
  }

  #onReceiveEnd(error: unknown): void {
    if (!this.#isReceiving) return
    this.#isReceiving = false
    if (error !== undefined) {
      this.#receiveError = error
      this.#error ??= error
      this.#reading?.onError(error)
    }
    this.onReadable()
    this.#settle()
  }

  #resetBy(code: bigint): QuicStreamError {
    return new QuicStreamError(`Stream ${this.id} was reset with code ${code}`, code, { side: 'local' })
  }

  #stopped(code: bigint): QuicStreamError {
    return new QuicStreamError(`Stream ${this.id} was stopped with code ${code}`, code, { side: 'local' })
  }

  #settle(): void {
    if (this.#isSending || this.#isReceiving) return
    this.#sendGroup?.onEnded(this)
    this.#host.onEnded()
    if (this.#error === undefined) this.#closed.resolve()
    else this.#closed.reject(this.#error)
  }

  #adapterHost(onEnd: (code?: bigint) => void): ReadableHost & WritableHost {
    return { wake: () => this.#host.wake(), codeOf, onEnd }
  }
}

/** The application error code in an `abort` or `cancel` reason: of a `QuicStreamError`, a number, else 0. */
function codeOf(reason: unknown): bigint {
  if (typeof reason === 'bigint' || typeof reason === 'number') return errorCode(reason)
  if (reason instanceof QuicStreamError || reason instanceof StreamClosedError) return reason.code ?? 0n
  return 0n
}
