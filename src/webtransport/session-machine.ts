/**
 * What a session does (draft-ietf-webtrans-http3): the states from its CONNECT request to its end, client or server, and what
 * capsules, streams and datagrams make of them. Its application sees `session.ts`.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { CloseReason } from '../connection/events.ts'
import type { Http3Connection } from '../http3/connection.ts'
import { Http3Error, Http3ErrorCode } from '../http3/error.ts'
import type { Http3Event } from '../http3/events.ts'
import type { Field } from '../http3/field.ts'
import { FrameType, frameHeaderSize, writeFrameHeader } from '../http3/frames.ts'
import type { ResponseHead } from '../http3/message.ts'
import type { RequestStream } from '../http3/request-stream.ts'
import { StreamType } from '../http3/stream-kinds.ts'
import type { StreamEvent } from '../streams/events.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { type CapsuleSink, encodeCloseSession, encodeDrainSession } from './capsules.ts'
import { ConnectStream } from './connect-stream.ts'
import { WebTransportErrorCode } from './error-codes.ts'
import type { SessionEnd, SessionEvent } from './events.ts'
import type { Agreement, WebTransportConfig, WebTransportDraft } from './negotiation.ts'
import { Session } from './session.ts'
import { SessionDatagrams } from './session-datagrams.ts'
import { SessionClosedError, SessionStateError } from './session-error.ts'
import {
  answerFields,
  checkOpening,
  chosenProtocol,
  refusalFields,
  type SessionAnswer,
  type SessionRefusal,
} from './session-fields.ts'
import { SessionStreamSet } from './session-stream-set.ts'

/**
 * - `connecting`: client: there is no answer yet.
 * - `pending`: server: it is neither accepted nor rejected.
 */
export type SessionState = 'connecting' | 'pending' | 'open' | 'closed'

/** What a session was asked for with. */
export interface SessionHead {
  readonly authority: string
  /** With the query. */
  readonly path: string
  readonly origin: string | undefined
  /** Without pseudo fields. */
  readonly fields: readonly Field[]
  /** The client's offer, its preference first. */
  readonly availableProtocols: readonly string[]
  /** Client: without one of them in the answer the session fails. */
  readonly requiresProtocol: boolean
}

/** What a session needs of its connection. */
export interface SessionHost {
  readonly http3: Http3Connection
  readonly config: WebTransportConfig
  emit(event: SessionEvent): void
  /** Streams that came before the session was open; they are taken out. */
  takeHeld(sessionId: number): readonly Stream[]
  onEnded(machine: SessionMachine): void
  onSettled(machine: SessionMachine): void
}

/** ms: WT_CLOSE_SESSION may come later than the STOP_SENDING that was sent behind it. */
const CLOSE_REORDERING: Duration = 1000

/** A session from the inside. */
export class SessionMachine implements CapsuleSink {
  readonly host: SessionHost
  readonly head: SessionHead
  /** What its application sees of it. */
  readonly session: Session
  readonly datagrams: SessionDatagrams = new SessionDatagrams()
  state: SessionState
  /** `undefined`: the request was not sent yet. So are the three that follow. */
  draft: WebTransportDraft | undefined
  connect: ConnectStream | undefined
  streams: SessionStreamSet | undefined
  /** What was agreed on (§3.3). */
  protocol: string | undefined
  responseFields: readonly Field[] | undefined
  /** Of the answer. */
  status: number | undefined
  isDraining = false
  end: SessionEnd | undefined
  isSettled = false
  /** Of the call under way. */
  now: Time = 0
  #hasFlowControl = false
  #hasDrained = false
  /** When waiting for the other side to end the CONNECT stream is over. */
  #deadline: Time = NEVER
  /** The peer wants nothing more on the CONNECT stream, and has not said why yet. */
  #stopCode: bigint | undefined

  constructor(host: SessionHost, head: SessionHead) {
    this.host = host
    this.head = head
    this.state = host.http3.role === 'client' ? 'connecting' : 'pending'
    this.session = new Session(this)
  }

  get id(): number | undefined {
    return this.connect?.stream.id
  }

  /** Whether the limits of §5 hold. */
  get hasFlowControl(): boolean {
    return this.#hasFlowControl
  }

  get forbidsStreamCapsules(): boolean {
    return (this.draft ?? 0) >= 14
  }

  /**
   * Server: opens the session, with a status of 2xx.
   * @throws SessionStateError where it is not pending; TypeError for a protocol that was not offered, or fields that must not be
   * sent; RangeError for a status that opens no session, and fields that are more than the client takes
   */
  accept(answer: SessionAnswer, now: Time): void {
    const { stream } = this.#pending()
    stream.sendFields(answerFields(answer, this.head.availableProtocols, this.draft))
    this.protocol = answer.protocol
    this.status = answer.status ?? 200
    this.#onOpen(now)
  }

  /**
   * Server: refuses the session, with a status of 3xx to 5xx.
   * @throws SessionStateError where it is not pending; TypeError for fields that must not be sent; RangeError for another status
   */
  reject(refusal: SessionRefusal, now: Time): void {
    const connect = this.#pending()
    connect.stream.sendFields(refusalFields(refusal))
    this.status = refusal.status
    connect.finish(refusal.body)
    // No STOP_SENDING (RFC 9114 §4.1 would allow it): Chromium then tells a failure of the protocol, and not the status.
    connect.discard()
    this.#finish({ kind: 'rejected', side: 'local', status: refusal.status }, now)
  }

  #pending(): ConnectStream {
    if (this.end !== undefined) throw new SessionClosedError(this.end)
    if (this.state === 'pending' && this.connect !== undefined) return this.connect
    throw new SessionStateError(`A session can be answered while it is pending, this one is ${this.state}`)
  }

  active(): SessionStreamSet {
    if (this.end !== undefined) throw new SessionClosedError(this.end)
    if (this.streams !== undefined && this.state !== 'pending') return this.streams
    throw new SessionStateError(`The session is ${this.state}`)
  }

  /** Asks the other side to end the session soon (§4.7). Only an open session can, and once. */
  drain(now: Time): void {
    this.now = now
    if (this.state !== 'open' || this.#hasDrained) return
    this.#hasDrained = true
    this.connect?.send(encodeDrainSession)
  }

  /**
   * Ends the session, whatever its state (§6); streams are reset with WT_SESSION_GONE. A reason above 1,024 bytes of UTF-8 is
   * cut. Nothing is waited for, and a second call does nothing.
   */
  close(code: number, reason: string, now: Time): void {
    if (this.end !== undefined) return
    const stream = this.connect?.stream
    if (this.state === 'open') this.connect?.finish(encodeCloseSession(code, reason))
    else if (this.state === 'pending') stream?.abort(Http3ErrorCode.H3_REQUEST_REJECTED)
    else stream?.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
    this.#finish({ kind: 'closed', side: 'local', code, reason }, now)
  }

  /** The CONNECT request was sent, or has come. */
  begin(stream: RequestStream, draft: WebTransportDraft, agreement: Agreement): void {
    const { config } = this.host
    const isLimited = agreement.hasFlowControl && draft >= 14
    const { limits } = agreement
    this.draft = draft
    this.#hasFlowControl = isLimited
    this.connect = new ConnectStream(stream, this)
    this.streams = new SessionStreamSet({
      session: this.session,
      draft,
      theirs: {
        data: isLimited ? limits.maxData : Infinity,
        streamsBidi: isLimited ? limits.maxStreamsBidi : Infinity,
        streamsUni: isLimited ? limits.maxStreamsUni : Infinity,
      },
      ours: {
        data: isLimited ? config.initialMaxData : Infinity,
        streamsBidi: isLimited ? config.initialMaxStreamsBidi : Infinity,
        streamsUni: isLimited ? config.initialMaxStreamsUni : Infinity,
      },
      priority: stream.priority,
      emit: (event) => this.host.emit(event),
      open: (direction) => this.#openBelow(stream.id, direction),
      send: (capsule) => this.connect?.send(capsule),
      onViolation: (error) => this.#onViolation(error, this.now),
    })
  }

  #openBelow(id: number, direction: StreamDirection): { stream: Stream; header: Uint8Array } | undefined {
    const stream = this.host.http3.openSessionStream(direction, id)
    if (stream === undefined) return undefined
    const type = direction === 'bidirectional' ? FrameType.webTransportStream : StreamType.webTransport
    const header = new Uint8Array(frameHeaderSize(type, id))
    writeFrameHeader(header, 0, type, id)
    return { stream, header }
  }

  /** Client: the session cannot be had on this connection. */
  onFailed(reason: string, now: Time): void {
    this.#finish({ kind: 'failed', reason }, now)
  }

  /** Something happened to the CONNECT stream. */
  onEvent(event: Extract<Http3Event, { stream: RequestStream }>, now: Time): void {
    this.now = now
    switch (event.type) {
      case 'response':
        this.#onResponse(event.head, now)
        break
      case 'body':
        if (this.state === 'open') this.#receive(now)
        else if (this.state === 'closed') this.connect?.discard()
        break
      case 'writable':
        this.connect?.flush()
        break
      case 'stopped':
        this.#onStopped(event.code, now)
        break
      case 'failed':
        this.#abort(WebTransportErrorCode.WT_SESSION_GONE)
        this.#finish({ kind: 'reset', side: event.side, code: event.code, reason: event.reason }, now)
        break
      case 'datagram':
        this.#onDatagrams(event.stream, now)
        break
      case 'ended':
        // Where both halves were given up, that was told before; where both ended well, its end was read.
        this.#finish({ kind: 'closed', side: 'remote', code: 0, reason: '' }, now)
        this.#settle()
        break
      default:
    }
  }

  /** The peer has opened a stream of this session; `false`: it is not open yet. */
  onStream(stream: Stream, now: Time): boolean {
    this.now = now
    if (this.state === 'closed') stream.abort(WebTransportErrorCode.WT_SESSION_GONE)
    else if (this.state === 'open') this.#adopt(stream)
    else return false
    return true
  }

  /** Something happened to a stream of this session. */
  onStreamEvent(event: StreamEvent, now: Time): void {
    this.now = now
    if (this.end === undefined && event.type !== 'streams-available' && event.type !== 'stream-opened') {
      this.streams?.onEvent(event)
    }
  }

  /** The connection lets more streams be opened. */
  onStreamsAvailable(direction: StreamDirection): void {
    if (this.end === undefined) this.streams?.onAvailable(direction)
  }

  /** Whether what the end of the session has to say has been sent, once at least, or never will be. */
  get isEndSent(): boolean {
    if (this.end === undefined) return false
    return this.isSettled || this.connect?.stream.isSent !== false
  }

  /** Fewer datagrams wait to be sent than may. */
  get hasDatagramRoom(): boolean {
    return this.datagrams.hasRoom && this.host.http3.connection.datagrams.hasRoom
  }

  /** There may be room for datagrams again. */
  onDatagramRoom(): void {
    if (!this.datagrams.wantsRoom || this.end !== undefined) return
    if (this.hasDatagramRoom) {
      this.datagrams.wantsRoom = false
      this.host.emit({ type: 'datagram-writable', session: this.session })
    } else this.host.http3.connection.datagrams.wantRoom()
  }

  /** The other side wants the session to end soon: this tells so once. */
  onDrain(): void {
    if (this.isDraining || this.end !== undefined) return
    this.isDraining = true
    this.host.emit({ type: 'draining', session: this.session })
  }

  /** A capsule. */
  onClose(code: number, reason: string): void {
    // §6: whoever hears of the end ends the CONNECT stream as well.
    this.connect?.finish()
    this.#finish({ kind: 'closed', side: 'remote', code, reason }, this.now)
  }

  /** A capsule (RFC 9297 §3.5). */
  onDatagram(payload: Uint8Array): void {
    if (this.end !== undefined) return
    this.datagrams.receive(payload, this.now, Infinity)
    this.#announceDatagrams()
  }

  /** A capsule. */
  onMaxData(maximum: number): void {
    this.streams?.onMaxData(maximum)
  }

  /** A capsule. */
  onMaxStreams(direction: StreamDirection, maximum: number): void {
    this.streams?.onMaxStreams(direction, maximum)
  }

  /** The connection is over, and so is everything. */
  onConnectionClosed(reason: CloseReason, now: Time): void {
    this.#finish({ kind: 'connection', reason }, now)
    this.#settle()
  }

  nextTimeout(): Time {
    return this.isSettled ? NEVER : this.#deadline
  }

  onTimeout(now: Time): void {
    if (now < this.#deadline || this.isSettled) return
    this.#deadline = NEVER
    this.#abort(WebTransportErrorCode.WT_SESSION_GONE)
    if (this.end !== undefined) return this.#settle()
    this.#finish({ kind: 'reset', side: 'remote', code: this.#stopCode ?? 0n, reason: 'The peer wants no more' }, now)
  }

  #onResponse(head: ResponseHead, now: Time): void {
    if (this.state !== 'connecting') return
    this.status = head.status
    this.responseFields = head.fields
    if (head.status < 200 || head.status > 299) {
      // §3.2: redirects are not followed.
      this.#abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
      this.#finish({ kind: 'rejected', side: 'remote', status: head.status }, now)
      return
    }
    try {
      this.#checkResponse(head)
    } catch (error) {
      this.#onViolation(error, now)
      return
    }
    this.#onOpen(now)
  }

  /** @throws Http3Error for an answer that opens no session though it says so */
  #checkResponse(head: ResponseHead): void {
    checkOpening(head)
    const protocol = chosenProtocol(head)
    const isOffered = protocol !== undefined && this.head.availableProtocols.includes(protocol)
    // Draft -14 §3.3: a choice that was not offered is ignored there.
    const isBad = protocol !== undefined && !isOffered && (this.draft ?? 0) >= 15
    if (isBad || (this.head.requiresProtocol && !isOffered)) {
      const reason =
        protocol === undefined ? 'The server chose no protocol' : `The server chose ${JSON.stringify(protocol)}`
      throw new Http3Error(WebTransportErrorCode.WT_ALPN_ERROR, reason, 'stream')
    }
    this.protocol = isOffered ? protocol : undefined
  }

  #onOpen(now: Time): void {
    this.now = now
    this.state = 'open'
    if (this.host.http3.role === 'client') this.host.emit({ type: 'opened', session: this.session })
    for (const stream of this.host.takeHeld(this.id ?? -1)) this.onStream(stream, now)
    this.#announceDatagrams()
    this.#receive(now)
  }

  #adopt(stream: Stream): void {
    const streams = this.streams
    streams?.accept(stream)
    if (this.end !== undefined) {
      // It was the one too many.
      stream.abort(WebTransportErrorCode.WT_SESSION_GONE)
      return
    }
    // What happened while it waited.
    const { receive, send } = stream
    if (receive?.resetCode !== undefined) streams?.onEvent({ type: 'stream-reset', stream, code: receive.resetCode })
    if (send?.stopCode !== undefined) streams?.onEvent({ type: 'stream-stopped', stream, code: send.stopCode })
  }

  #onDatagrams(stream: RequestStream, now: Time): void {
    const limit = this.state === 'open' ? Infinity : this.host.config.maxBufferedDatagrams
    for (let bytes = stream.readDatagram(); bytes !== undefined; bytes = stream.readDatagram()) {
      if (this.end === undefined) this.datagrams.receive(bytes, now, limit)
    }
    this.#announceDatagrams()
  }

  #announceDatagrams(): void {
    if (this.state !== 'open' || !this.datagrams.announce()) return
    this.host.emit({ type: 'datagram-readable', session: this.session })
  }

  /** Takes in what has come on the CONNECT stream. */
  #receive(now: Time): void {
    try {
      const hasEnded = this.connect?.receive() === true
      this.streams?.sweep()
      // §6: an end without a word is one with code 0.
      if (hasEnded && this.end === undefined) this.onClose(0, '')
    } catch (error) {
      this.#onViolation(error, now)
    }
  }

  /** The peer wants no more of our half of the CONNECT stream. */
  #onStopped(code: bigint, now: Time): void {
    if (this.state === 'open') this.#receive(now)
    // A server that rejects may say so before its answer has come.
    if (this.end !== undefined || this.state === 'connecting') return
    if (this.state === 'open' && code === WebTransportErrorCode.WT_SESSION_GONE) {
      this.#stopCode = code
      this.#deadline = now + CLOSE_REORDERING
      return
    }
    this.#abort(WebTransportErrorCode.WT_SESSION_GONE)
    this.#finish({ kind: 'reset', side: 'remote', code, reason: 'The peer wants no more' }, now)
  }

  /** The peer broke a rule, which ends the CONNECT stream, and nothing else. */
  #onViolation(error: unknown, now: Time): void {
    if (!(error instanceof Http3Error)) throw error
    this.#abort(error.code)
    this.#finish({ kind: 'reset', side: 'local', code: error.code, reason: error.message }, now)
  }

  #abort(code: bigint): void {
    this.connect?.stream.abort(code)
  }

  #finish(end: SessionEnd, now: Time): void {
    if (this.end !== undefined) return
    this.end = end
    this.state = 'closed'
    const { id } = this
    const held = id === undefined ? [] : this.host.takeHeld(id)
    for (const stream of held) stream.abort(WebTransportErrorCode.WT_BUFFERED_STREAM_REJECTED)
    this.streams?.end(WebTransportErrorCode.WT_SESSION_GONE)
    this.host.emit({ type: 'closed', session: this.session, end })
    this.host.onEnded(this)
    if (id === undefined) this.#settle()
    else this.#deadline = now + this.host.config.closeTimeout
  }

  #settle(): void {
    if (this.isSettled) return
    this.isSettled = true
    this.host.emit({ type: 'settled', session: this.session })
    this.host.onSettled(this)
  }
}
