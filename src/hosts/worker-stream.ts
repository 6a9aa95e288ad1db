/** A stream of a connection that lives in a worker, as the page has it. Bytes are handed over, not copied, within a window each way. */
import { errorCode, QuicStreamError } from '../api/errors.ts'
import { checkKeys } from '../api/known-keys.ts'
import { type Abortable, abortable, type Deferred, deferred } from '../api/signal.ts'
import type { QuicStreamStats } from '../api/stats.ts'
import type { DeadlineOptions, QuicStream, QuicStreamDeadline, ResetAtOptions } from '../api/stream.ts'
import type { Duration } from '../base/time.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import type { Channel } from './worker-channel.ts'
import { decodeError, type ErrorRecord } from './worker-errors.ts'
import { STREAM_WINDOW, type StreamFacts } from './worker-protocol.ts'

/** The members that are those of a {@link QuicStream}, to the letter. */
export type SameStream = Pick<
  QuicStream,
  | ('id' | 'direction' | 'readable' | 'closed' | 'priority' | 'sendOrder' | 'read' | 'whenReadable' | 'tryWrite')
  | ('whenWritable' | 'finish' | 'close' | 'reset' | 'resetAt' | 'stopSending' | 'abort' | 'setDeadline')
  | ('clearDeadline' | 'deadline')
>

/**
 * One stream. It has what a `QuicStream` has, but that `getStats` takes a while, and that the writers of `writable` have no
 * `atomicWrite` and no `commit`: by the time a page's bytes are in the worker, the credit is another.
 */
export class WorkerStream implements SameStream {
  readonly id: number
  readonly direction: StreamDirection
  readonly #channel: Channel
  readonly #object: number
  readonly #canRead: boolean
  readonly #canWrite: boolean
  readonly #closed = deferred<void>()
  readonly #chunks: Uint8Array[] = []
  /** Of the first chunk, what was read. */
  #chunkAt = 0
  #readable: ReadableStream<Uint8Array> | undefined
  #writable: WritableStream<Uint8Array> | undefined
  #writer: WritableStreamDefaultController | undefined
  #hasAsked = false
  /** Bytes read that the worker was not told of. */
  #owed = 0
  #isAtEnd = false
  #receiveError: unknown
  #sendError: unknown
  #room = STREAM_WINDOW
  #whenReadable: Deferred<void> | undefined
  #whenWritable: Deferred<void> | undefined
  #priority: StreamPriority
  #sendOrder: number
  #deadline: { readonly at: number; readonly action: QuicStreamDeadline['action'] } | undefined

  /** @internal Made by the connection. */
  constructor(channel: Channel, facts: StreamFacts) {
    this.#channel = channel
    this.#object = facts.object
    this.id = facts.id
    this.direction = facts.direction
    this.#canRead = facts.canRead
    this.#canWrite = facts.canWrite
    this.#priority = facts.priority
    this.#sendOrder = facts.sendOrder
  }

  /** What the peer sends, as a byte stream (BYOB works). @throws TypeError for a stream that only sends */
  get readable(): ReadableStream<Uint8Array> {
    if (!this.#canRead) throw new TypeError(`Stream ${this.id} is for sending alone: it has no readable`)
    const source: UnderlyingByteSource = {
      type: 'bytes',
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => this.stopSending(codeOf(reason)),
    }
    this.#readable ??= new ReadableStream(source)
    return this.#readable
  }

  /** What we send. A write waits for room; `close` waits until all is acknowledged. @throws TypeError for a stream that only receives */
  get writable(): WritableStream<Uint8Array> {
    if (!this.#canWrite) throw new TypeError(`Stream ${this.id} is for receiving alone: it has no writable`)
    this.#writable ??= new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#writer = controller
        if (this.#sendError !== undefined) controller.error(this.#sendError)
      },
      write: (bytes) => this.#write(bytes),
      close: () => this.close(),
      abort: (reason) => this.reset(codeOf(reason)),
    })
    return this.#writable
  }

  /** Fulfils when both halves have ended well; rejects with a `QuicStreamError` or the connection's error. */
  get closed(): Promise<void> {
    return this.#closed.promise
  }

  get priority(): StreamPriority {
    return this.#priority
  }

  /** @throws RangeError for an urgency that is not an integer from 0 to 7 */
  set priority(priority: Partial<StreamPriority>) {
    const next = { ...this.#priority, ...priority }
    if (!(Number.isInteger(next.urgency) && next.urgency >= 0 && next.urgency <= 7)) {
      throw new RangeError(`urgency must be an integer from 0 to 7, got ${next.urgency}`)
    }
    this.#priority = next
    this.#channel.tell(this.#object, 'priority', [next])
  }

  get sendOrder(): number {
    return this.#sendOrder
  }

  /** @throws RangeError for what is not a safe integer */
  set sendOrder(sendOrder: number) {
    if (!Number.isSafeInteger(sendOrder)) throw new RangeError(`sendOrder must be a safe integer, got ${sendOrder}`)
    this.#sendOrder = sendOrder
    this.#channel.tell(this.#object, 'sendOrder', [sendOrder])
  }

  /** Moves bytes into `into` without waiting: how many, 0 for none now, -1 for the end. @throws QuicStreamError, or the connection's error */
  read(into: Uint8Array): number {
    if (!this.#canRead) throw new TypeError(`Stream ${this.id} is for sending alone`)
    if (this.#receiveError !== undefined) throw this.#receiveError
    this.#ask()
    let length = 0
    for (let [chunk] = this.#chunks; chunk !== undefined && length < into.length; [chunk] = this.#chunks) {
      const part = chunk.subarray(this.#chunkAt, this.#chunkAt + into.length - length)
      into.set(part, length)
      length += part.length
      this.#chunkAt += part.length
      if (this.#chunkAt === chunk.length) this.#dropChunk()
    }
    this.#onConsumed(length)
    return length === 0 && this.#isAtEnd && this.#chunks.length === 0 ? -1 : length
  }

  /** Fulfils when {@link read} has something to say. */
  whenReadable(options: Abortable = {}): Promise<void> {
    if (!this.#canRead || this.#isReadable) return abortable(Promise.resolve(), options.signal)
    this.#ask()
    this.#whenReadable ??= deferred<void>()
    return abortable(this.#whenReadable.promise, options.signal)
  }

  /** Takes as many bytes as there is room for, without waiting; returns how many. @throws QuicStreamError, or the connection's error */
  tryWrite(bytes: Uint8Array): number {
    if (!this.#canWrite) throw new TypeError(`Stream ${this.id} is for receiving alone`)
    if (this.#sendError !== undefined) throw this.#sendError
    const part = bytes.slice(0, this.#room)
    if (part.length === 0) return 0
    const { length } = part
    this.#room -= length
    this.#channel.tell(this.#object, 'data', [part], [part.buffer])
    return length
  }

  /** Fulfils when {@link tryWrite} has room again. */
  whenWritable(options: Abortable = {}): Promise<void> {
    if (!this.#canWrite || this.#room > 0 || this.#sendError !== undefined) {
      return abortable(Promise.resolve(), options.signal)
    }
    this.#whenWritable ??= deferred<void>()
    return abortable(this.#whenWritable.promise, options.signal)
  }

  /** Ends the sending half behind what was written, without waiting. */
  finish(): void {
    if (this.#canWrite && this.#sendError === undefined) this.#channel.tell(this.#object, 'finish')
  }

  /** Ends the sending half and waits until all is acknowledged. A `signal` ends the wait alone. */
  async close(options: Abortable = {}): Promise<void> {
    if (!this.#canWrite) throw new TypeError(`Stream ${this.id} is for receiving alone: it has no writable`)
    if (this.#sendError !== undefined) throw this.#sendError
    await this.#channel.call(this.#object, 'close', [], options)
  }

  /** Gives up sending: RESET_STREAM with `code`. */
  reset(code?: bigint | number): void {
    const value = errorCode(code)
    if (!this.#canWrite) throw new TypeError(`Stream ${this.id} is for receiving alone: it has no writable`)
    if (this.#sendError !== undefined) return
    this.#channel.tell(this.#object, 'reset', [value])
    this.#onSendError(new QuicStreamError(`Stream ${this.id} was reset with code ${value}`, value, { side: 'local' }))
  }

  /** Gives up sending but for the first `reliableSize` bytes. What the core refuses fails the sending half. */
  resetAt(options: ResetAtOptions): void {
    checkKeys(options, ['code', 'reliableSize'])
    const code = errorCode(options.code)
    if (!this.#canWrite) throw new TypeError(`Stream ${this.id} is for receiving alone: it cannot be reset`)
    this.#channel.tell(this.#object, 'resetAt', [{ code, reliableSize: options.reliableSize }])
  }

  /** Asks the peer to stop: STOP_SENDING with `code`; unread bytes are dropped. */
  stopSending(code?: bigint | number): void {
    const value = errorCode(code)
    if (!this.#canRead) throw new TypeError(`Stream ${this.id} is for sending alone: it has no readable`)
    if (this.#receiveError !== undefined) return
    this.#channel.tell(this.#object, 'stopSending', [value])
    this.#onReceiveError(
      new QuicStreamError(`Stream ${this.id} was stopped with code ${value}`, value, { side: 'local' }),
    )
  }

  /** Both at once: {@link reset} and {@link stopSending}. */
  abort(code?: bigint | number): void {
    if (this.#canWrite) this.reset(code)
    if (this.#canRead) this.stopSending(code)
  }

  /** Lets the stream live for `ms` from now at most. @throws RangeError for a time that is not above 0 */
  setDeadline(ms: Duration, options: DeadlineOptions = {}): void {
    if (typeof ms !== 'number') throw new TypeError(`ms must be a number, got ${typeof ms}`)
    if (!(ms > 0 && ms < Infinity)) throw new RangeError(`ms must be positive and finite, got ${ms}`)
    checkKeys(options, ['action', 'code'])
    const { action = 'both' } = options
    this.#deadline = { at: performance.now() + ms, action }
    this.#channel.tell(this.#object, 'setDeadline', [ms, options])
  }

  /** Takes the deadline back. */
  clearDeadline(): void {
    this.#deadline = undefined
    this.#channel.tell(this.#object, 'clearDeadline')
  }

  get deadline(): QuicStreamDeadline | undefined {
    const deadline = this.#deadline
    return deadline && { remaining: Math.max(0, deadline.at - performance.now()), action: deadline.action }
  }

  /** Numbers of this moment; of the last one, where the worker has forgotten the stream. */
  getStats(): Promise<QuicStreamStats> {
    return this.#channel.call(this.#object, 'getStats') as Promise<QuicStreamStats>
  }

  // ── Called by the connection ──────────────────────────────────────────────────────────────────────────────────────

  /** The worker has said something about the stream. @internal */
  onTold(what: string, args: readonly unknown[]): void {
    switch (what) {
      case 'data':
        this.#chunks.push(args[0] as Uint8Array)
        return this.#onReadable()
      case 'end':
        this.#isAtEnd = true
        return this.#onReadable()
      case 'taken':
        this.#room += args[0] as number
        return this.#onWritable()
      case 'receiveError':
        return this.#onReceiveError(decodeError(args[0] as ErrorRecord))
      case 'sendError':
        return this.#onSendError(decodeError(args[0] as ErrorRecord))
      case 'closed':
        return this.onClosed(args[0] === undefined ? undefined : decodeError(args[0] as ErrorRecord))
    }
  }

  /** Both halves have ended, or nothing is heard of them any more. @internal */
  onClosed(error: Error | undefined): void {
    this.#deadline = undefined
    if (error === undefined) return this.#closed.resolve()
    this.#closed.reject(error)
    if (!this.#isAtEnd) this.#onReceiveError(error)
    this.#onSendError(error)
  }

  /** The number under which the worker knows it. @internal */
  get object(): number {
    return this.#object
  }

  get #isReadable(): boolean {
    return this.#chunks.length > 0 || this.#isAtEnd || this.#receiveError !== undefined
  }

  /** The worker begins to read when somebody reads here. */
  #ask(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#channel.tell(this.#object, 'credit', [STREAM_WINDOW])
  }

  #onConsumed(length: number): void {
    this.#owed += length
    if (this.#owed < STREAM_WINDOW / 4 || this.#isAtEnd) return
    this.#channel.tell(this.#object, 'credit', [this.#owed])
    this.#owed = 0
  }

  #dropChunk(): void {
    this.#chunks.shift()
    this.#chunkAt = 0
  }

  async #pull(controller: ReadableByteStreamController): Promise<void> {
    await this.whenReadable()
    if (this.#receiveError !== undefined) return controller.error(this.#receiveError)
    const [chunk] = this.#chunks
    if (chunk === undefined) {
      controller.close()
      return controller.byobRequest?.respond(0)
    }
    const rest = chunk.subarray(this.#chunkAt)
    this.#dropChunk()
    this.#onConsumed(rest.length)
    controller.enqueue(rest as Uint8Array<ArrayBuffer>)
  }

  async #write(bytes: unknown): Promise<void> {
    if (!(bytes instanceof Uint8Array)) throw new TypeError(`A chunk must be a Uint8Array, got ${typeof bytes}`)
    for (let at = 0; at < bytes.length; at += this.tryWrite(bytes.subarray(at))) await this.whenWritable()
  }

  #onReadable(): void {
    this.#whenReadable?.resolve()
    this.#whenReadable = undefined
  }

  #onWritable(): void {
    this.#whenWritable?.resolve()
    this.#whenWritable = undefined
  }

  #onReceiveError(error: unknown): void {
    if (this.#receiveError !== undefined || !this.#canRead) return
    this.#receiveError = error
    this.#chunks.length = 0
    this.#onReadable()
  }

  #onSendError(error: unknown): void {
    if (this.#sendError !== undefined || !this.#canWrite) return
    this.#sendError = error
    this.#writer?.error(error)
    this.#onWritable()
  }
}

/** The application error code in an `abort` or `cancel` reason. */
function codeOf(reason: unknown): bigint {
  if (typeof reason === 'bigint' || typeof reason === 'number') return errorCode(reason)
  return reason instanceof QuicStreamError ? reason.code : 0n
}
