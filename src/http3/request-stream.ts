/**
 * One request and its responses (RFC 9114 §4.1): the application's face of a request stream, of either role. The half that
 * arrives is `message-receiver.ts`; here are the half that leaves, priority (RFC 9218) and datagrams (RFC 9297).
 */
import { EMPTY } from '../base/bytes.ts'
import { Deque } from '../base/deque.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { OutgoingMessage } from '../streams/datagram.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { SendStream } from '../streams/send-stream.ts'
import type { Stream } from '../streams/stream.ts'
import { StreamClosedError, StreamStateError } from '../streams/stream-error.ts'
import type { Role } from '../wire/stream-id.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import type { Http3Event } from './events.ts'
import type { Field } from './field.ts'
import { encodeFrame, FrameType, frameHeaderSize, writeFrameHeader } from './frames.ts'
import type { Http3Log } from './http3-log.ts'
import { type RequestHead, type ResponseHead, responseFields } from './message.ts'
import { type MessageHandler, MessageReceiver } from './message-receiver.ts'
import type { DecodedSection } from './qpack/decoder.ts'
import { SendBacklog } from './send-backlog.ts'

/** What a request stream needs of its connection. */
export interface RequestHost {
  readonly role: Role
  readonly maxFieldSectionSize: number
  readonly takesSessionStreams: boolean
  /** Server: `:protocol` may come (RFC 9220). */
  readonly takesExtendedConnect: boolean
  /** Datagrams of one stream that wait to be read at most. */
  readonly maxQueuedDatagrams: number
  readonly scratch: Uint8Array
  readonly log: Http3Log | undefined
  emit(event: Http3Event): void
  /** Compresses a section, and sends what its decoder needs for it. @throws RangeError for one that the peer does not take */
  encode(streamId: number, fields: readonly Field[]): Uint8Array
  decode(streamId: number, section: Uint8Array): DecodedSection | undefined
  /** Nothing more of the stream is decoded (RFC 9204 §2.2.2.2). */
  cancelDecoding(streamId: number): void
  /** The stream belongs to a WebTransport session. */
  onSessionStream(request: RequestStream, sessionId: number): void
  /** A rule was broken: the connection ends, or the stream. */
  onError(error: unknown, request: RequestStream): void
  onEnded(request: RequestStream): void
  onPriority(streamId: number, priority: StreamPriority): void
  /** Bytes; 0: the peer takes none. */
  maxDatagramSize(streamId: number): number
  sendDatagram(streamId: number, payload: Uint8Array, now: Time, maxAge: Duration | undefined): OutgoingMessage
}

/** What is known of a request when its stream is made. */
export interface RequestTraits {
  readonly isEarly?: boolean
  /** Of a request that this side sends. */
  readonly method?: string | undefined
  /** The same; of an extended CONNECT. */
  readonly protocol?: string | undefined
}

/** A DATA frame that is no larger than this waits for more room. */
const LEAST_DATA = 64

/**
 * A request stream. Its methods throw `StreamClosedError` once the half that they are about has ended. The methods called
 * `on…` and `takes…` are for its connection.
 */
export class RequestStream {
  readonly id: number
  /** The QUIC stream below: its statistics and deadlines. What is written there by others breaks the framing. */
  readonly stream: Stream
  /** Server: the request came in early data, which may be a replay (RFC 8470). */
  readonly isEarly: boolean
  readonly #host: RequestHost
  readonly #send: SendStream
  readonly #receive: ReceiveStream
  readonly #backlog: SendBacklog
  readonly #message: MessageReceiver
  readonly #datagrams = new Deque<Uint8Array>()
  #sendPhase: 'head' | 'body' | 'end' = 'head'
  #wantsWritable = false
  #toldDatagram = false
  #hasFailed = false
  #isAbandoned = false
  #isPrioritized = false
  /** What HTTP datagrams mean is said by the protocol of an extended CONNECT; `undefined`: its head has not come. */
  #takesDatagrams: boolean | undefined
  /** Server: the application has heard of the request. */
  #isAnnounced = false
  #hasEnded = false

  constructor(stream: Stream, host: RequestHost, options: RequestTraits) {
    const { send, receive } = stream
    if (send === undefined || receive === undefined) throw new TypeError('A request stream has two halves')
    this.id = stream.id
    this.stream = stream
    this.isEarly = options.isEarly === true
    this.#host = host
    if (host.role === 'client') this.#takesDatagrams = options.protocol !== undefined
    this.#send = send
    this.#receive = receive
    this.#backlog = new SendBacklog(send)
    this.#message = new MessageReceiver(receive, this.#handler(), options.method)
  }

  #handler(): MessageHandler {
    const host = this.#host
    const { id } = this
    return {
      role: host.role,
      maxFieldSectionSize: host.maxFieldSectionSize,
      takesSessionStreams: host.takesSessionStreams,
      isForeign: host.role === 'client' && !this.stream.isLocal,
      scratch: host.scratch,
      log: host.log,
      decode: (section) => host.decode(id, section),
      onRequest: (head) => this.#onRequest(head),
      onResponse: (head) => this.#onResponse(head),
      onBody: () => host.emit({ type: 'body', stream: this }),
      onTooLarge: () => this.#onTooLarge(),
      onSessionStream: (sessionId) => {
        this.stream.deadline = undefined
        host.onSessionStream(this, sessionId)
      },
    }
  }

  /** Whether both halves have ended. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Whether `sendFields`, `writeBody` and `finish` can still do anything. */
  get isWritable(): boolean {
    return this.#sendPhase !== 'end' && this.#send.isWritable
  }

  /** Whether all that we have to say was sent, once at least, with its end; or was given up. */
  get isSent(): boolean {
    return this.#send.state !== 'ready' && this.#send.state !== 'send'
  }

  /**
   * Sends a section: the header of a request; interim responses and the header of the final one; or, behind the content, the
   * trailers, which end the message.
   * @param end nothing follows it.
   * @throws StreamClosedError; RangeError for a section that is larger than the peer takes
   */
  sendFields(fields: readonly Field[], end = false): void {
    if (this.#sendPhase === 'end') throw new StreamClosedError(this.id, 'finished')
    // What cannot be sent must not enter the compression table; a stream that has ended throws here.
    this.#send.write(EMPTY)
    const section = this.#host.encode(this.id, fields)
    this.#host.log?.headers('local', this.id, fields, section.length)
    this.#backlog.write(encodeFrame(FrameType.headers, section))
    if (this.#sendPhase === 'body') return this.finish()
    if (!isInterim(fields)) this.#sendPhase = 'body'
    if (end) this.finish()
  }

  /**
   * Sends as much of `bytes` as there is room for, in one DATA frame; how many were taken. `writable` follows a smaller number
   * than was given.
   * @throws StreamClosedError; StreamStateError in front of the header section
   */
  writeBody(bytes: Uint8Array): number {
    if (this.#sendPhase === 'end') throw new StreamClosedError(this.id, 'finished')
    if (this.#sendPhase === 'head') throw new StreamStateError('The header section comes before the content')
    if (bytes.length === 0) return 0
    const header = frameHeaderSize(FrameType.data, bytes.length)
    const room = this.#backlog.size > 0 ? 0 : this.#send.writableBytes - header
    const length = Math.min(bytes.length, room)
    if (length < Math.min(bytes.length, LEAST_DATA)) {
      // A stream that has ended throws here.
      if (!this.#send.isWritable) this.#send.write(bytes)
      this.#wantRoom()
      return 0
    }
    const { scratch } = this.#host
    const end = writeFrameHeader(scratch, 0, FrameType.data, length)
    this.#send.write(scratch.subarray(0, end))
    this.#host.log?.plainFrame('local', this.id, FrameType.data, length)
    this.#send.write(length === bytes.length ? bytes : bytes.subarray(0, length))
    if (length < bytes.length) this.#wantRoom()
    return length
  }

  #wantRoom(): void {
    this.#wantsWritable = true
    this.#send.wantRoom()
  }

  /** Ends the message. @throws StreamClosedError; StreamStateError in front of the header section */
  finish(): void {
    if (this.#sendPhase === 'end') return
    if (this.#sendPhase === 'head') throw new StreamStateError('A message without a header section cannot end')
    this.#sendPhase = 'end'
    this.#backlog.finish()
    this.checkEnded()
  }

  /** Gives up what we send (RFC 9114 §4.1.1). */
  reset(code: bigint = Http3ErrorCode.H3_REQUEST_CANCELLED): void {
    this.#sendPhase = 'end'
    this.#backlog.clear()
    this.#send.reset(code)
    this.checkEnded()
  }

  /** Wants no more of what the peer sends. */
  stop(code: bigint = Http3ErrorCode.H3_REQUEST_CANCELLED): void {
    if (!this.#isReceived) this.#host.cancelDecoding(this.id)
    this.#receive.stop(code)
    this.#isAbandoned = true
    this.checkEnded()
  }

  /** Gives both halves up. */
  abort(code: bigint = Http3ErrorCode.H3_REQUEST_CANCELLED): void {
    this.reset(code)
    this.stop(code)
  }

  /**
   * Moves content into `into`; how many bytes. 0: none now, `body` follows; -1: that was all, `trailers` tells what followed it.
   * The peer's credit grows by what is read.
   * @throws StreamClosedError after `failed`, `stop` and the end of the connection
   */
  readBody(into: Uint8Array): number {
    try {
      const length = this.#message.read(into)
      if (length < 0) this.checkEnded()
      return length
    } catch (error) {
      if (!(error instanceof Http3Error)) throw error
      this.#host.onError(error, this)
      return 0
    }
  }

  /** The trailer section, once `readBody` has told the end; `undefined`: there was none. */
  get trailers(): readonly Field[] | undefined {
    return this.#message.trailers
  }

  /** How it competes with the others (RFC 9218): of a client also a wish, which the server hears of. */
  get priority(): StreamPriority {
    return this.stream.priority
  }

  /** @throws RangeError for an urgency that is no integer from 0 to 7 */
  set priority(priority: StreamPriority) {
    this.stream.priority = priority
    if (this.#host.role === 'client') this.#host.onPriority(this.id, priority)
  }

  /** Bytes that a datagram may have now; 0: the peer takes none, or what we send has ended (RFC 9297 §2.1). */
  get maxDatagramSize(): number {
    return this.isWritable && this.#takesDatagrams === true ? this.#host.maxDatagramSize(this.id) : 0
  }

  /**
   * Sends a datagram that belongs to this stream, once or not at all; `payload` is copied.
   * @param maxAge ms after which it is not worth sending; default: as that of the connection.
   * @throws RangeError above {@link maxDatagramSize}; StreamClosedError once what we send has ended; StreamStateError for a
   * request that is no extended CONNECT (RFC 9297 §2)
   */
  sendDatagram(payload: Uint8Array, now: Time, maxAge?: Duration): OutgoingMessage {
    if (!this.isWritable) throw new StreamClosedError(this.id, 'finished')
    if (this.#takesDatagrams !== true) throw new StreamStateError('Datagrams belong to extended CONNECT alone')
    return this.#host.sendDatagram(this.id, payload, now, maxAge)
  }

  /** The oldest datagram that waits; `undefined`: there is none. */
  readDatagram(): Uint8Array | undefined {
    const datagram = this.#datagrams.shift()
    if (datagram === undefined) this.#toldDatagram = false
    return datagram
  }

  /** A datagram came for it. Where too many wait, the oldest is dropped. */
  onDatagram(payload: Uint8Array): void {
    if (this.#isReceived) return
    if (this.#takesDatagrams === false) return this.#host.onError(meaningless(this.id), this)
    while (this.#datagrams.length >= this.#host.maxQueuedDatagrams) this.#datagrams.shift()
    this.#datagrams.push(payload)
    this.#tellDatagram()
  }

  /** Once, and not in front of the request itself. */
  #tellDatagram(): void {
    if (this.#toldDatagram || this.#takesDatagrams !== true || this.#datagrams.length === 0) return
    this.#toldDatagram = true
    this.#host.emit({ type: 'datagram', stream: this })
  }

  onReadable(): void {
    if (!this.#isReceived) this.#message.onReadable()
  }

  onSection(section: DecodedSection): void {
    if (!this.#isReceived) this.#message.onSection(section)
  }

  onWritable(): void {
    if (!this.#send.isWritable || !this.#backlog.flush() || !this.#wantsWritable) return
    this.#wantsWritable = false
    this.#host.emit({ type: 'writable', stream: this })
  }

  onStopped(code: bigint): void {
    this.#sendPhase = 'end'
    this.#backlog.clear()
    this.#host.emit({ type: 'stopped', stream: this, code })
  }

  onReset(code: bigint): void {
    this.#host.cancelDecoding(this.id)
    // RFC 9114 §4.1: nobody will answer a request that nobody has heard of.
    if (this.#host.role === 'server' && !this.#isAnnounced) this.reset(Http3ErrorCode.H3_REQUEST_INCOMPLETE)
    this.#fail('remote', code, 'The peer gave the stream up')
  }

  /** Server: the client has until `at` to say what it asks for. */
  expectHeader(at: Time): void {
    if (at < NEVER) this.stream.deadline = { at, action: 'notify', code: Http3ErrorCode.H3_REQUEST_REJECTED }
  }

  /**
   * The time for the header is over, or that of a deadline of the application's own, which is none of ours.
   * @throws Http3Error
   */
  onDeadline(): void {
    if (this.#host.role === 'client' || this.#isAnnounced || this.#isReceived) return
    // RFC 9114 §4.1.1: nobody has heard of the request. It is not incomplete (§8.1): the client's stream has not ended.
    throw new Http3Error(Http3ErrorCode.H3_REQUEST_REJECTED, 'The header of the request did not come in time', 'stream')
  }

  /** What came breaks a rule, or the stream is refused: both halves end with `code`. */
  onViolation({ code, message }: Http3Error): void {
    this.abort(code)
    this.#fail('local', code, message)
  }

  /** The server has not processed it (RFC 9114 §5.2). */
  onRejected(): void {
    const code = Http3ErrorCode.H3_REQUEST_REJECTED
    this.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
    this.#fail('remote', code, 'The server goes away, and has not processed the request')
  }

  #fail(side: 'local' | 'remote', code: bigint, reason: string): void {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#host.emit({ type: 'failed', stream: this, side, code, reason })
  }

  /** The client has another wish, which counts for more than its field `priority` (RFC 9218 §7). */
  onPriorityUpdate(priority: StreamPriority): void {
    this.#isPrioritized = true
    this.#host.log?.priority(this.id, this.stream.priority, priority)
    this.stream.priority = priority
  }

  #onRequest(head: RequestHead): void {
    if (head.protocol !== undefined && !this.#host.takesExtendedConnect) {
      // RFC 9114 §4.3, RFC 9220 §3: a pseudo-header field that we have not agreed to.
      throw new Http3Error(Http3ErrorCode.H3_MESSAGE_ERROR, ':protocol was not offered', 'stream')
    }
    this.#takesDatagrams = head.protocol !== undefined
    if (!this.#takesDatagrams && this.#datagrams.length > 0) throw meaningless(this.id)
    this.#isAnnounced = true
    this.stream.deadline = undefined
    if (!this.#isPrioritized) this.stream.priority = head.priority
    this.#host.emit({ type: 'request', stream: this, head })
    this.#tellDatagram()
  }

  #onResponse(head: ResponseHead): void {
    this.#host.emit({ type: head.status < 200 ? 'informational' : 'response', stream: this, head })
  }

  /** RFC 9114 §4.2.2: a server says so with 431; a client gives up. */
  #onTooLarge(): void {
    const code = Http3ErrorCode.H3_EXCESSIVE_LOAD
    this.#host.cancelDecoding(this.id)
    if (this.#host.role === 'server' && this.#sendPhase === 'head' && this.#answerTooLarge()) {
      this.stop(Http3ErrorCode.H3_NO_ERROR)
    } else this.abort(code)
    this.#fail('local', code, `A field section is larger than ${this.#host.maxFieldSectionSize} bytes`)
  }

  /** Whether the client takes even that much of an answer. */
  #answerTooLarge(): boolean {
    try {
      this.sendFields(responseFields(431, []), true)
      return true
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
  }

  /** Whether nothing more is expected of the peer. The last bytes may be read while they wait to be decoded. */
  get #isReceived(): boolean {
    return this.#hasFailed || this.#isAbandoned || this.#message.isFinished
  }

  /** Tells, once, when both halves are over. */
  checkEnded(): void {
    if (this.#hasEnded || !this.#isReceived || !this.#send.hasEnded) return
    this.#hasEnded = true
    this.#host.onEnded(this)
  }
}

/** RFC 9297 §2. */
function meaningless(streamId: number): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_DATAGRAM_ERROR, `Datagrams mean nothing to request ${streamId}`, 'stream')
}

/** Whether it is the section of an interim response (RFC 9110 §15.2). */
function isInterim(fields: readonly Field[]): boolean {
  const first = fields[0]
  return first?.name === ':status' && first.value.startsWith('1')
}
