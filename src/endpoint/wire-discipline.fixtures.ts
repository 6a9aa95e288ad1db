/** Watches all that two endpoints say, and holds each packet and datagram to the rules for senders. */
import { toHex } from '../base/bytes.ts'
import { RangeSet } from '../base/range-set.ts'
import type { Time } from '../base/time.ts'
import { type Frame, FrameType, isAckEliciting, isAllowedIn } from '../wire/frame.ts'
import { LongHeader } from '../wire/long-header.ts'
import type { ObservedPacket, Observer } from '../wire/observer.ts'
import { type EncryptionLevel, PacketType, type ProtectedPacketType, spaceOf } from '../wire/packet-type.ts'
import { isLongHeader } from '../wire/short-header.ts'
import type { Role } from '../wire/stream-id.ts'

const MIN_DATAGRAM = 1200

/** What is remembered of one side. */
class Speaker {
  readonly role: Role
  readonly observer: Observer
  readonly faults: string[]
  /** By space: the highest number sent; numbers received. */
  readonly #sent = [-1, -1, -1]
  readonly #received = [new RangeSet(), new RangeSet(), new RangeSet()]
  readonly #discarded = new Set<EncryptionLevel>()
  /** Whether a packet that must be acknowledged was sent in an Initial packet since the last datagram. */
  hasElicitingInitial = false
  isComplete = false
  #hasHeardOneRtt = false
  #hasSentOneRtt = false

  constructor(role: Role, faults: string[]) {
    this.role = role
    this.faults = faults
    this.observer = {
      packetSent: (packet, frames, padding, now) => this.#onSent(packet, frames, padding, now),
      packetReceived: (packet) => this.#onReceived(packet),
      keysDiscarded: (level) => void this.#discarded.add(level),
      connectionState: (state) => {
        if (state === 'handshake_complete') this.isComplete = true
      },
    }
  }

  #onReceived(packet: ObservedPacket): void {
    if (packet.type === PacketType.oneRtt) {
      this.#hasHeardOneRtt = true
      if (!this.isComplete) this.#fault('a 1-RTT packet was read before the handshake was complete')
    }
    const received = this.#received[spaceOf(packet.type as ProtectedPacketType)]
    if (received?.has(packet.packetNumber)) this.#fault(`packet ${packet.packetNumber} was read twice`)
    received?.add(packet.packetNumber, packet.packetNumber + 1)
  }

  #onSent(packet: ObservedPacket, frames: readonly Frame[], padding: number, _now: Time): void {
    const type = packet.type as ProtectedPacketType
    const space = spaceOf(type)
    const number = packet.packetNumber
    if (number <= (this.#sent[space] ?? -1)) this.#fault(`packet number ${number} follows ${this.#sent[space]}`)
    this.#sent[space] = number
    if (type === PacketType.oneRtt) this.#hasSentOneRtt = true
    if (type === PacketType.zeroRtt) {
      if (this.role === 'server') this.#fault('a server sent a 0-RTT packet')
      if (this.#hasHeardOneRtt || this.#hasSentOneRtt) this.#fault('a 0-RTT packet after one of 1-RTT')
    }
    if (this.#discarded.has(type)) this.#fault(`a packet of type ${type} after its keys were discarded`)
    if (frames.length === 0 && padding === 0) this.#fault('a packet without a frame')
    if (type === PacketType.initial && this.role === 'server' && (packet.tokenLength ?? 0) > 0) {
      this.#fault('a server sent a token in an Initial packet')
    }
    if (type === PacketType.initial && frames.some((frame) => isAckEliciting(frame))) this.hasElicitingInitial = true
    for (const frame of frames) this.#onFrame(frame, type)
  }

  #onFrame(frame: Frame, type: ProtectedPacketType): void {
    if (!isAllowedIn(frame.type, type)) this.#fault(`frame 0x${frame.type.toString(16)} in a packet of type ${type}`)
    switch (frame.type) {
      case FrameType.ack:
        return this.#onAck(frame.ranges, type)
      case FrameType.newToken:
        if (this.role === 'client') this.#fault('a client sent NEW_TOKEN')
        if (frame.token.length === 0) this.#fault('an empty NEW_TOKEN')
        return
      case FrameType.handshakeDone:
        if (this.role === 'client') this.#fault('a client sent HANDSHAKE_DONE')
        if (!this.isComplete) this.#fault('HANDSHAKE_DONE before the handshake was complete')
        return
      case FrameType.newConnectionId:
        if (frame.retirePriorTo > frame.sequenceNumber) this.#fault('NEW_CONNECTION_ID that retires itself')
        return
      case FrameType.crypto:
        if (type === PacketType.oneRtt && this.#hasHeardOneRtt && this.role === 'client') {
          this.#fault('CRYPTO of a client after the handshake')
        }
        return
    }
  }

  #onAck(ranges: RangeSet, type: ProtectedPacketType): void {
    const received = this.#received[spaceOf(type)]
    for (let index = 0; index < ranges.size; index++) {
      for (let number = ranges.startAt(index); number < ranges.endAt(index); number++) {
        if (!received?.has(number))
          this.#fault(`packet ${number} of space ${spaceOf(type)} was acknowledged and not read`)
      }
    }
  }

  /** Judges a datagram as a whole. */
  onDatagram(bytes: Uint8Array): void {
    const header = new LongHeader()
    header.anyFixedBit = true
    const destinations = new Set<string>()
    let holdsInitial = false
    for (let at = 0; at < bytes.length; ) {
      if (!isLongHeader(bytes[at] ?? 0)) {
        if (at > 0) {
          const length = bytes[5] ?? 0
          destinations.add(toHex(bytes.subarray(at + 1, at + 1 + length)))
        }
        break
      }
      if (!header.parse(bytes, at, bytes.length)) this.#fault('a long header that does not parse')
      if (header.type === PacketType.retry || header.type === PacketType.versionNegotiation) return
      destinations.add(toHex(header.destinationId().bytes))
      if (header.type === PacketType.initial) holdsInitial = true
      at = header.packetEnd
    }
    if (destinations.size > 1) this.#fault('packets with different ids in one datagram')
    const mustFill = holdsInitial && (this.role === 'client' || this.hasElicitingInitial)
    if (mustFill && bytes.length < MIN_DATAGRAM) this.#fault(`an Initial packet in ${bytes.length} bytes`)
    if (holdsInitial) this.hasElicitingInitial = false
  }

  #fault(what: string): void {
    this.faults.push(`${this.role}: ${what}`)
  }
}

/** Both sides of one connection, watched. */
export class Wiretap {
  /** What was said against the rules. */
  readonly faults: string[] = []
  readonly #client = new Speaker('client', this.faults)
  readonly #server = new Speaker('server', this.faults)
  datagrams = 0

  /** For `PairOptions`: observers, and a tap. */
  readonly options: {
    readonly clientObserver: Observer
    readonly serverObserver: Observer
    readonly tap: (bytes: Uint8Array, from: Role) => boolean
  } = {
    clientObserver: this.#client.observer,
    serverObserver: this.#server.observer,
    tap: (bytes, from) => {
      this.datagrams += 1
      if (from === 'client') this.#client.onDatagram(bytes)
      else this.#server.onDatagram(bytes)
      return true
    },
  }
}
