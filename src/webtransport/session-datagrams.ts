/**
 * The datagrams of one session (draft-ietf-webtrans-http3 §4.5): what waits to be read, bounded by number, bytes and age, and
 * what became of those that were sent. The queue in which they wait to be sent is that of the connection.
 */
import { copyBytes } from '../base/bytes.ts'
import { Deque } from '../base/deque.ts'
import type { Duration, Time } from '../base/time.ts'
import type { RequestStream } from '../http3/request-stream.ts'
import type { OutgoingMessage } from '../streams/datagram.ts'
import { type DatagramSettings, datagramSettings } from '../streams/datagram-settings.ts'

/** Counts since the session began. */
export interface SessionDatagramStats {
  /** Received, and dropped unread for newer ones. */
  readonly droppedIncoming: number
  /** Received, and too old before they were read. */
  readonly expiredIncoming: number
  /** Too old before they could be sent. */
  readonly expiredOutgoing: number
  /** Sent and declared lost. */
  readonly lostOutgoing: number
  /** Dropped unsent: as too large for the path, for newer ones, or with the end of the connection. */
  readonly droppedOutgoing: number
  /** Accepted for sending. */
  readonly sent: number
  readonly received: number
}

/** Bytes that may wait to be read, however few datagrams they are. */
const MAX_INCOMING_BYTES = 4_194_304

/** Datagrams on their way whose fate is still asked for; older ones count as neither lost nor delivered. */
const MAX_FLYING = 16_384

interface Received {
  readonly bytes: Uint8Array
  readonly receivedAt: Time
}

/** The datagrams of one session. */
export class SessionDatagrams {
  readonly #incoming = new Deque<Received>()
  /** Those that wait to be sent, as far as is known; the first has not been looked at since. */
  readonly #queued = new Deque<OutgoingMessage>()
  readonly #flying = new Deque<OutgoingMessage>()
  readonly #counts: { -readonly [K in keyof SessionDatagramStats]: number } = {
    droppedIncoming: 0,
    expiredIncoming: 0,
    expiredOutgoing: 0,
    lostOutgoing: 0,
    droppedOutgoing: 0,
    sent: 0,
    received: 0,
  }
  #settings: DatagramSettings = datagramSettings({})
  #incomingBytes = 0
  #isTold = false
  /** Somebody waits for room. */
  wantsRoom = false

  get settings(): DatagramSettings {
    return this.#settings
  }

  /** Changes lengths and ages; what is too much then, or too old, goes at once. */
  configure(settings: DatagramSettings, now: Time): void {
    this.#settings = settings
    this.#trim(settings.incomingHighWaterMark)
    this.#expire(now)
  }

  /** Fewer than `outgoingHighWaterMark` wait to be sent. */
  get hasRoom(): boolean {
    this.#reap()
    return this.#queued.length < this.#settings.outgoingHighWaterMark
  }

  /** Sends one on the CONNECT stream. @throws RangeError for one that is too large */
  send(stream: RequestStream, payload: Uint8Array, now: Time, maxAge: Duration | undefined): OutgoingMessage {
    const message = stream.sendDatagram(payload, now, maxAge ?? this.#settings.outgoingMaxAge)
    this.#reap()
    this.#queued.push(message)
    this.#counts.sent += 1
    return message
  }

  /**
   * One has come. Where there are too many the oldest is dropped.
   * @param limit of their number, beside that of the settings.
   */
  receive(payload: Uint8Array, now: Time, limit: number): void {
    const most = Math.min(limit, this.#settings.incomingHighWaterMark)
    this.#counts.received += 1
    this.#expire(now)
    this.#incoming.push({ bytes: copyBytes(payload), receivedAt: now })
    this.#incomingBytes += payload.length
    while (this.#incomingBytes > MAX_INCOMING_BYTES && this.#incoming.length > 1) this.#drop()
    this.#trim(most)
  }

  /** Whether there is something that nobody has been told of; from now on somebody has. */
  announce(): boolean {
    if (this.#isTold || this.#incoming.length === 0) return false
    this.#isTold = true
    return true
  }

  /** The oldest that is young enough; `undefined`: there is none. */
  read(now: Time): Uint8Array | undefined {
    this.#expire(now)
    const bytes = this.#take()
    if (bytes === undefined) this.#isTold = false
    return bytes
  }

  stats(now: Time): SessionDatagramStats {
    this.#expire(now)
    this.#reap()
    return { ...this.#counts }
  }

  /** Learns what has become of those that were sent. */
  #reap(): void {
    const queued = this.#queued
    for (let first = queued.peek(); first !== undefined && first.status !== 'queued'; first = queued.peek()) {
      queued.shift()
      if (first.status === 'expired') this.#counts.expiredOutgoing += 1
      else if (first.status === 'dropped') this.#counts.droppedOutgoing += 1
      else this.#flying.push(first)
    }
    const flying = this.#flying
    for (let first = flying.peek(); first !== undefined; first = flying.peek()) {
      if (first.status === 'sent' && flying.length <= MAX_FLYING) break
      if (first.status === 'lost') this.#counts.lostOutgoing += 1
      flying.shift()
    }
  }

  #expire(now: Time): void {
    const { incomingMaxAge } = this.#settings
    if (incomingMaxAge === undefined) return
    for (let first = this.#incoming.peek(); first !== undefined; first = this.#incoming.peek()) {
      if (now - first.receivedAt <= incomingMaxAge) return
      this.#take()
      this.#counts.expiredIncoming += 1
    }
  }

  #trim(length: number): void {
    while (this.#incoming.length > length) this.#drop()
  }

  #drop(): void {
    this.#take()
    this.#counts.droppedIncoming += 1
  }

  #take(): Uint8Array | undefined {
    const datagram = this.#incoming.shift()
    this.#incomingBytes -= datagram?.bytes.length ?? 0
    return datagram?.bytes
  }
}
