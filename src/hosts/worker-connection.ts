/** A connection that lives in a worker, as the page has it: the interface of a `QuicConnection`. */
import type { CongestionControl } from '../api/congestion.ts'
import type { CloseOptions, QuicConnection, QuicReadyInfo } from '../api/connection.ts'
import type { CreateStreamOptions, QuicDeadlineDetail } from '../api/connection-streams.ts'
import type { ConfigureOptions } from '../api/controls.ts'
import { errorCode, QuicApplicationError, type QuicCloseInfo } from '../api/errors.ts'
import { IncomingStreams } from '../api/incoming-streams.ts'
import { checkKeys } from '../api/known-keys.ts'
import { Listeners } from '../api/listeners.ts'
import type { PathOptions, QuicPath } from '../api/paths.ts'
import type { SendQueue } from '../api/send-queue.ts'
import { checkHandlers, datagramConsumer, streamConsumer } from '../api/serving.ts'
import { type Abortable, abortable, deferred } from '../api/signal.ts'
import type { QuicConnectionStats } from '../api/stats.ts'
import type { QuicStream } from '../api/stream.ts'
import type { ConnectionState } from '../connection/connection.ts'
import type { ConnectionInspection } from '../connection/inspection.ts'
import type { DatagramStatus } from '../streams/datagram.ts'
import type { PathAddress } from '../transport.ts'
import type { Role, StreamDirection } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import type { Channel } from './worker-channel.ts'
import { WorkerDatagrams } from './worker-datagrams.ts'
import { decodeError, type ErrorRecord } from './worker-errors.ts'
import type { ConnectionFacts, PeerFacts, StreamFacts } from './worker-protocol.ts'
import { WorkerStream } from './worker-stream.ts'

/** The members that are those of a `QuicConnection`, to the letter. */
export type SameConnection = Pick<
  QuicConnection,
  | ('ready' | 'closed' | 'handshakeConfirmed' | 'earlyDataAccepted' | 'state' | 'role' | 'version' | 'alpn' | 'paths')
  | ('localAddress' | 'remoteAddress' | 'pskIdentity' | 'peerCertificates' | 'peerTransportParameters' | 'sendQueue')
  | ('drained' | 'getStats' | 'ping' | 'configure' | 'congestionControl' | 'updateKeys' | 'close')
  | ('addEventListener' | 'removeEventListener' | typeof Symbol.asyncDispose)
>

/** How a stream is opened in a worker: groups stay out of it. */
export type WorkerStreamOptions = Omit<CreateStreamOptions, 'sendGroup'>

/** How a transport is moved to. */
export interface WorkerPathOptions extends PathOptions {
  /** What of the request is handed over, such as a port. */
  readonly transfer?: Transferable[]
}

/** Who takes what arrives, as of `serve`. */
export interface WorkerServeHandlers {
  readonly stream?: ((stream: WorkerStream) => unknown) | undefined
  readonly datagram?: ((bytes: Uint8Array) => unknown) | undefined
}

const EMPTY_QUEUE: SendQueue = {
  queuedBytes: 0,
  congestionWindow: 0,
  bytesInFlight: 0,
  inRecovery: false,
  congested: false,
}
const STREAM_KEYS = ['signal', 'waitUntilAvailable', 'urgency', 'incremental', 'sendOrder']
const PATH_KEYS = ['timeout', 'address', 'signal', 'transfer']

/**
 * One connection. Facts such as `state` and `sendQueue` are those that the page last heard; what can only be asked for takes a
 * while: `inspect`, `exportKeyingMaterial` and `issueConnectionIds` return promises. A transport is named by a request, which the
 * worker makes one from.
 */
export class WorkerConnection implements SameConnection {
  /** Messages without order or repetition beside the streams (RFC 9221). */
  readonly datagrams: WorkerDatagrams
  readonly role: Role
  readonly #channel: Channel
  readonly #object: number
  readonly #ready = deferred<QuicReadyInfo>()
  readonly #closed = deferred<QuicCloseInfo>()
  readonly #confirmed = deferred<void>()
  readonly #early = deferred<boolean>()
  readonly #gone = deferred<void>()
  readonly #listeners = new Listeners((type, cause) => this.#onListenerError(type, cause))
  readonly #streams = new Map<number, WorkerStream>()
  readonly #incoming: Readonly<Record<StreamDirection, IncomingStreams<WorkerStream>>>
  readonly #forget: (object: number) => void
  readonly #adopt: (object: number, stream: WorkerStream) => void
  #facts: Partial<ConnectionFacts> = {}
  #peer: Partial<PeerFacts> = {}
  #isOver = false

  /** @internal Made by a `QuicWorker` or its servers. */
  constructor(
    channel: Channel,
    object: number,
    role: Role,
    registry: { add(object: number, target: WorkerStream): void; delete(object: number): void },
  ) {
    this.#channel = channel
    this.#object = object
    this.role = role
    this.datagrams = new WorkerDatagrams(channel, object)
    this.#adopt = (number, stream) => registry.add(number, stream)
    this.#forget = (number) => registry.delete(number)
    const refuse = (stream: WorkerStream): void => stream.abort()
    this.#incoming = { bidirectional: new IncomingStreams(refuse), unidirectional: new IncomingStreams(refuse) }
  }

  /** Fulfils when the handshake is complete; rejects with a `QuicError` if it fails. */
  get ready(): Promise<QuicReadyInfo> {
    return this.#ready.promise
  }

  /** Fulfils on a clean end, rejects with a `QuicError` on any other. */
  get closed(): Promise<QuicCloseInfo> {
    return this.#closed.promise
  }

  get handshakeConfirmed(): Promise<void> {
    return this.#confirmed.promise
  }

  get earlyDataAccepted(): Promise<boolean> {
    return this.#early.promise
  }

  get state(): ConnectionState {
    return this.#facts.state ?? 'connecting'
  }

  get version(): number {
    return this.#facts.version ?? 0
  }

  get alpn(): string | undefined {
    return this.#facts.alpn
  }

  get localAddress(): PathAddress {
    return this.#facts.localAddress ?? ''
  }

  get remoteAddress(): PathAddress {
    return this.#facts.remoteAddress ?? ''
  }

  get paths(): readonly QuicPath[] {
    return this.#facts.paths ?? []
  }

  get pskIdentity(): Uint8Array | undefined {
    return this.#peer.pskIdentity
  }

  get peerCertificates(): readonly Uint8Array[] | undefined {
    return this.#peer.peerCertificates
  }

  /** Connection ids among them are records of their bytes. */
  get peerTransportParameters(): TransportParameters | undefined {
    return this.#peer.peerTransportParameters
  }

  /** Streams that the peer opens, in the order of their ids. */
  get incomingBidirectionalStreams(): ReadableStream<WorkerStream> & AsyncIterable<WorkerStream> {
    return this.#incoming.bidirectional.readable
  }

  get incomingUnidirectionalStreams(): ReadableStream<WorkerStream> & AsyncIterable<WorkerStream> {
    return this.#incoming.unidirectional.readable
  }

  /** Opens a stream for both directions. Rejects with a `QuicStreamError` at the limit if told not to wait. */
  createBidirectionalStream(options: WorkerStreamOptions = {}): Promise<WorkerStream> {
    return this.#create('bidirectional', options)
  }

  /** Opens a stream for sending. */
  createUnidirectionalStream(options: WorkerStreamOptions = {}): Promise<WorkerStream> {
    return this.#create('unidirectional', options)
  }

  /** Hands streams and datagrams to handlers instead of the readables. @throws TypeError for a handler that is no function */
  serve(handlers: WorkerServeHandlers): void {
    const stream = handlers.stream as ((stream: unknown) => unknown) | undefined
    checkHandlers({ ...handlers, stream })
    const onStream = streamConsumer(stream, (error) => this.#onListenerError('stream', error))
    const consumer = onStream as ((stream: unknown) => void) | undefined
    this.#incoming.bidirectional.serve(consumer)
    this.#incoming.unidirectional.serve(consumer)
    this.datagrams.serve(datagramConsumer(handlers.datagram, (error) => this.#onListenerError('datagram', error)))
  }

  /** Client: moves the connection to the transport that the worker makes from `request`. */
  async migrate(request: unknown, options: WorkerPathOptions = {}): Promise<void> {
    await this.#open('migrate', request, options)
  }

  /** Client: keeps a path over the transport of `request` as a spare. */
  async addPath(request: unknown, options: WorkerPathOptions = {}): Promise<void> {
    await this.#open('addPath', request, options)
  }

  get sendQueue(): SendQueue {
    return this.#facts.sendQueue ?? EMPTY_QUEUE
  }

  async drained(options: Abortable = {}): Promise<void> {
    await this.#ask('drained', [], options)
  }

  getStats(options: Abortable = {}): Promise<QuicConnectionStats> {
    return this.#ask('getStats', [], options) as Promise<QuicConnectionStats>
  }

  /** Everything of note, as plain data. */
  inspect(): Promise<ConnectionInspection | undefined> {
    return this.#ask('inspect') as Promise<ConnectionInspection | undefined>
  }

  ping(options: Abortable = {}): Promise<number> {
    return this.#ask('ping', [], options) as Promise<number>
  }

  /** Changes settings of the running connection. @throws TypeError for functions, which do not cross. What else is wrong closes the connection */
  configure(options: ConfigureOptions): void {
    this.#channel.tell(this.#object, 'configure', [options])
  }

  get congestionControl(): CongestionControl {
    return this.#facts.congestionControl ?? 'cubic'
  }

  /** @throws TypeError for a controller of one's own, which is given in the worker */
  set congestionControl(congestionControl: CongestionControl) {
    this.configure({ congestionControl })
  }

  /** Keying material of the TLS session (RFC 8446 §7.5). */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    return this.#ask('exportKeyingMaterial', [label, context, length]) as Promise<Uint8Array>
  }

  /** Replaces our connection ids by new ones. `false`: an earlier rotation is under way. */
  issueConnectionIds(): Promise<boolean> {
    return this.#ask('issueConnectionIds') as Promise<boolean>
  }

  async updateKeys(options: Abortable = {}): Promise<void> {
    await this.#ask('updateKeys', [], options)
  }

  /** Closes with CONNECTION_CLOSE. Fulfils when nothing of the connection is left. */
  close(options: CloseOptions = {}): Promise<void> {
    checkKeys(options, ['closeCode', 'reason', 'signal'])
    const closeCode = errorCode(options.closeCode, 'closeCode')
    const { reason = '', signal } = options
    if (typeof reason !== 'string') throw new TypeError(`reason must be a string, got ${String(reason)}`)
    if (signal?.aborted === true) return abortable(this.#gone.promise, signal)
    if (!this.#isOver) {
      this.#channel.tell(this.#object, 'close', [{ closeCode, reason }])
      const error = new QuicApplicationError(`We closed the connection with code ${closeCode}`, closeCode, {
        side: 'local',
        reason,
      })
      this.#facts = { ...this.#facts, state: 'closing' }
      this.#end(error, { closeCode, reason })
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

  /** The worker has said something about the connection. @internal */
  onTold(what: string, args: readonly unknown[]): void {
    const [first, second] = args
    switch (what) {
      case 'facts':
        return this.#onFacts(first as ConnectionFacts)
      case 'ready':
        this.#peer = second as PeerFacts
        return this.#ready.resolve(first as QuicReadyInfo)
      case 'confirmed':
        return this.#confirmed.resolve()
      case 'early':
        return this.#early.resolve(first as boolean)
      case 'stream':
        return this.#incomingOf(first as StreamFacts)
      case 'streamClosed':
        return this.#onStreamClosed(first as number)
      case 'datagram':
        return this.datagrams.onDatagram(first as Uint8Array)
      case 'settled':
        return this.datagrams.onSettled(first as number, second as DatagramStatus)
      case 'event':
        return this.#listeners.dispatch(first as string, this.#detailOf(first as string, second))
      case 'closed':
        return this.#onClosed(first as ErrorRecord, second as QuicCloseInfo | undefined)
      case 'gone':
        return this.#onGone()
    }
  }

  /** The worker is gone. @internal */
  onLost(error: Error): void {
    this.#end(error, undefined)
    for (const stream of this.#streams.values()) stream.onClosed(error)
    this.#onGone()
  }

  #onFacts(facts: ConnectionFacts): void {
    // What this end has closed it does not take for open again, however late the news.
    const state = this.#isOver && facts.state === 'connected' ? 'closing' : facts.state
    this.#facts = { ...facts, state }
    this.datagrams.onFacts(facts.maxDatagramSize, facts.datagrams, facts.state === 'connected')
  }

  #onGone(): void {
    this.#facts = { ...this.#facts, state: 'closed' }
    for (const stream of this.#streams.values()) this.#forget(stream.object)
    this.#streams.clear()
    this.#forget(this.#object)
    this.#gone.resolve()
  }

  #onStream(facts: StreamFacts): WorkerStream {
    const stream = new WorkerStream(this.#channel, facts)
    this.#streams.set(facts.object, stream)
    this.#adopt(facts.object, stream)
    return stream
  }

  #incomingOf(facts: StreamFacts): void {
    this.#incoming[facts.direction].push(this.#onStream(facts))
  }

  #onStreamClosed(object: number): void {
    const stream = this.#streams.get(object)
    if (stream === undefined) return
    this.#incoming[stream.direction].forget(stream)
    this.#streams.delete(object)
    this.#forget(object)
  }

  async #create(direction: StreamDirection, options: WorkerStreamOptions): Promise<WorkerStream> {
    checkKeys(options, STREAM_KEYS)
    const { signal, ...rest } = options
    const facts = (await this.#ask('create', [direction, rest], { signal })) as StreamFacts
    return this.#streams.get(facts.object) ?? this.#onStream(facts)
  }

  async #open(what: string, request: unknown, options: WorkerPathOptions): Promise<void> {
    checkKeys(options, PATH_KEYS)
    const { signal, transfer, ...rest } = options
    await this.#ask(what, [request, rest], { signal, transfer })
  }

  #ask(
    what: string,
    args: readonly unknown[] = [],
    options: Abortable & { readonly transfer?: Transferable[] | undefined } = {},
  ): Promise<unknown> {
    // What the worker would answer after the end, such as the last numbers, it answers as long as it knows the connection.
    return abortable(this.#channel.call(this.#object, what, args, options), undefined)
  }

  #detailOf(type: string, detail: unknown): unknown {
    if (type !== 'deadline') return detail
    const { object, action } = detail as { readonly object: number; readonly action: QuicDeadlineDetail['action'] }
    return { stream: this.#streams.get(object) as unknown as QuicStream | undefined, action }
  }

  #onClosed(error: ErrorRecord, info: QuicCloseInfo | undefined): void {
    this.#end(decodeError(error), info)
  }

  /** The connection whose listener throws ends; the page does not. */
  #onListenerError(type: string, cause: unknown): void {
    this.#end(new QuicApplicationError(`A listener of ${type} threw`, 0n, { side: 'local', cause }), undefined)
    this.#channel.tell(this.#object, 'close', [{ closeCode: 0n, reason: '' }])
  }

  #end(error: Error, info: QuicCloseInfo | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const each of [this.#ready, this.#confirmed, this.#early]) each.reject(error)
    if (info === undefined) this.#closed.reject(error)
    else this.#closed.resolve(info)
    for (const incoming of Object.values(this.#incoming)) {
      if (info === undefined) incoming.error(error)
      else incoming.close()
    }
    this.datagrams.onEnd(error, info !== undefined)
  }
}
