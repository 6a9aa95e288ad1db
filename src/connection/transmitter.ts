/**
 * What leaves the connection, and when: chooses the path, asks loss recovery, congestion, pacing and amplification what may
 * be sent, and lets the frame sources fill a flight of datagrams of one size, which is sealed at once.
 * RFC 9000 §12.2, §13, §14; RFC 9002 §7. It owns no frame but the PING of a probe.
 *
 * The order in which sources are asked stands in {@link Transmitter.#writeFrames}.
 */
import { NEVER, type Time } from '../base/time.ts'
import type { PacketBatchBuffer } from '../protection/packet-batch.ts'
import type { AckFrequency } from '../recovery/ack-frequency.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import { SendMode, sendMode } from '../recovery/send-mode.ts'
import type { DatagramQueue } from '../streams/datagram-queue.ts'
import { PAGE_SIZE } from '../streams/paged-buffer.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import { FrameType, type PingFrame } from '../wire/frame.ts'
import type { FrameOwner } from '../wire/packet-content.ts'
import { PacketSpace, PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import type { Closing } from './closing.ts'
import type { ConnectionContext } from './context.ts'
import type { Handshake } from './handshake.ts'
import type { Idle } from './idle.ts'
import type { LocalIds } from './local-ids.ts'
import type { Negotiation } from './negotiation.ts'
import { observeKeyUpdate } from './observation.ts'
import { type HeaderFields, PacketBuilder } from './packet-builder.ts'
import type { PacketSpaceState, PacketSpaces } from './packet-space.ts'
import { MIN_DATAGRAM_SIZE, type Path } from './path.ts'
import type { PathManager } from './path-manager.ts'
import type { PeerIds } from './peer-ids.ts'
import type { Pings } from './pings.ts'
import { MAX_FLIGHT, type Workspace } from './workspace.ts'

/** A flight of datagrams; one reused object, valid until the next poll. */
export interface OutgoingDatagram {
  /** One datagram, or several of `segmentSize` bytes back to back, of which the last may be shorter. */
  readonly bytes: Uint8Array
  readonly segmentSize: number
  readonly to: PathAddress
  readonly via: Carrier
  readonly ecn: Ecn
}

/** The parts of a connection that have something to send, or a say in it. */
export interface TransmitterParts {
  readonly spaces: PacketSpaces
  readonly loss: LossDetector
  readonly ackFrequency: AckFrequency
  readonly handshake: Handshake
  readonly streams: StreamSet
  readonly datagrams: DatagramQueue
  readonly localIds: LocalIds
  readonly peerIds: PeerIds
  readonly paths: PathManager
  readonly closing: Closing
  readonly idle: Idle
  readonly pings: Pings
  readonly negotiation: Negotiation | undefined
  readonly workspace: Workspace
}

/** Bytes of one flight over UDP, which one send with segmentation offload takes whole. */
const MAX_UDP_FLIGHT = 65_536

/** Room that a STREAM frame cannot use well; padded, so that a flight stays of one size. */
const SLACK = 24

/** ECT(0), the mark of RFC 9000 §13.4.2. */
const ECT_0: Ecn = 2

const PING: PingFrame = { type: FrameType.ping }

/** A PING is worth nothing once it is sent. */
const NOBODY: FrameOwner = { onAcked() {}, onLost() {} }

/** The sending half of a connection's packet pipeline. */
export class Transmitter {
  readonly #context: ConnectionContext
  readonly #parts: TransmitterParts
  readonly #builder: PacketBuilder
  readonly #batch: PacketBatchBuffer
  readonly #outgoing: { -readonly [K in keyof OutgoingDatagram]: OutgoingDatagram[K] }
  readonly #header: { -readonly [K in keyof HeaderFields]: HeaderFields[K] }
  #slot = -1
  // The path whose packets have been sent since it became the active one.
  #usedPath: Path
  // Data waits until window and pacer let an MTU probe leave.
  #isSaving = false
  /** When the pacer lets the next datagram go; NEVER where pacing holds nothing back. */
  nextSendTime: Time = NEVER

  constructor(context: ConnectionContext, parts: TransmitterParts) {
    this.#context = context
    this.#parts = parts
    this.#builder = new PacketBuilder(parts.loss, context.observer, context.fixedBit, parts.workspace)
    const { arena, flight } = parts.workspace
    this.#batch = flight
    const path = parts.paths.active
    this.#usedPath = path
    this.#outgoing = { bytes: arena.bytes, segmentSize: 0, to: path.remoteAddress, via: path.carrier, ecn: 0 }
    this.#header = {
      version: context.version,
      destination: parts.localIds.initial,
      source: parts.localIds.initial,
      token: undefined,
      spin: 0,
      keyPhase: 0,
      keyGeneration: 0,
    }
  }

  /** The next flight, or `undefined` where nothing may or need be sent now. */
  poll(now: Time): OutgoingDatagram | undefined {
    this.release()
    this.nextSendTime = NEVER
    this.#isSaving = false
    const { paths, closing } = this.#parts
    const isFull = paths.isFull(paths.active)
    if (closing.state !== 'open') return closing.wantsToSend && !isFull ? this.#closeFlight(now) : undefined
    this.#updateKeys(now)
    paths.followCarrier()
    const next = paths.next()
    if (next !== paths.active) {
      const flight = this.#flight(next, now)
      if (flight !== undefined) return flight
    }
    if (isFull) return undefined
    return this.#probeMtu(paths.active, now) ?? this.#flight(paths.active, now)
  }

  /** CONNECTION_CLOSE in a packet of every level that the peer may be able to read (RFC 9000 §10.2.3). */
  #closeFlight(now: Time): OutgoingDatagram | undefined {
    const { closing, handshake, paths, spaces } = this.#parts
    const { arena } = this.#parts.workspace
    const path = paths.active
    const limit = this.#sizeLimit(path)
    const slot = limit < MIN_USEFUL ? -1 : arena.acquire()
    // Without the Finished of a client the server has no keys to read by why it closes: the next poll brings that.
    const finished = closing.state === 'closing' && handshake.owesFinished ? spaces.handshake : undefined
    // Where the address is owed nothing more, silence is all that is left; where the arena is full, the next poll tries again.
    if (finished === undefined && (slot >= 0 || limit < MIN_USEFUL)) closing.onSent()
    if (slot < 0) return undefined
    this.#slot = slot
    this.#batch.clear(slot)
    if (!this.#prepare(path, now)) return this.#launch(0, 0, path, now)
    const builder = this.#builder
    builder.beginDatagram(arena.bytes, slot, limit, path)
    let minimum = 0
    for (const space of spaces.all) {
      const type = this.#packetType(space)
      if (type === undefined || (finished ?? space) !== space || !closing.isFor(type, handshake.isConfirmed)) continue
      if (!builder.beginPacket(type, this.#header)) break
      if (finished === undefined) closing.writeFrames(builder)
      else finished.crypto.writeFrames(builder, now)
      if (builder.endPacket() && type === PacketType.initial && this.#context.role === 'client')
        minimum = MIN_DATAGRAM_SIZE
    }
    const size = builder.endDatagram(minimum, this.#batch, now)
    return this.#launch(size, size, path, now)
  }

  /** Gives the slot of the last flight back. */
  release(): void {
    if (this.#slot < 0) return
    this.#parts.workspace.arena.release(this.#slot)
    this.#slot = -1
  }

  /** Lets go of the slot of the last flight without giving it back; -1: there is none. */
  takeSlot(): number {
    const slot = this.#slot
    this.#slot = -1
    return slot
  }

  #flight(path: Path, now: Time): OutgoingDatagram | undefined {
    const { arena } = this.#parts.workspace
    const limit = this.#sizeLimit(path)
    if (!this.#wantsToSend(path, limit, now)) return undefined
    const slot = arena.acquire()
    if (slot < 0) return undefined
    this.#slot = slot
    this.#batch.clear(slot)
    if (!this.#prepare(path, now)) return this.#launch(0, 0, path, now)
    let used = 0
    let segmentSize = limit
    const { datagrams, streams } = this.#parts
    const most = path.carrier.properties.reliable ? arena.slotSize : MAX_UDP_FLIGHT
    if (arena.slotSize - most >= PAGE_SIZE) streams.beginFlight(arena.bytes, slot + most)
    // RFC 9000 §8: the flight counts as a whole, not its first datagram alone.
    const room = Math.min(most, path.sendAllowance)
    for (let count = 0; count < MAX_FLIGHT && used + segmentSize <= room; count++) {
      const size = segmentSize < MIN_USEFUL ? 0 : this.#writeDatagram(slot + used, segmentSize, path, now)
      if (size === 0) break
      used += size
      if (count === 0) segmentSize = size
      // A packet that streams do not fill up may be as long as the next datagram is.
      if (size < (datagrams.wantsToSend ? segmentSize : limit)) break
    }
    streams.endFlight()
    // RFC 9002 §7.8: the flight ended for lack of data, not of window.
    if (used + segmentSize <= room && !streams.wantsToSendData && !datagrams.wantsToSend) path.recovery.onAppLimited()
    return this.#launch(used, segmentSize, path, now)
  }

  /** Seals what was written and describes it to the driver. */
  #launch(used: number, segmentSize: number, path: Path, now: Time): OutgoingDatagram | undefined {
    const { handshake, loss, spaces, workspace } = this.#parts
    const { counters, observer } = this.#context
    if (used === 0) {
      this.release()
      return undefined
    }
    this.#seal()
    counters.bytesSent += used
    counters.datagramsSent += Math.ceil(used / segmentSize)
    path.onSent(used)
    // RFC 9001 §4.9.1: a client drops its Initial keys when it first sends a Handshake packet.
    if (this.#context.role === 'client' && spaces.initial !== undefined && this.#batchHolds(PacketType.handshake)) {
      handshake.discardInitial(now)
    }
    if (observer?.metricsUpdated !== undefined) observer.metricsUpdated(path.recovery.metrics(loss.ptoCount), now)
    const outgoing = this.#outgoing
    outgoing.bytes = workspace.arena.bytes.subarray(this.#slot, this.#slot + used)
    outgoing.segmentSize = segmentSize
    outgoing.to = path.remoteAddress
    outgoing.via = path.carrier
    outgoing.ecn = this.#builder.isMarking ? ECT_0 : 0
    return outgoing
  }

  /** One datagram of at most `limit` bytes at `start`; its size, 0 where nothing is to be sent. */
  #writeDatagram(start: number, limit: number, path: Path, now: Time): number {
    const { spaces, workspace } = this.#parts
    const builder = this.#builder
    builder.beginDatagram(workspace.arena.bytes, start, limit, path)
    let minimum = 0
    const { all } = spaces
    for (let index = 0; index < all.length; index++) {
      const space = all[index] as PacketSpaceState
      const type = this.#packetType(space)
      if (type === undefined) continue
      const mode = this.#mode(space, path, limit, now)
      if (!this.#spaceWants(space, mode, path)) continue
      if (!builder.beginPacket(type, this.#header)) break
      this.#writeFrames(space, mode, path, now)
      const ackEliciting = builder.isAckEliciting
      if (!builder.endPacket()) continue
      if (type === PacketType.initial && (ackEliciting || this.#context.role === 'client')) minimum = MIN_DATAGRAM_SIZE
      this.#parts.idle.onPacketSent(ackEliciting, now)
    }
    if (builder.wantsExpansion) minimum = MIN_DATAGRAM_SIZE
    if (limit - builder.datagramSize < SLACK && this.#parts.streams.wantsToSendData) minimum = limit
    return builder.endDatagram(minimum, this.#batch, now)
  }

  /** Asks the sources of a packet, the most urgent first. */
  #writeFrames(space: PacketSpaceState, mode: SendMode, path: Path, now: Time): void {
    const { ackFrequency, loss, paths } = this.#parts
    const packet = this.#builder
    if (path !== paths.active) {
      packet.markPathProbe()
      return paths.writeFrames(packet, now)
    }
    const { acks } = space
    if (acks.wantsToSend || (acks.hasUnacked && mode >= SendMode.probe)) {
      acks.writeFrames(packet, now)
      this.#context.counters.acksSent += 1
    }
    if (mode < SendMode.probe) return
    const isProbe = loss.probes(space.space) > 0
    if (isProbe || path !== this.#usedPath) ackFrequency.writeImmediateAck(packet)
    const written = packet.frameCount
    this.#writeData(space, now)
    if (isProbe && packet.frameCount === written) {
      // RFC 9002 §6.2.4: the second probe is for the loss of the first, so it says the same. A ClientHello above all: what
      // servers make of an Initial packet without one, where it is the first to arrive, differs.
      loss.repeatForProbe(space.space, now)
      this.#writeData(space, now)
    }
    // RFC 9002 §6.2.4: a probe is ack-eliciting, if need be by a PING.
    if (isProbe && packet.frameCount === written) packet.write(PING, NOBODY)
    else if (acks.wantsPing && !packet.isEmpty) acks.writePing(packet)
    if (packet.isAckEliciting) this.#usedPath = path
  }

  #writeData(space: PacketSpaceState, now: Time): void {
    const isApplication = space.space === PacketSpace.application
    const { ackFrequency, pings } = this.#parts
    if (isApplication && pings.wantsToSend) {
      pings.writeFrames(this.#builder, now)
      ackFrequency.writeImmediateAck(this.#builder)
    }
    if (space.crypto.wantsToSend) space.crypto.writeFrames(this.#builder, now)
    if (!isApplication) return
    if (this.#builder.type === PacketType.zeroRtt) this.#writeEarlyFrames(now)
    else this.#writeApplicationFrames(now)
  }

  /** What the application has to say, and nothing that answers the server or rests on what it said (RFC 9000 §12.4, §17.2.3). */
  #writeEarlyFrames(now: Time): void {
    const { datagrams, idle, streams } = this.#parts
    const packet = this.#builder
    if (streams.wantsToSendControl) streams.writeControlFrames(packet, now)
    if (idle.wantsToSend) idle.writeFrames(packet)
    if (datagrams.wantsToSend) datagrams.writeFrames(packet, now)
    if (streams.wantsToSendData) streams.writeFrames(packet, now)
  }

  #writeApplicationFrames(now: Time): void {
    const { ackFrequency, datagrams, handshake, idle, localIds, paths, peerIds, streams } = this.#parts
    const packet = this.#builder
    if (ackFrequency.wantsToSend) ackFrequency.writeFrames(packet, now)
    if (paths.wantsToSend) paths.writeFrames(packet, now)
    if (handshake.wantsToSend) handshake.writeFrames(packet, now)
    if (streams.wantsToSendControl) streams.writeControlFrames(packet, now)
    if (localIds.wantsToSend) localIds.writeFrames(packet)
    if (peerIds.wantsToSend) peerIds.writeFrames(packet)
    if (idle.wantsToSend) {
      idle.writeFrames(packet)
      ackFrequency.writeImmediateAck(packet)
    }
    if (!datagrams.wantsToSend && !streams.wantsToSendData) return
    if (datagrams.wantsToSend) datagrams.writeFrames(packet, now)
    if (streams.wantsToSendData) streams.writeFrames(packet, now)
    const isLast = !datagrams.wantsToSend && !streams.wantsToSendData
    if (isLast && ackFrequency.wantsEndAcked(paths.active.recovery)) ackFrequency.writeImmediateAck(packet)
  }

  /** Whether any space has something that may go out on `path` now. */
  #wantsToSend(path: Path, limit: number, now: Time): boolean {
    if (limit < MIN_USEFUL) return false
    for (const space of this.#parts.spaces.all) {
      if (this.#packetType(space) === undefined) continue
      if (this.#spaceWants(space, this.#mode(space, path, limit, now), path)) return true
    }
    return false
  }

  #spaceWants(space: PacketSpaceState, mode: SendMode, path: Path): boolean {
    const { datagrams, handshake, idle, localIds, loss, paths, peerIds, pings, streams } = this.#parts
    const isApplication = space.space === PacketSpace.application
    if (mode === SendMode.none) return false
    if (path !== paths.active) return isApplication && mode >= SendMode.probe && paths.next() === path
    if (space.acks.wantsToSend) return true
    if (mode < SendMode.probe) return false
    if (loss.probes(space.space) > 0 || space.crypto.wantsToSend) return true
    if (!isApplication) return false
    if (streams.wantsToSend || datagrams.wantsToSend || idle.wantsToSend || pings.wantsToSend) return true
    if (this.#packetType(space) === PacketType.zeroRtt) return false
    return (
      handshake.wantsToSend ||
      localIds.wantsToSend ||
      peerIds.wantsToSend ||
      (paths.wantsToSend && paths.next() === path)
    )
  }

  /** What the state of path and space allows (RFC 9002 §7: acknowledgements and probes pass the congestion window). */
  #mode(space: PacketSpaceState, path: Path, size: number, now: Time): SendMode {
    const probes = this.#probes(space)
    if (this.#isSaving && path === this.#parts.paths.active) return probes > 0 ? SendMode.probe : SendMode.ack
    const mode = sendMode(path.recovery, false, size, probes, now)
    if (mode === SendMode.paced) this.nextSendTime = path.recovery.pacer.nextTime(size, now)
    return mode
  }

  /**
   * Probes that a space owes. With a probe of another space goes what waits of the handshake (RFC 9002 §6.2.4): the peer
   * may need it to read the probe at all, and the window may be full of what it cannot read.
   */
  #probes(space: PacketSpaceState): number {
    const own = this.#parts.loss.probes(space.space)
    if (own > 0 || space.space === PacketSpace.application || !space.crypto.wantsToSend) return own
    return this.#owesProbe() ? 1 : 0
  }

  #owesProbe(): boolean {
    const { loss, spaces } = this.#parts
    return spaces.all.some((space) => loss.probes(space.space) > 0)
  }

  /** The type of packet that a space sends now; `undefined` where it has no keys. */
  #packetType(space: PacketSpaceState): ProtectedPacketType | undefined {
    if (space.space === PacketSpace.application) {
      const { early, oneRtt } = this.#parts.spaces
      if (oneRtt?.hasWrite === true) return PacketType.oneRtt
      return early.write !== undefined && early.version === this.#context.version ? PacketType.zeroRtt : undefined
    }
    if (space.write === undefined) return undefined
    return space.space === PacketSpace.initial ? PacketType.initial : PacketType.handshake
  }

  /** Bytes of a datagram on this path; 0 where the amplification limit leaves none (RFC 9000 §8.1). */
  #sizeLimit(path: Path): number {
    const room = path.sendAllowance
    const { loss, handshake, paths, spaces } = this.#parts
    // An ack-eliciting Initial must fill 1,200 bytes (RFC 9000 §14.1), so less room than that is none.
    const blocked = room < (handshake.isComplete ? MIN_USEFUL : MIN_DATAGRAM_SIZE)
    if (path === paths.active) loss.amplificationLimited = blocked
    if (blocked) return 0
    // RFC 9000 §8.2.1, §14.1: whatever the carrier would rather have, these fill 1,200 bytes.
    const needsBase = path.owesProbe || spaces.initial !== undefined
    // What the path has come to carry less of must not keep a probe from arriving that asks for an acknowledgement.
    const size =
      loss.ptoCount > 0 ? Math.min(path.recovery.maxDatagramSize, MIN_DATAGRAM_SIZE) : path.recovery.maxDatagramSize
    return Math.min(needsBase ? Math.max(size, MIN_DATAGRAM_SIZE) : size, room)
  }

  /** `false`: no connection id of the peer is left for this path. */
  #prepare(path: Path, now: Time): boolean {
    const header = this.#header
    this.#builder.isMarking = path.recovery.marksPackets(now)
    const { peerIds, spaces, localIds } = this.#parts
    header.version = this.#context.version
    const destination = peerIds.idOf(path.id)
    if (destination === undefined) return false
    header.destination = destination
    header.source = localIds.initial
    // Of Retry or NEW_TOKEN, for a client's Initial packets.
    header.token = this.#parts.negotiation?.token
    header.spin = path.spinBit(destination)
    header.keyPhase = spaces.oneRtt?.writePhase ?? 0
    header.keyGeneration = spaces.oneRtt?.writeGeneration ?? 0
    return true
  }

  /** A datagram larger than any before, to learn whether it arrives (RFC 8899). */
  #probeMtu(path: Path, now: Time): OutgoingDatagram | undefined {
    const { handshake, spaces } = this.#parts
    const { arena } = this.#parts.workspace
    if (!handshake.isConfirmed || spaces.oneRtt?.hasWrite !== true) return undefined
    const size = path.mtu?.probeSize(now)
    if (size === undefined || path.sendAllowance < size) return undefined
    // Data that took each bit of window as it opens would never leave enough of it for a much larger datagram.
    this.#isSaving = this.#mode(spaces.application, path, size, now) !== SendMode.any
    if (this.#isSaving) return undefined
    const slot = arena.acquire()
    if (slot < 0) return undefined
    this.#slot = slot
    this.#batch.clear(slot)
    if (!this.#prepare(path, now)) return this.#launch(0, 0, path, now)
    const builder = this.#builder
    builder.beginDatagram(arena.bytes, slot, size, path)
    let used = 0
    if (builder.beginPacket(PacketType.oneRtt, this.#header)) {
      builder.markMtuProbe()
      builder.write(PING, NOBODY)
      this.#parts.ackFrequency.writeImmediateAck(builder)
      builder.endPacket()
      used = builder.endDatagram(size, this.#batch, now)
      path.mtu?.onProbeSent(size)
    }
    return this.#launch(used, used, path, now)
  }

  /** One call of the engine for each run of packets under one key. */
  #seal(): void {
    const batch = this.#batch
    const { spaces } = this.#parts
    const counters = this.#context.counters
    let from = 0
    while (from < batch.count) {
      const type = batch.type[from]
      let to = from + 1
      while (to < batch.count && batch.type[to] === type) to += 1
      const initialOrHandshake = type === PacketType.initial ? spaces.initial : spaces.handshake
      const earlyOrNot = type === PacketType.zeroRtt ? spaces.early.write : initialOrHandshake?.write
      const keys = type === PacketType.oneRtt ? spaces.oneRtt : earlyOrNot
      // Nothing may leave unprotected, whatever went wrong before.
      if (keys === undefined) throw new Error(`Packets of type ${type} were built without keys`)
      keys.seal(batch, from, to)
      counters.seals += 1
      counters.sealedPackets += to - from
      from = to
    }
  }

  #batchHolds(type: ProtectedPacketType): boolean {
    for (let index = 0; index < this.#batch.count; index++) if (this.#batch.type[index] === type) return true
    return false
  }

  /** RFC 9001 §6.6: new keys before the old ones have protected too much. */
  #updateKeys(now: Time): void {
    const keys = this.#parts.spaces.oneRtt
    if (keys?.wantsUpdate && this.#parts.handshake.allowsKeyUpdate && keys.canUpdate(now)) {
      keys.update(now)
      observeKeyUpdate(this.#context.observer, keys, 'local_update', now)
    }
  }
}

/** A datagram smaller than this carries nothing: header, tag, and no frame worth sending. */
const MIN_USEFUL = 64
