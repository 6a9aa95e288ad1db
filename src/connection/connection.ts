/**
 * One QUIC connection as a synchronous state machine: the façade over the owners of frames. It composes and routes; it
 * owns no frame, reads no clock, and calls nobody but through what it was given.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { CongestionAlgorithm } from '../recovery/congestion/controller.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { DatagramQueue } from '../streams/datagram-queue.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import type { Observer } from '../wire/observer.ts'
import type { PathId } from '../wire/packet-content.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportError } from '../wire/transport-error.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import { type ConnectionParts, createParts } from './assembly.ts'
import { Dispatcher } from './dispatch.ts'
import { Establishment } from './establishment.ts'
import type { CloseReason, ConnectionEvent } from './events.ts'
import type { Handshake, HandshakeComplete } from './handshake.ts'
import { followTimers } from './host-timers.ts'
import type { ApplicationClose, ConnectionInit } from './init.ts'
import { type ConnectionInspection, inspect } from './inspection.ts'
import type { PathRequest } from './migration.ts'
import { observeKeyUpdate, observeStart } from './observation.ts'
import { MIN_DATAGRAM_SIZE } from './path.ts'
import type { PathManager } from './path-manager.ts'
import type { ReceivedPacket } from './received-packet.ts'
import { PacketReceiver, toTransportError } from './receiver.ts'
import { checkReconfiguration, type Reconfiguration, reconfigure } from './reconfiguration.ts'
import { type ConnectionStats, type PathStats, pathStatsOf, statsOf } from './stats.ts'
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
  readonly datagrams: DatagramQueue
  readonly paths: PathManager
  /** Set once by the driver: a suspended TLS goes on, please poll. */
  onProgress: () => void = () => {}
  readonly #parts: ConnectionParts & { readonly handshake: Handshake }
  readonly #establishment: Establishment
  readonly #receiver: PacketReceiver
  readonly #transmitter: Transmitter
  #tlsMayAdvance = true

  constructor(init: ConnectionInit) {
    observeStart(init)
    const parts = createParts(init, {
      onClientParameters: (bytes) => this.#establishment.onClientParameters(bytes),
      onClosingEvent: (event) => this.#onClosingEvent(event),
      onPathValidated: () => this.#establishment.sendNewToken(),
      onMtu: (mtu, recovery) => this.#onMtu(mtu, recovery),
      onMoved: () => this.#onMoved(),
      onStranded: (cause) => this.#onStranded(cause),
    })
    this.#establishment = new Establishment(init, parts)
    this.#parts = { ...parts, handshake: this.#establishment.handshake }
    this.streams = parts.streams
    this.datagrams = parts.datagrams
    this.paths = parts.paths
    // Named first, for the sake of garbage collection (`restartable-tls.ts`).
    const onProgress = (): void => {
      this.#tlsMayAdvance = true
      this.onProgress()
    }
    parts.tls.onProgress = onProgress
    this.#receiver = this.#createReceiver(init)
    this.#transmitter = new Transmitter(parts.context, this.#parts)
    this.#parts.handshake.installInitialKeys((init.retrySource ?? init.originalDestination).toBytes())
    // With 0-RTT streams can be opened at once, so that what is written goes with the ClientHello.
    if (init.session !== undefined) this.#catchUp(init.now)
  }

  #createReceiver({ host }: ConnectionInit): PacketReceiver {
    const parts = this.#parts
    return new PacketReceiver(parts, this.#establishment, new Dispatcher(parts), host.idGenerator, {
      onPacketProcessed: (packet, at) => this.#onPacketProcessed(packet, at),
      onStatelessReset: (at) => parts.closing.onStatelessReset(at, parts.pto()),
      onError: (error, at) => this.#onError(error, at),
    })
  }

  /**
   * Takes a datagram that the endpoint has routed here, or 64 at most of `segmentSize` bytes back to back, each of them one 1-RTT
   * packet; the last may be shorter. `bytes` is copied. Never throws.
   */
  receiveDatagram(
    bytes: Uint8Array,
    from: PathAddress,
    via: Carrier,
    ecn: Ecn,
    now: Time,
    segmentSize: number = bytes.length,
  ): void {
    const { closing, context, loss } = this.#parts
    if (closing.state === 'closed') return
    context.events.now = now
    const count = segmentSize < bytes.length ? Math.ceil(bytes.length / segmentSize) : 1
    if (closing.state !== 'open') for (let left = count; left > 0; left--) closing.onPacketReceived()
    this.#receiver.receive(bytes, count, segmentSize, from, via, ecn, now)
    this.#retryEarly(now)
    if (loss.amplificationLimited) this.#onAmplificationCredit(now)
  }

  /** Runs every timer that is due. What has arrived is processed before. */
  onTimeout(now: Time): void {
    this.#catchUp(now)
    this.#transmitter.nextSendTime = NEVER
    if (this.#parts.closing.nextTimeout() <= now) this.#parts.closing.onTimeout(now)
    if (this.#parts.closing.state !== 'open') return
    try {
      this.#runTimers(now)
    } catch (error) {
      this.#onError(toTransportError(error), now)
    }
  }

  #runTimers(now: Time): void {
    const { idle, loss, spaces } = this.#parts
    if (loss.nextTimeout() <= now) this.#onLossTimeout(now)
    if (this.streams.nextTimeout() <= now) this.streams.onTimeout(now)
    if (this.datagrams.nextTimeout() <= now) this.datagrams.onTimeout(now)
    for (const space of spaces.all) if (space.acks.nextTimeout() <= now) space.acks.onTimeout(now)
    const keys = spaces.oneRtt
    if (keys !== undefined && keys.nextTimeout() <= now) keys.onTimeout(now)
    if (spaces.early.nextTimeout() <= now) this.#parts.handshake.discardEarly(now)
    if (this.paths.nextTimeout() <= now) this.paths.onTimeout(now)
    const mtu = this.paths.active.mtu
    if (mtu !== undefined && mtu.nextTimeout() <= now) mtu.onTimeout(now)
    if (idle.nextTimeout() <= now) this.#onIdleTimeout(now)
  }

  #onLossTimeout(now: Time): void {
    const { handshake, idle, loss } = this.#parts
    loss.onTimeout(now)
    // A server that is done has no keys for probes of the handshake, and sends HANDSHAKE_DONE to where it last heard a packet
    // from: where a NAT gave us another address meanwhile, only a packet that it can read leads it there.
    const isAlone = handshake.isComplete && !handshake.isConfirmed && loss.probes(PacketSpace.handshake) > 0
    if (isAlone && this.#parts.context.role === 'client') idle.ping()
  }

  /** The next flight to send, or `undefined`: nothing for now. What was returned before is invalid from here on. */
  pollDatagram(now: Time): OutgoingDatagram | undefined {
    if (this.#parts.closing.state === 'closed') {
      this.#transmitter.release()
      return undefined
    }
    this.#catchUp(now)
    try {
      return this.#transmitter.poll(now)
    } catch (error) {
      this.#onError(toTransportError(error), now)
    }
    try {
      return this.#transmitter.poll(now)
    } catch {
      // Not even CONNECTION_CLOSE can be sent: the closing period says nothing.
      return undefined
    }
  }

  /** The next fact for the application. */
  pollEvent(): ConnectionEvent | undefined {
    return this.#parts.context.events.shift()
  }

  /** Whether what the application has read left something for a poll: credit to grant, an event. As a rule it did not. */
  get wantsPollAfterRead(): boolean {
    return this.streams.wantsToSendControl || !this.#parts.context.events.isEmpty
  }

  /** When to call {@link onTimeout}; {@link NEVER}: not by itself. */
  nextTimeout(): Time {
    if (this.#parts.closing.state !== 'open') return this.#parts.closing.nextTimeout()
    let next = Math.min(
      this.#parts.loss.nextTimeout(),
      this.#parts.idle.nextTimeout(),
      this.streams.nextTimeout(),
      this.datagrams.nextTimeout(),
      this.paths.nextTimeout(),
      this.#parts.spaces.oneRtt?.nextTimeout() ?? NEVER,
      this.#parts.spaces.early.nextTimeout(),
      this.paths.active.mtu?.nextTimeout() ?? NEVER,
      this.#transmitter.nextSendTime,
    )
    for (const space of this.#parts.spaces.all) next = Math.min(next, space.acks.nextTimeout())
    return next
  }

  /** Ends the connection with CONNECTION_CLOSE; what streams still hold is dropped (RFC 9000 §10.2). */
  close(error: ApplicationClose, now: Time): void {
    const reason: CloseReason = { kind: 'application', side: 'local', code: error.code, reason: error.reason }
    this.#parts.context.events.now = now
    this.#parts.closing.begin(reason, now, this.#parts.pto())
  }

  get role(): Role {
    return this.#parts.context.role
  }

  get version(): number {
    return this.#parts.context.version
  }

  get state(): ConnectionState {
    const { state } = this.#parts.closing
    if (state !== 'open') return state
    return this.#parts.handshake.isComplete ? 'connected' : 'connecting'
  }

  /** Who watches; for the protocol on top, which has more to tell. */
  get observer(): Observer | undefined {
    return this.#parts.context.observer
  }

  /** Why the connection ended; `undefined` while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#parts.closing.reason
  }

  get isHandshakeConfirmed(): boolean {
    return this.#parts.handshake.isConfirmed
  }

  /** What TLS settled; `undefined` until the handshake is complete. */
  get completion(): HandshakeComplete | undefined {
    return this.#establishment.completion
  }

  /** The application protocol, once it is settled: where early data is accepted, before the handshake is complete. */
  get alpn(): string | undefined {
    return this.#establishment.alpn
  }

  /** The peer's transport parameters; `undefined` until they have come. */
  get peerParameters(): TransportParameters | undefined {
    return this.#parts.context.peerParameters
  }

  /** RFC 8446 §7.5. @throws Error before the handshake is complete. */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#parts.tls.exportKeyingMaterial(label, context, length)
  }

  /** Starts a key update (RFC 9001 §6), with a PING whose acknowledgement confirms it. `false`: one is under way, the handshake is not confirmed at both ends, or the connection is over. */
  updateKeys(now: Time): boolean {
    const keys = this.#parts.spaces.oneRtt
    if (this.#parts.closing.state !== 'open' || !this.#parts.handshake.allowsKeyUpdate || keys?.canUpdate(now) !== true)
      return false
    keys.update(now)
    observeKeyUpdate(this.#parts.context.observer, keys, 'local_update', now)
    this.#parts.idle.ping()
    return true
  }

  /** Asks the peer for a sign of life, ahead of all other data: the event `pong` brings the number that is returned. */
  ping(): number {
    return this.#parts.pings.request()
  }

  /** Nobody waits for that `pong` any more. */
  cancelPing(id: number): void {
    this.#parts.pings.cancel(id)
  }

  /** Changes what can be changed while the connection runs. @throws TypeError, RangeError, and then nothing was changed */
  configure(changes: Reconfiguration, now: Time): void {
    this.#parts.context.events.now = now
    if (this.#parts.closing.state === 'open') reconfigure(this.#parts, changes, now)
    else checkReconfiguration(changes, this.#parts.context.config)
  }

  /** The host's timers may be late by so much from now on, in ms. */
  setTimerGranularity(granularity: Duration): void {
    followTimers(this.#parts, granularity)
  }

  /** The host slept, and its timers with it: whoever is to be given up for lost is asked first. */
  onAwake(now: Time): void {
    if (this.#parts.closing.state === 'open') this.#parts.idle.onAwake(now)
  }

  /** The algorithm of the paths. */
  get congestionControl(): CongestionAlgorithm {
    return this.#parts.context.pathSettings.congestionControl
  }

  /** `false`: an earlier rotation is under way. */
  rotateConnectionIds(): boolean {
    return this.#parts.localIds.rotate()
  }

  /** The numbers at `now`; without it, at the time of the last call that named one. */
  stats(now: Time = this.#parts.context.events.now): ConnectionStats {
    return statsOf(this.#parts, now)
  }

  /** The numbers of each path, the oldest first. */
  pathStats(): PathStats[] {
    return pathStatsOf(this.#parts)
  }

  /** Everything of note, as plain data. */
  inspect(now: Time): ConnectionInspection {
    const { isComplete: isHandshakeComplete, isConfirmed: isHandshakeConfirmed } = this.#parts.handshake
    return inspect(this.#parts, { alpn: this.completion?.alpn, isHandshakeComplete, isHandshakeConfirmed }, now)
  }

  /** A datagram that ends in a token of the peer's arrived (RFC 9000 §10.3.1). What came before it is heard before. */
  onStatelessReset(now: Time): void {
    this.#catchUp(now)
    this.#parts.closing.onStatelessReset(now, this.#parts.pto())
  }

  /** The carrier below is gone: so is the connection, unless it lives on another. What has come by it is heard before. */
  onCarrierClosed(via: Carrier, cause: unknown, now: Time): void {
    const { closing } = this.#parts
    this.#catchUp(now)
    if (closing.state === 'open') this.paths.onCarrierClosed(via, cause, now)
    else if (this.paths.active.carrier === via) closing.end({ kind: 'carrier-closed', cause })
  }

  /**
   * Opens another path of a client, or takes the one that there is, and returns its id; `path-validated` and `path-failed`
   * tell the rest.
   *
   * @throws MigrationError where that is refused at once (RFC 9000 §9)
   */
  openPath(request: PathRequest, now: Time): PathId {
    this.#parts.context.events.now = now
    return this.paths.open(request, now)
  }

  /** Gives up a path of {@link openPath} that is not in use; harmless if it is gone. */
  abandonPath(id: PathId, now: Time): void {
    this.#parts.context.events.now = now
    if (this.#parts.closing.state === 'open') this.paths.abandon(id, now)
  }

  /** The last flight has been sent: gives its slot back. */
  releaseFlight(): void {
    this.#transmitter.release()
  }

  /** The slot of the last flight, the caller's to release from now on; -1: there is none. */
  takeFlight(): number {
    return this.#transmitter.takeSlot()
  }

  /** Opens and processes what has arrived since the last poll; gives the arena's slot back. */
  flushReceived(now: Time): void {
    this.#catchUp(now)
  }

  /** @throws Error where the books do not balance; for tests. */
  checkInvariants(): void {
    this.#parts.loss.checkInvariants()
    for (const space of this.#parts.spaces.all) space.acks.checkInvariants()
    this.streams.checkInvariants()
    this.datagrams.checkInvariants()
  }

  #catchUp(now: Time): void {
    this.#parts.context.events.now = now
    this.#receiver.flush(now)
    if (this.#tlsMayAdvance) {
      this.#tlsMayAdvance = false
      try {
        if (this.#parts.closing.state === 'open') this.#parts.handshake.advance(now)
      } catch (error) {
        this.#onError(toTransportError(error), now)
      }
    }
    this.#retryEarly(now)
  }

  /** RFC 9002 §A.6: the timers that passed while nothing could be sent come first, so that what is missing goes before what is new. */
  #onAmplificationCredit(now: Time): void {
    if (this.#parts.closing.state !== 'open' || !this.paths.active.canSend(MIN_DATAGRAM_SIZE)) return
    this.#parts.loss.amplificationLimited = false
    try {
      if (this.#parts.loss.nextTimeout() <= now) this.#parts.loss.onTimeout(now)
    } catch (error) {
      this.#onError(toTransportError(error), now)
    }
  }

  /** Packets that came before their keys. */
  #retryEarly(now: Time): void {
    for (; this.#establishment.keysChanged; this.#receiver.retryEarly(now)) this.#establishment.keysChanged = false
  }

  #onPacketProcessed(packet: ReceivedPacket, now: Time): void {
    this.#parts.idle.onPacketReceived(now)
    this.#parts.negotiation?.onPacketProcessed()
    if (packet.path === undefined) return
    if (packet.space === PacketSpace.application) {
      this.paths.onPacketProcessed(packet.path, packet, now)
      if (packet.type === PacketType.oneRtt) this.#parts.spaces.early.onOneRttPacket(now, this.#parts)
    } else if (packet.space === PacketSpace.handshake && this.#parts.context.role === 'server') {
      // RFC 9000 §8.1: a Handshake packet proves the address. RFC 9001 §4.9.1: the Initial keys have served.
      packet.path.markValidated()
      this.#parts.handshake.discardInitial(now)
    }
  }

  /** Only the size that data is sent with is a fact for the application. */
  #onMtu(mtu: number, recovery: PathRecovery): void {
    if (this.paths.active.recovery === recovery) this.#parts.context.events.push({ type: 'mtu-changed', mtu })
  }

  /** RFC 9000 §9.2: what is no probe moves the server; and the old path's back-off is not the new one's. */
  #onMoved(): void {
    this.#parts.loss.onPathChanged()
    this.#parts.idle.ping()
  }

  /**
   * No carrier is left. One that died by itself is a path that died: until the idle timeout the client can attach another. What
   * was closed on purpose, or cannot be moved yet, or would wait for ever, ends here.
   */
  #onStranded(cause: unknown): void {
    const { closing, handshake, idle } = this.#parts
    const canWait = cause !== undefined && handshake.isConfirmed && idle.timeout > 0
    if (!canWait) closing.end({ kind: 'carrier-closed', cause })
  }

  #onIdleTimeout(now: Time): void {
    const expired = this.#parts.idle.onTimeout(now)
    const after = this.#parts.idle.timeout
    const { strandedBy } = this.paths
    if (expired !== undefined && strandedBy !== undefined) {
      this.#parts.closing.end({ kind: 'carrier-closed', cause: strandedBy })
    } else if (expired === 'idle') this.#parts.closing.end({ kind: 'idle-timeout', after })
    // RFC 9000 §10.1: what ends before the time that was advertised ends with a word.
    else if (expired === 'idle-early')
      this.#parts.closing.begin({ kind: 'idle-timeout', after }, now, this.#parts.pto())
    else if (expired === 'handshake') {
      this.#parts.closing.begin(
        { kind: 'handshake-timeout', after: this.#parts.context.config.handshakeTimeout },
        now,
        this.#parts.pto(),
      )
    }
  }

  #onError(error: TransportError, now: Time): void {
    const { code, frameType, message } = error
    this.#parts.closing.begin(
      { kind: 'transport', side: 'local', code, frameType, reason: message, cause: error.cause },
      now,
      this.#parts.pto(),
    )
  }

  #onClosingEvent(event: ConnectionEvent): void {
    this.#parts.context.events.push(event)
    if (event.type === 'draining') return
    this.streams.close()
    this.datagrams.close()
    this.#parts.pings.close()
    if (event.type !== 'closed') return
    this.#receiver.close()
    this.#parts.localIds.close()
    this.#parts.peerIds.close()
    this.#parts.spaces.discardAll()
    this.#parts.tls.discard()
  }
}
