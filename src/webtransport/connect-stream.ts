/**
 * The CONNECT stream of a session (draft-ietf-webtrans-http3 §2.2): capsules out, in their order and as there is room, and
 * capsules in. Its end is the session's business.
 */
import { Deque } from '../base/deque.ts'
import type { RequestStream } from '../http3/request-stream.ts'
import { StreamClosedError } from '../streams/stream-error.ts'
import { CapsuleReader, type CapsuleSink } from './capsules.ts'

/** Bytes that are read at a time. */
const CHUNK = 4096

/** Capsules that may wait to be made. A peer that takes none makes no more of them wait than there are limits to tell. */
const MAX_WAITING = 64

/** The capsules of one CONNECT stream, both ways. */
export class ConnectStream {
  readonly stream: RequestStream
  readonly #reader: CapsuleReader
  /** Made when their turn comes, since some tell a limit, and the newest is wanted then. */
  readonly #waiting = new Deque<() => Uint8Array | undefined>()
  /** What is left of the capsule under way. */
  #current: Uint8Array | undefined
  #isFinishing = false

  constructor(stream: RequestStream, sink: CapsuleSink) {
    this.stream = stream
    this.#reader = new CapsuleReader(sink)
  }

  /** Sends a capsule behind those that wait; one that is `undefined` when its turn comes is left out. */
  send(capsule: () => Uint8Array | undefined): void {
    if (this.#isFinishing || this.#waiting.length >= MAX_WAITING) return
    this.#waiting.push(capsule)
    this.flush()
  }

  /** Sends a last capsule, and the end. Of those that wait only what has begun goes before it. */
  finish(capsule?: Uint8Array): void {
    if (this.#isFinishing) return
    this.#isFinishing = true
    this.#waiting.clear()
    if (capsule !== undefined) this.#waiting.push(() => capsule)
    this.flush()
  }

  /** Writes what there is room for. */
  flush(): void {
    const { stream } = this
    if (!stream.isWritable) return
    try {
      for (;;) {
        this.#current ??= this.#next()
        if (this.#current === undefined) break
        const taken = stream.writeBody(this.#current)
        const rest = this.#current.subarray(taken)
        this.#current = rest.length === 0 ? undefined : rest
        if (this.#current !== undefined) return
      }
      if (this.#isFinishing) stream.finish()
    } catch (error) {
      // It has ended meanwhile, which its own event tells.
      if (!(error instanceof StreamClosedError)) throw error
    }
  }

  #next(): Uint8Array | undefined {
    for (let make = this.#waiting.shift(); make !== undefined; make = this.#waiting.shift()) {
      const capsule = make()
      if (capsule !== undefined) return capsule
    }
    return undefined
  }

  /**
   * Takes in what has come; whether that was the end.
   * @throws Http3Error for what is no sequence of capsules, and what the sink throws
   */
  receive(): boolean {
    const chunk = new Uint8Array(CHUNK)
    try {
      for (;;) {
        const length = this.stream.readBody(chunk)
        if (length === 0) return false
        if (length < 0) break
        this.#reader.receive(chunk.subarray(0, length))
      }
    } catch (error) {
      if (error instanceof StreamClosedError) return false
      throw error
    }
    this.#reader.finish()
    return true
  }

  /** Throws away what has come; whether that was the end. */
  discard(): boolean {
    const chunk = new Uint8Array(CHUNK)
    try {
      for (;;) {
        const length = this.stream.readBody(chunk)
        if (length <= 0) return length < 0
      }
    } catch (error) {
      if (!(error instanceof StreamClosedError)) throw error
      return true
    }
  }
}
