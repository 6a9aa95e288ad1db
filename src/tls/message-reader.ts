/** Handshake messages out of the bytes of one level, which arrive in order but cut anywhere (RFC 9001 §4.1.3). Bounded. */
import { EMPTY } from '../base/bytes.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { type HandshakeMessage, HEADER_LENGTH, MAX_MESSAGE_LENGTH, maximumLength, messageName } from './message.ts'

/** Collects bytes and yields whole messages. */
export class MessageReader {
  readonly #limit: number
  #buffer: Uint8Array = EMPTY
  #start = 0
  #end = 0

  /** @param limit bytes that may wait here for their message to become whole, or for a suspension to end. */
  constructor(limit: number = MAX_MESSAGE_LENGTH + HEADER_LENGTH) {
    this.#limit = limit
  }

  /** Whether nothing waits here. */
  get isEmpty(): boolean {
    return this.#start === this.#end
  }

  /**
   * Takes the next bytes, which are copied.
   * @throws TlsAlert decode_error when more would wait than the limit.
   */
  append(bytes: Uint8Array): void {
    const waiting = this.#end - this.#start
    if (waiting + bytes.length > this.#limit) {
      throw new TlsAlert(AlertDescription.decodeError, `More than ${this.#limit} bytes of handshake messages wait`)
    }
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(waiting, bytes.length)
    this.#buffer.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /**
   * The next whole message, a copy of its own; `undefined` while there is none.
   * @throws TlsAlert decode_error as soon as a header announces more than its type may have.
   */
  next(): HandshakeMessage | undefined {
    const start = this.#start
    if (this.#end - start < HEADER_LENGTH) return undefined
    const buffer = this.#buffer
    const type = buffer[start] ?? 0
    const length = ((buffer[start + 1] ?? 0) << 16) | ((buffer[start + 2] ?? 0) << 8) | (buffer[start + 3] ?? 0)
    if (length > maximumLength(type)) {
      throw new TlsAlert(AlertDescription.decodeError, `${messageName(type)} announces ${length} bytes`)
    }
    const end = start + HEADER_LENGTH + length
    if (end > this.#end) return undefined
    const bytes = buffer.slice(start, end)
    this.#start = end
    if (this.isEmpty) this.clear()
    return { type, bytes, body: bytes.subarray(HEADER_LENGTH) }
  }

  /** Forgets what waits. */
  clear(): void {
    this.#buffer = EMPTY
    this.#start = 0
    this.#end = 0
  }

  #makeRoom(waiting: number, wanted: number): void {
    const size = waiting + wanted
    // Twice what is needed, so that a message that comes byte by byte is not copied as often.
    const buffer = new Uint8Array(Math.min(2 * size, Math.max(size, this.#limit)))
    buffer.set(this.#buffer.subarray(this.#start, this.#end))
    this.#buffer = buffer
    this.#start = 0
    this.#end = waiting
  }
}
