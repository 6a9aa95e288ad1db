/**
 * The paths of a connection: which one is used, which ones are being validated, and when a peer is followed to another
 * address (RFC 9000 §8.2, §9). It owns PATH_CHALLENGE and PATH_RESPONSE. A client stays on its path and ignores packets
 * from anywhere else; to move on purpose is not part of this file yet.
 *
 * The last validated path is never forgotten before another one is validated, so there always is one to go back to
 * (§9.3.2).
 */
import type { RandomSource } from '../base/random.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import { INITIAL_RTT } from '../recovery/rtt.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import { FrameType, type PathChallengeFrame, type PathResponseFrame } from '../wire/frame.ts'
import type { FrameOwner, FrameSource, PacketWriter, PathId } from '../wire/packet-content.ts'
import { hostOf } from '../wire/path-address.ts'
import type { Role } from '../wire/stream-id.ts'
import type { ConnectionEvent } from './events.ts'
import { MIN_DATAGRAM_SIZE, Path, type PathParts } from './path.ts'
import type { PeerIds } from './peer-ids.ts'

/** What a {@link PathManager} needs. */
export interface PathManagerOptions {
  readonly role: Role
  /** Of the first path, whose id is 0. */
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  /** Server: a token, or the carrier, has proven the client's address already. */
  readonly addressValidated: boolean
  readonly spinBit: boolean
  /** ms, default 333; the PTO of a path without an RTT sample is three times this (RFC 9002 §6.2.2). */
  readonly initialRtt?: Duration
  readonly random: RandomSource
  readonly peerIds: PeerIds
  /** Loss recovery and MTU discovery for a path, when it is first needed. */
  createParts(id: PathId, carrier: Carrier): PathParts
  /** The PTO of a path, the peer's max_ack_delay included (RFC 9002 §6.2.1). */
  pto(recovery: PathRecovery): Duration
  emit(event: ConnectionEvent): void
  /** A path is gone, and no other one shares its recovery. */
  onPathRemoved?(path: Path, now: Time): void
  /** The active path has just been validated at its new address (RFC 9000 §9.3: a new token may be due). */
  onPathValidated?(path: Path, now: Time): void
}

type PathFrame = PathChallengeFrame | PathResponseFrame

/** Paths that a peer may have at a time, spares included. */
const MAX_PATHS = 4

/** Addresses that datagrams came from without any of them having been opened yet. */
const MAX_CANDIDATES = 4

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
  /** Oldest first. */
  readonly #candidates: Path[] = []
  #active: Path
  #lastValidated: Path
  #nextId: PathId = 0
  #largestNonProbing = -1
  #confirmed = false

  constructor(options: PathManagerOptions) {
    this.#options = options
    const { carrier, remoteAddress, role } = options
    // RFC 9000 §8: only a server, which answers whoever asks, can be used to amplify.
    const validated = role === 'client' || options.addressValidated || carrier.properties.addressValidated
    this.#active = this.#create(carrier, remoteAddress, validated)
    this.#active.wasActive = true
    this.#lastValidated = this.#active
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

  /** The handshake is confirmed: from now on a peer may change its address (RFC 9000 §9). */
  onHandshakeConfirmed(): void {
    this.#confirmed = true
    this.#active.markValidated()
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

  /** A 1-RTT packet that came on `path` was processed. `probing`: it held nothing but probing frames (RFC 9000 §9.1). */
  onPacketProcessed(path: Path, packetNumber: number, probing: boolean, now: Time): void {
    const isNewest = !probing && packetNumber > this.#largestNonProbing
    if (isNewest) this.#largestNonProbing = packetNumber
    if (path === this.#active) return
    const candidate = this.#candidates.indexOf(path)
    if (candidate >= 0) {
      // A late packet from an address that the peer has left is no news of a path.
      if (!(probing || isNewest || path.responses.length > 0)) return
      this.#candidates.splice(candidate, 1)
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
      const wasValidated = path.isValidated
      path.markValidated()
      // RFC 9000 §8.2.1: the address is proven; that the path carries 1,200 bytes is not.
      if (match === 'address') this.#validate(path, now)
      else if (path === this.#active) this.#lastValidated = path
      if (path === this.#active && !wasValidated) this.#options.onPathValidated?.(path, now)
      this.#tidy(now)
      return
    }
  }

  /** The peer's address on a path; that of the active one if the path is gone. */
  addressOf(id: PathId): PathAddress {
    return (this.get(id) ?? this.#active).remoteAddress
  }

  /** The path of the next datagram: one that owes a challenge or a response, else the active one. */
  next(): Path {
    return this.#owing() ?? this.#active
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
    for (const path of this.#paths) next = Math.min(next, path.validation.nextTimeout())
    return next
  }

  /** Makes challenges due, and gives up paths that did not answer. */
  onTimeout(now: Time): void {
    let failed = false
    for (const path of this.#paths) {
      if (!path.validation.onTimeout(now)) continue
      failed = true
      // RFC 9000 §9.3.2: back to the last path that was validated.
      if (path === this.#active) this.#activate(this.#lastValidated)
    }
    if (failed) this.#tidy(now)
  }

  #owing(): Path | undefined {
    const { peerIds } = this.#options
    for (const path of this.#paths) {
      if (path.owesProbe && path.canSend(MIN_PROBE_SIZE) && peerIds.idOf(path.id) !== undefined) return path
    }
    return undefined
  }

  #find(from: PathAddress, via: Carrier): Path | undefined {
    if (isPathOf(this.#active, from, via)) return this.#active
    return (
      this.#paths.find((path) => isPathOf(path, from, via)) ??
      this.#candidates.find((path) => isPathOf(path, from, via))
    )
  }

  #admit(from: PathAddress, via: Carrier): Path | undefined {
    // RFC 9000 §9: a client discards packets from unknown addresses; before the handshake is confirmed nobody migrates.
    if (this.#options.role === 'client' || !this.#confirmed) return undefined
    const path = this.#create(via, from, via.properties.addressValidated)
    if (this.#candidates.length === MAX_CANDIDATES) this.#candidates.shift()
    this.#candidates.push(path)
    return path
  }

  #create(carrier: Carrier, remoteAddress: PathAddress, validated: boolean): Path {
    const { role, spinBit, random, createParts } = this.#options
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
      createParts: () => createParts(id, carrier),
    })
  }

  /** A packet from a new address was authentic: the path is real. */
  #join(path: Path, follows: boolean, now: Time): void {
    const { peerIds } = this.#options
    this.#paths.push(path)
    if (this.#paths.length > MAX_PATHS) this.#evict(path, now)
    // RFC 9000 §9.5: an id that no other path had; without one the id in use goes on, as after a rebinding it may.
    if (peerIds.hasSpare) peerIds.takeSpare(path.id)
    else if (follows) peerIds.share(this.#active.id, path.id)
    else peerIds.takeSpare(path.id)
    if (follows) return
    // Challenges have a timer of their own; that one goes unanswered is no reason to probe elsewhere.
    path.recovery.armsPto = false
    if (!path.isValidated) this.#validate(path, now)
  }

  /** RFC 9000 §9.3: the peer is at another address. */
  #follow(path: Path, now: Time): void {
    const old = this.#active
    if (old.carrier === path.carrier && hostOf(old.remoteAddress) === hostOf(path.remoteAddress)) {
      path.continueFrom(old)
      // RFC 9000 §13.4.2: ECN is validated for each path; another translator on the way may treat marks otherwise.
      path.recovery.renewEcn(now)
    }
    this.#activate(path)
    if (path.isValidated) this.#lastValidated = path
    else if (!path.validation.isRunning) this.#validate(path, now)
    // RFC 9000 §9.3.3: the path before is validated as well, lest somebody forwards the peer's packets faster than it can.
    if (!old.validation.isRunning) this.#validate(old, now)
  }

  #activate(path: Path): void {
    if (path === this.#active) return
    this.#active = path
    path.wasActive = true
    path.recovery.armsPto = true
    const { carrier, remoteAddress } = path
    this.#options.emit({ type: 'path-changed', localAddress: carrier.localAddress, remoteAddress })
  }

  #validate(path: Path, now: Time): void {
    const { pto, initialRtt = INITIAL_RTT } = this.#options
    const interval = pto(path.recovery)
    // RFC 9000 §8.2.4: the larger of the PTO in use and that of a path of which nothing is known.
    const longest = Math.max(interval, pto(this.#active.recovery), 3 * initialRtt)
    path.validation.start(interval, VALIDATION_PTOS * longest, now)
  }

  /** Lets go of paths that have served: of former active ones, and of those that failed. */
  #tidy(now: Time): void {
    for (const path of [...this.#paths]) {
      if (path === this.#active || path === this.#lastValidated || path.validation.isRunning) continue
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
    path.validation.stop()
    this.#options.peerIds.retire(path.id)
    this.#paths.splice(this.#paths.indexOf(path), 1)
    if (path.hasRecovery && !this.#paths.some((other) => other.sharesRecoveryWith(path))) {
      this.#options.onPathRemoved?.(path, now)
    }
  }
}

function isPathOf(path: Path, from: PathAddress, via: Carrier): boolean {
  return path.remoteAddress === from && path.carrier === via
}
