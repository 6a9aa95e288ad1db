/**
 * All connections of one process end, clients and servers alike, over any number of carriers: routes datagrams in, lets
 * connections take turns out, keeps one timer for all, and answers what belongs to none of them. Sans-IO, as a connection
 * is: the same five methods, and the same law (`connection/connection.ts`). RFC 9000 §5.2, §6, §8.1, §10.3.
 */
import { Arena } from '../base/arena.ts'
import { Deque } from '../base/deque.ts'
import { randomBytes } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { ConnectionHost, ConnectionInit } from '../connection/init.ts'
import { type ConnectionIdGenerator, idLengthAt } from '../connection/local-ids.ts'
import type { OutgoingDatagram } from '../connection/transmitter.ts'
import { Workspace } from '../connection/workspace.ts'
import { PagePool } from '../streams/paged-buffer.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { peekDestination } from '../wire/long-header.ts'
import { isLongHeader } from '../wire/short-header.ts'
import { HostOfConnection, type SharedByConnections } from './connection-host.ts'
import { randomConnectionIds } from './connection-id-generator.ts'
import type { AcceptParameters, ConnectParameters, EndpointEvent, EndpointOptions } from './endpoint-options.ts'
import { doorCounts, type EndpointStats } from './endpoint-stats.ts'
import { type Entry, newEntry } from './entry.ts'
import { FullCarriers } from './full-carriers.ts'
import type { IncomingConnection, IncomingFacts } from './incoming-connection.ts'
import { preferredOf } from './preferred.ts'
import type { CreateReception, ListenParameters, Reception } from './reception.ts'
import { Routing } from './routing.ts'
import { StatelessReset } from './stateless-reset.ts'
import { TimerQueue } from './timer-queue.ts'
import { ownerOfTrain } from './train.ts'

/** Bytes of a slot of the arena: a flight, or a burst (`architecture.md` §8). */
export const SLOT_SIZE = 98_304

/** Bytes of an endpoint's arena. */
export const ARENA_BYTES: number = 32 * SLOT_SIZE

/** Bytes enough for one connection: a burst, a flight, and one of each to spare. */
export const SINGLE_ARENA_BYTES: number = 4 * SLOT_SIZE

/** Answers that may wait; more are dropped, as networks do. */
const MAX_ANSWERS = 256

/** All connections over some carriers. */
export class Endpoint {
  readonly #options: EndpointOptions
  readonly #ids: ConnectionIdGenerator
  readonly #arena: Arena
  readonly #workspace: Workspace
  readonly #pages = new PagePool()
  readonly #routing: Routing<Entry>
  readonly #timers = new TimerQueue<Entry>()
  readonly #entries = new Set<Entry>()
  readonly #entryOf = new WeakMap<Connection, Entry>()
  readonly #ready = new Deque<Entry>()
  readonly #eventful = new Deque<Entry>()
  readonly #resets: StatelessReset
  /** Datagrams of no connection. */
  readonly #answers = new Deque<OutgoingDatagram>()
  readonly #full: FullCarriers<Entry>
  /** What each connection is given of these. */
  readonly #shared: SharedByConnections<Entry>
  #reception: Reception | undefined
  #tokenKey: Uint8Array | undefined
  #resetsSent = 0
  #sender: Connection | undefined
  /** What was polled last. */
  #lent: OutgoingDatagram | undefined
  /** Set once by the driver: a suspended TLS goes on, please poll. */
  onProgress: () => void = () => {}

  constructor(options: EndpointOptions) {
    this.#options = options
    const { random, engine } = options
    this.#ids = options.idGenerator ?? randomConnectionIds(random)
    this.#arena = new Arena(engine.arena, SLOT_SIZE)
    this.#workspace = new Workspace(this.#arena)
    this.#full = new FullCarriers(this.#arena)
    this.#routing = new Routing<Entry>(randomBytes(random, 32))
    this.#tokenKey = options.tokenKey
    this.#resets = new StatelessReset({ key: options.resetKey ?? randomBytes(random, 32), random })
    this.#shared = {
      ids: this.#ids,
      routing: this.#routing,
      resets: this.#resets,
      full: this.#full,
      newToken: (remote, version) => this.#reception?.newToken(remote, version),
    }
  }

  /** Connections that are not closed. */
  get connectionCount(): number {
    return this.#entries.size
  }

  /** Whether every connection is closed, and nothing lies in the arena. */
  get isAtRest(): boolean {
    return this.#entries.size === 0 && this.#arena.free === this.#arena.slots
  }

  /** The numbers of this moment. */
  stats(): EndpointStats {
    const reception = this.#reception
    return {
      connections: this.#entries.size,
      handshakes: reception?.handshakes ?? 0,
      pending: reception?.pending ?? 0,
      ...(reception?.counts ?? doorCounts()),
      resets: this.#resetsSent,
    }
  }

  /**
   * Makes stateless reset tokens from `key` from now on, and still answers for the ids of the key before (RFC 9000 §10.3.2).
   * @throws RangeError below 16 bytes
   */
  rotateResetKey(key: Uint8Array): void {
    this.#resets.rotate(key)
  }

  /** Seals address tokens with `key` from now on, and still takes those of the key before. @throws RangeError below 32 bytes */
  rotateTokenKey(key: Uint8Array): void {
    if (key.length < 32) throw new RangeError(`A token key must have at least 32 bytes, got ${key.length}`)
    if (this.#reception === undefined) this.#tokenKey = key.slice()
    else this.#reception.rotateTokenKey(key)
  }

  /** The connections that are not closed. */
  *connections(): IterableIterator<Connection> {
    for (const { connection } of this.#entries) if (connection !== undefined) yield connection
  }

  /** Begins a connection as a client. */
  connect(parameters: ConnectParameters, now: Time): Connection {
    const { random } = this.#options
    // RFC 9000 §7.2: at least 8 unpredictable bytes.
    const destination = ConnectionId.from(randomBytes(random, 8))
    const localId = this.#freshId()
    return this.#open(localId, undefined, parameters.carrier, parameters.remoteAddress, (host) => ({
      role: 'client',
      version: parameters.config.version,
      config: parameters.config,
      observer: parameters.observer?.(destination, 'client'),
      host,
      carrier: parameters.carrier,
      remoteAddress: parameters.remoteAddress,
      localId,
      peerId: destination,
      originalDestination: destination,
      addressValidated: true,
      token: parameters.token,
      session: parameters.session,
      createTls: parameters.createTls,
      ...this.#common(now),
    }))
  }

  /**
   * Takes connections from now on: each comes as an `incoming` event.
   * @param createReception the server's half of an endpoint, `reception.ts`: handed in so that clients do without it.
   */
  listen(parameters: ListenParameters, createReception: CreateReception): void {
    const { engine, random } = this.#options
    this.#reception ??= createReception({
      engine,
      arena: this.#arena,
      random,
      ids: this.#ids,
      wallClock: () => this.#options.wallClock(),
      tokenKey: this.#tokenKey ?? randomBytes(random, 32),
      answer: (bytes, to, via) => this.#answer(bytes, to, via),
    })
    this.#reception.open(parameters)
  }

  /** Takes no more connections; those that wait for a decision are refused, those that run go on. */
  stopListening(): void {
    this.#reception?.close()
  }

  /** Makes an incoming connection a real one. @throws Error when it was decided before; what the parameters' functions throw */
  accept(incoming: IncomingConnection, parameters: AcceptParameters, now: Time): Connection {
    const reception = this.#listening()
    reception.decide(incoming)
    const { facts } = incoming
    let connection: Connection
    try {
      connection = this.#acceptDecided(facts, parameters, now)
    } catch (error) {
      reception.onClosed(facts.remoteAddress, true)
      throw error
    }
    reception.onAccepted()
    for (const { bytes, ecn } of incoming.takeDatagrams()) {
      connection.receiveDatagram(bytes, facts.remoteAddress, facts.carrier, ecn, now)
    }
    return connection
  }

  /** An id that no connection has; short ones of a generator of one's own may repeat. */
  #freshId(): ConnectionId {
    for (;;) {
      const id = this.#ids.generate()
      if (id.length === 0 || this.#routing.find(id.key) === undefined) return id
    }
  }

  #acceptDecided(facts: IncomingFacts, parameters: AcceptParameters, now: Time): Connection {
    const localId = this.#freshId()
    const preferred = preferredOf(parameters, localId, () => this.#freshId())
    const ids = preferred === undefined ? [facts.destination] : [facts.destination, preferred.connectionId]
    return this.#open(localId, ids, facts.carrier, facts.remoteAddress, (host) => ({
      role: 'server',
      preferred,
      version: facts.version,
      config: parameters.config,
      observer: parameters.observer?.(facts.originalDestination, 'server'),
      host,
      carrier: facts.carrier,
      remoteAddress: facts.remoteAddress,
      localId,
      peerId: facts.source,
      originalDestination: facts.originalDestination,
      retrySource: facts.retrySource,
      addressValidated: facts.addressValidated,
      tickets: parameters.tickets,
      createTls: parameters.createTls,
      ...this.#common(now),
    }))
  }

  /** Answers with CONNECTION_CLOSE CONNECTION_REFUSED (RFC 9000 §5.2.2). @throws Error when it was decided before */
  refuse(incoming: IncomingConnection): void {
    this.#listening().refuse(incoming)
  }

  /** Asks the client to prove its address (RFC 9000 §8.1.2). @throws Error when it was proven already */
  retry(incoming: IncomingConnection): void {
    this.#listening().retry(incoming)
  }

  /** Forgets the incoming connection without an answer. @throws Error when it was decided before */
  ignore(incoming: IncomingConnection): void {
    this.#listening().ignore(incoming)
  }

  #listening(): Reception {
    if (this.#reception === undefined) throw new Error('The endpoint has never listened')
    return this.#reception
  }

  // ── The five methods ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a datagram from `via`. `bytes` is read during the call. Never throws. */
  receiveDatagram(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    if (isLongHeader(bytes[0] ?? 0)) return this.#receiveLong(bytes, from, via, ecn, now)
    const idLength = idLengthAt(this.#ids, bytes, 0, bytes.length)
    if (idLength >= bytes.length) return
    const known = idLength > 0 ? this.#routing.findAt(bytes, 1, idLength) : undefined
    const entry = known ?? this.#atAddress(via, from)
    if (entry !== undefined) this.#deliver(entry, bytes, from, via, ecn, now)
    else this.#receiveOrphan(bytes, from, via, now)
  }

  /** As {@link receiveDatagram}, of 1-RTT packets of one size back to back. `false`: they are to be given one by one. */
  receiveTrain(bytes: Uint8Array, segmentSize: number, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): boolean {
    const entry = ownerOfTrain(this.#routing, this.#ids, bytes, segmentSize)
    if (entry !== undefined) this.#deliver(entry, bytes, from, via, ecn, now, segmentSize)
    return entry !== undefined
  }

  #receiveLong(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const key = peekDestination(bytes, 0, bytes.length, 0)
    if (key === undefined) return
    const entry = this.#routing.find(key) ?? this.#atAddress(via, from)
    if (entry !== undefined) this.#deliver(entry, bytes, from, via, ecn, now)
    else this.#reception?.receive(bytes, from, via, ecn, now)
  }

  /** Connections whose ids have no length are told apart by address (RFC 9000 §5.1). */
  #atAddress(via: Carrier, from: PathAddress): Entry | undefined {
    return this.#ids.length === 0 ? this.#routing.findAddress(via, from) : undefined
  }

  /** Runs every timer that is due. */
  onTimeout(now: Time): void {
    const due: Entry[] = []
    for (let entry = this.#timers.takeDue(now); entry !== undefined; entry = this.#timers.takeDue(now)) due.push(entry)
    for (const entry of due) {
      entry.connection?.onTimeout(now)
      this.#settle(entry)
    }
  }

  /** Processes what has arrived, where nothing can be sent for now and so `pollDatagram` is not called. */
  processReceived(now: Time): void {
    for (const entry of this.#ready) {
      entry.connection?.flushReceived(now)
      this.#settle(entry)
    }
  }

  /** The next flight of any connection; connections take turns. What was returned before is invalid from here on. */
  pollDatagram(now: Time): OutgoingDatagram | undefined {
    this.#sender?.releaseFlight()
    this.#sender = undefined
    for (let left = this.#answers.length; left > 0; left--) {
      const answer = this.#answers.shift()
      if (answer === undefined || !this.#full.has(answer.via)) return this.#lend(answer)
      this.#answers.push(answer)
    }
    for (let entry = this.#ready.shift(); entry !== undefined; entry = this.#ready.shift()) {
      if (this.#arena.free === 0) this.#flushReceived(now)
      const flight = entry.connection?.pollDatagram(now)
      this.#markEventful(entry)
      if (flight !== undefined) {
        this.#ready.push(entry)
        this.#sender = entry.connection
        return this.#lend(flight)
      }
      entry.ready = false
      this.#full.wait(entry)
      this.#setTimer(entry)
    }
    return undefined
  }

  /** The next fact for the application. */
  pollEvent(): EndpointEvent | undefined {
    const incoming = this.#reception?.takeArrived()
    if (incoming !== undefined) return { type: 'incoming', incoming }
    for (let entry = this.#eventful.peek(); entry !== undefined; entry = this.#eventful.peek()) {
      const { connection } = entry
      const event = connection?.pollEvent()
      if (connection !== undefined && event !== undefined) {
        this.#onConnectionEvent(entry, connection, event)
        return { type: 'connection', connection, event }
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
    const entry = this.#entryOf.get(connection)
    if (entry !== undefined) this.#wake(entry)
  }

  /**
   * The carrier of the flight that was polled last takes nothing more after it: nothing is sent there, and the bytes of the
   * flight are left alone, until {@link onCarrierDrained}. Flights of other carriers go on.
   */
  onCarrierFull(): void {
    const flight = this.#lent
    if (flight === undefined) return
    this.#full.add(flight.via, this.#sender?.takeFlight() ?? -1)
    this.#sender = undefined
  }

  /** The carrier takes more. Harmless if it was not full. */
  onCarrierDrained(via: Carrier): void {
    for (const entry of this.#full.delete(via)) this.#wake(entry)
  }

  #lend(flight: OutgoingDatagram | undefined): OutgoingDatagram | undefined {
    this.#lent = flight
    return flight
  }

  /** A carrier is gone, and with it the connections that have no other. */
  onCarrierClosed(via: Carrier, now: Time, cause?: unknown): void {
    this.onCarrierDrained(via)
    for (const entry of this.#entries) {
      entry.connection?.onCarrierClosed(via, cause, now)
      this.#wake(entry)
    }
    this.#reception?.onCarrierClosed(via)
  }

  // ── Connections ───────────────────────────────────────────────────────────────────────────────────────────────────

  #common(now: Time): Pick<ConnectionInit, 'engine' | 'pages' | 'workspace' | 'random' | 'timerGranularity' | 'now'> {
    const { engine, random, timerGranularity } = this.#options
    return { engine, workspace: this.#workspace, pages: this.#pages, random, timerGranularity, now }
  }

  #open(
    localId: ConnectionId,
    otherIds: readonly ConnectionId[] | undefined,
    carrier: Carrier,
    remoteAddress: PathAddress,
    initOf: (host: ConnectionHost) => ConnectionInit,
  ): Connection {
    // RFC 9000 §5.1: without ids of ours, connections are told apart by address alone.
    if (localId.length === 0 && this.#routing.findAddress(carrier, remoteAddress) !== undefined) {
      throw new RangeError(`There is a connection with ${remoteAddress} already: use connection ids of a byte or more`)
    }
    // The routes need the entry, the entry needs the connection, and the connection registers ids only when it is polled.
    const host = new HostOfConnection<Entry>(this.#shared)
    const connection = new Connection(initOf(host))
    // Named first, for the sake of garbage collection (`restartable-tls.ts`).
    const onProgress = (): void => {
      this.wake(connection)
      this.onProgress()
    }
    connection.onProgress = onProgress
    const entry = newEntry(connection, remoteAddress, otherIds !== undefined)
    host.entry = entry
    this.#entries.add(entry)
    this.#entryOf.set(connection, entry)
    if (localId.length === 0) this.#routing.addAddress(carrier, remoteAddress, entry)
    else this.#routing.addId(localId, entry)
    // The id that the client made up stays a route to the end: a late copy of its Initial packet opens no second connection.
    for (const id of otherIds ?? []) this.#routing.addId(id, entry)
    this.#wake(entry)
    return connection
  }

  #deliver(entry: Entry, bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time, size?: number): void {
    if (this.#arena.free === 0) this.#flushReceived(now)
    entry.connection?.receiveDatagram(bytes, from, via, ecn, now, size)
    this.#wake(entry)
  }

  /** Gives the slots of bursts back, so that there is room for another. */
  #flushReceived(now: Time): void {
    for (const entry of this.#ready) entry.connection?.flushReceived(now)
  }

  /** It may have something to tell, to send and to wait for, whoever polls next. */
  #settle(entry: Entry): void {
    this.#markEventful(entry)
    this.#setTimer(entry)
    this.#wake(entry)
  }

  #setTimer(entry: Entry): void {
    if (entry.connection !== undefined) this.#timers.set(entry, entry.connection.nextTimeout())
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

  #onConnectionEvent(entry: Entry, connection: Connection, event: ConnectionEvent): void {
    if (event.type === 'connected') {
      entry.handshaking = false
      if (entry.isServer) this.#reception?.onHandshakeComplete()
    } else if (event.type === 'closed') {
      this.#routing.removeConnection(entry)
      this.#timers.delete(entry)
      this.#full.forget(entry)
      this.#entries.delete(entry)
      this.#entryOf.delete(connection)
      // Nobody polls it any more, which would do this.
      if (this.#sender !== connection) connection.releaseFlight()
      entry.connection = undefined
      if (entry.isServer) this.#reception?.onClosed(entry.remoteAddress, entry.handshaking)
    }
  }

  /** A short header with an id that nobody has: a reset from the peer, or one that we owe (RFC 9000 §10.3). */
  #receiveOrphan(bytes: Uint8Array, from: PathAddress, via: Carrier, now: Time): void {
    const entry = this.#routing.findResetToken(bytes, 0, bytes.length, from)
    if (entry !== undefined) {
      entry.connection?.onStatelessReset(now)
      return this.#wake(entry)
    }
    const length = idLengthAt(this.#ids, bytes, 0, bytes.length)
    if (length <= 0) return
    const reset = this.#resets.build(bytes.subarray(1, 1 + length), bytes.length, from, now)
    if (reset === undefined) return
    this.#resetsSent += 1
    this.#answer(reset, from, via)
  }

  #answer(bytes: Uint8Array, to: PathAddress, via: Carrier): void {
    if (this.#answers.length < MAX_ANSWERS) this.#answers.push({ bytes, segmentSize: bytes.length, to, via, ecn: 0 })
  }
}
