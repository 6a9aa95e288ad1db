/**
 * The receiving half of a request stream: the sequence of frames that makes a message (RFC 9114 §4.1), pulled as far as the
 * application reads. What the fields mean `message.ts` checks; how they are compressed `qpack/` knows.
 */
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { Role } from '../wire/stream-id.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import type { Field } from './field.ts'
import { malformed } from './field-rules.ts'
import { FrameCursor } from './frame-cursor.ts'
import { FrameType, isReservedFrameType } from './frames.ts'
import type { Http3Log } from './http3-log.ts'
import {
  expectedContent,
  parseRequest,
  parseResponse,
  parseTrailers,
  type RequestHead,
  type ResponseHead,
} from './message.ts'
import type { DecodedSection } from './qpack/decoder.ts'

/** What the receiver tells its stream. */
export interface MessageHandler {
  readonly role: Role
  /** Bytes of a field section that are taken at most. */
  readonly maxFieldSectionSize: number
  /** Streams of WebTransport sessions are taken. */
  readonly takesSessionStreams: boolean
  /** The server opened the stream: it can be of a session and nothing else. */
  readonly isForeign: boolean
  /** Of `SCRATCH_SIZE` bytes, free between calls. */
  readonly scratch: Uint8Array
  readonly log: Http3Log | undefined
  /** `undefined`: it is blocked; `onSection` brings it. */
  decode(section: Uint8Array): DecodedSection | undefined
  onRequest(head: RequestHead): void
  onResponse(head: ResponseHead): void
  /** There is content to read, or its end. */
  onBody(): void
  /** The header section is larger than {@link maxFieldSectionSize}. */
  onTooLarge(): void
  /** It is no request, but a stream of that session. */
  onSessionStream(sessionId: number): void
}

/** What comes next on the stream. */
type Stage = 'frame' | 'section' | 'blocked' | 'data' | 'skip' | 'over'

/** The message that arrives on one request stream; of a server's, with its interim responses. */
export class MessageReceiver {
  readonly #receive: ReceiveStream
  readonly #handler: MessageHandler
  readonly #cursor: FrameCursor
  #stage: Stage = 'frame'
  /** Which section is next. */
  #phase: 'head' | 'body' | 'end' = 'head'
  #isFirstFrame = true
  #isTold = false
  /** Bytes of content that there must be; `undefined`: as many as come. */
  #contentLength: number | undefined
  #content = 0
  #trailers: readonly Field[] | undefined
  /** Client: the method of the request that this answers. */
  readonly #method: string | undefined
  #isTunnel = false

  constructor(receive: ReceiveStream, handler: MessageHandler, method: string | undefined) {
    this.#receive = receive
    this.#handler = handler
    this.#cursor = new FrameCursor(receive, handler.scratch)
    this.#method = method
  }

  /** Once all content was read, and if there were any. */
  get trailers(): readonly Field[] | undefined {
    return this.#trailers
  }

  /** Whether the message is complete, and was read. */
  get isFinished(): boolean {
    return this.#stage === 'over'
  }

  /** Bytes have come, or the end. @throws Http3Error for what breaks the rules */
  onReadable(): void {
    this.#advance()
    this.#announce()
  }

  /** A section that was blocked is decoded. @throws Http3Error as {@link onReadable} */
  onSection(section: DecodedSection): void {
    if (this.#stage !== 'blocked') return
    this.#takeSection(section)
    this.onReadable()
  }

  /**
   * Moves content into `into`; how many bytes. 0: none now; -1: the end of the message.
   * @throws Http3Error as {@link onReadable}; StreamClosedError once the stream is reset or given up
   */
  read(into: Uint8Array): number {
    let total = 0
    for (;;) {
      if (this.#stage === 'data') {
        const length = this.#cursor.read(total === 0 ? into : into.subarray(total))
        total += length
        if (length === 0 && this.#cursor.remaining > 0) break
        if (this.#cursor.remaining === 0) this.#stage = 'frame'
        if (total === into.length) return total
      }
      this.#advance()
      if (this.#stage !== 'data') break
    }
    if (total > 0) return total
    this.#isTold = false
    return this.#stage === 'over' ? -1 : 0
  }

  /** Tells of content once until it was asked for in vain. */
  #announce(): void {
    if (this.#isTold || this.#phase === 'head') return
    const isReadable = this.#stage === 'over' || (this.#stage === 'data' && this.#receive.readableBytes > 0)
    if (!isReadable) return
    this.#isTold = true
    this.#handler.onBody()
  }

  /** Goes as far as it can without touching content. */
  #advance(): void {
    for (;;) {
      switch (this.#stage) {
        case 'frame': {
          const next = this.#cursor.next()
          if (next === 'wait') return
          if (next === 'end') return this.#onEnd()
          this.#onFrame(this.#cursor.type, this.#cursor.length)
          break
        }
        case 'section': {
          const section = this.#cursor.collect()
          if (section === undefined) return
          this.#stage = 'blocked'
          const decoded = this.#handler.decode(section)
          if (decoded === undefined) return
          this.#takeSection(decoded)
          break
        }
        case 'skip':
          if (!this.#cursor.skip()) return
          this.#stage = 'frame'
          break
        case 'data':
          if (this.#cursor.remaining > 0) return
          this.#stage = 'frame'
          break
        default:
          return
      }
    }
  }

  #onFrame(type: number, length: number): void {
    const isFirst = this.#isFirstFrame
    this.#isFirstFrame = false
    if (this.#handler.isForeign && type !== FrameType.webTransportStream) {
      throw new Http3Error(Http3ErrorCode.H3_STREAM_CREATION_ERROR, 'The server opened a stream that is of no session')
    }
    switch (type) {
      case FrameType.data:
        return this.#onData(length)
      case FrameType.headers:
        return this.#onHeaders(length)
      case FrameType.webTransportStream:
        if (!this.#handler.takesSessionStreams) break
        // Draft webtrans-http3 section 4.3: at the beginning of a stream and nowhere else.
        if (!isFirst) throw new Http3Error(Http3ErrorCode.H3_FRAME_ERROR, 'WT_STREAM within a request stream')
        this.#stage = 'over'
        return this.#handler.onSessionStream(length)
      case FrameType.pushPromise:
        // RFC 9114 §7.2.5: we allow no push, and a client may never promise one.
        if (this.#handler.role === 'server') throw unexpected('PUSH_PROMISE', 'a client')
        throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, 'A push was promised, and none allowed')
      case FrameType.cancelPush:
      case FrameType.settings:
      case FrameType.goAway:
      case FrameType.maxPushId:
      case FrameType.priorityUpdateRequest:
      case FrameType.priorityUpdatePush:
        throw unexpected(`Frame type 0x${type.toString(16)}`, 'a request stream')
      default:
        if (isReservedFrameType(type)) throw unexpected(`HTTP/2 frame type 0x${type.toString(16)}`, 'HTTP/3')
    }
    this.#stage = 'skip'
    this.#handler.log?.plainFrame('remote', this.#receive.id, type, length)
  }

  /** RFC 9114 §4.1, §4.1.2. */
  #onData(length: number): void {
    if (this.#phase !== 'body')
      throw unexpected('DATA', this.#phase === 'head' ? 'front of HEADERS' : 'the place behind trailers')
    this.#content += length
    if (this.#contentLength !== undefined && this.#content > this.#contentLength) {
      throw malformed(`It has more than the ${this.#contentLength} bytes of content that it can have`)
    }
    this.#stage = 'data'
    this.#handler.log?.plainFrame('remote', this.#receive.id, FrameType.data, length)
  }

  #onHeaders(length: number): void {
    if (this.#phase === 'end') throw unexpected('HEADERS', 'the place behind trailers')
    // RFC 9114 §4.4: DATA alone is left on a tunnel.
    if (this.#phase === 'body' && this.#isTunnel) throw unexpected('HEADERS', 'a tunnel')
    if (length <= this.#handler.maxFieldSectionSize) {
      this.#stage = 'section'
      return
    }
    this.#onTooLarge()
  }

  #takeSection(section: DecodedSection): void {
    if (section.isTooLarge) return this.#onTooLarge()
    this.#handler.log?.headers('remote', this.#receive.id, section.fields, this.#cursor.length)
    this.#stage = 'frame'
    if (this.#phase === 'body') {
      this.#trailers = parseTrailers(section.fields)
      this.#phase = 'end'
    } else if (this.#handler.role === 'server') this.#takeRequest(parseRequest(section.fields))
    else this.#takeResponse(parseResponse(section.fields))
  }

  #takeRequest(head: RequestHead): void {
    this.#phase = 'body'
    this.#contentLength = head.contentLength
    this.#isTunnel = head.method === 'CONNECT'
    this.#handler.onRequest(head)
  }

  #takeResponse(head: ResponseHead): void {
    if (head.status >= 200) {
      this.#phase = 'body'
      this.#isTunnel = this.#method === 'CONNECT' && head.status < 300
      this.#contentLength = expectedContent(this.#method ?? 'GET', head)
    }
    this.#handler.onResponse(head)
  }

  #onTooLarge(): void {
    this.#stage = 'over'
    this.#handler.onTooLarge()
  }

  #onEnd(): void {
    if (this.#phase === 'head') {
      const code =
        this.#handler.role === 'server' ? Http3ErrorCode.H3_REQUEST_INCOMPLETE : Http3ErrorCode.H3_MESSAGE_ERROR
      throw new Http3Error(code, 'The stream ends before the message has begun', 'stream')
    }
    if (this.#contentLength !== undefined && this.#content !== this.#contentLength) {
      throw malformed(`It has ${this.#content} bytes of content, and must have ${this.#contentLength}`)
    }
    this.#stage = 'over'
  }
}

function unexpected(what: string, where: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_FRAME_UNEXPECTED, `${what} does not belong in ${where}`)
}
