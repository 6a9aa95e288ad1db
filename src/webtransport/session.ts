/** One session of WebTransport over HTTP/3 (draft-ietf-webtrans-http3), as its application sees it, client or server. */
import { EMPTY } from '../base/bytes.ts'
import type { Duration, Time } from '../base/time.ts'
import { Writer } from '../base/writer.ts'
import type { Field } from '../http3/field.ts'
import type { OutgoingMessage } from '../streams/datagram.ts'
import type { DatagramSettings } from '../streams/datagram-settings.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { MAX_APPLICATION_CODE } from './error-codes.ts'
import type { SessionEnd } from './events.ts'
import type { WebTransportDraft } from './negotiation.ts'
import type { SessionDatagramStats } from './session-datagrams.ts'
import { SessionStateError } from './session-error.ts'
import type { SessionAnswer, SessionRefusal } from './session-fields.ts'
import type { SessionMachine, SessionState } from './session-machine.ts'
import type { SessionStreamTotals } from './session-stream-set.ts'
import type { SessionStream } from './session-streams.ts'

/** Numbers of one session; those of its connection tell the rest. */
export interface SessionStats extends SessionStreamTotals {
  readonly datagrams: SessionDatagramStats
}

const NOTHING: SessionStreamTotals = {
  streamsOpened: 0,
  streamsAccepted: 0,
  bytesWritten: 0,
  bytesSent: 0,
  bytesAcknowledged: 0,
  bytesReceived: 0,
  bytesRead: 0,
}

/** §4.8 gives the lengths of label and context a byte each. */
const MAX_EXPORTER_PART = 255

/** A session: of the application's making on a client, of the client's on a server. */
export class Session {
  readonly #machine: SessionMachine

  /** @internal Made by `WebTransportSessions`. */
  constructor(machine: SessionMachine) {
    this.#machine = machine
  }

  /** Of the CONNECT stream; `undefined`: the request was not sent yet. */
  get id(): number | undefined {
    return this.#machine.id
  }

  get state(): SessionState {
    return this.#machine.state
  }

  /** `undefined`: the request was not sent yet. */
  get draft(): WebTransportDraft | undefined {
    return this.#machine.draft
  }

  get authority(): string {
    return this.#machine.head.authority
  }

  /** With the query. */
  get path(): string {
    return this.#machine.head.path
  }

  get origin(): string | undefined {
    return this.#machine.head.origin
  }

  /** Of the request, without pseudo fields. */
  get fields(): readonly Field[] {
    return this.#machine.head.fields
  }

  /** What the client offers, its preference first. */
  get availableProtocols(): readonly string[] {
    return this.#machine.head.availableProtocols
  }

  /** What was agreed on (§3.3). */
  get protocol(): string | undefined {
    return this.#machine.protocol
  }

  /** Client: of the answer, whatever it was. */
  get responseFields(): readonly Field[] | undefined {
    return this.#machine.responseFields
  }

  /** Of the answer. */
  get status(): number | undefined {
    return this.#machine.status
  }

  /** The other side wants the session to end soon. */
  get isDraining(): boolean {
    return this.#machine.isDraining
  }

  /** Why it is over; `undefined` while it is not. */
  get end(): SessionEnd | undefined {
    return this.#machine.end
  }

  /** Whether what its end has to say has been sent, once at least, or never will be; `false` while it is not over. */
  get isEndSent(): boolean {
    return this.#machine.isEndSent
  }

  /** Whether the CONNECT stream is over on both sides. */
  get isSettled(): boolean {
    return this.#machine.isSettled
  }

  /**
   * Server: opens the session, with a status of 2xx.
   * @throws SessionStateError where it is not pending; SessionClosedError; TypeError for a protocol that was not offered, or
   * fields that must not be sent; RangeError for a status that opens no session, and fields that are more than the client takes
   */
  accept(answer: SessionAnswer, now: Time): void {
    this.#machine.accept(answer, now)
  }

  /**
   * Server: refuses the session, with a status of 3xx to 5xx.
   * @throws SessionStateError where it is not pending; SessionClosedError; TypeError for fields that must not be sent; RangeError
   * for another status
   */
  reject(refusal: SessionRefusal, now: Time): void {
    this.#machine.reject(refusal, now)
  }

  /**
   * Opens a stream. `undefined`: not now, `streams-available` follows. A client may do so before the server has answered (§4).
   * @throws SessionClosedError when it is over; SessionStateError before there is a request, or an acceptance
   */
  openStream(direction: StreamDirection, now: Time): SessionStream | undefined {
    this.#machine.now = now
    return this.#machine.active().open(direction)
  }

  /** Streams that have not ended. */
  streams(): IterableIterator<SessionStream> {
    return this.#machine.streams?.values() ?? [].values()
  }

  /** What its streams belong to for the scheduler, unless they are given another group: a share of the connection. */
  get sendGroup(): object | undefined {
    return this.#machine.streams?.group
  }

  /** How many streams the peer may have open at once; of use only with flow control, and to widen. */
  setIncomingStreams(direction: StreamDirection, count: number): void {
    this.#machine.streams?.setIncoming(direction, count)
  }

  /** Bytes of a datagram that can be sent now; 0: none. */
  get maxDatagramSize(): number {
    return this.#machine.end === undefined ? (this.#machine.connect?.stream.maxDatagramSize ?? 0) : 0
  }

  /**
   * Sends a datagram, once or not at all; `payload` is copied.
   * @param maxAge ms after which it is not worth sending; default: as the settings say.
   * @throws RangeError above {@link maxDatagramSize}; SessionClosedError; SessionStateError before there is a request
   */
  sendDatagram(payload: Uint8Array, now: Time, maxAge?: Duration): OutgoingMessage {
    this.#machine.active()
    const stream = this.#machine.connect?.stream
    if (stream === undefined) throw new SessionStateError(`The session is ${this.state}`)
    return this.#machine.datagrams.send(stream, payload, now, maxAge)
  }

  /** Fewer than `outgoingHighWaterMark` wait to be sent. Where that is not so, one more makes the connection drop its oldest. */
  get hasDatagramRoom(): boolean {
    return this.#machine.hasDatagramRoom
  }

  /** Asks for `datagram-writable` as soon as there is room. */
  wantDatagramRoom(): void {
    this.#machine.datagrams.wantsRoom = true
    this.#machine.onDatagramRoom()
  }

  /** The oldest datagram that is young enough, the caller's; `undefined`: there is none. */
  readDatagram(now: Time): Uint8Array | undefined {
    return this.#machine.datagrams.read(now)
  }

  get datagramSettings(): DatagramSettings {
    return this.#machine.datagrams.settings
  }

  /** Changes lengths and ages; what is too much then, or too old, goes at once. */
  configureDatagrams(settings: DatagramSettings, now: Time): void {
    this.#machine.datagrams.configure(settings, now)
  }

  /** Asks the other side to end the session soon (§4.7). Only an open session can, and once. */
  drain(now: Time): void {
    this.#machine.drain(now)
  }

  /**
   * Ends the session, whatever its state (§6); streams are reset with WT_SESSION_GONE. A reason above 1,024 bytes of UTF-8 is
   * cut. Nothing is waited for, and a second call does nothing.
   * @throws RangeError for a code that is no integer from 0 to 2^32-1
   */
  close(code: number, reason: string, now: Time): void {
    if (!(Number.isInteger(code) && code >= 0 && code <= MAX_APPLICATION_CODE)) {
      throw new RangeError(`code must be an integer from 0 to ${MAX_APPLICATION_CODE}, got ${code}`)
    }
    this.#machine.close(code, reason, now)
  }

  /**
   * Keying material of this session alone (§4.8).
   * @throws RangeError for a label or context above 255 bytes; SessionStateError before there is a request; Error before the
   * handshake is complete
   */
  exportKeyingMaterial(label: Uint8Array, context: Uint8Array | undefined, length: number): Uint8Array {
    const { id } = this
    if (id === undefined) throw new SessionStateError('The session has no id yet')
    const writer = new Writer(64)
    writer.uint32(Math.floor(id / 2 ** 32))
    writer.uint32(id % 2 ** 32)
    for (const [name, part] of [['label', label] as const, ['context', context ?? EMPTY] as const]) {
      if (part.length > MAX_EXPORTER_PART) {
        throw new RangeError(`${name} must have at most ${MAX_EXPORTER_PART} bytes, got ${part.length}`)
      }
      writer.uint8(part.length)
      writer.bytes(part)
    }
    return this.#machine.host.http3.connection.exportKeyingMaterial('EXPORTER-WebTransport', writer.finish(), length)
  }

  /** The numbers of this moment. */
  stats(now: Time): SessionStats {
    return { ...(this.#machine.streams?.totals() ?? NOTHING), datagrams: this.#machine.datagrams.stats(now) }
  }
}
