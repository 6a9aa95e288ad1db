/**
 * A TLS session that can be begun anew: after Version Negotiation a client makes another attempt, which knows nothing of the
 * first (RFC 9368 §2.4, §6).
 */
import type { TlsEvent, TlsLevel, TlsSession } from '../tls/session.ts'

/** One session after the other. */
export class RestartableTls implements TlsSession {
  onProgress: () => void = () => {}
  /** Gone when the handshake is complete, with all that only the making of a session needs. */
  #create: (() => TlsSession) | undefined
  #session: TlsSession

  /** @param create makes a session. */
  constructor(create: () => TlsSession) {
    this.#create = create
    this.#session = this.#begin(create)
  }

  /** Drops the session unless it is complete, and begins another; rings {@link onProgress}. What `create` throws leaves through here. */
  restart(): void {
    if (this.#create === undefined) return
    this.#session.discard()
    this.#session = this.#begin(this.#create)
    this.onProgress()
  }

  receive(level: TlsLevel, bytes: Uint8Array): void {
    this.#session.receive(level, bytes)
  }

  poll(): TlsEvent | undefined {
    const event = this.#session.poll()
    if (event?.type === 'complete') this.#create = undefined
    return event
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#session.exportKeyingMaterial(label, context, length)
  }

  discard(): void {
    this.#session.discard()
  }

  #begin(create: () => TlsSession): TlsSession {
    const session = create()
    // Not assigned as it is written: V8 puts a function that is into old space at once, where it keeps the dead connection alive.
    const onProgress = (): void => {
      if (session === this.#session) this.onProgress()
    }
    session.onProgress = onProgress
    return session
  }
}
