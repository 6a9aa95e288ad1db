/**
 * All connections of one process end, clients and servers alike, over any number of carriers: routes datagrams in, lets
 * connections take turns out, keeps one timer for all, and answers what belongs to none of them. Sans-IO, as a connection
 * is: the same five methods, and the same law (`connection/connection.ts`). RFC 9000 §5.2, §6, §8.1, §10.3.
 */
import { Arena } from '../base/arena.ts'
import { Deque } from '../base/deque.ts'
import type { RandomSource } from '../base/random.ts'
import { randomBytes } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { ConnectionConfig } from '../connection/config.ts'
import { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { ConnectionHost, ConnectionInit } from '../connection/init.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { OutgoingDatagram } from '../connection/transmitter.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader, peekDestination } from '../wire/long-header.ts'
import type { Observer } from '../wire/observer.ts'
import { PacketType } from '../wire/packet-type.ts'
import { isLongHeader } from '../wire/short-header.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { randomConnectionIds } from './connection-id-generator.ts'
import { Incoming, type IncomingLimits, type RetryPolicy } from './incoming.ts'
import { IncomingConnection, type IncomingFacts } from './incoming-connection.ts'
import { buildRetry, InitialCloser } from './initial-answers.ts'
import { Routing } from './routing.ts'
import { StatelessReset } from './stateless-reset.ts'
import { TimerQueue } from './timer-queue.ts'
import { AddressTokens } from './tokens.ts'
import { VersionNegotiation } from './version-negotiation.ts'

/** Bytes of a slot of the arena: a flight, or a burst (`architecture.md` §8). */
export const SLOT_SIZE = 98_304

/** Bytes of an endpoint's arena. */
export const ARENA_BYTES: number = 32 * SLOT_SIZE

/** What an endpoint is made of. */
export interface EndpointOptions {
  /** Made with an arena of {@link ARENA_BYTES}, used by this endpoint alone. */
  readonly engine: PacketEngine
  readonly random: RandomSource
  /** Unix ms, for address tokens. */
  wallClock(): number
  /** ms; how late the host's timers may usually fire. */
  readonly timerGranularity: Duration
  /** Default: random ids of 8 bytes. */
  readonly idGenerator?: ConnectionIdGenerator | undefined
  /** 32 bytes, from which stateless reset tokens are made; the same key after a restart recognises old ids. Default: random. */
  readonly resetKey?: Uint8Array | undefined
  /** 32 bytes, for Retry and NEW_TOKEN tokens. Default: random. */
  readonly tokenKey?: Uint8Array | undefined
}

/** What a client's connection begins with. */
export interface ConnectParameters {
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  readonly config: ConnectionConfig
  /** Of an earlier NEW_TOKEN event. */
  readonly token?: Uint8Array | undefined
  readonly observer?: ((originalDestination: ConnectionId) => Observer | undefined) | undefined
  readonly createTls: ConnectionInit['createTls']
}

/** What an endpoint needs to take connections. */
export interface ListenParameters {
  readonly versions: readonly number[]
  readonly limits?: Partial<IncomingLimits> | undefined
  readonly retry?: RetryPolicy | undefined
}

/** What a server's connection begins with. */
export interface AcceptParameters {
  readonly config: ConnectionConfig
  readonly observer?: ((originalDestination: ConnectionId) => Observer | undefined) | undefined
  readonly createTls: ConnectionInit['createTls']
}

/** A fact for the application. */
export type EndpointEvent =
  | { readonly type: 'incoming'; readonly incoming: IncomingConnection }
  | { readonly type: 'connection'; readonly connection: Connection; readonly event: ConnectionEvent }

interface Entry {
  readonly connection: Connection
  readonly remoteAddress: PathAddress
  readonly isServer: boolean
  handshaking: boolean
  ready: boolean
  eventful: boolean
}

interface Server {
  readonly incoming: Incoming
  readonly negotiation: VersionNegotiation
}

/** Answers outside any connection that may wait; more are dropped, as networks do. */
const MAX_ANSWERS = 256

/** Incoming connections that may wait for a decision. */
const MAX_PENDING = 1024

/** Datagrams kept of an incoming connection that waits for a decision. */
const MAX_PENDING_DATAGRAMS = 4

/** All connections over some carriers. */
export class Endpoint {
  readonly #options: EndpointOptions
  readonly #ids: ConnectionIdGenerator
  readonly #arena: Arena
  readonly #routing: Routing<Entry>
  readonly #resets: StatelessReset
  readonly #tokens: AddressTokens
  readonly #timers = new TimerQueue<Entry>()
  readonly #entries = new Map<Connection, Entry>()
  readonly #ready = new Deque<Entry>()
  readonly #eventful = new Deque<Entry>()
  readonly #events = new Deque<EndpointEvent>()
  readonly #answers = new Deque<OutgoingDatagram>()
  readonly #pending = new Map<string, IncomingConnection>()
  readonly #header = new LongHeader()
  readonly #closer: InitialCloser
  #server: Server | undefined
  #sender: Entry | undefined
  /** Set once by the driver: a suspended TLS goes on, please poll. */
  onProgress: () => void = () => {}

  constructor(options: EndpointOptions) {
    this.#options = options
    const { random, engine } = options
    this.#ids = options.idGenerator ?? randomConnectionIds(random)
    this.#arena = new Arena(engine.arena, SLOT_SIZE)
    this.#routing = new Routing<Entry>(randomBytes(random, 32))
    this.#resets = new StatelessReset({ key: options.resetKey ?? randomBytes(random, 32), random })
    this.#tokens = new AddressTokens({
      key: options.tokenKey ?? randomBytes(random, 32),
      random,
      wallClock: () => options.wallClock(),
    })
    this.#closer = new InitialCloser(engine, this.#arena)
  }

  /** Connections that are not closed. */
  get connectionCount(): number {
    return this.#entries.size
  }

  /** The connections that are not closed. */
  connections(): IterableIterator<Connection> {
    return this.#entries.keys()
  }

  /** Begins a connection as a client. */
  connect(parameters: ConnectParameters, now: Time): Connection {
    const { random } = this.#options
    // RFC 9000 §7.2: at least 8 unpredictable bytes.
    const destination = ConnectionId.from(randomBytes(random, 8))
    const localId = this.#ids.generate()
    return this.#open(localId, undefined, parameters.remoteAddress, (host) => ({
      role: 'client',
      version: parameters.config.version,
      config: parameters.config,
      observer: parameters.observer?.(destination),
      host,
      carrier: parameters.carrier,
      remoteAddress: parameters.remoteAddress,
      localId,
      peerId: destination,
      originalDestination: destination,
      addressValidated: true,
      token: parameters.token,
      createTls: parameters.createTls,
      ...this.#common(now),
    }))
  }

  /** Takes connections from now on: each comes as an `incoming` event. */
  listen(parameters: ListenParameters): void {
    const options = { tokens: this.#tokens, limits: parameters.limits ?? {}, retry: parameters.retry ?? 'never' }
    this.#server = {
      incoming: new Incoming(options),
      negotiation: new VersionNegotiation({ versions: parameters.versions, random: this.#options.random }),
    }
  }

  /** Takes no more connections; those that wait for a decision are refused, those that run go on. */
  stopListening(now: Time): void {
    for (const incoming of [...this.#pending.values()]) this.refuse(incoming, now)
    this.#server = undefined
  }

  /** Makes an incoming connection a real one. @throws Error when it was decided before */
  accept(incoming: IncomingConnection, parameters: AcceptParameters, now: Time): Connection {
    this.#decide(incoming)
    const { facts } = incoming
    const localId = this.#ids.generate()
    const connection = this.#open(localId, facts.destination, facts.remoteAddress, (host) => ({
      role: 'server',
      version: facts.version,
      config: parameters.config,
      observer: parameters.observer?.(facts.originalDestination),
      host,
      carrier: facts.carrier,
      remoteAddress: facts.remoteAddress,
      localId,
      peerId: facts.source,
      originalDestination: facts.originalDestination,
      retrySource: facts.retrySource,
      addressValidated: facts.addressValidated,
      createTls: parameters.createTls,
      ...this.#common(now),
    }))
    for (const { bytes, ecn } of incoming.takeDatagrams()) {
      connection.receiveDatagram(bytes, facts.remoteAddress, facts.carrier, ecn, now)
    }
    return connection
  }

  /** Answers with CONNECTION_CLOSE CONNECTION_REFUSED (RFC 9000 §5.2.2). */
  refuse(incoming: IncomingConnection, _now: Time): void {
    this.#decide(incoming)
    this.#server?.incoming.onClosed(incoming.facts.remoteAddress, true)
    this.#refuse(incoming.facts, TransportErrorCode.CONNECTION_REFUSED, '')
  }

  /** Asks the client to prove its address (RFC 9000 §8.1.2). @throws Error when it was proven already */
  retry(incoming: IncomingConnection): void {
    if (incoming.facts.addressValidated) throw new Error('The address is validated already: accept or refuse')
    this.#decide(incoming)
    this.#server?.incoming.onClosed(incoming.facts.remoteAddress, true)
    this.#retry(incoming.facts)
  }

  /** Forgets the incoming connection without an answer. */
  ignore(incoming: IncomingConnection): void {
    this.#decide(incoming)
    this.#server?.incoming.onClosed(incoming.facts.remoteAddress, true)
  }

  // ── The five methods ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a datagram from `via`. `bytes` is read during the call. Never throws. */
  receiveDatagram(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const key = peekDestination(bytes, 0, bytes.length, this.#ids.length)
    if (key === undefined) return
    const isLong = isLongHeader(bytes[0] ?? 0)
    const entry = this.#routing.find(key) ?? (this.#ids.length === 0 ? this.#routing.findAddress(via, from) : undefined)
    if (entry !== undefined) return this.#deliver(entry, bytes, from, via, ecn, now)
    if (isLong) this.#receiveUnknown(bytes, from, via, ecn, now)
    else this.#receiveOrphan(bytes, from, via, now)
  }

  /** Runs every timer that is due. */
  onTimeout(now: Time): void {
    for (let entry = this.#timers.takeDue(now); entry !== undefined; entry = this.#timers.takeDue(now)) {
      entry.connection.onTimeout(now)
      this.#wake(entry)
    }
  }

  /** The next flight of any connection; connections take turns. What was returned before is invalid from here on. */
  pollDatagram(now: Time): OutgoingDatagram | undefined {
    this.#sender?.connection.releaseFlight()
    this.#sender = undefined
    const answer = this.#answers.shift()
    if (answer !== undefined) return answer
    for (let entry = this.#ready.shift(); entry !== undefined; entry = this.#ready.shift()) {
      if (this.#arena.free === 0) this.#flushReceived(now)
      const flight = entry.connection.pollDatagram(now)
      this.#markEventful(entry)
      if (flight !== undefined) {
        this.#ready.push(entry)
        this.#sender = entry
        return flight
      }
      entry.ready = false
      if (this.#entries.has(entry.connection)) this.#timers.set(entry, entry.connection.nextTimeout())
    }
    return undefined
  }

  /** The next fact for the application. */
  pollEvent(): EndpointEvent | undefined {
    const own = this.#events.shift()
    if (own !== undefined) return own
    for (let entry = this.#eventful.peek(); entry !== undefined; entry = this.#eventful.peek()) {
      const event = entry.connection.pollEvent()
      if (event !== undefined) {
        this.#onConnectionEvent(entry, event)
        return { type: 'connection', connection: entry.connection, event }
      }
      entry.eventful = false
      this.#eventful.shift()
    }
    return undefined
  }

  /** When to call {@link onTimeout}. */
  nextTimeout(): Time {
    return this.#timers.next
  }

  /** The application has called into `connection`: it wants to be polled. */
  wake(connection: Connection): void {
    const entry = this.#entries.get(connection)
    if (entry !== undefined) this.#wake(entry)
  }

  /** A carrier is gone, and with it the connections that have no other. */
  onCarrierClosed(via: Carrier, cause?: unknown): void {
    for (const entry of this.#entries.values()) {
      entry.connection.onCarrierClosed(via, cause)
      this.#wake(entry)
    }
    for (const incoming of [...this.#pending.values()]) if (incoming.facts.carrier === via) this.ignore(incoming)
  }

  // ── Connections ───────────────────────────────────────────────────────────────────────────────────────────────────

  #common(now: Time): Pick<ConnectionInit, 'engine' | 'arena' | 'random' | 'timerGranularity' | 'now'> {
    const { engine, random, timerGranularity } = this.#options
    return { engine, arena: this.#arena, random, timerGranularity, now }
  }

  #open(
    localId: ConnectionId,
    firstDestination: ConnectionId | undefined,
    remoteAddress: PathAddress,
    initOf: (host: ConnectionHost) => ConnectionInit,
  ): Connection {
    // The routes need the entry, the entry needs the connection, and the connection registers ids only when it is polled.
    const registered: { entry: Entry | undefined } = { entry: undefined }
    const connection = new Connection(initOf(this.#hostOf(registered)))
    connection.onProgress = () => {
      this.wake(connection)
      this.onProgress()
    }
    const entry: Entry = {
      connection,
      remoteAddress,
      isServer: firstDestination !== undefined,
      handshaking: true,
      ready: false,
      eventful: false,
    }
    registered.entry = entry
    this.#entries.set(connection, entry)
    this.#routing.addId(localId, entry)
    // The id that the client made up stays a route to the end: a late copy of its Initial packet opens no second connection.
    if (firstDestination !== undefined) this.#routing.addId(firstDestination, entry)
    this.#wake(entry)
    return connection
  }

  #hostOf(registered: { readonly entry: Entry | undefined }): ConnectionHost {
    const withEntry = (use: (entry: Entry) => void): void => {
      if (registered.entry !== undefined) use(registered.entry)
    }
    return {
      idGenerator: this.#ids,
      resetToken: (id) => this.#resets.tokenOf(id.bytes),
      register: (id) => registered.entry !== undefined && this.#routing.addId(id, registered.entry),
      unregister: (id) => withEntry((entry) => this.#routing.removeId(id, entry)),
      resetTokenAdded: (token, remote) => withEntry((entry) => this.#routing.addResetToken(token, remote, entry)),
      resetTokenRemoved: (token, remote) => withEntry((entry) => this.#routing.removeResetToken(token, remote, entry)),
      newToken: (remote) => this.#tokens.sealNewToken(remote),
    }
  }

  #deliver(entry: Entry, bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    if (this.#arena.free === 0) this.#flushReceived(now)
    entry.connection.receiveDatagram(bytes, from, via, ecn, now)
    this.#wake(entry)
  }

  /** Gives the slots of bursts back, so that there is room for another. */
  #flushReceived(now: Time): void {
    for (const entry of this.#ready) entry.connection.flushReceived(now)
  }

  #wake(entry: Entry): void {
    if (entry.ready) return
    entry.ready = true
    this.#ready.push(entry)
  }

  #markEventful(entry: Entry): void {
    if (entry.eventful) return
    entry.eventful = true
    this.#eventful.push(entry)
  }

  #onConnectionEvent(entry: Entry, event: ConnectionEvent): void {
    if (event.type === 'connected') {
      entry.handshaking = false
      if (entry.isServer) this.#server?.incoming.onHandshakeComplete()
    } else if (event.type === 'closed') {
      this.#routing.removeConnection(entry)
      this.#timers.delete(entry)
      this.#entries.delete(entry.connection)
      if (entry.isServer) this.#server?.incoming.onClosed(entry.remoteAddress, entry.handshaking)
    }
  }

  // ── Datagrams of no connection ────────────────────────────────────────────────────────────────────────────────────

  #receiveUnknown(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const server = this.#server
    const header = this.#header
    if (server === undefined || !header.parse(bytes, 0, bytes.length)) return
    if (header.version === 0) return
    if (!server.negotiation.accepts(header.version)) {
      const answer = server.negotiation.answer(bytes, 0, bytes.length, now)
      if (answer !== undefined) this.#answer(answer, from, via)
      return
    }
    if (header.type === PacketType.initial) this.#receiveInitial(server, bytes, from, via, ecn, now)
  }

  #receiveInitial(server: Server, bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const header = this.#header
    const destination = header.destinationId()
    const key = `${destination.key} ${from}`
    const waiting = this.#pending.get(key)
    if (waiting !== undefined) return waiting.addDatagram(bytes, ecn, MAX_PENDING_DATAGRAMS)
    const source = header.sourceId()
    const decision = server.incoming.decide(
      {
        version: header.version,
        destination,
        source,
        token: header.token(),
        datagramSize: bytes.length,
        remoteAddress: from,
        carrier: via,
      },
      now,
    )
    const facts: IncomingFacts = {
      version: header.version,
      destination,
      source,
      originalDestination: decision.action === 'accept' ? decision.originalDestination : destination,
      retrySource: decision.action === 'accept' ? decision.retrySource : undefined,
      addressValidated: decision.action === 'accept' && decision.addressValidated,
      remoteAddress: from,
      carrier: via,
    }
    if (decision.action === 'refuse') return this.#refuse(facts, decision.code, decision.reason)
    if (decision.action === 'retry') return this.#retry(facts)
    if (decision.action === 'ignore' || this.#pending.size >= MAX_PENDING) return
    server.incoming.onOpened(from)
    const incoming = new IncomingConnection(key, facts)
    incoming.addDatagram(bytes, ecn, MAX_PENDING_DATAGRAMS)
    this.#pending.set(key, incoming)
    this.#events.push({ type: 'incoming', incoming })
  }

  /** A short header with an id that nobody has: a reset from the peer, or one that we owe (RFC 9000 §10.3). */
  #receiveOrphan(bytes: Uint8Array, from: PathAddress, via: Carrier, now: Time): void {
    const entry = this.#routing.findResetToken(bytes, 0, bytes.length, from)
    if (entry !== undefined) {
      entry.connection.onStatelessReset(now)
      return this.#wake(entry)
    }
    if (this.#ids.length === 0) return
    const reset = this.#resets.build(bytes.subarray(1, 1 + this.#ids.length), bytes.length, from, now)
    if (reset !== undefined) this.#answer(reset, from, via)
  }

  #decide(incoming: IncomingConnection): void {
    if (!this.#pending.delete(incoming.key)) throw new Error('The incoming connection was decided already')
    incoming.isDecided = true
  }

  #refuse(facts: IncomingFacts, code: bigint, reason: string): void {
    const bytes = this.#closer.build(facts, code, reason)
    if (bytes !== undefined) this.#answer(bytes, facts.remoteAddress, facts.carrier)
  }

  #retry(facts: IncomingFacts): void {
    const source =
      this.#ids.length >= 8 ? this.#ids.generate() : ConnectionId.from(randomBytes(this.#options.random, 8))
    const token = this.#tokens.sealRetry({
      remoteAddress: facts.remoteAddress,
      originalDestination: facts.destination,
      retrySource: source,
      clientSource: facts.source,
      version: facts.version,
    })
    this.#answer(buildRetry(facts, source, token), facts.remoteAddress, facts.carrier)
  }

  #answer(bytes: Uint8Array, to: PathAddress, via: Carrier): void {
    if (this.#answers.length < MAX_ANSWERS) this.#answers.push({ bytes, segmentSize: bytes.length, to, via, ecn: 0 })
  }
}
