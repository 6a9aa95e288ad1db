/**
 * The end of a connection (RFC 9000 §10.2, §10.3): closing, draining, closed, and CONNECTION_CLOSE as it is sent. Why a
 * connection ends is decided elsewhere; the first reason stays.
 */
import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'
import { type ApplicationCloseFrame, FrameType, type TransportCloseFrame } from '../wire/frame.ts'
import { frameSize } from '../wire/frame-encode.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import type { CloseReason, ConnectionEvent } from './events.ts'

/** How far the end has come. Only `open` carries data; only `closing` repeats itself; `closed` has no state left. */
export type ClosingState = 'open' | 'closing' | 'draining' | 'closed'

type CloseFrame = TransportCloseFrame | ApplicationCloseFrame

/** What a {@link Closing} needs. */
export interface ClosingOptions {
  emit(event: ConnectionEvent): void
}

/** RFC 9000 §10.2: closing and draining last so many PTOs. */
const CLOSING_PTOS = 3

/** Bytes of a reason phrase, so that CONNECTION_CLOSE fits into any packet with room for anything. */
const MAX_REASON_LENGTH = 512

/** The end of one connection. */
export class Closing implements FrameSource, FrameOwner<CloseFrame> {
  readonly #options: ClosingOptions
  #state: ClosingState = 'open'
  #reason: CloseReason | undefined = undefined
  #endsAt: Time = NEVER
  #isDue = false
  /** While draining: the packet type in which the peer's CONNECTION_CLOSE is answered. */
  #replyType: ProtectedPacketType | undefined = undefined
  #received = 0
  #answerAt = 1

  constructor(options: ClosingOptions) {
    this.#options = options
  }

  /** How far the end has come. */
  get state(): ClosingState {
    return this.#state
  }

  /** Whether the connection may still send and receive data. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Why the connection ended. */
  get reason(): CloseReason | undefined {
    return this.#reason
  }

  /** Ends the connection from our side with CONNECTION_CLOSE. Only the first call counts. */
  begin(reason: CloseReason, now: Time, pto: Duration): void {
    if (this.#state !== 'open') return
    this.#leaveOpen('closing', reason, now, pto)
    this.#isDue = true
  }

  /**
   * The peer has ended the connection. It is answered with a single packet of the same type, so that the peer knows
   * (RFC 9000 §10.2.2); while closing, the peer's frame is answer enough.
   */
  onConnectionClose(frame: CloseFrame, type: ProtectedPacketType, now: Time, pto: Duration): void {
    if (this.#state === 'open') {
      this.#leaveOpen('draining', remoteReason(frame), now, pto)
      this.#isDue = true
      this.#replyType = type
    } else if (this.#state === 'closing') {
      // RFC 9000 §10.2.2: the end stays where it was.
      this.#drain()
    }
  }

  /** The peer has lost the connection's state: nothing is sent any more (RFC 9000 §10.3.1). */
  onStatelessReset(now: Time, pto: Duration): void {
    if (this.#state === 'open') this.#leaveOpen('draining', { kind: 'stateless-reset' }, now, pto)
    else if (this.#state === 'closing') this.#drain()
  }

  /** Ends the connection at once and in silence: idle timeout, Version Negotiation, a carrier that is gone. */
  end(reason: CloseReason): void {
    if (this.#state === 'closed') return
    if (this.#state === 'open') {
      this.#reason = reason
      this.#options.emit({ type: 'closing', reason })
    }
    this.#finish()
  }

  /**
   * A packet came while closing. The first, second, fourth, eighth … is answered (RFC 9000 §10.2.1); those that come
   * before an answer has left are answered by it, and do not count.
   */
  onPacketReceived(): void {
    if (this.#state !== 'closing' || this.#isDue) return
    this.#received += 1
    if (this.#received < this.#answerAt) return
    this.#answerAt *= 2
    this.#isDue = true
  }

  /** Whether CONNECTION_CLOSE is to be sent now. */
  get wantsToSend(): boolean {
    return this.#isDue
  }

  /**
   * Whether packets of this type are to carry it: 1-RTT alone once the handshake is confirmed, before that every type
   * that there are keys for, since the peer may lack the higher ones (RFC 9000 §10.2.3).
   */
  isFor(type: ProtectedPacketType, handshakeConfirmed: boolean): boolean {
    if (this.#state === 'closed' || type === PacketType.zeroRtt) return false
    if (this.#replyType !== undefined) return type === this.#replyType
    return type === PacketType.oneRtt || !handshakeConfirmed
  }

  writeFrames(packet: PacketWriter): void {
    const frame = this.#frameFor(packet.type)
    const reason = truncate(frame.reason, packet.remaining - frameSize({ ...frame, reason: '' }) - 1)
    packet.write({ ...frame, reason }, this)
  }

  /** The datagram with CONNECTION_CLOSE was built, or cannot be built for want of keys: the next packet received may ask for another. */
  onSent(): void {
    this.#isDue = false
  }

  /** CONNECTION_CLOSE elicits no acknowledgement (RFC 9002 §2). */
  onAcked(): void {}

  /** It is repeated in answer to packets, not on loss (RFC 9000 §13.3). */
  onLost(): void {}

  /** When {@link onTimeout} wants to be called. */
  nextTimeout(): Time {
    return this.#endsAt
  }

  /** Three PTOs after the beginning all state goes. */
  onTimeout(now: Time): void {
    if (now >= this.#endsAt) this.#finish()
  }

  #leaveOpen(state: 'closing' | 'draining', reason: CloseReason, now: Time, pto: Duration): void {
    this.#state = state
    this.#reason = reason
    this.#endsAt = now + CLOSING_PTOS * pto
    this.#options.emit({ type: 'closing', reason })
    if (state === 'draining') this.#options.emit({ type: 'draining' })
  }

  #drain(): void {
    this.#state = 'draining'
    this.#isDue = false
    this.#options.emit({ type: 'draining' })
  }

  #finish(): void {
    this.#state = 'closed'
    this.#isDue = false
    this.#endsAt = NEVER
    if (this.#reason !== undefined) this.#options.emit({ type: 'closed', reason: this.#reason })
  }

  #frameFor(type: ProtectedPacketType): CloseFrame {
    const reason = this.#reason
    if (this.#replyType === undefined && reason?.kind === 'transport') {
      const { code, frameType } = reason
      return { type: FrameType.connectionCloseTransport, errorCode: code, frameType, reason: reason.reason }
    }
    if (this.#replyType === undefined && reason?.kind === 'application') {
      return type === PacketType.oneRtt
        ? { type: FrameType.connectionCloseApplication, errorCode: reason.code, reason: reason.reason }
        : // RFC 9000 §10.2.3: the application's code and words are not for packets that anybody can read.
          transportClose(TransportErrorCode.APPLICATION_ERROR, '')
    }
    return transportClose(TransportErrorCode.NO_ERROR, reason?.kind === 'handshake-timeout' ? 'handshake timeout' : '')
  }
}

function transportClose(errorCode: bigint, reason: string): TransportCloseFrame {
  return { type: FrameType.connectionCloseTransport, errorCode, frameType: 0n, reason }
}

function remoteReason(frame: CloseFrame): CloseReason {
  const { errorCode: code, reason } = frame
  return frame.type === FrameType.connectionCloseTransport
    ? { kind: 'transport', side: 'remote', code, frameType: frame.frameType, reason }
    : { kind: 'application', side: 'remote', code, reason }
}

/** As much of `text` as fits into `room` bytes of UTF-8 with a length of one byte more than an empty text has. */
function truncate(text: string, room: number): string {
  const bytes = encodeUtf8(text)
  const most = Math.max(0, Math.min(room, MAX_REASON_LENGTH))
  if (bytes.length <= most) return text
  let end = most
  // Not within a character: its later bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return decodeUtf8(bytes.subarray(0, end))
}
