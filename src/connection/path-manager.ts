/**
 * The paths of a connection: which one is used, which ones are being validated, and when a peer is followed to another
 * address (RFC 9000 §8.2, §9). It owns PATH_CHALLENGE and PATH_RESPONSE. What a client does on purpose is `migration.ts`.
 *
 * The last validated path is never forgotten before another one is validated, so there always is one to go back to
 * (§9.3.2).
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { INITIAL_RTT } from '../recovery/rtt.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import { FrameType, type PathChallengeFrame, type PathResponseFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import { followCarrier, settleSize } from './datagram-size.ts'
import { LeftPaths } from './left-paths.ts'
import { isSpare, Migration, MigrationError, type PathRequest, type PathTable } from './migration.ts'
import { differsInPort, MIN_DATAGRAM_SIZE, Path, type PathState } from './path.ts'
import { PathCandidates } from './path-candidates.ts'
import type { PathManagerOptions, ProcessedPacket } from './path-options.ts'

type PathFrame = PathChallengeFrame | PathResponseFrame

/** Paths that a peer may have at a time, spares included. */
const MAX_PATHS = 4

/** Bytes of the smallest packet that holds a challenge, with a destination id of 20 bytes. */
const MIN_PROBE_SIZE = 66

/** RFC 9000 §8.2.4: a validation may take so many PTOs. */
const VALIDATION_PTOS = 3

/** Path ids are used again after 2^30, when nobody remembers. */
const PATH_ID_MASK = 0x3fff_ffff

/** The paths of one connection. */
export class PathManager implements FrameSource, FrameOwner<PathFrame> {
  readonly #options: PathManagerOptions
  readonly #paths: Path[]
  readonly #candidates = new PathCandidates()
  readonly #left: LeftPaths
  /** A client's, made when something moves, or is to. */
  #migration: Migration | undefined = undefined
  #peerParameters: TransportParameters | undefined = undefined
  #active: Path
  #lastValidated: Path
  /** The peer is there, through another carrier of ours, and is followed once that is proven (RFC 9000 §9.6.2). */
  #wanted: Path | undefined = undefined
  #nextId: PathId = 0
  #largestNonProbing = -1
  #confirmed = false
  /** Why the carrier of the active path is gone. */
  #loss: unknown = undefined

  constructor(options: PathManagerOptions) {
    this.#options = options
    const { carrier, remoteAddress, role } = options
    // RFC 9000 §8: only a server, which answers whoever asks, can be used to amplify.
    const validated = role === 'client' || options.addressValidated || carrier.properties.addressValidated
    this.#active = this.#create(carrier, remoteAddress, validated)
    this.#active.wasActive = true
    this.#active.isAnnounced = true
    this.#lastValidated = this.#active
    this.#left = new LeftPaths(options)
    this.#paths = [this.#active]
  }

  /** The path that data is sent on. */
  get active(): Path {
    return this.#active
  }

  /** The path of that id, unless it is gone. */
  get(id: PathId): Path | undefined {
    return this.#paths.find((path) => path.id === id)
  }

  /** All paths, in the order in which they came to be. */
  get paths(): readonly Path[] {
    return this.#paths
  }

  /** What a path is now. */
  stateOf(path: Path): PathState {
    if (path === this.#active) return 'active'
    if (path.validation.isRunning && !path.wasActive) return 'validating'
    return path.wasActive ? 'leaving' : 'spare'
  }

  /** The peer's transport parameters have come. */
  onPeerParameters(parameters: TransportParameters): void {
    const { disableActiveMigration, preferredAddress } = parameters
    this.#peerParameters = parameters
    if (preferredAddress !== undefined) {
      this.#options.peerIds.onPreferredAddress(preferredAddress.connectionId, preferredAddress.statelessResetToken)
    }
    this.#migration?.onPeerParameters(disableActiveMigration, preferredAddress)
  }

  /** The handshake is complete: 1-RTT datagrams have the size that suits the carrier. */
  onHandshakeComplete(): void {
    settleSize(this.#active, this.#options)
  }

  /** A carrier may come to take more, or less, while it is open. Called before anything is sent. */
  followCarrier(): void {
    const path = this.#active
    if (path.carrier.maxDatagramSize !== path.carrierLimit) followCarrier(path, this.#confirmed, this.#options)
  }

  /** The handshake is confirmed: from now on a peer may change its address (RFC 9000 §9). */
  onHandshakeConfirmed(now: Time): void {
    this.#confirmed = true
    this.#active.markValidated()
    this.#active.mtu?.start()
    if (this.#migration !== undefined) this.#migration.onHandshakeConfirmed(now)
    else if (this.#peerParameters?.preferredAddress !== undefined) this.#useMigration(now)
  }

  /**
   * Opens a path of a client, or takes the one that there is, and returns its id; the events `path-validated` and
   * `path-failed` tell the rest.
   *
   * @throws MigrationError where that is refused at once
   */
  open(request: PathRequest, now: Time): PathId {
    if (this.#options.role === 'server') throw new MigrationError('server')
    return this.#useMigration(now).begin(request, now)
  }

  /** Gives up a path of {@link open} that is not in use. */
  abandon(id: PathId, now: Time): void {
    this.#migration?.abandon(id, now)
  }

  /**
   * The path of a datagram, whose bytes count for it. A server takes note of an address that is new, at first only until
   * a packet from there can be opened. `undefined`: the datagram is to be dropped (RFC 9000 §9).
   */
  onDatagram(from: PathAddress, via: Carrier, size: number, now: Time): Path | undefined {
    const path = this.#find(from, via) ?? this.#admit(from, via)
    path?.onReceived(size, now)
    return path
  }

  /** A 1-RTT packet that came on `path` was processed. */
  onPacketProcessed(path: Path, packet: ProcessedPacket, now: Time): void {
    const { number, probing } = packet
    const isNewest = !probing && number > this.#largestNonProbing
    if (isNewest) {
      this.#largestNonProbing = number
      if (path !== this.#wanted) this.#wanted = undefined
    }
    path.onDestination(packet.buffer, packet.start + 1, packet.destinationLength)
    if (path === this.#active) {
      if (!probing) this.#left.onNonProbing(path, this.#paths, now)
      return
    }
    if (this.#candidates.has(path)) {
      // A late packet from an address that the peer has left is no news of a path.
      if (!(probing || isNewest || path.responses.length > 0)) return
      this.#candidates.delete(path)
      this.#join(path, isNewest, now)
    }
    // RFC 9000 §9.3: only the highest-numbered non-probing packet moves the connection, and only a server is moved by it.
    if (isNewest && this.#options.role === 'server' && this.#paths.includes(path)) this.#follow(path, now)
  }

  /** RFC 9000 §8.2.2: to be answered once, on the path where it came from. */
  onPathChallenge(frame: PathChallengeFrame, path: Path): void {
    path.addResponse(frame.data)
  }

  /** RFC 9000 §8.2.3: validates the path whose challenge it answers, wherever it came in. Any other is ignored. */
  onPathResponse(frame: PathResponseFrame, now: Time): void {
    for (const path of this.#paths) {
      const match = path.validation.onResponse(frame.data)
      if (match === 'none') continue
      path.markValidated()
      // RFC 9002 §6.2.2: no sample, but better than a guess.
      path.recovery.rtt.assume(now - path.validation.answeredSentAt)
      this.#announce(path, now)
      // RFC 9000 §8.2.1: the address is proven; that the path carries 1,200 bytes is not.
      if (match === 'address') this.#validate(path, undefined, now)
      else this.#onValidated(path, now)
      this.#tidy(now)
      return
    }
  }

  /** A carrier is gone. Where it was that of the active path, another one is needed. */
  onCarrierClosed(via: Carrier, cause: unknown, now: Time): void {
    this.#candidates.onCarrierClosed(via)
    for (const path of [...this.#paths]) {
      if (path.carrier !== via) continue
      path.isDead = true
      path.validation.stop()
      if (path === this.#active) continue
      this.#remove(path, now)
      this.#migration?.onFailed(path, 'carrier-closed', now)
    }
    if (this.#lastValidated.isDead) this.#lastValidated = this.#active
    if (!this.#active.isDead) return
    // A path that was left before may be closed on purpose later: it is not what the connection died of.
    if (this.#active.carrier === via) this.#loss = cause
    const spare = this.#paths.find(isSpare)
    if (spare !== undefined) this.#moveTo(spare, now)
    this.#checkStranded()
  }

  /** What closed the carrier of the active path; `undefined` while that carrier is there. */
  get strandedBy(): unknown {
    return this.#active.isDead ? this.#loss : undefined
  }

  /** The peer's address on a path; that of the active one if the path is gone. */
  addressOf(id: PathId): PathAddress {
    return (this.get(id) ?? this.#active).remoteAddress
  }

  /** The path of the next datagram: one that owes a challenge or a response, else the active one. */
  next(): Path {
    return this.#owing() ?? this.#active
  }

  /** Whether the path's carrier takes nothing for now. */
  isFull(path: Path): boolean {
    return this.#options.isFull?.(path.carrier) ?? false
  }

  get wantsToSend(): boolean {
    return this.#owing() !== undefined
  }

  /** Writes what `packet.path` owes. In a packet of a path that is not the active one nothing else may stand but PADDING. */
  writeFrames(packet: PacketWriter, now: Time): void {
    const path = this.get(packet.path)
    if (path === undefined) return
    let written = false
    for (let data = path.responses[0]; data !== undefined; data = path.responses[0]) {
      if (!packet.write<PathResponseFrame>({ type: FrameType.pathResponse, data }, this)) break
      path.responses.shift()
      written = true
    }
    if (path.validation.isDue) {
      const challenge = path.validation.createChallenge()
      if (packet.write(challenge, this)) {
        path.validation.onSent(challenge, path.canSend(MIN_DATAGRAM_SIZE), now)
        written = true
      }
    }
    if (written) packet.expandDatagram()
  }

  /** RFC 9000 §8.2.3: an acknowledgement validates nothing. */
  onAcked(): void {}

  /** RFC 9000 §13.3: a response is sent once, a challenge is repeated by its own timer with other data. */
  onLost(): void {}

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    let next = NEVER
    for (const path of this.#paths) {
      next = Math.min(next, path.validation.nextTimeout())
      if (path.retainedUntil > -Infinity) next = Math.min(next, path.retainedUntil)
    }
    return next
  }

  /** Makes challenges due, and gives up paths that did not answer, or have served. */
  onTimeout(now: Time): void {
    for (const path of [...this.#paths]) {
      if (path.retainedUntil <= now) path.retainedUntil = -Infinity
      if (!path.validation.onTimeout(now)) continue
      if (path === this.#wanted) this.#wanted = undefined
      // RFC 9000 §9.3.2: back to the last path that was validated.
      if (path === this.#active) this.#activate(this.#lastValidated, now)
      this.#migration?.onFailed(path, 'timeout', now)
    }
    this.#tidy(now)
    this.#checkStranded()
  }

  /** The peer has retired the id of ours with this `key`, and with it the path that it used it on: what it never moved to is let go. */
  onLocalIdRetired(key: string, now: Time): void {
    for (const path of [...this.#paths]) {
      if (path === this.#active || path === this.#lastValidated || path.wasActive) continue
      if (this.#options.role === 'server' && path.localId === key) this.#remove(path, now)
    }
  }

  #owing(): Path | undefined {
    const { peerIds } = this.#options
    for (let index = 0; index < this.#paths.length; index++) {
      const path = this.#paths[index] as Path
      if (!path.owesProbe || this.isFull(path)) continue
      if (path.canSend(MIN_PROBE_SIZE) && peerIds.idOf(path.id) !== undefined) return path
    }
    return undefined
  }

  #find(from: PathAddress, via: Carrier): Path | undefined {
    if (this.#active.isAt(from, via)) return this.#active
    for (const path of this.#paths) if (path.isAt(from, via)) return path
    return this.#candidates.find(from, via)
  }

  #admit(from: PathAddress, via: Carrier): Path | undefined {
    // RFC 9000 §9: a client discards packets from unknown addresses; before the handshake is confirmed nobody migrates.
    if (this.#options.role === 'client' || !this.#confirmed) return undefined
    const path = this.#create(via, from, via.properties.addressValidated)
    this.#candidates.add(path)
    return path
  }

  #create(carrier: Carrier, remoteAddress: PathAddress, validated: boolean): Path {
    const { role, spinBit, random } = this.#options
    const id = this.#nextId
    this.#nextId = (id + 1) & PATH_ID_MASK
    return new Path({
      id,
      role,
      carrier,
      remoteAddress,
      validated,
      spinBit,
      random,
      createParts: () => this.#options.createParts(id, carrier),
    })
  }

  /** A packet from a new address was authentic: the path is real. */
  #join(path: Path, follows: boolean, now: Time): void {
    const { peerIds } = this.#options
    const active = this.#active
    this.#paths.push(path)
    if (this.#paths.length > MAX_PATHS) this.#evict(path, now)
    // RFC 9000 §9.5: an id that no other path had. Without one the id in use goes on, but only where the peer's address has
    // changed without its doing, as it has not if it uses another id itself.
    const isSameId = active.localId === '' || path.localId === active.localId
    const isUnintended = follows && path.carrier === active.carrier && isSameId
    if (isUnintended && !peerIds.hasSpare) peerIds.share(active.id, path.id)
    else peerIds.takeSpare(path.id)
    if (follows && path.carrier === active.carrier) return
    if (!path.isValidated) this.#validate(path, undefined, now)
  }

  /** RFC 9000 §9.3: the peer is at another address. */
  #follow(path: Path, now: Time): void {
    const old = this.#active
    // RFC 9000 §9.6.2: from another address of ours nothing but probes is sent until the path is proven.
    if (path.carrier !== old.carrier && !path.isValidated) {
      this.#wanted = path
      if (!path.validation.isRunning) this.#validate(path, undefined, now)
      return
    }
    this.#adoptRecovery(path, old, now)
    this.#activate(path, now)
    if (path.isValidated && !path.validation.isRunning) this.#lastValidated = path
    else if (!path.validation.isRunning) this.#validate(path, undefined, now)
    // What was not heard at the old address says nothing of the new one, from where the peer has just been heard.
    this.#options.onMoved?.(now)
    // RFC 9000 §9.3.3: the path before is validated as well, lest somebody forwards the peer's packets faster than it can.
    if (!old.validation.isRunning && !old.isDead) this.#validate(old, undefined, now)
    this.#tidy(now)
  }

  /** A client's move, to a path that is validated. */
  #moveTo(path: Path, now: Time): void {
    const old = this.#active
    if (path === old) return
    path.validation.stop()
    this.#adoptRecovery(path, old, now)
    this.#activate(path, now)
    this.#lastValidated = path
    this.#left.onMoved(old, this.#paths, now)
    this.#options.onMoved?.(now)
    this.#tidy(now)
  }

  /** RFC 9000 §9.4: where only a port is another, congestion state, RTT and MTU go on. */
  #adoptRecovery(path: Path, old: Path, now: Time): void {
    if (path.wasActive || !differsInPort(path, old)) return
    const own = path.continueFrom(old)
    if (own !== undefined) this.#options.onRecoveryDropped?.(own, now)
    // RFC 9000 §13.4.2: ECN is validated for each path; another translator on the way may treat marks otherwise.
    path.recovery.renewEcn(now)
  }

  #onValidated(path: Path, now: Time): void {
    if (path === this.#active) {
      this.#lastValidated = path
      path.mtu?.start()
    } else if (path === this.#wanted) {
      this.#wanted = undefined
      this.#follow(path, now)
    }
    this.#migration?.onValidated(path, now)
  }

  #activate(path: Path, now: Time): void {
    const old = this.#active
    if (path === old) return
    this.#active = path
    path.wasActive = true
    path.retainedUntil = -Infinity
    if (path.isValidated && !path.validation.isRunning) path.mtu?.start()
    const { carrier, remoteAddress } = path
    this.#options.emit({ type: 'path-changed', localAddress: carrier.localAddress, remoteAddress })
    const mtu = path.recovery.maxDatagramSize
    if (mtu !== old.recovery.maxDatagramSize) this.#options.emit({ type: 'mtu-changed', mtu })
    this.#announce(path, now)
  }

  /** RFC 9000 §9.3: once an address is both in use and proven, a token for it may be due. */
  #announce(path: Path, now: Time): void {
    if (path !== this.#active || !path.isValidated || path.isAnnounced) return
    path.isAnnounced = true
    this.#options.onPathValidated?.(path, now)
  }

  #validate(path: Path, timeout: Duration | undefined, now: Time): void {
    const { initialRtt = INITIAL_RTT } = this.#options
    const interval = this.#options.pto(path.recovery)
    // RFC 9000 §8.2.4: the larger of the PTO in use and that of a path of which nothing is known.
    const longest = Math.max(interval, this.#options.pto(this.#active.recovery), 3 * initialRtt)
    path.validation.start(interval, timeout ?? VALIDATION_PTOS * longest, now)
  }

  #useMigration(now: Time): Migration {
    if (this.#migration !== undefined) return this.#migration
    const migration = new Migration(this.#options, this.#table(), MAX_PATHS)
    this.#migration = migration
    const peer = this.#peerParameters
    if (peer !== undefined) migration.onPeerParameters(peer.disableActiveMigration, peer.preferredAddress)
    if (this.#confirmed) migration.onHandshakeConfirmed(now)
    return migration
  }

  /** What a client's migrations do to the paths. */
  #table(): PathTable {
    return {
      active: () => this.#active,
      paths: this.#paths,
      open: (carrier, remoteAddress, timeout, now) => {
        const path = this.#create(carrier, remoteAddress, true)
        this.#paths.push(path)
        this.#options.peerIds.takeSpare(path.id)
        this.#validate(path, timeout, now)
        return path
      },
      moveTo: (path, now) => this.#moveTo(path, now),
      remove: (path, now) => this.#remove(path, now),
    }
  }

  #checkStranded(): void {
    const isHopeless = this.#active.isDead && this.#paths.every((path) => path.isDead)
    if (isHopeless) this.#options.onStranded?.(this.#loss)
  }

  /** Lets go of paths that have served: of former active ones, and of those that failed. */
  #tidy(now: Time): void {
    for (const path of [...this.#paths]) {
      if (path === this.#active || path === this.#lastValidated || path.validation.isRunning) continue
      if (path.retainedUntil > now && !path.isDead) continue
      if (path.wasActive || !path.isValidated) this.#remove(path, now)
    }
  }

  /** Makes room: of the paths that nothing depends on the one that was silent longest goes. */
  #evict(newest: Path, now: Time): void {
    let quietest: Path | undefined
    for (const path of this.#paths) {
      if (path === newest || path === this.#active || path === this.#lastValidated) continue
      if (quietest === undefined || path.lastReceived < quietest.lastReceived) quietest = path
    }
    if (quietest !== undefined) this.#remove(quietest, now)
  }

  #remove(path: Path, now: Time): void {
    const index = this.#paths.indexOf(path)
    if (index < 0) return
    const options = this.#options
    const { carrier } = path
    path.validation.stop()
    path.responses.length = 0
    if (path === this.#wanted) this.#wanted = undefined
    options.peerIds.retire(path.id)
    this.#paths.splice(index, 1)
    options.unclaim?.(carrier, path.remoteAddress)
    if (path.hasRecovery && !this.#paths.some((other) => other.sharesRecoveryWith(path))) {
      options.onRecoveryDropped?.(path.recovery, now)
    }
    if (options.role === 'client' && !this.#paths.some((other) => other.carrier === carrier)) {
      options.emit({ type: 'carrier-released', carrier })
    }
  }
}
