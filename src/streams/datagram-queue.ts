/**
 * DATAGRAM frames in both directions (RFC 9221): what waits to be sent and to be read, both bounded by number and age, and
 * what became of it. Frames are never sent again. How a datagram shares packets with streams is the transmitter's business,
 * and what its bytes mean the application's.
 */
import { copyBytes, EMPTY } from '../base/bytes.ts'
import { Deque } from '../base/deque.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { type DatagramFrame, FrameType } from '../wire/frame.ts'
import { datagramPayloadRoom, frameSize } from '../wire/frame-encode.ts'
import type { FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { type DatagramListener, type DatagramStatus, OutgoingMessage } from './datagram.ts'
import type { DatagramSettings } from './datagram-settings.ts'

/** What datagrams have to tell the application. */
export type DatagramEvent =
  /** There is a datagram to read. Told once until `read` has returned all there is. */
  | { readonly type: 'datagram-readable' }
  /** There is room in the queue again, which was asked for. */
  | { readonly type: 'datagram-writable' }
  /** The fate of a datagram is known of which a notice was wanted. */
  | { readonly type: 'datagram-settled'; readonly datagram: OutgoingMessage }

/** Counts since the connection began. */
export interface DatagramStats {
  /** Received, and dropped unread for newer ones. */
  readonly droppedIncoming: number
  /** Received, and too old before they were read. */
  readonly expiredIncoming: number
  /** Too old before they could be sent. */
  readonly expiredOutgoing: number
  /** Sent and declared lost (RFC 9002 §6.1). */
  readonly lostOutgoing: number
  /** Dropped unsent: for newer ones, as too large for the path, or with the end of the connection. */
  readonly droppedOutgoing: number
  /** Put into a packet. */
  readonly sent: number
  /** Acknowledged, those that had been declared lost included. */
  readonly delivered: number
  readonly received: number
}

/** What a {@link DatagramQueue} needs. */
export interface DatagramQueueOptions {
  /** Our max_datagram_frame_size, bytes of a whole frame; 0: the peer may send none. */
  readonly maxFrameSize: number
  readonly settings: DatagramSettings
  /** Bytes for frames in a 1-RTT packet of the path in use. */
  readonly room: () => number
  readonly emit: (event: DatagramEvent) => void
}

/** ms; what is still unsent then has been overtaken by events. */
export const DEFAULT_OUTGOING_AGE: Duration = 5000

/** Bytes that may wait to be read, however few datagrams they are: where packets are large, a peer must not take the memory. */
const MAX_INCOMING_BYTES = 4_194_304

type Counts = { -readonly [K in keyof DatagramStats]: DatagramStats[K] }

interface ReceivedDatagram {
  readonly bytes: Uint8Array
  readonly receivedAt: Time
}

/** The datagrams of one connection. */
export class DatagramQueue implements FrameSource, DatagramListener {
  readonly #maxFrameSize: number
  readonly #room: () => number
  readonly #emit: (event: DatagramEvent) => void
  readonly #outgoing = new Deque<OutgoingMessage>()
  readonly #incoming = new Deque<ReceivedDatagram>()
  readonly #counts: Counts
  #settings: DatagramSettings
  /** The peer's max_datagram_frame_size; `undefined`: not known yet. */
  #peerLimit: number | undefined
  /** When the first of those that wait to be sent is too old. */
  #expiry: Time = NEVER
  #incomingBytes = 0
  #toldReadable = false
  #wantsRoom = false
  #isClosed = false
  #bytesSent = 0
  #bytesDelivered = 0

  constructor(options: DatagramQueueOptions) {
    this.#maxFrameSize = options.maxFrameSize
    this.#settings = options.settings
    this.#room = options.room
    this.#emit = options.emit
    this.#counts = {
      droppedIncoming: 0,
      expiredIncoming: 0,
      expiredOutgoing: 0,
      lostOutgoing: 0,
      droppedOutgoing: 0,
      sent: 0,
      delivered: 0,
      received: 0,
    }
  }

  /** Whether the peer takes datagrams; `undefined` until it has said. */
  get isSupported(): boolean | undefined {
    return this.#peerLimit === undefined ? undefined : this.#peerLimit > 0
  }

  /**
   * The longest datagram that can be sent now, bytes: of the peer's limit, which counts the whole frame, and the room of a
   * packet the smaller, less the frame's type and length. 0 where the peer takes none.
   */
  get maxDatagramSize(): number {
    const room = this.#room()
    return Math.max(0, datagramPayloadRoom(this.#peerLimit === undefined ? room : Math.min(this.#peerLimit, room)))
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Datagrams that wait to be sent. */
  get queued(): number {
    return this.#outgoing.length
  }

  /** Datagrams that wait to be read. */
  get readable(): number {
    return this.#incoming.length
  }

  /** Bytes of all datagrams sent. */
  get bytesSent(): number {
    return this.#bytesSent
  }

  /** Bytes of all datagrams that were acknowledged. */
  get bytesDelivered(): number {
    return this.#bytesDelivered
  }

  get settings(): DatagramSettings {
    return this.#settings
  }

  /** Changes lengths and ages; what is too much then, or too old, goes at once. */
  configure(settings: DatagramSettings, now: Time): void {
    this.#settings = settings
    while (this.#incoming.length > this.#settings.incomingHighWaterMark) this.#dropIncoming()
    while (this.#outgoing.length > this.#settings.outgoingHighWaterMark) this.#leaveFirst('dropped')
    this.#expireIncoming(now)
    this.#expireOutgoing(now)
    this.#tellRoom()
  }

  /**
   * Takes in the peer's transport parameter: the one remembered for 0-RTT, then that of the handshake (RFC 9221 §3). Where
   * the peer takes no datagrams, those that wait are dropped.
   */
  onPeerParameters(parameters: { readonly maxDatagramFrameSize: number }): void {
    this.#peerLimit = parameters.maxDatagramFrameSize
    if (this.#peerLimit === 0) this.#dropOutgoing()
  }

  /**
   * Accepts a datagram for sending; `bytes` are copied. Where the queue is full, the oldest is dropped.
   * @param maxAge ms after which it is not worth sending; `undefined`: as the settings say.
   * @param since when its age begins.
   * @throws RangeError above {@link maxDatagramSize}
   */
  send(bytes: Uint8Array, maxAge: Duration | undefined, now: Time, since: Time = now): OutgoingMessage {
    const limit = this.maxDatagramSize
    if (bytes.length > limit || this.#peerLimit === 0) {
      throw new RangeError(
        this.#peerLimit === 0
          ? 'The peer takes no datagrams'
          : `A datagram must have at most ${limit} bytes, got ${bytes.length}`,
      )
    }
    const message = new OutgoingMessage(this, copyBytes(bytes), maxAge, since)
    if (this.#isClosed) {
      message.leave('dropped')
      return message
    }
    while (this.#outgoing.length >= this.#settings.outgoingHighWaterMark) this.#leaveFirst('dropped')
    this.#outgoing.push(message)
    this.#expiry = Math.min(this.#expiry, this.#expiryOf(message))
    if (this.#expiry <= now) this.#expireOutgoing(now)
    return message
  }

  /** Whether a datagram can be sent without another being dropped for it. */
  get hasRoom(): boolean {
    return this.#outgoing.length < this.#settings.outgoingHighWaterMark
  }

  /** Asks for the event `datagram-writable` as soon as there is room. */
  wantRoom(): void {
    this.#wantsRoom = true
  }

  get wantsToSend(): boolean {
    return this.#outgoing.length > 0 && this.#peerLimit !== undefined
  }

  writeFrames(packet: PacketWriter, now: Time): void {
    if (this.#peerLimit === undefined) return
    if (this.#expiry <= now) this.#expireOutgoing(now)
    for (let message = this.#outgoing.peek(); message !== undefined; message = this.#outgoing.peek()) {
      const { length } = message
      const frame: DatagramFrame = { type: FrameType.datagram, buffer: EMPTY, start: 0, length }
      if (frameSize(frame) > packet.remaining) {
        // The path may have become narrower since it was accepted; such a datagram must not block those behind it.
        if (length <= this.maxDatagramSize) break
        this.#leaveFirst('dropped')
        continue
      }
      packet.writePayload(frame, message, message)
      this.#outgoing.shift()
      message.leave('sent')
      this.#counts.sent += 1
      this.#bytesSent += length
    }
    if (this.#outgoing.length === 0) this.#expiry = NEVER
    this.#tellRoom()
  }

  onDatagramAcked(datagram: OutgoingMessage, wasLost: boolean): void {
    this.#counts.delivered += 1
    this.#bytesDelivered += datagram.length
    if (!wasLost) this.#tellSettled(datagram)
  }

  onDatagramLost(datagram: OutgoingMessage): void {
    this.#counts.lostOutgoing += 1
    this.#tellSettled(datagram)
  }

  /**
   * Takes in a datagram.
   * @param size bytes of the whole frame.
   * @throws TransportError PROTOCOL_VIOLATION where it is larger than we allowed, or not allowed at all.
   */
  onDatagram(frame: DatagramFrame, size: number, now: Time): void {
    if (size > this.#maxFrameSize) {
      throw new TransportError(
        TransportErrorCode.PROTOCOL_VIOLATION,
        this.#maxFrameSize === 0
          ? 'A DATAGRAM frame that was not negotiated'
          : `A DATAGRAM frame of ${size} bytes, of ${this.#maxFrameSize} allowed`,
      )
    }
    if (this.#isClosed) return
    this.#counts.received += 1
    this.#expireIncoming(now)
    while (this.#incoming.length >= this.#settings.incomingHighWaterMark) this.#dropIncoming()
    while (this.#incomingBytes > 0 && this.#incomingBytes + frame.length > MAX_INCOMING_BYTES) this.#dropIncoming()
    const bytes = copyBytes(frame.buffer, frame.start, frame.start + frame.length)
    this.#incoming.push({ bytes, receivedAt: now })
    this.#incomingBytes += bytes.length
    if (this.#toldReadable) return
    this.#toldReadable = true
    this.#emit({ type: 'datagram-readable' })
  }

  /** The oldest datagram that is young enough; `undefined`: there is none. */
  read(now: Time): Uint8Array | undefined {
    this.#expireIncoming(now)
    const bytes = this.#takeIncoming()
    if (bytes === undefined) this.#toldReadable = false
    return bytes
  }

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    return this.#expiry
  }

  /** Lets go of what is too old to be sent. */
  onTimeout(now: Time): void {
    this.#expireOutgoing(now)
    this.#tellRoom()
  }

  /** The numbers of this moment. */
  stats(now: Time): DatagramStats {
    this.#expireIncoming(now)
    return { ...this.#counts }
  }

  /** Drops what waits to be sent. */
  drop(): void {
    this.#dropOutgoing()
  }

  /** The connection is over: what waits to be sent is dropped. What was received can still be read. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#dropOutgoing()
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    const { outgoingHighWaterMark, incomingHighWaterMark } = this.#settings
    if (this.#outgoing.length > outgoingHighWaterMark) throw new Error(`${this.#outgoing.length} datagrams wait`)
    if (this.#incoming.length > incomingHighWaterMark) throw new Error(`${this.#incoming.length} datagrams are unread`)
    if (this.#outgoing.length > 0 === (this.#expiry === NEVER)) throw new Error('The timer of datagrams is wrong')
  }

  #expiryOf(message: OutgoingMessage): Time {
    return message.queuedAt + (message.maxAge ?? this.#settings.outgoingMaxAge ?? DEFAULT_OUTGOING_AGE)
  }

  /** Ages differ, so those that are too old may stand anywhere. */
  #expireOutgoing(now: Time): void {
    this.#expiry = NEVER
    for (let left = this.#outgoing.length; left > 0; left--) {
      const message = this.#outgoing.shift()
      if (message === undefined) break
      const expiry = this.#expiryOf(message)
      if (expiry <= now) this.#leave(message, 'expired')
      else {
        this.#outgoing.push(message)
        this.#expiry = Math.min(this.#expiry, expiry)
      }
    }
  }

  #expireIncoming(now: Time): void {
    const { incomingMaxAge } = this.#settings
    if (incomingMaxAge === undefined) return
    for (let first = this.#incoming.peek(); first !== undefined; first = this.#incoming.peek()) {
      if (now - first.receivedAt <= incomingMaxAge) return
      this.#takeIncoming()
      this.#counts.expiredIncoming += 1
    }
  }

  #takeIncoming(): Uint8Array | undefined {
    const datagram = this.#incoming.shift()
    this.#incomingBytes -= datagram?.bytes.length ?? 0
    return datagram?.bytes
  }

  #dropIncoming(): void {
    this.#takeIncoming()
    this.#counts.droppedIncoming += 1
  }

  #dropOutgoing(): void {
    while (this.#outgoing.length > 0) this.#leaveFirst('dropped')
    this.#expiry = NEVER
    this.#tellRoom()
  }

  #leaveFirst(status: DatagramStatus): void {
    const message = this.#outgoing.shift()
    if (message !== undefined) this.#leave(message, status)
    if (this.#outgoing.length === 0) this.#expiry = NEVER
  }

  #leave(message: OutgoingMessage, status: DatagramStatus): void {
    message.leave(status)
    if (status === 'expired') this.#counts.expiredOutgoing += 1
    else this.#counts.droppedOutgoing += 1
    this.#tellSettled(message)
  }

  #tellSettled(datagram: OutgoingMessage): void {
    if (datagram.wantsNotice) this.#emit({ type: 'datagram-settled', datagram })
  }

  #tellRoom(): void {
    if (!this.#wantsRoom || !(this.hasRoom || this.#isClosed)) return
    this.#wantsRoom = false
    this.#emit({ type: 'datagram-writable' })
  }
}
