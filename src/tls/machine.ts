/**
 * The machine under every TLS session: it collects the messages of the level that is read, hands them to the state, and waits
 * while a state waits for public-key work. It knows the rules of RFC 9001 §4.1.3 about levels, and no message.
 */
import { Deque } from '../base/deque.ts'
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { type HandshakeContext, wipeEvent } from './context.ts'
import { HEADER_LENGTH, MAX_CERTIFICATE_LENGTH, MAX_MESSAGE_LENGTH } from './message.ts'
import { MessageReader } from './message-reader.ts'
import { type TlsEvent, TlsLevel, type TlsSession } from './session.ts'
import type { State } from './state.ts'

/** Bytes that may wait at the handshake level: the longest Certificate, and what follows it while it is judged. */
const HANDSHAKE_LIMIT = MAX_CERTIFICATE_LENGTH + MAX_MESSAGE_LENGTH + 2 * HEADER_LENGTH

const DO_NOTHING = (): void => undefined

/** A session made of states. */
export class HandshakeMachine implements TlsSession {
  onProgress: () => void = DO_NOTHING
  readonly #context: HandshakeContext
  readonly #events = new Deque<TlsEvent>()
  readonly #initial = new MessageReader()
  readonly #handshake = new MessageReader(HANDSHAKE_LIMIT)
  readonly #application = new MessageReader()
  /** `undefined` before the first state is there, and after the end. */
  #state: State | undefined
  #isSuspended = false
  #isOver = false

  /** @param start leads to the first state; may be under way. */
  constructor(context: HandshakeContext, start: Eventually<State>) {
    this.#context = context
    this.#follow(start)
  }

  receive(level: TlsLevel, bytes: Uint8Array): void {
    if (this.#isOver || bytes.length === 0) return
    try {
      this.#readerFor(level).append(bytes)
      this.#advance()
    } catch (reason) {
      this.#end()
      throw reason
    }
  }

  poll(): TlsEvent | undefined {
    const event = this.#events.shift()
    // Hours may pass until there is another one: the queue gives its memory back.
    if (event === undefined) this.#events.clear()
    return event
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#context.export(label, context, length)
  }

  discard(): void {
    this.#end()
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) wipeEvent(event)
  }

  /** No more input. What was accepted before may still be polled: a peer may have to be told of the end under those keys. */
  #end(): void {
    this.#isOver = true
    this.#isSuspended = false
    this.#state = undefined
    this.#initial.clear()
    this.#handshake.clear()
    this.#application.clear()
    this.#context.wipeAll()
  }

  /** Lets the state have messages until there is none, or until one takes its time. */
  #advance(): void {
    while (this.#state !== undefined && !this.#isSuspended) {
      const message = this.#reader(this.#state.readLevel).next()
      if (message === undefined) return
      this.#follow(this.#state.handle(message))
    }
  }

  /** Goes into the next state, at once or when it is there. */
  #follow(next: Eventually<State>): void {
    if (!isPending(next)) {
      this.#enter(next)
      return
    }
    this.#isSuspended = true
    andThen(
      next,
      (state) => this.#resume(state),
      (reason) => this.#fail(reason),
    )
  }

  /** The message that led here is accepted as a whole. */
  #enter(state: State): void {
    const previous = this.#state
    if (previous !== undefined && previous.readLevel !== state.readLevel && !this.#reader(previous.readLevel).isEmpty) {
      // RFC 9001 §4.1.3, RFC 8446 §5.1: no message may span a change of keys.
      throw new TlsAlert(AlertDescription.unexpectedMessage, 'Handshake bytes are left over before a change of keys', {
        protocolViolation: true,
      })
    }
    this.#state = state
    for (const event of this.#context.takeEvents()) this.#events.push(event)
  }

  #resume(state: State): void {
    if (this.#isOver) {
      // The work outlived the session; what it brought forth is not wanted.
      this.#context.wipeAll()
      return
    }
    this.#isSuspended = false
    try {
      this.#enter(state)
      this.#advance()
    } catch (reason) {
      this.#fail(reason)
      return
    }
    this.onProgress()
  }

  #fail(reason: unknown): void {
    if (this.#isOver) return
    this.#end()
    const alert =
      reason instanceof TlsAlert
        ? reason
        : new TlsAlert(AlertDescription.internalError, 'The handshake failed inside', { cause: reason })
    this.#events.push({ type: 'failed', alert })
    this.onProgress()
  }

  /** The reader for bytes that came at `level`, if they may come now. */
  #readerFor(level: TlsLevel): MessageReader {
    const expected = this.#state?.readLevel ?? TlsLevel.initial
    // While the state is being found, the peer may be at the level that follows.
    const isAllowed = level === expected || (level > expected && this.#isSuspended)
    if (isAllowed && level !== TlsLevel.early) return this.#reader(level)
    throw new TlsAlert(AlertDescription.unexpectedMessage, `Handshake bytes at level ${level}, expected ${expected}`, {
      protocolViolation: true,
    })
  }

  #reader(level: TlsLevel): MessageReader {
    if (level === TlsLevel.initial) return this.#initial
    return level === TlsLevel.handshake ? this.#handshake : this.#application
  }
}
