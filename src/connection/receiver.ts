/**
 * The way of a datagram into the connection: copied into a slot of the arena, cut into packets, each matched with its keys,
 * opened and processed. Initial and Handshake packets are opened at once, so that a coalesced flight finds its next keys;
 * 1-RTT packets wait for the end of the burst and are opened in one batch. RFC 9000 §5.2, §12.2, RFC 9001 §5.
 *
 * A peer's violation is caught here and only here; what anyone could have forged is dropped.
 */
import { Deque } from '../base/deque.ts'
import type { Time } from '../base/time.ts'
import { PacketStatus } from '../crypto/provider.ts'
import type { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { TlsAlert } from '../tls/alert.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import { FrameType, isAckEliciting, isProbing } from '../wire/frame.ts'
import type { LongHeader } from '../wire/long-header.ts'
import type { DropReason } from '../wire/observer.ts'
import { PacketType, type ProtectedPacketType, spaceOf } from '../wire/packet-type.ts'
import { hasReservedBits, isLongHeader, parseShortHeader } from '../wire/short-header.ts'
import { cryptoError, TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import type { ConnectionContext } from './context.ts'
import type { Dispatcher } from './dispatch.ts'
import type { Establishment } from './establishment.ts'
import type { Handshake } from './handshake.ts'
import { type ConnectionIdGenerator, idLengthAt } from './local-ids.ts'
import { observeKeyUpdate, ReceivedPackets } from './observation.ts'
import { TAG_LENGTH } from './packet-builder.ts'
import type { PacketSpaces } from './packet-space.ts'
import { MIN_DATAGRAM_SIZE, type Path } from './path.ts'
import type { PathManager } from './path-manager.ts'
import type { PeerIds } from './peer-ids.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { Workspace } from './workspace.ts'

/** What the receiver tells the connection, during a call into it. */
export interface ReceiverListener {
  /** A packet was processed. */
  onPacketProcessed(packet: ReceivedPacket, now: Time): void
  /** A datagram that could not be opened ends in a token of the peer, which ends the connection (RFC 9000 §10.3.1). */
  onStatelessReset(now: Time): void
  /** The peer broke a rule, or something in us did. */
  onError(error: TransportError, now: Time): void
}

/** The parts of the connection that the receiver asks. */
export interface ReceiverParts {
  readonly context: ConnectionContext
  readonly spaces: PacketSpaces
  readonly handshake: Handshake
  readonly paths: PathManager
  readonly peerIds: PeerIds
  readonly workspace: Workspace
}

/** A packet that came before its keys. */
interface EarlyPacket {
  readonly bytes: Uint8Array
  readonly from: PathAddress
  readonly via: Carrier
  readonly ecn: Ecn
  readonly type: ProtectedPacketType
}

/** Bytes kept of packets that came before their keys: a flight of a handshake, no more. */
const MAX_EARLY_BYTES = 32_768

/** How many of them, since small ones cost more than their bytes. */
const MAX_EARLY_PACKETS = 64

/** The receiving half of a connection's packet pipeline. */
export class PacketReceiver {
  readonly #context: ConnectionContext
  readonly #spaces: PacketSpaces
  readonly #parts: ReceiverParts
  readonly #establishment: Establishment
  readonly #dispatcher: Dispatcher
  readonly #listener: ReceiverListener
  readonly #workspace: Workspace
  readonly #ids: ConnectionIdGenerator
  /** The burst that waits, in a slot of its own. */
  #batch: PacketBatchBuffer | undefined
  readonly #header: LongHeader
  readonly #packet: ReceivedPacket
  readonly #observed: ReceivedPackets | undefined
  readonly #early = new Deque<EarlyPacket>()
  /** Of the packets of the batch. */
  readonly #paths: (Path | undefined)[] = []
  #earlyBytes = 0

  constructor(
    parts: ReceiverParts,
    establishment: Establishment,
    dispatcher: Dispatcher,
    ids: ConnectionIdGenerator,
    listener: ReceiverListener,
  ) {
    const { context, spaces, workspace } = parts
    this.#parts = parts
    this.#context = context
    this.#spaces = spaces
    this.#establishment = establishment
    this.#dispatcher = dispatcher
    this.#workspace = workspace
    this.#ids = ids
    this.#listener = listener
    this.#header = workspace.header
    this.#observed = context.observer === undefined ? undefined : new ReceivedPackets(context.observer)
    this.#packet = workspace.received
  }

  /**
   * Takes `count` datagrams of `segmentSize` bytes back to back, the last of which may be shorter; where there are several, each is
   * one 1-RTT packet. `bytes` is copied. 1-RTT packets wait for {@link flush}.
   */
  receive(
    bytes: Uint8Array,
    count: number,
    segmentSize: number,
    from: PathAddress,
    via: Carrier,
    ecn: Ecn,
    now: Time,
  ): void {
    const path = this.#parts.paths.onDatagram(from, via, bytes.length, now)
    if (path === undefined) return this.#drop('unknown_path', bytes.length, undefined, now)
    this.#context.counters.datagramsReceived += count
    this.#context.counters.bytesReceived += bytes.length
    const start = this.#copy(bytes, count, now)
    if (start < 0) return this.#drop('no_buffer', bytes.length, undefined, now)
    const end = start + bytes.length
    for (let at = start; at < end; at += segmentSize) {
      this.#split(at, Math.min(at + segmentSize, end), path, from, via, ecn, now)
    }
    if (this.#batch?.isFull === true) this.flush(now)
  }

  /** Opens and processes the 1-RTT packets of the burst, in order, and gives the slot back. */
  flush(now: Time): void {
    const batch = this.#batch
    if (batch === undefined) return
    if (batch.count > 0) this.#openOneRtt(batch, now)
    this.#release()
  }

  /** Tries the packets that came before their keys once more. */
  retryEarly(now: Time): void {
    for (let left = this.#early.length; left > 0; left--) {
      const packet = this.#early.shift()
      if (packet === undefined) return
      this.#earlyBytes -= packet.bytes.length
      const path = this.#parts.paths.onDatagram(packet.from, packet.via, 0, now)
      const start = path === undefined ? -1 : this.#copy(packet.bytes, 1, now)
      if (path === undefined || start < 0) continue
      this.#split(start, start + packet.bytes.length, path, packet.from, packet.via, packet.ecn, now)
      if (this.#batch?.isFull === true) this.flush(now)
    }
  }

  /** Drops everything that waits. */
  close(): void {
    this.#early.clear()
    this.#earlyBytes = 0
    this.#release()
    this.#paths.length = 0
  }

  #release(): void {
    if (this.#batch !== undefined) this.#workspace.arena.release(this.#batch.slotStart)
    this.#batch = undefined
  }

  /** Copies `count` datagrams behind those of the burst; -1 where no slot is free. */
  #copy(bytes: Uint8Array, count: number, now: Time): number {
    const { arena } = this.#workspace
    if (bytes.length > arena.slotSize) return -1
    const waiting = this.#batch
    if (waiting !== undefined) {
      const hasRoom = waiting.used + bytes.length <= waiting.slotStart + arena.slotSize
      if (!hasRoom || waiting.count + count > waiting.capacity) this.flush(now)
    }
    const batch = this.#batch ?? this.#begin()
    if (batch === undefined) return -1
    const start = batch.used
    arena.bytes.set(bytes, start)
    batch.used += bytes.length
    return start
  }

  /** A burst in a slot that is free. */
  #begin(): PacketBatchBuffer | undefined {
    const slot = this.#workspace.arena.acquire()
    this.#batch = slot < 0 ? undefined : this.#workspace.burstIn(slot)
    return this.#batch
  }

  /** Cuts a datagram into its packets (RFC 9000 §12.2). */
  #split(start: number, end: number, path: Path, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const bytes = this.#workspace.arena.bytes
    const header = this.#header
    // RFC 9287 §3: who says so takes packets without the bit.
    header.anyFixedBit = this.#context.config.greaseQuicBit
    let at = start
    while (at < end) {
      if (!isLongHeader(bytes[at] ?? 0)) {
        this.#receiveShort(at, end, start, path, from, via, ecn, now)
        return
      }
      if (!header.parse(bytes, at, end)) return this.#drop('header_parse_error', end - at, undefined, now)
      if (header.type === PacketType.versionNegotiation || header.type === PacketType.retry) {
        this.#establishment.onUnprotectedPacket(bytes, at, end, header, now)
        return
      }
      const { early } = this.#spaces
      const version = header.type === PacketType.zeroRtt ? early.version : this.#context.version
      if (header.version !== version && !this.#takesVersion(header))
        return this.#drop('unexpected_version', end - at, header.type, now)
      // RFC 9000 §12.2: packets of one datagram have one destination id; the endpoint routed the first of them.
      const next = header.packetEnd
      if (at > start && !sameDestination(bytes, start, at))
        this.#drop('unknown_connection_id', next - at, header.type, now)
      else if (this.#isUnfit(header, end - start)) this.#drop('header_parse_error', next - at, header.type, now)
      else this.#receiveLong(at, next, path, from, via, ecn, now)
      at = next
    }
  }

  /** Initial packets of another version may be read; Handshake packets of it may wait for an Initial packet that was overtaken. */
  #takesVersion({ type, version }: LongHeader): boolean {
    if (type === PacketType.initial) return this.#parts.handshake.initialKeysFor(version) !== undefined
    return type === PacketType.handshake && this.#parts.handshake.isCandidate(version)
  }

  /** An Initial packet that must not be looked at: RFC 9000 §14.1 in too small a datagram; §17.2.2 from a server, with a token. */
  #isUnfit(header: LongHeader, datagramSize: number): boolean {
    if (header.type !== PacketType.initial) return false
    return this.#context.role === 'server' ? datagramSize < MIN_DATAGRAM_SIZE : header.tokenLength > 0
  }

  #receiveLong(at: number, end: number, path: Path, from: PathAddress, via: Carrier, ecn: Ecn, now: Time): void {
    const header = this.#header
    const type = header.type as ProtectedPacketType
    const space = this.#spaces.get(spaceOf(type))
    const { early } = this.#spaces
    // RFC 9001 §5.6: a server has none to send, and what was refused is not read, even if it could be (§4.6.2).
    const isUnwanted = type === PacketType.zeroRtt && (early.isOver || this.#context.role === 'client')
    if (isUnwanted || space === undefined) return this.#drop('key_unavailable', end - at, type, now)
    const isOther = type === PacketType.initial && header.version !== this.#context.version
    const current = isOther ? this.#parts.handshake.initialKeysFor(header.version) : space.read
    const keys = type === PacketType.zeroRtt ? early.read : current
    if (keys === undefined) return this.#keep(at, end, type, from, via, ecn, now)
    const batch = this.#workspace.single
    batch.clear(at)
    batch.append(at, header.numberOffset, end, space.acks.largestReceived)
    batch.type[0] = type
    batch.receivedAt[0] = now
    batch.ecn[0] = ecn
    this.#context.counters.opens += 1
    try {
      keys.unmaskAndOpen(batch, 0, 1)
      if (batch.status[0] !== PacketStatus.done) return this.#drop('payload_decrypt_error', end - at, type, now)
      this.#context.counters.openedPackets += 1
      this.#process(batch, 0, path, header, now)
      this.#dispatcher.endRun(now)
    } catch (error) {
      this.#fail(error, now)
    }
  }

  #receiveShort(
    at: number,
    end: number,
    datagramStart: number,
    path: Path,
    from: PathAddress,
    via: Carrier,
    ecn: Ecn,
    now: Time,
  ): void {
    const bytes = this.#workspace.arena.bytes
    const idLength = idLengthAt(this.#ids, bytes, at, end)
    const numberOffset = idLength < 0 ? -1 : parseShortHeader(bytes, at, end, idLength, this.#header.anyFixedBit)
    // RFC 9001 §5.7: 1-RTT packets are not opened before the handshake is complete.
    const canOpen = this.#spaces.oneRtt?.hasRead === true && this.#parts.handshake.isComplete
    if (!canOpen || numberOffset < 0) {
      // RFC 9000 §10.3.1: what cannot be opened may be a reset, however short.
      if (at === datagramStart && this.#parts.peerIds.isResetToken(bytes, end, path.id)) {
        return this.#listener.onStatelessReset(now)
      }
      if (numberOffset < 0) return this.#drop('header_parse_error', end - at, PacketType.oneRtt, now)
      return this.#keep(at, end, PacketType.oneRtt, from, via, ecn, now)
    }
    const batch = this.#batch
    if (batch === undefined) return
    const index = batch.append(at, numberOffset, end, this.#spaces.application.acks.largestReceived)
    batch.type[index] = PacketType.oneRtt
    batch.datagram[index] = datagramStart
    batch.datagramEnd[index] = end
    batch.receivedAt[index] = now
    batch.ecn[index] = ecn
    this.#paths[index] = path
  }

  #openOneRtt(batch: PacketBatchBuffer, now: Time): void {
    const keys = this.#spaces.oneRtt
    if (keys === undefined) return
    const counters = this.#context.counters
    counters.opens += 1
    try {
      keys.open(batch, 0, batch.count, now)
      for (let index = 0; index < batch.count; index++) {
        const path = this.#paths[index]
        if (path === undefined) continue
        this.#paths[index] = undefined
        if (batch.status[index] === PacketStatus.done) {
          counters.openedPackets += 1
          this.#process(batch, index, path, undefined, now)
        } else if (this.#isReset(batch, index, path)) {
          this.#dispatcher.endRun(now)
          return this.#listener.onStatelessReset(now)
        } else this.#dropOneRtt(batch, index, now)
      }
      this.#dispatcher.endRun(now)
    } catch (error) {
      this.#fail(error, now)
    }
  }

  #isReset(batch: PacketBatchBuffer, index: number, path: Path): boolean {
    if (batch.start[index] !== batch.datagram[index]) return false
    return this.#parts.peerIds.isResetToken(this.#workspace.arena.bytes, batch.datagramEnd[index] ?? 0, path.id)
  }

  /** Processes one opened packet. @throws TransportError, TlsAlert */
  #process(batch: PacketBatchBuffer, index: number, path: Path, header: LongHeader | undefined, now: Time): void {
    const bytes = this.#workspace.arena.bytes
    const packet = this.#packet
    const start = batch.start[index] ?? 0
    const first = bytes[start] ?? 0
    packet.type = (batch.type[index] ?? 0) as ProtectedPacketType
    packet.space = spaceOf(packet.type)
    packet.number = batch.packetNumber[index] ?? 0
    packet.path = path
    packet.ecn = (batch.ecn[index] ?? 0) as Ecn
    packet.receivedAt = batch.receivedAt[index] ?? 0
    packet.generation = batch.generation[index] ?? 0
    packet.ackEliciting = false
    packet.probing = true
    packet.start = start
    const space = this.#spaces.get(packet.space)
    if (space === undefined) return
    // RFC 9000 §17.2, §17.3.1: reserved bits, judged only after both protections are off.
    if (hasReservedBits(first)) {
      throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 'Reserved header bits are not zero')
    }
    packet.destinationLength = header === undefined ? (batch.numberOffset[index] ?? 0) - start - 1 : 0
    if (header === undefined) {
      this.#onGeneration(packet, now)
      path.spin.onReceived(((first >> 5) & 1) as 0 | 1, packet.number)
    }
    const end = batch.end[index] ?? 0
    if (space.acks.isDuplicate(packet.number)) return this.#drop('duplicate', end - start, packet.type, now)
    if (!this.#establishment.onPacketOpened(packet, header)) {
      return this.#context.observer?.packetDropped?.('unexpected_source', end - start, packet.type, now)
    }
    this.#context.counters.packetsReceived += 1
    const payload = (batch.numberOffset[index] ?? 0) + (first & 0x03) + 1
    const payloadEnd = end - TAG_LENGTH
    this.#observed?.onPacketOpened(packet, header, payload, payloadEnd, end)
    this.#processFrames(packet, payload, payloadEnd, now)
    space.acks.onPacketReceived(packet.number, packet.ackEliciting, packet.ecn, packet.receivedAt)
    this.#listener.onPacketProcessed(packet, now)
    // The record outlives the connection.
    packet.path = undefined
  }

  /** The first packet of a new key generation commits the peer's update (RFC 9001 §6.2). */
  #onGeneration(packet: ReceivedPacket, now: Time): void {
    const keys = this.#spaces.oneRtt
    if (keys === undefined) return
    const before = keys.writeGeneration
    keys.onPacketProcessed(packet.generation, packet.number, now)
    if (keys.writeGeneration !== before) observeKeyUpdate(this.#context.observer, keys, 'remote_update', now)
  }

  #processFrames(packet: ReceivedPacket, start: number, end: number, now: Time): void {
    // RFC 9000 §12.4: a packet without frames is a violation.
    if (start >= end) throw new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 'A packet holds no frames')
    const { arena, decoder } = this.#workspace
    decoder.reset(arena.bytes, start, end, packet.type)
    let sawCrypto = false
    try {
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        if (isAckEliciting(frame)) packet.ackEliciting = true
        if (!isProbing(frame)) packet.probing = false
        if (frame.type === FrameType.crypto) sawCrypto = true
        packet.frameType = decoder.type
        packet.frameSize = decoder.frameSize
        this.#dispatcher.dispatch(frame, packet, now)
      }
    } catch (error) {
      if (error instanceof TransportError && error.frameType === 0n) error.frameType = decoder.rawType
      throw error
    }
    if (sawCrypto) this.#parts.handshake.onCrypto(now)
  }

  #keep(
    at: number,
    end: number,
    type: ProtectedPacketType,
    from: PathAddress,
    via: Carrier,
    ecn: Ecn,
    now: Time,
  ): void {
    const size = end - at
    if (this.#early.length === MAX_EARLY_PACKETS || this.#earlyBytes + size > MAX_EARLY_BYTES)
      return this.#drop('key_unavailable', size, type, now)
    this.#earlyBytes += size
    this.#early.push({ bytes: this.#workspace.arena.bytes.slice(at, end), from, via, ecn, type })
    this.#context.observer?.packetBuffered?.(type, size, now)
  }

  #dropOneRtt(batch: PacketBatchBuffer, index: number, now: Time): void {
    const size = (batch.end[index] ?? 0) - (batch.start[index] ?? 0)
    this.#drop('payload_decrypt_error', size, PacketType.oneRtt, now)
  }

  #drop(reason: DropReason, size: number, type: PacketType | undefined, now: Time): void {
    this.#context.counters.packetsDropped += 1
    this.#context.observer?.packetDropped?.(reason, size, type, now)
  }

  #fail(error: unknown, now: Time): void {
    this.#listener.onError(toTransportError(this.#firstError(error, now)), now)
  }

  /** What was wrong first: with the STREAM frames that are still to be heard, else `error`, for which they are heard none the less. */
  #firstError(error: unknown, now: Time): unknown {
    try {
      this.#dispatcher.endRun(now)
      return error
    } catch (earlier) {
      return earlier
    }
  }
}

/** What a connection closes with after `error`: a violation as it is, an alert as CRYPTO_ERROR, anything else as our own failure. */
export function toTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error
  if (error instanceof TlsAlert) {
    if (error.protocolViolation) {
      return new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, error.message, {
        frameType: FrameType.crypto,
        cause: error,
      })
    }
    return new TransportError(cryptoError(error.description), error.message, {
      frameType: FrameType.crypto,
      cause: error,
    })
  }
  // What went wrong in us is no business of the peer's: the cause stays here.
  return new TransportError(TransportErrorCode.INTERNAL_ERROR, 'Internal error', { cause: error })
}

/** Whether two long-header packets of one datagram name the same destination. */
function sameDestination(bytes: Uint8Array, first: number, second: number): boolean {
  const length = bytes[first + 5] ?? 0
  if (bytes[second + 5] !== length) return false
  for (let index = 0; index < length; index++) {
    if (bytes[first + 6 + index] !== bytes[second + 6 + index]) return false
  }
  return true
}
