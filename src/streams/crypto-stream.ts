/**
 * The CRYPTO data of one encryption level, both ways (RFC 9000 §19.6): a stream without id, end or flow control, bounded by
 * what is buffered for TLS (§7.5).
 */
import { EMPTY } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import { type CryptoFrame, FrameType } from '../wire/frame.ts'
import { cryptoPayloadRoom } from '../wire/frame-encode.ts'
import type { FrameOwner, FrameSource, PacketWriter } from '../wire/packet-content.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { PagePool } from './paged-buffer.ts'
import { Reassembler } from './reassembler.ts'
import { SendBuffer } from './send-buffer.ts'

// RFC 9000 §7.5 asks for 4,096 at least; certificate chains and tickets of other stacks are larger.
const DEFAULT_LIMIT = 65_536

/** CRYPTO data of one level. Dropped as a whole when the keys of the level are. */
export class CryptoStream implements FrameSource, FrameOwner<CryptoFrame> {
  readonly #limit: number
  readonly #outgoing: SendBuffer
  readonly #incoming: Reassembler

  /** @param limit bytes of the peer that may wait, in order or not, before TLS has read them. */
  constructor(limit: number = DEFAULT_LIMIT, pages: PagePool = new PagePool()) {
    this.#limit = limit
    this.#outgoing = new SendBuffer(pages)
    this.#incoming = new Reassembler(pages)
  }

  /** Takes a copy of bytes that TLS wants to send. */
  send(bytes: Uint8Array): void {
    this.#outgoing.append(bytes, bytes.length)
  }

  get wantsToSend(): boolean {
    return this.#outgoing.hasLost || this.#outgoing.unsent > 0
  }

  /** Whether the peer has acknowledged all that was sent. */
  get isAcknowledged(): boolean {
    return this.#outgoing.isAcknowledged
  }

  writeFrames(packet: PacketWriter, _now: Time): void {
    const outgoing = this.#outgoing
    while (this.wantsToSend) {
      const again = outgoing.hasLost
      const offset = again ? outgoing.lostStart : outgoing.sent
      const wanted = again ? outgoing.lostLength : outgoing.unsent
      const length = cryptoPayloadRoom(packet.remaining, offset, wanted)
      if (length <= 0) return
      if (again) outgoing.onSentAgain(length)
      else outgoing.onSent(length)
      packet.writePayload({ type: FrameType.crypto, buffer: EMPTY, start: 0, length, offset }, outgoing, this)
    }
  }

  /** Drops everything: the keys of the level are gone. */
  discard(): void {
    this.#outgoing.discard()
    this.#incoming.discard()
  }

  onAcked(frame: CryptoFrame, _now: Time): void {
    this.#outgoing.onAcked(frame.offset, frame.length)
  }

  onLost(frame: CryptoFrame, _now: Time): void {
    this.#outgoing.onLost(frame.offset, frame.length)
  }

  /** Takes in a CRYPTO frame, in any order. @throws TransportError CRYPTO_BUFFER_EXCEEDED (RFC 9000 §7.5) */
  onCrypto(frame: CryptoFrame): void {
    const waiting = frame.offset + frame.length - this.#incoming.readOffset
    if (waiting > this.#limit) {
      throw new TransportError(
        TransportErrorCode.CRYPTO_BUFFER_EXCEEDED,
        `CRYPTO data of ${waiting} bytes would wait, of ${this.#limit} allowed`,
      )
    }
    this.#incoming.insert(frame.offset, frame.buffer, frame.start, frame.length)
  }

  /** The bytes that are next in order, in an array of their own; `undefined` if there are none. */
  read(): Uint8Array | undefined {
    const length = this.#incoming.readableBytes
    if (length === 0) return undefined
    const bytes = new Uint8Array(length)
    this.#incoming.read(bytes)
    return bytes
  }
}
