/**
 * HTTP/3 on one QUIC connection (RFC 9114), client or server, as a synchronous state machine: events of the connection in,
 * events of HTTP out. It routes streams to those who read them and closes for what breaks the rules.
 */
import { Deque } from '../base/deque.ts'
import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { StreamEvent } from '../streams/events.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { Stream } from '../streams/stream.ts'
import { StreamClosedError, StreamStateError } from '../streams/stream-error.ts'
import type { Role, StreamDirection } from '../wire/stream-id.ts'
import { closedCritical } from './control-receiver.ts'
import { CriticalStreams } from './critical-streams.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import type { Http3Event } from './events.ts'
import type { Field } from './field.ts'
import { FieldCoding } from './field-coding.ts'
import { SCRATCH_SIZE } from './frame-cursor.ts'
import { encodeGoAway, FrameType, frameHeaderSize, writeFrameHeader } from './frames.ts'
import { type DatagramRoutes, HttpDatagrams } from './http-datagrams.ts'
import { Http3Log } from './http3-log.ts'
import { type Http3Config, type Http3Options, http3Config, ownSettings } from './options.ts'
import { encodePriorityUpdate } from './priority.ts'
import { type RequestHost, RequestStream } from './request-stream.ts'
import { checkRememberedSettings, SettingId, type Settings } from './settings.ts'
import { StreamType } from './stream-kinds.ts'
import { UnidirectionalStreams } from './unidirectional.ts'

/** What GOAWAY says before the last request is known: 2^62-4 (RFC 9114 §5.2). */
const NO_LAST_REQUEST = 2n ** 62n - 4n

/** Priorities of requests that have not come yet; more are a peer's idle talk (RFC 9218 §7.1). */
const MAX_EARLY_PRIORITIES = 64

/** How a request is made. */
export interface RequestOptions {
  /** There is no content. */
  readonly end?: boolean
  /** Of what we send; the field `priority`, which the server reads, is the caller's. */
  readonly priority?: StreamPriority
}

/**
 * HTTP/3 over a {@link Connection}. The law of its use: hand every event of the connection to `receiveEvent`, drain
 * `pollEvent`, and let the connection send. Calls never call out.
 */
export class Http3Connection {
  readonly connection: Connection
  readonly role: Role
  readonly #config: Http3Config
  readonly #log: Http3Log | undefined
  readonly #events = new Deque<Http3Event>()
  readonly #requests = new Map<number, RequestStream>()
  readonly #unidirectional: UnidirectionalStreams
  readonly #critical: CriticalStreams
  readonly #fields: FieldCoding
  readonly #datagrams: HttpDatagrams
  /** By stream; of those that have ended nothing is kept. */
  readonly #sessions = new WeakMap<Stream, number>()
  /** The peer's streams that were looked at: they may be announced after they were found. */
  readonly #seen = new WeakSet<Stream>()
  readonly #priorities = new Map<number, StreamPriority>()
  readonly #host: RequestHost
  #peerSettings: Settings | undefined
  #now: Time = 0
  /** The first id of a request that has not come. */
  #nextRequest = 0
  /** Server: requests from this id on are turned away. Client: those from this id on were not processed. */
  #lastId = Infinity
  #isGoingAway = false
  #isEarlyDataAccepted = false
  #isStarted = false
  #isClosed = false

  /** @throws RangeError for wrong options */
  constructor(connection: Connection, random: RandomSource, options: Http3Options = {}) {
    const config = http3Config(options, random)
    const scratch = new Uint8Array(SCRATCH_SIZE)
    this.connection = connection
    this.role = connection.role
    this.#config = config
    this.#log = Http3Log.of(connection.observer)
    this.#critical = new CriticalStreams(connection.streams, ownSettings(config), config.grease, this.#log, (error) =>
      this.#onError(error, undefined),
    )
    this.#fields = new FieldCoding(config, this.#critical)
    const routes: DatagramRoutes = {
      find: (streamId) => this.#requests.get(streamId),
      isAwaited: (streamId) => this.role === 'server' && streamId >= this.#nextRequest,
      isPossible: (streamId) => this.role === 'client' || streamId / 4 < this.#requestLimit,
    }
    this.#datagrams = new HttpDatagrams(connection.datagrams, routes, this.#log)
    this.#unidirectional = new UnidirectionalStreams({
      role: this.role,
      scratch,
      log: this.#log,
      takesSessionStreams: config.sessionStreams,
      onSettings: (settings) => this.#onSettings(settings),
      onGoAway: (id) => this.#onGoAway(id),
      onPriorityUpdate: (id, priority) => this.#onPriorityUpdate(id, priority),
      onEncoderBytes: (bytes) =>
        this.#fields.onEncoderBytes(bytes, (id, section) => {
          const request = this.#requests.get(id)
          if (request !== undefined) this.#guard(request, () => request.onSection(section))
        }),
      onDecoderBytes: (bytes) => this.#fields.onDecoderBytes(bytes),
      onSessionStream: (stream, sessionId) => this.#onSessionStream(stream, sessionId),
    })
    this.#host = this.#requestHost(scratch)
  }

  #requestHost(scratch: Uint8Array): RequestHost {
    const fields = this.#fields
    return {
      role: this.role,
      maxFieldSectionSize: this.#config.maxFieldSectionSize,
      takesSessionStreams: this.#config.sessionStreams,
      takesExtendedConnect: this.#config.enableConnectProtocol,
      maxQueuedDatagrams: this.connection.datagrams.settings.incomingHighWaterMark,
      scratch,
      log: this.#log,
      emit: (event) => this.#events.push(event),
      encode: (streamId, section) => fields.encode(streamId, section),
      decode: (streamId, section) => fields.decode(streamId, section),
      cancelDecoding: (streamId) => fields.cancel(streamId),
      onSessionStream: (request, sessionId) => {
        this.#requests.delete(request.id)
        this.#onSessionStream(request.stream, sessionId)
      },
      onError: (error, request) => this.#onError(error, request),
      onEnded: (request) => {
        if (this.#requests.delete(request.id)) this.#events.push({ type: 'ended', stream: request })
      },
      onPriority: (streamId, priority) => {
        this.#critical.write('control', encodePriorityUpdate(streamId, priority))
        this.#log?.priorityUpdate('local', this.#critical.controlId ?? 0, streamId, priority)
      },
      maxDatagramSize: (streamId) => this.#datagrams.maxSize(streamId),
      sendDatagram: (streamId, payload, now, maxAge) => this.#datagrams.send(streamId, payload, now, maxAge),
    }
  }

  /** Begins: opens our own streams as far as the peer lets us, and takes in what has come before. Called once. */
  start(now: Time): void {
    this.#isStarted = true
    this.#setTime(now)
    this.#critical.open()
    for (const stream of [...this.connection.streams.values()]) {
      if (stream.isLocal) continue
      this.#guard(undefined, () => this.#onOpened(stream))
      this.#guard(undefined, () => this.#onReadable(stream))
    }
    this.#guard(undefined, () => this.#datagrams.onReadable(now))
  }

  /** Takes an event of the connection; whether it was HTTP's own, so that nobody else need look at it. */
  receiveEvent(event: ConnectionEvent, now: Time): boolean {
    this.#setTime(now)
    if (!this.#isStarted || this.#isClosed) return event.type.startsWith('stream')
    switch (event.type) {
      case 'closing':
        this.#release()
        return false
      case 'connected':
        this.#isEarlyDataAccepted = event.earlyDataAccepted
        this.#onRoom()
        return false
      case 'streams-available':
        this.#onRoom()
        return false
      case 'datagram-readable':
        this.#guard(undefined, () => this.#datagrams.onReadable(now))
        return true
      case 'stream-opened':
      case 'stream-readable':
      case 'stream-writable':
      case 'stream-stopped':
      case 'stream-reset':
      case 'stream-send-finished':
      case 'stream-deadline':
        this.#onStreamEvent(event)
        return true
      default:
        return false
    }
  }

  /** The next fact for the application. */
  pollEvent(): Http3Event | undefined {
    return this.#events.shift()
  }

  /** The peer's settings; `undefined` until they have come. */
  get peerSettings(): Settings | undefined {
    return this.#peerSettings
  }

  /** Request streams that have not ended. */
  get requests(): number {
    return this.#requests.size
  }

  /** Whether either side has said that there will be no more requests. */
  get isGoingAway(): boolean {
    return this.#isGoingAway
  }

  /** Whether {@link request} may succeed at some time. */
  get takesRequests(): boolean {
    return this.role === 'client' && !this.#isGoingAway && !this.#isClosed
  }

  /**
   * Client: asks for something. `undefined`: not now, `requests-available` tells when to try again.
   * @throws StreamStateError after GOAWAY of either side; StreamClosedError when the connection is over; RangeError for a section
   * that is larger than the server takes
   */
  request(fields: readonly Field[], options: RequestOptions = {}): RequestStream | undefined {
    if (this.role === 'server') throw new StreamStateError('A server makes no requests')
    if (this.#isGoingAway) throw new StreamStateError('The connection takes no more requests')
    const stream = this.connection.streams.open('bidirectional')
    if (stream === undefined) return undefined
    const request = new RequestStream(stream, this.#host, {
      method: fields.find(({ name }) => name === ':method')?.value,
      protocol: fields.find(({ name }) => name === ':protocol')?.value,
    })
    this.#requests.set(stream.id, request)
    this.#log?.streamType('local', stream.id, 'request')
    if (options.priority !== undefined) stream.priority = options.priority
    try {
      request.sendFields(fields, options.end === true)
    } catch (error) {
      this.#requests.delete(stream.id)
      stream.abort(Http3ErrorCode.H3_REQUEST_CANCELLED)
      throw error
    }
    return request
  }

  /**
   * Says that this side goes away (RFC 9114 §5.2). Server, `announce`: soon; requests that come are still served. `final`, which
   * follows it a round trip later: those that have not come by now are turned away. A client makes no more requests either way.
   */
  goAway(step: 'announce' | 'final' = 'final'): void {
    if (this.#isClosed) return
    this.#isGoingAway = true
    if (this.role === 'client') return this.#sendGoAway(0)
    if (this.#lastId < Infinity) return
    if (step === 'announce') return this.#sendGoAway(NO_LAST_REQUEST)
    this.#lastId = this.#nextRequest
    this.#sendGoAway(this.#lastId)
  }

  #sendGoAway(id: number | bigint): void {
    this.#critical.write('control', encodeGoAway(id))
    this.#log?.idFrame('local', this.#critical.controlId ?? 0, FrameType.goAway, id)
  }

  /** Closes the connection with an error code of HTTP/3. */
  close(code: bigint, reason: string, now: Time): void {
    this.connection.close({ code, reason }, now)
  }

  /**
   * Opens a stream of a WebTransport session; its header is written. `undefined`: not now, the connection's `streams-available`
   * tells when to try again. What happens to it comes as `session-stream-event`.
   * @throws StreamClosedError when the connection is over
   */
  openSessionStream(direction: StreamDirection, sessionId: number): Stream | undefined {
    const stream = this.connection.streams.open(direction)
    if (stream?.send === undefined) return undefined
    this.#sessions.set(stream, sessionId)
    const type = direction === 'bidirectional' ? FrameType.webTransportStream : StreamType.webTransport
    const header = new Uint8Array(frameHeaderSize(type, sessionId))
    writeFrameHeader(header, 0, type, sessionId)
    stream.send.write(header)
    return stream
  }

  #setTime(now: Time): void {
    this.#now = now
    if (this.#log !== undefined) this.#log.now = now
  }

  /** The connection is over: its streams say so themselves to whoever still holds one. */
  #release(): void {
    this.#isClosed = true
    this.#requests.clear()
    this.#priorities.clear()
    this.#datagrams.clear()
    this.#unidirectional.clear()
  }

  #onRoom(): void {
    this.#critical.open()
    if (this.role === 'client') this.#events.push({ type: 'requests-available' })
  }

  #onStreamEvent(event: Exclude<StreamEvent, { type: 'streams-available' }>): void {
    const { stream } = event
    const sessionId = this.#sessions.get(stream)
    if (sessionId !== undefined) {
      this.#events.push({ type: 'session-stream-event', sessionId, event })
      return
    }
    const request = this.#requests.get(stream.id)
    // As `#guard`, without a closure for each packet.
    try {
      if (event.type === 'stream-opened') this.#onOpened(stream)
      else if (event.type === 'stream-readable') this.#onReadable(stream)
      else if (request !== undefined) this.#onRequestEvent(event, request)
      else this.#onOtherEvent(event)
    } catch (error) {
      this.#onError(error, request)
    }
  }

  #onRequestEvent(event: Exclude<StreamEvent, { type: 'streams-available' }>, request: RequestStream): void {
    switch (event.type) {
      case 'stream-writable':
        request.onWritable()
        break
      case 'stream-stopped':
        request.onStopped(event.code)
        break
      case 'stream-reset':
        request.onReset(event.code)
        break
      case 'stream-deadline':
        request.onDeadline()
        break
      case 'stream-send-finished':
        if (event.stream.send?.state === 'dataReceived') this.#events.push({ type: 'sent', stream: request })
        break
      default:
    }
    request.checkEnded()
  }

  /** Of our critical streams, and of the peer's. */
  #onOtherEvent(event: Exclude<StreamEvent, { type: 'streams-available' }>): void {
    const { stream } = event
    if (event.type === 'stream-reset') this.#unidirectional.onReset(stream)
    if (!this.#critical.has(stream)) return
    if (event.type === 'stream-stopped') throw closedCritical('control or QPACK')
    if (event.type === 'stream-writable') this.#critical.onWritable(stream)
  }

  /** The peer opened a stream. */
  #onOpened(stream: Stream): void {
    if (this.#seen.has(stream)) return
    this.#seen.add(stream)
    if (stream.direction === 'unidirectional') return this.#unidirectional.open(stream)
    if (this.role === 'client') {
      // RFC 9114 §6.1: nothing but a WebTransport session gives them a meaning.
      if (!this.#config.sessionStreams) {
        throw new Http3Error(Http3ErrorCode.H3_STREAM_CREATION_ERROR, 'The server opened a bidirectional stream')
      }
    } else if (stream.id >= this.#lastId) {
      stream.abort(Http3ErrorCode.H3_REQUEST_REJECTED)
      return
    } else this.#nextRequest = Math.max(this.#nextRequest, stream.id + 4)
    const isEarly = this.role === 'server' && this.connection.state === 'connecting'
    const request = new RequestStream(stream, this.#host, { isEarly })
    this.#requests.set(stream.id, request)
    this.#log?.streamType('remote', stream.id, 'request')
    if (this.role === 'server') request.expectHeader(this.#now + this.#config.headersTimeout)
    const priority = this.#priorities.get(stream.id)
    if (priority !== undefined && this.#priorities.delete(stream.id)) request.onPriorityUpdate(priority)
    this.#datagrams.onStream(stream.id, request)
  }

  #onReadable(stream: Stream): void {
    const request = this.#requests.get(stream.id)
    if (request !== undefined) {
      try {
        request.onReadable()
      } catch (error) {
        this.#onError(error, request)
      }
      request.checkEnded()
    } else if (stream.direction === 'unidirectional') this.#unidirectional.onReadable(stream)
  }

  #onSessionStream(stream: Stream, sessionId: number): void {
    if (sessionId % 4 !== 0) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `Stream ${sessionId} cannot be a WebTransport session`)
    }
    this.#sessions.set(stream, sessionId)
    this.#events.push({ type: 'session-stream', sessionId, stream })
    // What came with the header was told already, and will not be again.
    if (stream.receive?.isReadable !== true) return
    this.#events.push({ type: 'session-stream-event', sessionId, event: { type: 'stream-readable', stream } })
  }

  #onSettings(settings: Settings): void {
    const { rememberedSettings } = this.#config
    if (this.#isEarlyDataAccepted && rememberedSettings !== undefined) {
      checkRememberedSettings(rememberedSettings, settings)
    }
    this.#peerSettings = settings
    this.#datagrams.isEnabled = this.#config.datagrams && (settings.h3Datagram || this.#hasOldDatagrams(settings))
    this.#fields.onSettings(settings)
    this.#events.push({ type: 'settings', settings })
  }

  /** Peers of before RFC 9297 name their datagrams otherwise, and send the same; they count where we offered that as well. */
  #hasOldDatagrams(settings: Settings): boolean {
    const id = SettingId.h3DatagramDraft04
    return settings.all.get(id) === 1 && this.#config.settings.some((own) => own[0] === id)
  }

  /** RFC 9114 §5.2. */
  #onGoAway(id: number): void {
    this.#isGoingAway = true
    this.#events.push({ type: 'going-away', lastId: id })
    if (this.role === 'server') return
    for (const request of [...this.#requests.values()]) if (request.id >= id) request.onRejected()
  }

  /** Server: requests that the client may have made, those that have ended among them. */
  get #requestLimit(): number {
    return this.connection.streams.credit.incomingBidirectional.limit
  }

  /** RFC 9218 §7.1: it may come before the request. */
  #onPriorityUpdate(streamId: number, priority: StreamPriority): void {
    const request = this.#requests.get(streamId)
    if (request !== undefined) {
      request.onPriorityUpdate(priority)
      return
    }
    if (streamId / 4 >= this.#requestLimit) {
      throw new Http3Error(Http3ErrorCode.H3_ID_ERROR, `PRIORITY_UPDATE for stream ${streamId}, beyond the limit`)
    }
    if (streamId < this.#nextRequest) return
    if (this.#priorities.size >= MAX_EARLY_PRIORITIES && !this.#priorities.has(streamId)) return
    this.#priorities.set(streamId, priority)
  }

  /** What breaks a rule is caught here, and nowhere else (RFC 9114 §8). */
  #guard(request: RequestStream | undefined, task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#onError(error, request)
    }
  }

  #onError(error: unknown, request: RequestStream | undefined): void {
    // A stream that has ended says so by an event of its own.
    if (error instanceof StreamClosedError) return
    if (!(error instanceof Http3Error)) throw error
    if (error.scope === 'stream' && request !== undefined) request.onViolation(error)
    else this.close(error.code, error.message, this.#now)
  }
}
