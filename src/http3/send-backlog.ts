/**
 * The sending half of a stream for those who write whole frames: what the stream does not take at once waits here, in order.
 */
import { Deque } from '../base/deque.ts'
import type { SendStream } from '../streams/send-stream.ts'

/** Writes in front of a `SendStream`. */
export class SendBacklog {
  readonly #send: SendStream
  readonly #waiting = new Deque<Uint8Array>()
  #size = 0
  #isFinishing = false

  constructor(send: SendStream) {
    this.#send = send
  }

  /** Whether the stream takes anything at all. */
  get isWritable(): boolean {
    return this.#send.isWritable
  }

  /** Bytes that the stream has not taken. */
  get size(): number {
    return this.#size
  }

  /** Bytes that flow control and the stream would let go now (RFC 9204 §2.1.3). */
  get credit(): number {
    return Math.max(0, Math.min(this.#send.credit, this.#send.writableBytes) - this.#size)
  }

  /** Writes all of `bytes`, which are the backlog's from now on. */
  write(bytes: Uint8Array): void {
    const taken = this.#size === 0 ? this.#send.write(bytes) : 0
    if (taken === bytes.length) return
    this.#waiting.push(bytes.subarray(taken))
    this.#size += bytes.length - taken
  }

  /** Ends the stream behind everything that was written. */
  finish(): void {
    this.#isFinishing = true
    if (this.#size === 0) this.#send.finish()
  }

  /** There is room: writes what waits. Whether that is all. */
  flush(): boolean {
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      const taken = this.#send.write(bytes)
      this.#size -= taken
      if (taken === bytes.length) continue
      this.#waiting.pushFront(bytes.subarray(taken))
      return false
    }
    if (this.#isFinishing) this.#send.finish()
    return true
  }

  /** The stream is given up: nothing of it matters any more. */
  clear(): void {
    this.#waiting.clear()
    this.#size = 0
  }
}
