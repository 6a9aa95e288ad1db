/**
 * A stream of a session, as its application sees it: the header is hidden, codes are the application's, and the data counts
 * for the limits of the session (draft-ietf-webtrans-http3 §4.2 to §4.4, §5.4). The stream below stays what it is.
 */
import { EMPTY } from '../base/bytes.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { SendStream } from '../streams/send-stream.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { toHttpCode } from './error-codes.ts'
import type { SessionCredit, SessionWindow } from './flow-control.ts'
import type { WebTransportDraft } from './negotiation.ts'
import type { Session } from './session.ts'

/** What streams need of their session. */
export interface SessionStreamHost {
  readonly session: Session
  readonly draft: WebTransportDraft
  /** What the peer lets all streams send. */
  readonly credit: SessionCredit
  /** What we let the peer send on all streams. */
  readonly window: SessionWindow
  /** The half has something to write, and the session's credit is used up. */
  waitForCredit(half: SessionSendStream): void
  /** Credit came back. */
  onCredit(): void
  /** Some of the window was released. */
  onReleased(): void
  /** The peer has sent more than it may. */
  onViolation(error: unknown): void
  /** A half has ended, perhaps. */
  onChange(stream: SessionStream): void
}

/** The sending half; members as those of `SendStream`. Bytes are counted without the header, codes are the application's. */
export class SessionSendStream {
  readonly id: number
  readonly #stream: SessionStream
  readonly #half: SendStream
  readonly #host: SessionStreamHost
  readonly #headerSize: number
  /** What of the header the connection had no room for. */
  #header: Uint8Array
  /** Bytes that were taken from the session's credit. */
  #charged = 0

  /** @param header of which some may wait to be written still; empty where the peer opened the stream. */
  constructor(stream: SessionStream, half: SendStream, host: SessionStreamHost, header: Uint8Array) {
    this.id = half.id
    this.#stream = stream
    this.#half = half
    this.#host = host
    this.#headerSize = header.length
    this.#header = header.subarray(Math.min(half.bytesWritten, header.length))
  }

  /** Whether `write` and `finish` may be called. */
  get isWritable(): boolean {
    return this.#half.isWritable
  }

  /** Bytes that `write` would take now. */
  get writableBytes(): number {
    return Math.max(0, Math.min(this.#half.writableBytes - this.#header.length, this.#host.credit.available))
  }

  /** Bytes beyond those that wait that flow control, the session's too, lets go now. */
  get credit(): number {
    return Math.max(0, Math.min(this.#half.credit - this.#header.length, this.#host.credit.available))
  }

  /** Whether the peer takes RESET_STREAM_AT. */
  get canResetAt(): boolean {
    return this.#half.canResetAt
  }

  get bytesWritten(): number {
    return Math.max(0, this.#half.bytesWritten - this.#headerSize)
  }

  /** Bytes sent at least once. */
  get bytesSent(): number {
    return Math.max(0, this.#half.bytesSent - this.#headerSize)
  }

  /** Bytes at the beginning that are known to have arrived. */
  get bytesAcknowledged(): number {
    return Math.max(0, this.#half.bytesAcknowledged - this.#headerSize)
  }

  /** Bytes that wait to be sent. */
  get queuedBytes(): number {
    return this.bytesWritten - this.bytesSent
  }

  get isTerminal(): boolean {
    return this.#half.isTerminal
  }

  get hasEnded(): boolean {
    return this.#half.hasEnded
  }

  /**
   * Takes a copy of as many bytes as there is room and session credit for; how many. `stream-writable` follows a smaller
   * number than was given.
   * @throws StreamClosedError after `finish`, a reset by either side, and the end of the session.
   */
  write(bytes: Uint8Array): number {
    if (!this.#writeHeader()) return 0
    const { credit } = this.#host
    const room = Math.min(bytes.length, credit.available)
    const taken = this.#half.write(room < bytes.length ? bytes.subarray(0, room) : bytes)
    credit.take(taken)
    this.#charged += taken
    if (taken === room && room < bytes.length) this.#host.waitForCredit(this)
    return taken
  }

  /** Ends the stream behind what was written. @throws StreamClosedError as {@link write} */
  finish(): void {
    // Where nothing at all fits, an end without a header is one of a stream that never was.
    if (this.#writeHeader()) this.#half.finish()
    else this.reset(0n)
  }

  /**
   * Gives the stream up with the application's code; its header arrives all the same, where the peer takes RESET_STREAM_AT
   * (§4.4). Does nothing where it was before.
   * @throws RangeError for a code above 2^32-1
   */
  reset(code: bigint): void {
    this.resetWith(toHttpCode(Number(code), this.#host.draft), 0)
  }

  /**
   * Gives the stream up but for its first `reliableSize` bytes.
   * @throws RangeError, StreamStateError as `SendStream.resetAt`
   */
  resetAt(code: bigint, reliableSize: number): void {
    const httpCode = toHttpCode(Number(code), this.#host.draft)
    this.#half.resetAt(httpCode, reliableSize + this.#headerSize)
    this.#settle(Math.max(this.#half.bytesSent, reliableSize + this.#headerSize))
    this.#host.onChange(this.#stream)
  }

  /** Asks for `stream-writable` as soon as there is room. */
  wantRoom(): void {
    if (this.#host.credit.available > 0 || !this.isWritable) this.#half.wantRoom()
    else this.#host.waitForCredit(this)
  }

  /** For its session: gives the stream up with a code of HTTP/3. */
  resetWith(httpCode: bigint, reliableSize: number): void {
    const half = this.#half
    const least = reliableSize + this.#headerSize
    // The code of an earlier RESET_STREAM_AT stays.
    const code = half.resetCode ?? httpCode
    if (!half.hasEnded && half.canResetAt && least > 0 && this.#header.length === 0) {
      half.resetAt(code, least)
      this.#settle(Math.max(half.bytesSent, least))
    } else {
      half.reset(code)
      this.onReset()
    }
    this.#host.onChange(this.#stream)
  }

  /** For its session: it was reset, by whomever; nothing that was not sent ever will be. */
  onReset(): void {
    this.#header = EMPTY
    this.#settle(this.#half.bytesSent)
  }

  /** For its session: the stream below has room. Whether the application may be told. */
  onWritable(): boolean {
    if (!this.#writeHeader()) return false
    if (this.#host.credit.available > 0) return true
    this.#host.waitForCredit(this)
    return false
  }

  #writeHeader(): boolean {
    if (this.#header.length === 0) return true
    this.#header = this.#header.subarray(this.#half.write(this.#header))
    return this.#header.length === 0
  }

  /** Gives the credit back of what lies behind the final size of a reset: the peer counts up to there (§5.4). */
  #settle(finalSize: number): void {
    const final = Math.max(0, finalSize - this.#headerSize)
    if (final >= this.#charged) return
    this.#host.credit.giveBack(this.#charged - final)
    this.#charged = final
    this.#host.onCredit()
  }
}

/** The receiving half; members as those of `ReceiveStream`. Bytes are counted without the header, codes are the application's. */
export class SessionReceiveStream {
  readonly id: number
  readonly #stream: SessionStream
  readonly #half: ReceiveStream
  readonly #host: SessionStreamHost
  readonly #headerSize: number
  /** Bytes that were counted for the session's window. */
  #counted = 0
  /** Bytes whose credit went back. */
  #released = 0
  #isAnnounced = false

  constructor(stream: SessionStream, half: ReceiveStream, host: SessionStreamHost, headerSize: number) {
    this.id = half.id
    this.#stream = stream
    this.#half = half
    this.#host = host
    this.#headerSize = headerSize
  }

  /** Bytes that `read` would return now. */
  get readableBytes(): number {
    return this.#half.readableBytes
  }

  /** Whether `read` would return anything but 0. */
  get isReadable(): boolean {
    return this.#half.isReadable
  }

  /** Whether all bytes and the end were read. */
  get isFinished(): boolean {
    return this.#half.isFinished
  }

  get isTerminal(): boolean {
    return this.#half.isTerminal
  }

  get hasEnded(): boolean {
    return this.#half.hasEnded
  }

  /** The code of HTTP/3 of the peer's reset, once it is reported. */
  get resetCode(): bigint | undefined {
    return this.#half.resetCode
  }

  get bytesReceived(): number {
    return Math.max(0, this.#half.bytesReceived - this.#headerSize)
  }

  get bytesRead(): number {
    return Math.max(0, this.#half.bytesRead - this.#headerSize)
  }

  /**
   * Moves bytes that are next in order to `into`; how many. 0: nothing more for now. -1: the peer ended the stream here.
   * @throws StreamClosedError after the peer's reset, after `stop`, and after the end of the session.
   */
  read(into: Uint8Array): number {
    this.count()
    const length = this.#half.read(into)
    if (!this.#half.isReadable) this.#isAnnounced = false
    if (length > 0) {
      this.#released += length
      this.#host.window.release(length)
      this.#host.onReleased()
    }
    if (this.#half.hasEnded) this.#host.onChange(this.#stream)
    return length
  }

  /** Wants no more of the stream, with the application's code. @throws RangeError for a code above 2^32-1 */
  stop(code: bigint): void {
    this.stopWith(toHttpCode(Number(code), this.#host.draft))
  }

  /** For its session: wants no more, with a code of HTTP/3. */
  stopWith(httpCode: bigint): void {
    this.#half.stop(httpCode)
    this.settle()
    this.#host.onChange(this.#stream)
  }

  /** For its session: counts what has come since the last time. */
  count(): void {
    const amount = this.bytesReceived - this.#counted
    if (amount <= 0) return
    this.#counted += amount
    try {
      this.#host.window.take(amount)
    } catch (error) {
      this.#host.onViolation(error)
    }
  }

  /** For its session: nobody reads any more, so that all that has come is done with. Whether more may come. */
  settle(): boolean {
    this.count()
    const amount = this.#counted - this.#released
    if (amount > 0) {
      this.#released += amount
      this.#host.window.release(amount)
      this.#host.onReleased()
    }
    return !this.#half.isTerminal
  }

  /** For its session: there is something to read. Whether that is news. */
  announce(): boolean {
    if (this.#isAnnounced || !this.#half.isReadable || this.#half.hasEnded) return false
    this.#isAnnounced = true
    return true
  }
}

/** A stream of a session. */
export class SessionStream {
  readonly id: number
  readonly direction: StreamDirection
  /** Whether this side opened it. */
  readonly isLocal: boolean
  readonly session: Session
  /** The stream below: its priority, send order and group, deadline. What is read, written or reset there breaks the count. */
  readonly core: Stream
  /** `undefined` where only the peer sends. */
  readonly send: SessionSendStream | undefined
  /** `undefined` where only this side sends. */
  readonly receive: SessionReceiveStream | undefined

  /** @param header what a stream of ours begins with; of a peer's it was read. */
  constructor(core: Stream, host: SessionStreamHost, header: Uint8Array) {
    this.id = core.id
    this.direction = core.direction
    this.isLocal = core.isLocal
    this.session = host.session
    this.core = core
    this.send = core.send === undefined ? undefined : new SessionSendStream(this, core.send, host, header)
    const read = core.isLocal ? 0 : (core.receive?.bytesRead ?? 0)
    this.receive = core.receive === undefined ? undefined : new SessionReceiveStream(this, core.receive, host, read)
  }

  /** Whether both halves have ended for the application. */
  get hasEnded(): boolean {
    return this.core.hasEnded
  }

  /** Gives both halves up, with the application's code. @throws RangeError for a code above 2^32-1 */
  abort(code: bigint): void {
    this.send?.reset(code)
    this.receive?.stop(code)
  }

  /** For its session: gives both halves up with a code of HTTP/3. */
  abortWith(httpCode: bigint): void {
    this.send?.resetWith(httpCode, 0)
    this.receive?.stopWith(httpCode)
  }
}
