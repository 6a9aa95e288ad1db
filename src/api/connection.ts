/** A QUIC connection for applications, in W3C's vocabulary. It turns the events of the core into promises and streams, and holds no protocol. */

import type { Time } from '../base/time.ts'
import type { ConnectionConfig } from '../connection/config.ts'
import type { Connection, ConnectionState } from '../connection/connection.ts'
import type { CloseReason, ConnectionEvent } from '../connection/events.ts'
import type { ConnectionInspection } from '../connection/inspection.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import { checkAbortable, checkExport, checkSignal, checkType } from './checks.ts'
import type { CongestionControl } from './congestion.ts'
import { ConnectionEnd } from './connection-end.ts'
import { ConnectionStreams, type CreateStreamOptions } from './connection-streams.ts'
import { type ConfigureOptions, ConnectionControls } from './controls.ts'
import { QuicDatagrams } from './datagrams.ts'
import type { Driver } from './driver.ts'
import { cleanClose, errorCode, QuicApplicationError, type QuicCloseInfo, type QuicError } from './errors.ts'
import { checkKeys } from './known-keys.ts'
import { Listeners } from './listeners.ts'
import { Outcome } from './outcome.ts'
import { ConnectionPaths, type PathOptions, type QuicPath } from './paths.ts'
import type { Recall } from './recall.ts'
import type { QuicSendGroup } from './send-group.ts'
import { type SendQueue, SendQueueWatch } from './send-queue.ts'
import { checkHandlers, datagramConsumer, type ServeHandlers, streamConsumer } from './serving.ts'
import { type Abortable, abortable } from './signal.ts'
import { connectionStatsOf, type QuicConnectionStats } from './stats.ts'
import type { QuicStream } from './stream.ts'
import { type ProtocolLayer, Takeover } from './takeover.ts'

/** What `ready` fulfils with. */
export interface QuicReadyInfo {
  readonly alpn: string
  readonly version: number
  readonly resumed: boolean
  readonly earlyDataAccepted: boolean
}

/** How a connection is closed. */
export interface CloseOptions extends Abortable {
  /** The application's code; default 0. */
  readonly closeCode?: bigint | number
  readonly reason?: string
}

/** What a connection is made with: what is known of it before its address is. */
export interface QuicConnectionInit {
  readonly driver: Driver
  readonly role: Role
  readonly version: number
  readonly localAddress: PathAddress
  /** As the application wrote it. */
  readonly remoteAddress: PathAddress
  readonly config: ConnectionConfig
  /** Of a client. */
  readonly recall?: Recall
  /** Told at least once that nothing of the connection is left to be sent. */
  readonly onGone?: (connection: QuicConnection) => void
}

/** One connection, of either role. */
export class QuicConnection {
  readonly #init: QuicConnectionInit
  readonly #started = new Outcome<Connection>()
  #connection: Connection | undefined
  #failure: QuicError | undefined
  readonly #driver: Driver
  readonly #streams: ConnectionStreams
  readonly #paths: ConnectionPaths
  /** Messages without order or repetition beside the streams (RFC 9221). */
  readonly datagrams: QuicDatagrams
  readonly #ready = new Outcome<QuicReadyInfo>()
  readonly #closed = new Outcome<QuicCloseInfo>()
  readonly #confirmed = new Outcome<undefined>()
  readonly #early = new Outcome<boolean>()
  readonly #gone = new Outcome<undefined>()
  readonly #listeners = new Listeners((type, cause) => this.#onListenerError(type, cause))
  readonly #sendQueue: SendQueueWatch
  readonly #controls: ConnectionControls
  readonly #takeover: Takeover

  /** @internal Made by `connect`, `listen` and `QuicEndpoint`. */
  constructor(init: QuicConnectionInit) {
    this.#init = init
    this.#driver = init.driver
    this.#paths = new ConnectionPaths(init.driver, this)
    this.#takeover = new Takeover(init.driver)
    const wake = (connection: Connection): void => this.#driver.wake(connection)
    const now = (): Time => this.#driver.now()
    const started = this.#started
    this.datagrams = new QuicDatagrams({ started, now, wake }, init.config.datagrams)
    const { config, driver } = init
    this.#controls = new ConnectionControls({ driver, config, datagrams: this.datagrams, started })
    this.#sendQueue = new SendQueueWatch(driver, config.congestionThreshold)
    this.#streams = new ConnectionStreams({
      wake,
      now,
      onDeadline: (detail) => this.#listeners.dispatch('deadline', detail),
    })
  }

  /** The address is known and the handshake begins. @internal */
  start(connection: Connection): void {
    this.#connection = connection
    this.#paths.start(connection)
    this.#sendQueue.start(connection)
    this.#controls.start(connection)
    this.datagrams.start(connection)
    this.#takeover.start(connection)
    this.#driver.listen(connection, { onConnectionEvent: (event) => this.#onEvent(event) })
    this.#started.resolve(connection)
  }

  /** It comes to nothing: the address cannot be used. @internal */
  fail(error: QuicError): void {
    if (this.#failure !== undefined || this.#connection !== undefined) return
    this.#failure = error
    this.#end(new ConnectionEnd(error, undefined))
    this.#onGone()
  }

  /** Whether it was closed before it began. @internal */
  get isAbandoned(): boolean {
    return this.#failure !== undefined
  }

  /** Fulfils when the handshake is complete; rejects with a `QuicError` if it fails. */
  get ready(): Promise<QuicReadyInfo> {
    return this.#ready.promise
  }

  /** Fulfils on a clean end, rejects with a `QuicError` on any other; settles when the connection leaves `connected`. */
  get closed(): Promise<QuicCloseInfo> {
    return this.#closed.promise
  }

  /** Fulfils when nothing of the connection is left to be sent. @internal */
  get gone(): Promise<void> {
    return this.#gone.promise
  }

  /** Fulfils when the peer is known to have completed the handshake as well (RFC 9001 §4.1.2). */
  get handshakeConfirmed(): Promise<void> {
    return this.#confirmed.promise
  }

  /** Fulfils as soon as streams may come, or be opened: when it is ready, or when early data is accepted. @internal */
  get usable(): Promise<unknown> {
    return this.#early.promise.then((isAccepted): unknown => (isAccepted ? undefined : this.#ready.promise))
  }

  /** Whether early data (0-RTT) was accepted. */
  get earlyDataAccepted(): Promise<boolean> {
    return this.#early.promise
  }

  get state(): ConnectionState {
    if (this.#failure !== undefined) return 'closed'
    return this.#connection?.state ?? 'connecting'
  }

  get role(): Role {
    return this.#init.role
  }

  get version(): number {
    return this.#connection?.version ?? this.#init.version
  }

  /** The application protocol; `undefined` before `ready`, but where early data is accepted. */
  get alpn(): string | undefined {
    return this.#connection?.alpn
  }

  get localAddress(): PathAddress {
    return this.#connection?.paths.active.carrier.localAddress ?? this.#init.localAddress
  }

  get remoteAddress(): PathAddress {
    return this.#connection?.paths.active.remoteAddress ?? this.#init.remoteAddress
  }

  /** The ways between the two ends, the oldest first: one, unless the connection moves, or was told to {@link addPath}. */
  get paths(): readonly QuicPath[] {
    return this.#paths.list()
  }

  /**
   * Client: moves the connection to `transport`, another network or another kind of way altogether, with everything that is
   * under way. Fulfils when the server has answered there; to a path of {@link addPath} the move is made at once. If there
   * is no answer, the connection stays where it is. Congestion control, RTT and MTU begin anew.
   *
   * The transport belongs to the connection, unless the call is refused at once: it is closed when the connection does not
   * use it any more. So is the one that is left, if the connection came by `connect`.
   *
   * @throws (rejects with) `QuicMigrationError` where it is refused or comes to nothing; `QuicAddressError`; `TypeError` or
   * `RangeError` for wrong options; the signal's reason, which gives the attempt up.
   */
  migrate(transport: DatagramTransport, options: PathOptions = {}): Promise<void> {
    return this.#paths.open(transport, 'move', options)
  }

  /**
   * Client: validates a path over `transport` and keeps it as a spare, to which {@link migrate} moves at once, and which is
   * fallen back to when the transport in use is closed. As for the rest see {@link migrate}.
   */
  addPath(transport: DatagramTransport, options: PathOptions = {}): Promise<void> {
    return this.#paths.open(transport, 'spare', options)
  }

  /** The label of the external key that both ends know; `undefined` before `ready`, and where there is none (RFC 8446 §2.2). */
  get pskIdentity(): Uint8Array | undefined {
    return this.#connection?.completion?.pskIdentity
  }

  /** The peer's chain, DER, leaf first; `undefined` before the handshake, where it showed none, and in a resumed session. */
  get peerCertificates(): readonly Uint8Array[] | undefined {
    const chain = this.#connection?.completion?.peerCertificates
    return chain === undefined || chain.length === 0 ? undefined : chain
  }

  get peerTransportParameters(): TransportParameters | undefined {
    return this.#connection?.peerParameters
  }

  /** Streams that the peer opens, in the order of their ids. Iterates in every runtime. */
  get incomingBidirectionalStreams(): ReadableStream<QuicStream> & AsyncIterable<QuicStream> {
    return this.#streams.incoming('bidirectional')
  }

  get incomingUnidirectionalStreams(): ReadableStream<QuicStream> & AsyncIterable<QuicStream> {
    return this.#streams.incoming('unidirectional')
  }

  /** Opens a stream for both directions. Rejects with a `QuicStreamError` at the limit if told not to wait. */
  createBidirectionalStream(options: CreateStreamOptions = {}): Promise<QuicStream> {
    return this.#streams.create('bidirectional', this.#started.promise, options)
  }

  /** Makes a group for `sendGroup` of streams: groups share equally what can be sent, and each has its own send orders. */
  createSendGroup(): QuicSendGroup {
    return this.#streams.createSendGroup()
  }

  /** Opens a stream for sending. */
  createUnidirectionalStream(options: CreateStreamOptions = {}): Promise<QuicStream> {
    return this.#streams.create('unidirectional', this.#started.promise, options)
  }

  /**
   * Hands the streams that the peer opens, and its datagrams, to handlers instead of the readables; those that wait at once. May
   * be called again at any time, also with none: then what arrives waits to be read. Nothing is lost in the change.
   * @throws TypeError for a handler that is no function
   */
  serve(handlers: ServeHandlers): void {
    checkHandlers(handlers)
    this.#streams.serve(streamConsumer(handlers.stream, (error) => this.#onListenerError('stream', error)))
    this.datagrams.serve(datagramConsumer(handlers.datagram, (error) => this.#onListenerError('datagram', error)))
  }

  /**
   * Hands the core to a protocol layer, with what has come before and nobody has taken; streams of the public API are no more.
   * @throws InvalidStateError where it has a layer already
   * @internal
   */
  takeOver(layer: ProtocolLayer): void {
    this.#takeover.take(layer)
    this.#streams.release()
  }

  /** What waits in front of the network (`contract.md` §3). */
  get sendQueue(): SendQueue {
    return this.#sendQueue.snapshot
  }

  /** Fulfils when {@link sendQueue} is not congested. */
  drained(options: Abortable = {}): Promise<void> {
    return this.#sendQueue.drained(options)
  }

  /** Numbers of this moment; after the end, of the last one. */
  async getStats(options: Abortable = {}): Promise<QuicConnectionStats> {
    checkAbortable(options)
    return connectionStatsOf(await abortable(this.#started.promise, options.signal), this.sendQueue, this.#driver.now())
  }

  /** Everything of note about the connection, as plain data, for debugging; `undefined` before its address is known. */
  inspect(): ConnectionInspection | undefined {
    return this.#connection?.inspect(this.#driver.now())
  }

  /**
   * Asks the peer for a sign of life, ahead of all other data; asks again where that is lost. Fulfils with the round trip in ms,
   * the peer's delay included; rejects with the connection's error.
   */
  ping(options: Abortable = {}): Promise<number> {
    return this.#controls.ping(options)
  }

  /**
   * Changes settings of the running connection; credit that the peer was given stays given.
   * @throws TypeError for what cannot be changed, RangeError for a value out of bounds; then nothing was changed
   */
  configure(options: ConfigureOptions): void {
    this.#controls.configure(options)
  }

  /** What decides how much may be in flight: a name, or one's own. */
  get congestionControl(): CongestionControl {
    return this.#controls.congestionControl
  }

  /** Changes it at once: bytes in flight, RTT and pacing go on, and the window is at first no larger than it was. */
  set congestionControl(congestionControl: CongestionControl) {
    this.configure({ congestionControl })
  }

  /** Keying material of the TLS session (RFC 8446 §7.5). @throws Error before `ready` */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    checkExport(label, context, length)
    if (this.#connection === undefined) throw new Error('There is no keying material before the handshake')
    return this.#connection.exportKeyingMaterial(label, context, length)
  }

  /** Replaces our connection ids by new ones. `false`: an earlier rotation is under way. */
  issueConnectionIds(): boolean {
    if (this.#connection === undefined) return false
    const begun = this.#connection.rotateConnectionIds()
    this.#driver.wake(this.#connection)
    return begun
  }

  /**
   * Moves both directions to new keys (RFC 9001 §6): what is sent from now on is sealed with them. Fulfils when the peer has
   * acknowledged a packet under them. Before a key has protected too much this happens by itself. Rejects with an
   * `InvalidStateError` before the handshake is confirmed, and until the keys in use are. A `signal` ends the wait alone.
   */
  updateKeys(options: Abortable = {}): Promise<void> {
    return this.#controls.updateKeys(options)
  }

  /**
   * Closes with CONNECTION_CLOSE; what streams still hold is dropped. Fulfils when the peer's own close arrives, or three
   * probe timeouts later. A `signal` ends the wait alone; aborted beforehand, nothing is done.
   * @throws TypeError, RangeError for wrong options
   */
  close(options: CloseOptions = {}): Promise<void> {
    checkKeys(options, ['closeCode', 'reason', 'signal'])
    const code = errorCode(options.closeCode, 'closeCode')
    const { reason = '', signal } = options
    checkType(reason, 'reason', 'string')
    checkSignal(signal)
    if (signal?.aborted === true) return abortable(this.#gone.promise, signal)
    if (this.#connection === undefined) {
      const error = new QuicApplicationError('We closed the connection before it began', code, {
        side: 'local',
        reason,
      })
      this.#failure ??= error
      this.#end(new ConnectionEnd(error, { closeCode: code, reason }))
      this.#onGone()
    } else {
      this.#connection.close({ code, reason }, this.#driver.now())
      // What waits hears of it now, not with the next flush: until then it would find the core closed without a word.
      if (this.#connection.closeReason !== undefined) this.#onClosing(this.#connection.closeReason)
      this.#driver.wake(this.#connection)
    }
    return abortable(this.#gone.promise, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: AddEventListenerOptions,
  ): void {
    this.#listeners.add(type, listener, options)
  }

  removeEventListener(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#listeners.remove(type, listener)
  }

  #onEvent(event: ConnectionEvent): void {
    if (this.#takeover.onEvent(event)) return
    switch (event.type) {
      case 'connected':
        return this.#onConnected(event)
      case 'early-data':
        return this.#onEarlyData(event)
      case 'handshake-confirmed':
        return this.#confirmed.resolve(undefined)
      case 'keys-updated':
        return this.#controls.onKeysUpdated()
      case 'pong':
        return this.#controls.onPong(event.id, event.rtt)
      case 'closing':
        return this.#onClosing(event.reason)
      case 'draining':
      case 'closed':
        this.#paths.releaseAll()
        return this.#onGone()
      case 'path-changed':
      case 'mtu-changed':
      case 'version-changed':
        return this.#onFact(event)
      case 'session-ticket':
        return this.#remember('session', (recall) => recall.keepSession(event.session))
      case 'new-token':
        return this.#remember('token', (recall) => {
          recall.keepToken(event.token, this.version)
          return event
        })
      case 'path-probed':
        return
      case 'path-validated':
      case 'path-failed':
      case 'carrier-released':
        return this.#paths.onEvent(event)
      case 'datagram-readable':
      case 'datagram-writable':
      case 'datagram-settled':
        return this.datagrams.onEvent(event)
      default:
        if (this.#connection !== undefined) this.#streams.onEvent(event, this.#connection)
    }
  }

  #onFact(event: ConnectionEvent): void {
    const names: Readonly<Record<string, string>> = {
      'path-changed': 'pathchange',
      'mtu-changed': 'mtuchange',
    }
    const name = names[event.type]
    if (name !== undefined) this.#listeners.dispatch(name, event)
  }

  /** What the server gave for later connections goes into the store, and to those who listen. */
  #remember(type: 'session' | 'token', keep: (recall: Recall) => unknown): void {
    if (this.#init.recall === undefined) return
    try {
      this.#listeners.dispatch(type, keep(this.#init.recall))
    } catch (error) {
      this.#onListenerError(type, error)
    }
  }

  /** The connection whose listener throws ends; the process does not. */
  #onListenerError(type: string, cause: unknown): void {
    const error = new QuicApplicationError(`A listener of ${type} threw`, 0n, { side: 'local', cause })
    this.#end(new ConnectionEnd(error, undefined))
    void this.close()
  }

  #onConnected(event: Extract<ConnectionEvent, { type: 'connected' }>): void {
    const { alpn, version, resumed, earlyDataAccepted } = event
    this.#early.resolve(earlyDataAccepted)
    this.#ready.resolve({ alpn, version, resumed, earlyDataAccepted })
    this.#streams.onConnected()
  }

  #onEarlyData({ isAccepted, isResent }: Extract<ConnectionEvent, { type: 'early-data' }>): void {
    this.#early.resolve(isAccepted)
    if (!isAccepted && !isResent) this.#streams.onDropped()
  }

  #onClosing(reason: CloseReason): void {
    this.#end(new ConnectionEnd(reason, cleanClose(reason)))
  }

  #onGone(): void {
    this.#gone.resolve(undefined)
    this.#init.onGone?.(this)
  }

  /** Settles everything that waits. */
  #end(end: ConnectionEnd): void {
    this.#started.reject(end)
    this.#ready.reject(end)
    this.#confirmed.reject(end)
    this.#early.reject(end)
    if (end.info === undefined) this.#closed.reject(end)
    else this.#closed.resolve(end.info)
    this.#streams.end(end)
    this.#paths.end(end)
    this.datagrams.onEnd(end)
    this.#sendQueue.end(end)
    this.#controls.end(end)
    this.#takeover.end(end)
  }
}
