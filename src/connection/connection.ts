/**
 * One QUIC connection as a synchronous state machine: the façade over the owners of frames. It composes and routes; it
 * owns no frame, reads no clock, and calls nobody but through what it was given.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { IntegrityCounter } from '../protection/packet-keys.ts'
import { LossDetector } from '../recovery/loss-detector.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import type { TlsSession } from '../tls/session.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { LongHeader } from '../wire/long-header.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportError } from '../wire/transport-error.ts'
import { decodeTransportParameters, type TransportParameters } from '../wire/transport-parameters.ts'
import { Closing } from './closing.ts'
import { type ConnectionContext, packetCounters } from './context.ts'
import { Dispatcher, type ReceivedPacket } from './dispatch.ts'
import { EventQueue } from './event-queue.ts'
import type { CloseReason, ConnectionEvent } from './events.ts'
import { Handshake, type HandshakeComplete } from './handshake.ts'
import { Idle } from './idle.ts'
import type { ApplicationClose, ConnectionHost, ConnectionInit } from './init.ts'
import type { LocalIds } from './local-ids.ts'
import type { Negotiation } from './negotiation.ts'
import { observeKeyUpdate, observeStart, observeUnprotected } from './observation.ts'
import { PacketSpaces } from './packet-space.ts'
import {
  ackTracker,
  createLocalIds,
  createNegotiation,
  createPathParts,
  createStreams,
  GRANULARITY,
  ownParameters,
} from './parts.ts'
import { MIN_DATAGRAM_SIZE, type Path } from './path.ts'
import { PathManager } from './path-manager.ts'
import { PeerIds } from './peer-ids.ts'
import { checkPeerParameters } from './peer-parameters.ts'
import { PacketReceiver, toTransportError } from './receiver.ts'
import { type ConnectionStats, statsOf } from './stats.ts'
import { type OutgoingDatagram, Transmitter } from './transmitter.ts'

/** Where a connection stands in its life. */
export type ConnectionState = 'connecting' | 'connected' | 'closing' | 'draining' | 'closed'

/**
 * The law of its use: *after any input or application call, drain `pollDatagram`, then `pollEvent`, then read
 * `nextTimeout`. Calls may come in any order; `now` never goes back. Every method returns promptly and never calls out;
 * only the end of a TLS suspension rings `onProgress`.*
 */
export class Connection {
  readonly streams: StreamSet
  readonly paths: PathManager
  /** Set once by the driver: a suspended TLS goes on, please poll. */
  onProgress: () => void = () => {}
  readonly #context: ConnectionContext
  readonly #host: ConnectionHost
  readonly #spaces: PacketSpaces
  readonly #loss: LossDetector
  readonly #tls: TlsSession
  readonly #handshake: Handshake
  readonly #localIds: LocalIds
  readonly #peerIds: PeerIds
  readonly #closing: Closing
  readonly #idle: Idle
  readonly #dispatcher: Dispatcher
  readonly #receiver: PacketReceiver
  readonly #transmitter: Transmitter
  readonly #negotiation: Negotiation | undefined
  /** The source id of the peer's first Initial packet, once there was one (RFC 9000 §7.2). */
  #peerSource: ConnectionId | undefined
  #peerParameters: TransportParameters | undefined
  #completion: HandshakeComplete | undefined
  #tlsMayAdvance = true
  #keysChanged = false

  constructor(init: ConnectionInit) {
    const { config, role, now } = init
    this.#host = init.host
    this.#context = {
      role,
      version: init.version,
      config,
      random: init.random,
      observer: init.observer,
      engine: init.engine,
      integrity: new IntegrityCounter(),
      events: new EventQueue(init.observer, now),
      counters: packetCounters(),
    }
    observeStart(init)
    this.#loss = new LossDetector({ role, granularity: GRANULARITY, observer: init.observer, random: init.random })
    this.#spaces = new PacketSpaces((space) => ackTracker(space, config), init.pages)
    this.#peerIds = new PeerIds({
      initial: init.peerId,
      limit: config.activeConnectionIdLimit,
      path: 0,
      tokenAdded: (token, path) => init.host.resetTokenAdded(token, this.paths.addressOf(path)),
      tokenRemoved: (token, path) => init.host.resetTokenRemoved(token, this.paths.addressOf(path)),
    })
    this.paths = new PathManager({
      role,
      carrier: init.carrier,
      remoteAddress: init.remoteAddress,
      addressValidated: init.addressValidated || init.carrier.properties.addressValidated || role === 'client',
      spinBit: config.spinBit,
      random: init.random,
      peerIds: this.#peerIds,
      createParts: (id, carrier) =>
        createPathParts(id, carrier, init, this.#peerParameters?.maxUdpPayloadSize, (mtu) =>
          this.#context.events.push({ type: 'mtu-changed', mtu }),
        ),
      pto: (recovery) => recovery.rtt.ptoPeriod(this.#loss.maxAckDelay, GRANULARITY),
      emit: (event) => this.#context.events.push(event),
      onPathValidated: () => this.#sendNewToken(),
      onPathRemoved: (path: Path, at) => this.#loss.onPathRemoved(path.recovery, at),
    })
    this.#localIds = createLocalIds(init)
    this.streams = createStreams(init, this.#context.events, () => this.paths.active.recovery.rtt.smoothed)
    this.#closing = new Closing({ emit: (event) => this.#onClosingEvent(event) })
    this.#idle = new Idle({ ...config, now, pto: () => this.#pto() })
    this.#negotiation = role === 'client' ? createNegotiation(init) : undefined
    this.#peerSource = role === 'server' ? init.peerId : undefined
    this.#tls = init.createTls(() => ownParameters(init))
    this.#tls.onProgress = () => {
      this.#tlsMayAdvance = true
      this.onProgress()
    }
    const parts = {
      context: this.#context,
      spaces: this.#spaces,
      loss: this.#loss,
      streams: this.streams,
      localIds: this.#localIds,
      peerIds: this.#peerIds,
      paths: this.paths,
      closing: this.#closing,
      idle: this.#idle,
      arena: init.arena,
      pto: () => this.#pto(),
    }
    this.#handshake = new Handshake(this.#context, this.#spaces, this.#loss, this.#tls, {
      onKeysInstalled: () => {
        this.#keysChanged = true
      },
      onPeerParameters: (bytes, at) => this.#onPeerParameters(bytes, at),
      onHandshakeComplete: (event) => this.#onHandshakeComplete(event),
      onHandshakeConfirmed: (at) => this.#onHandshakeConfirmed(at),
    })
    const all = { ...parts, handshake: this.#handshake }
    this.#dispatcher = new Dispatcher(all)
    this.#receiver = new PacketReceiver(
      this.#context,
      this.#spaces,
      this.#handshake,
      this.#dispatcher,
      init.arena,
      init.localId.length,
      {
        pathOf: (from, via, size, at) => this.paths.onDatagram(from, via, size, at),
        onPacketOpened: (packet, header) => this.#onPacketOpened(packet, header),
        onPacketProcessed: (packet, at) => this.#onPacketProcessed(packet, at),
        onUnprotectedPacket: (bytes, start, end, header, at) => this.#onUnprotected(bytes, start, end, header, at),
        isStatelessReset: (bytes, end, path) => this.#peerIds.isResetToken(bytes, end, path.id),
        onStatelessReset: (at) => this.onStatelessReset(at),
        onError: (error, at) => this.#onError(error, at),
      },
    )
    this.#transmitter = new Transmitter(this.#context, all)
    this.#transmitter.token = this.#negotiation?.token
    this.#handshake.installInitialKeys(init.retrySource?.bytes ?? init.originalDestination.bytes)
  }

  /** Takes a datagram that the endpoint has routed here. `bytes` is copied. Never throws. */
  receiveDatagram(bytes: Uint8Array, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    if (this.#closing.state === 'closed') return
    this.#context.events.now = now
    if (this.#closing.state !== 'open') this.#closing.onPacketReceived()
    this.#receiver.receive(bytes, from, via, ecn, now)
    this.#retryEarly(now)
    if (this.#loss.amplificationLimited) this.#onAmplificationCredit(now)
  }

  /** Runs every timer that is due. What has arrived is processed before. */
  onTimeout(now: Time): void {
    this.#catchUp(now)
    this.#transmitter.nextSendTime = NEVER
    if (this.#closing.nextTimeout() <= now) this.#closing.onTimeout(now)
    if (this.#closing.state !== 'open') return
    try {
      this.#runTimers(now)
    } catch (error) {
      this.#onError(toTransportError(error), now)
    }
  }

  #runTimers(now: Time): void {
    if (this.#loss.nextTimeout() <= now) this.#loss.onTimeout(now)
    if (this.streams.nextTimeout() <= now) this.streams.onTimeout(now)
    for (const space of this.#spaces.all) if (space.acks.nextTimeout() <= now) space.acks.onTimeout(now)
    const keys = this.#spaces.oneRtt
    if (keys !== undefined && keys.nextTimeout() <= now) keys.onTimeout(now)
    if (this.paths.nextTimeout() <= now) this.paths.onTimeout(now)
    const mtu = this.paths.active.mtu
    if (mtu !== undefined && mtu.nextTimeout() <= now) mtu.onTimeout(now)
    if (this.#idle.nextTimeout() <= now) this.#onIdleTimeout(now)
  }

  /** The next flight to send, or `undefined`: nothing for now. What was returned before is invalid from here on. */
  pollDatagram(now: Time): OutgoingDatagram | undefined {
    if (this.#closing.state === 'closed') {
      this.#transmitter.release()
      return undefined
    }
    this.#catchUp(now)
    try {
      return this.#transmitter.poll(now)
    } catch (error) {
      this.#onError(toTransportError(error), now)
      return undefined
    }
  }

  /** The next fact for the application. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#context.events.shift()
  }

  /** When to call {@link onTimeout}; {@link NEVER}: not by itself. */
  nextTimeout(): Time {
    if (this.#closing.state !== 'open') return this.#closing.nextTimeout()
    let next = Math.min(
      this.#loss.nextTimeout(),
      this.#idle.nextTimeout(),
      this.streams.nextTimeout(),
      this.paths.nextTimeout(),
      this.#spaces.oneRtt?.nextTimeout() ?? NEVER,
      this.paths.active.mtu?.nextTimeout() ?? NEVER,
      this.#transmitter.nextSendTime,
    )
    for (const space of this.#spaces.all) if (!space.isDiscarded) next = Math.min(next, space.acks.nextTimeout())
    return next
  }

  /** Ends the connection with CONNECTION_CLOSE; what streams still hold is dropped (RFC 9000 §10.2). */
  close(error: ApplicationClose, now: Time): void {
    const reason: CloseReason = { kind: 'application', side: 'local', code: error.code, reason: error.reason }
    this.#context.events.now = now
    this.#closing.begin(reason, now, this.#pto())
  }

  get role(): Role {
    return this.#context.role
  }

  get version(): number {
    return this.#context.version
  }

  get state(): ConnectionState {
    const { state } = this.#closing
    if (state !== 'open') return state
    return this.#handshake.isComplete ? 'connected' : 'connecting'
  }

  /** Why the connection ended; `undefined` while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#closing.reason
  }

  get isHandshakeConfirmed(): boolean {
    return this.#handshake.isConfirmed
  }

  /** What TLS settled; `undefined` until the handshake is complete. */
  get completion(): HandshakeComplete | undefined {
    return this.#completion
  }

  /** The peer's transport parameters; `undefined` until they have come. */
  get peerParameters(): TransportParameters | undefined {
    return this.#peerParameters
  }

  /** RFC 8446 §7.5. @throws Error before the handshake is complete. */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#tls.exportKeyingMaterial(label, context, length)
  }

  /** Starts a key update (RFC 9001 §6), with a PING whose acknowledgement confirms it. `false`: one is under way, the handshake is not confirmed, or the connection is over. */
  updateKeys(now: Time): boolean {
    const keys = this.#spaces.oneRtt
    if (this.#closing.state !== 'open' || !this.#handshake.isConfirmed || keys?.canUpdate(now) !== true) return false
    keys.update(now)
    observeKeyUpdate(this.#context.observer, keys, 'local_update', now)
    this.#idle.ping()
    return true
  }

  /** `false`: an earlier rotation is under way. */
  rotateConnectionIds(): boolean {
    return this.#localIds.rotate()
  }

  /** Numbers of this moment. */
  stats(): ConnectionStats {
    return statsOf(this.#context.counters, this.#loss, this.paths.active, this.streams)
  }

  /** A datagram that ends in a token of the peer's arrived (RFC 9000 §10.3.1). */
  onStatelessReset(now: Time): void {
    this.#context.events.now = now
    this.#closing.onStatelessReset(now, this.#pto())
  }

  /** The carrier below is gone: so is the connection, unless it lives on another. */
  onCarrierClosed(via: Carrier, cause: unknown): void {
    if (this.paths.active.carrier === via) this.#closing.end({ kind: 'carrier-closed', cause })
  }

  /** The last flight has been sent: gives its slot back. */
  releaseFlight(): void {
    this.#transmitter.release()
  }

  /** Opens and processes what has arrived since the last poll; gives the arena's slot back. */
  flushReceived(now: Time): void {
    this.#catchUp(now)
  }

  /** @throws Error where the books do not balance; for tests. */
  checkInvariants(): void {
    this.#loss.checkInvariants()
    this.streams.checkInvariants()
  }

  #catchUp(now: Time): void {
    this.#context.events.now = now
    this.#receiver.flush(now)
    if (this.#tlsMayAdvance) {
      this.#tlsMayAdvance = false
      try {
        if (this.#closing.state === 'open') this.#handshake.advance(now)
      } catch (error) {
        this.#onError(toTransportError(error), now)
      }
    }
    this.#retryEarly(now)
  }

  /** RFC 9002 §A.6: the timers that passed while nothing could be sent come first, so that what is missing goes before what is new. */
  #onAmplificationCredit(now: Time): void {
    if (this.#closing.state !== 'open' || !this.paths.active.canSend(MIN_DATAGRAM_SIZE)) return
    this.#loss.amplificationLimited = false
    if (this.#loss.nextTimeout() <= now) this.#loss.onTimeout(now)
  }

  /** Packets that came before their keys. */
  #retryEarly(now: Time): void {
    for (; this.#keysChanged; this.#receiver.retryEarly(now)) this.#keysChanged = false
  }

  #onPacketOpened(packet: ReceivedPacket, header: LongHeader | undefined): boolean {
    if (header === undefined) return true
    const source = header.sourceId()
    if (this.#peerSource === undefined) {
      this.#peerSource = source
      this.#peerIds.replaceInitial(source)
      return true
    }
    // RFC 9000 §7.2: the peer's id is that of its first packet; others are dropped.
    return this.#peerSource.equals(source) || packet.type === PacketType.oneRtt
  }

  #onPacketProcessed(packet: ReceivedPacket, now: Time): void {
    this.#idle.onPacketReceived(now)
    this.#negotiation?.onPacketProcessed()
    if (packet.path === undefined) return
    if (packet.space === PacketSpace.application) {
      this.paths.onPacketProcessed(packet.path, packet.number, packet.probing, now)
    } else if (packet.space === PacketSpace.handshake && this.#context.role === 'server') {
      // RFC 9000 §8.1: a Handshake packet proves the address. RFC 9001 §4.9.1: the Initial keys have served.
      packet.path.markValidated()
      this.#handshake.discardInitial(now)
    }
  }

  /** Retry and Version Negotiation, which only a client obeys. */
  #onUnprotected(bytes: Uint8Array, start: number, end: number, header: LongHeader, now: Time): void {
    const negotiation = this.#negotiation
    const isRetry = header.type === PacketType.retry
    const result = isRetry
      ? negotiation?.onRetry(bytes, start, end)
      : negotiation?.onVersionNegotiation(bytes, start, end)
    observeUnprotected(this.#context, header, end, this.paths.active, result, now)
    if (negotiation === undefined || result === undefined) return
    if (result.type === 'failed') {
      return this.#closing.end({ kind: 'version', offered: result.offered, supported: result.supported })
    }
    if (result.type === 'retry') {
      this.#peerIds.replaceInitial(result.destination)
      this.#handshake.installInitialKeys(result.destination.bytes)
    } else {
      this.#context.version = result.version
      this.#context.events.push({ type: 'version-changed', version: result.version })
      this.#handshake.installInitialKeys(negotiation.originalDestination.bytes)
    }
    this.#transmitter.token = negotiation.token
    this.#loss.resendSpace(PacketSpace.initial, now)
  }

  #onPeerParameters(bytes: Uint8Array, now: Time): void {
    const { role, observer } = this.#context
    const parameters = decodeTransportParameters(bytes, role === 'client' ? 'server' : 'client')
    const peerSource = this.#peerSource
    if (peerSource === undefined) return
    checkPeerParameters(parameters, role, {
      initialSource: peerSource,
      originalDestination: this.#negotiation?.originalDestination,
      retrySource: this.#negotiation?.retrySource,
    })
    this.#peerParameters = parameters
    observer?.parametersSet?.('remote', parameters, now)
    this.#dispatcher.ackDelayExponent = parameters.ackDelayExponent
    this.#loss.maxAckDelay = parameters.maxAckDelay
    this.#idle.onPeerParameters(parameters.maxIdleTimeout)
    this.#localIds.setPeerLimit(parameters.activeConnectionIdLimit)
    this.streams.onPeerParameters(parameters)
    this.paths.active.mtu?.setLimit(parameters.maxUdpPayloadSize)
    if (parameters.statelessResetToken !== undefined) {
      this.#peerIds.setInitialResetToken(parameters.statelessResetToken)
    }
  }

  #onHandshakeComplete(event: HandshakeComplete): void {
    this.#completion = event
    this.#idle.onHandshakeComplete()
    this.#spaces.oneRtt?.setPto(this.#pto())
    this.#context.events.push({
      type: 'connected',
      alpn: event.alpn,
      version: this.#context.version,
      resumed: event.resumed,
      earlyDataAccepted: event.earlyData,
    })
    if (this.#context.role === 'server') this.#sendNewToken()
  }

  /** RFC 9000 §8.1.3, §9.3: a token for the address that was just proven. */
  #sendNewToken(): void {
    const token = this.#host.newToken?.(this.paths.active.remoteAddress, this.#context.version)
    if (token !== undefined) this.#handshake.sendNewToken(token)
  }

  #onHandshakeConfirmed(now: Time): void {
    this.#idle.onHandshakeConfirmed(now)
    this.paths.onHandshakeConfirmed()
    this.paths.active.mtu?.start()
    this.#context.events.push({ type: 'handshake-confirmed' })
  }

  #onIdleTimeout(now: Time): void {
    const expired = this.#idle.onTimeout(now)
    const after = this.#idle.timeout
    if (expired === 'idle') this.#closing.end({ kind: 'idle-timeout', after })
    // RFC 9000 §10.1: what ends before the time that was advertised ends with a word.
    else if (expired === 'idle-early') this.#closing.begin({ kind: 'idle-timeout', after }, now, this.#pto())
    else if (expired === 'handshake') {
      this.#closing.begin({ kind: 'handshake-timeout', after: this.#context.config.handshakeTimeout }, now, this.#pto())
    }
  }

  #onError(error: TransportError, now: Time): void {
    const { code, frameType, message } = error
    this.#closing.begin(
      { kind: 'transport', side: 'local', code, frameType, reason: message, cause: error.cause },
      now,
      this.#pto(),
    )
  }

  #onClosingEvent(event: ConnectionEvent): void {
    this.#context.events.push(event)
    if (event.type === 'closing') this.streams.close(new Error('The connection is closed'))
    if (event.type !== 'closed') return
    this.streams.close(new Error('The connection is closed'))
    this.#receiver.close()
    this.#localIds.close()
    this.#peerIds.close()
    this.#spaces.discardAll()
    this.#tls.discard()
  }

  #pto(): Duration {
    return this.paths.active.recovery.rtt.ptoPeriod(this.#loss.maxAckDelay, GRANULARITY)
  }
}
