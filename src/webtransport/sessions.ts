/**
 * All sessions of WebTransport on one HTTP/3 connection (draft-ietf-webtrans-http3): which draft is spoken, how many there may
 * be, and to whom streams belong.
 */
import { Deque } from '../base/deque.ts'
import { NEVER, type Time } from '../base/time.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { Http3Connection } from '../http3/connection.ts'
import { Http3Error, Http3ErrorCode } from '../http3/error.ts'
import type { Http3Event } from '../http3/events.ts'
import { type RequestHead, responseFields } from '../http3/message.ts'
import type { RequestStream } from '../http3/request-stream.ts'
import type { Settings } from '../http3/settings.ts'
import type { Stream } from '../streams/stream.ts'
import { StreamStateError } from '../streams/stream-error.ts'
import { WebTransportErrorCode } from './error-codes.ts'
import type { SessionEvent } from './events.ts'
import {
  type Agreement,
  draftOfToken,
  isUpgradeToken,
  negotiate,
  type WebTransportConfig,
  type WebTransportDraft,
  type WebTransportSettings,
  webTransportConfig,
} from './negotiation.ts'
import type { Session } from './session.ts'
import { checkConnect, connectFields, fieldValue, offeredProtocols, type SessionRequest } from './session-fields.ts'
import { type SessionHost, SessionMachine } from './session-machine.ts'
import { WaitingRoom } from './waiting-room.ts'

/** Sessions that are over and that we still know of. */
const MAX_OVER = 256

/** A request of ours that was not sent yet. */
interface Waiting {
  readonly machine: SessionMachine
  readonly request: SessionRequest
}

/** A request of the client's that came before its SETTINGS. */
interface Early {
  readonly stream: RequestStream
  readonly head: RequestHead
}

/**
 * The sessions of one connection. The law of its use: hand every event of the HTTP/3 connection to `receiveEvent`, and every
 * event of the QUIC connection, after HTTP/3 has had it, to `receiveConnectionEvent`; heed `nextTimeout`; drain `pollEvent`,
 * and let the connection send. Calls never call out.
 */
export class WebTransportSessions {
  readonly #http3: Http3Connection
  readonly #config: WebTransportConfig
  readonly #host: SessionHost
  readonly #events = new Deque<SessionEvent>()
  readonly #room: WaitingRoom
  /** Of those that have a CONNECT stream, until that is over. */
  readonly #machines = new Map<number, SessionMachine>()
  /** Sessions that have not ended. */
  readonly #live = new Set<SessionMachine>()
  /** Ids of those that were over last. Their CONNECT streams may be there still, until the other side knows. */
  readonly #over = new Set<number>()
  #waiting: Waiting[] = []
  #early: Early[] = []
  #agreement: Agreement | undefined
  #isOver = false

  /** @throws TypeError, RangeError for settings that make no sense */
  constructor(http3: Http3Connection, settings: WebTransportSettings = {}) {
    this.#http3 = http3
    this.#config = webTransportConfig(settings)
    this.#room = new WaitingRoom(this.#config.maxBufferedStreams, this.#config.bufferTimeout)
    this.#host = {
      http3,
      config: this.#config,
      emit: (event) => this.#events.push(event),
      takeHeld: (sessionId) => this.#room.take(sessionId),
      onEnded: (machine) => this.#live.delete(machine),
      onSettled: (machine) => this.#onSettled(machine),
    }
    const { peerSettings } = http3
    if (peerSettings !== undefined) this.#onSettings(peerSettings, 0)
  }

  /** The draft that is spoken; `false`: none, and `problem` tells why; `undefined` until the peer's SETTINGS have come. */
  get draft(): WebTransportDraft | false | undefined {
    return this.#agreement === undefined ? undefined : (this.#agreement.draft ?? false)
  }

  /** Why there can be no sessions, as a sentence. */
  get problem(): string | undefined {
    return this.#agreement?.problem
  }

  /** Whether sessions have limits of their own (§5.1). */
  get hasFlowControl(): boolean {
    return this.#agreement?.hasFlowControl === true
  }

  /** Client: whether the connection takes another session; `undefined`: that is not known yet. */
  get canOpen(): boolean | undefined {
    if (this.#isOver || this.#http3.isGoingAway) return false
    return this.#agreement === undefined ? undefined : this.#refusal(this.#agreement) === undefined
  }

  /** Sessions that have not ended. */
  get count(): number {
    return this.#live.size
  }

  /** The sessions that have not ended. */
  *values(): IterableIterator<Session> {
    for (const machine of this.#live) yield machine.session
  }

  /**
   * Client: asks for a session, at once or as soon as that is possible. What cannot be ends with `closed`.
   * @throws TypeError for fields or protocols that must not be sent; StreamStateError on a server
   */
  open(request: SessionRequest, now: Time): Session {
    if (this.#http3.role === 'server') throw new StreamStateError('A server asks for no sessions')
    const sent = connectFields(request, this.#config.drafts[0] ?? 15)
    const machine = new SessionMachine(this.#host, {
      authority: request.authority,
      path: request.path,
      origin: request.origin,
      fields: sent.filter(({ name }) => !name.startsWith(':')),
      availableProtocols: [...(request.protocols ?? [])],
      requiresProtocol: request.requiresProtocol === true,
    })
    this.#waiting.push({ machine, request: { ...request, fields: [...(request.fields ?? [])] } })
    this.#live.add(machine)
    this.#advance(now)
    return machine.session
  }

  /** Takes an event of the connection, after HTTP/3 has had it. */
  receiveConnectionEvent(event: ConnectionEvent, now: Time): void {
    switch (event.type) {
      case 'connected':
        this.#advance(now)
        break
      case 'streams-available':
        for (const machine of this.#live) machine.onStreamsAvailable(event.direction)
        break
      case 'datagram-writable':
        for (const machine of this.#live) machine.onDatagramRoom()
        break
      case 'closing':
        this.#isOver = true
        this.#waiting = []
        this.#early = []
        for (const machine of [...this.#live, ...this.#machines.values()]) machine.onConnectionClosed(event.reason, now)
        break
      default:
    }
  }

  /** Takes an event of HTTP/3; whether nobody else need look at it. */
  receiveEvent(event: Http3Event, now: Time): boolean {
    switch (event.type) {
      case 'settings':
        this.#onSettings(event.settings, now)
        return false
      case 'requests-available':
        this.#advance(now)
        return false
      case 'going-away':
        this.#onGoingAway(now)
        return false
      case 'session-stream':
        this.#onStream(event.sessionId, event.stream, now)
        return true
      case 'session-stream-event':
        this.#machines.get(event.sessionId)?.onStreamEvent(event.event, now)
        return true
      case 'request':
        return this.#onRequest(event.stream, event.head, now)
      default:
        return this.#onRequestEvent(event, now)
    }
  }

  /** The next fact for the application. */
  pollEvent(): SessionEvent | undefined {
    return this.#events.shift()
  }

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    if (this.#isOver) return NEVER
    let next = this.#room.nextTimeout()
    for (const machine of this.#machines.values()) next = Math.min(next, machine.nextTimeout())
    return next
  }

  /** Lets go of what has waited for too long. */
  onTimeout(now: Time): void {
    for (const stream of this.#room.takeExpired(now)) stream.abort(WebTransportErrorCode.WT_BUFFERED_STREAM_REJECTED)
    for (const machine of [...this.#machines.values()]) machine.onTimeout(now)
  }

  #onSettings(settings: Settings, now: Time): void {
    const parameters = this.#http3.connection.peerParameters
    if (parameters === undefined || this.#agreement !== undefined) return
    try {
      this.#agreement = negotiate(this.#config, this.#http3.role, settings, parameters)
    } catch (error) {
      if (!(error instanceof Http3Error)) throw error
      this.#http3.close(error.code, error.message, now)
      return
    }
    this.#events.push({ type: 'negotiated' })
    const early = this.#early
    this.#early = []
    for (const { head, stream } of early) if (!stream.hasEnded) this.#admit(stream, head, this.#agreement, now)
    this.#advance(now)
  }

  /** §4.7: no new sessions here, and those that there are ought to end. */
  #onGoingAway(now: Time): void {
    for (const machine of [...this.#live]) {
      if (machine.state === 'open') machine.onDrain()
    }
    this.#advance(now)
  }

  /** Client: sends what can be sent. */
  #advance(now: Time): void {
    const agreement = this.#agreement
    // §3.2: nothing in 0-RTT. §4.6: nothing before the server's SETTINGS.
    if (this.#isOver || agreement === undefined || this.#http3.connection.completion === undefined) {
      if (this.#isOver || this.#http3.isGoingAway) this.#failAll(now)
      return
    }
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting
      if (first === undefined || !this.#send(first, agreement, now)) return
      this.#waiting.shift()
    }
  }

  #failAll(now: Time): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { machine } of waiting) machine.onFailed('The connection takes no more sessions', now)
  }

  /** Whether the first of those that wait need not wait any more. */
  #send({ machine, request }: Waiting, agreement: Agreement, now: Time): boolean {
    if (machine.state !== 'connecting') return true
    const refusal = this.#refusal(agreement, machine)
    const { draft } = agreement
    if (refusal !== undefined || draft === undefined) {
      machine.onFailed(refusal ?? 'There is no WebTransport here', now)
      return true
    }
    const { priority } = request
    try {
      const stream = this.#http3.request(connectFields(request, draft), priority === undefined ? {} : { priority })
      if (stream === undefined) return false
      this.#machines.set(stream.id, machine)
      machine.begin(stream, draft, agreement)
    } catch (error) {
      machine.onFailed(error instanceof Error ? error.message : String(error), now)
    }
    return true
  }

  /** Client: why another session is not to be asked for; `undefined`: nothing stands against it. */
  #refusal(agreement: Agreement, besides?: SessionMachine): string | undefined {
    if (agreement.draft === undefined) return agreement.problem
    // §4.7.
    if (this.#http3.isGoingAway) return 'The server takes no more sessions on this connection'
    let count = 0
    for (const machine of this.#live) if (machine !== besides && machine.id !== undefined) count += 1
    if (count >= agreement.maxSessions) return `The server takes ${agreement.maxSessions} sessions at a time`
    // §5.1.
    const isAlone = agreement.draft >= 14 && !agreement.hasFlowControl
    return isAlone && count > 0 ? 'Without flow control a connection can have one session at a time' : undefined
  }

  #onRequest(stream: RequestStream, head: RequestHead, now: Time): boolean {
    if (head.method !== 'CONNECT' || !isUpgradeToken(head.protocol)) return false
    if (this.#agreement !== undefined) this.#admit(stream, head, this.#agreement, now)
    // §7.1: what it means is known with the client's SETTINGS.
    else if (this.#early.length < this.#config.maxSessions) {
      this.#early.push({ stream, head })
      this.#room.onKnown(stream.id)
    } else this.#turnAway(stream, Http3ErrorCode.H3_REQUEST_REJECTED)
    return true
  }

  /** Server: a request has come, and what it means is known. */
  #admit(stream: RequestStream, head: RequestHead, agreement: Agreement, now: Time): void {
    // §3.2: the method is not safe, so it must not be replayed (RFC 8470 §5.2).
    if (stream.isEarly) return this.#refuse(stream, 425)
    // §3.1.
    if (agreement.draft === undefined) return this.#turnAway(stream, Http3ErrorCode.H3_MESSAGE_ERROR)
    const draft = draftOfToken(agreement, head.protocol)
    // RFC 9220 §3: a protocol that is not known here.
    if (draft === undefined) return this.#refuse(stream, 501)
    const hasLimits = agreement.hasFlowControl && draft >= 14
    const most = draft >= 14 && !hasLimits ? 1 : this.#config.maxSessions
    if (this.#live.size >= most) return this.#turnAway(stream, Http3ErrorCode.H3_REQUEST_REJECTED)
    try {
      const { authority, path } = checkConnect(head)
      const machine = new SessionMachine(this.#host, {
        authority,
        path,
        origin: fieldValue(head.fields, 'origin'),
        fields: head.fields,
        availableProtocols: offeredProtocols(head),
        requiresProtocol: false,
      })
      this.#machines.set(stream.id, machine)
      this.#live.add(machine)
      this.#room.onKnown(stream.id)
      machine.begin(stream, draft, agreement)
      this.#events.push({ type: 'request', session: machine.session })
      machine.onEvent({ type: 'datagram', stream }, now)
    } catch (error) {
      if (!(error instanceof Http3Error)) throw error
      this.#turnAway(stream, error.code)
    }
  }

  /** Answers with a status, and nothing else. */
  #refuse(stream: RequestStream, status: number): void {
    if (stream.isWritable) stream.sendFields(responseFields(status, []), true)
    stream.stop(Http3ErrorCode.H3_NO_ERROR)
    this.#turnAwayHeld(stream.id)
  }

  #turnAway(stream: RequestStream, code: bigint): void {
    stream.abort(code)
    this.#turnAwayHeld(stream.id)
  }

  #turnAwayHeld(sessionId: number): void {
    this.#remember(sessionId)
    for (const held of this.#room.take(sessionId)) held.abort(WebTransportErrorCode.WT_BUFFERED_STREAM_REJECTED)
  }

  /** Whether it was about the CONNECT stream of a session. */
  #onRequestEvent(event: Extract<Http3Event, { stream: RequestStream }>, now: Time): boolean {
    const machine = this.#machines.get(event.stream.id)
    if (machine !== undefined) {
      machine.onEvent(event, now)
      return true
    }
    return this.#early.some(({ stream }) => stream === event.stream)
  }

  /** The peer has opened a stream of a session. */
  #onStream(sessionId: number, stream: Stream, now: Time): void {
    const machine = this.#machines.get(sessionId)
    if (machine?.onStream(stream, now) === true) return
    if (machine === undefined && this.#isGone(sessionId)) stream.abort(WebTransportErrorCode.WT_SESSION_GONE)
    else if (!this.#room.hold(sessionId, stream, machine !== undefined, now)) {
      stream.abort(WebTransportErrorCode.WT_BUFFERED_STREAM_REJECTED)
    }
  }

  /** Whether no session with that id can come any more. */
  #isGone(sessionId: number): boolean {
    // A client knows of its requests before anybody else.
    if (this.#http3.role === 'client') return true
    if (this.#over.has(sessionId)) return true
    const { streams } = this.#http3.connection
    return sessionId / 4 < streams.credit.incomingBidirectional.opened && streams.get(sessionId) === undefined
  }

  #remember(sessionId: number): void {
    this.#over.add(sessionId)
    const [oldest] = this.#over
    if (oldest !== undefined && this.#over.size > MAX_OVER) this.#over.delete(oldest)
  }

  #onSettled(machine: SessionMachine): void {
    this.#live.delete(machine)
    if (machine.id !== undefined) {
      this.#machines.delete(machine.id)
      this.#remember(machine.id)
    }
    if (this.#machines.size === 0 && this.#live.size === 0 && this.#early.length === 0)
      this.#events.push({ type: 'idle' })
  }
}
