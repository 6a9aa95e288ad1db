/**
 * A TLS session that can be begun anew: after Version Negotiation a client makes another attempt, which knows nothing of the
 * first (RFC 9368 §2.4, §6).
 */
import type { TlsEvent, TlsLevel, TlsSession } from '../tls/session.ts'

/** One session after the other. */
export class RestartableTls implements TlsSession {
  onProgress: () => void = () => {}
  readonly #create: () => TlsSession
  #session: TlsSession

  /** @param create makes a session. */
  constructor(create: () => TlsSession) {
    this.#create = create
    this.#session = this.#begin()
  }

  /** Drops the session, and begins another; rings {@link onProgress}. What `create` throws leaves through here. */
  restart(): void {
    this.#session.discard()
    this.#session = this.#begin()
    this.onProgress()
  }

  receive(level: TlsLevel, bytes: Uint8Array): void {
    this.#session.receive(level, bytes)
  }

  poll(): TlsEvent | undefined {
    return this.#session.poll()
  }

  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array {
    return this.#session.exportKeyingMaterial(label, context, length)
  }

  discard(): void {
    this.#session.discard()
  }

  #begin(): TlsSession {
    const session = this.#create()
    // Not assigned as it is written: V8 puts a function that is into old space at once, where it keeps the dead connection alive.
    const onProgress = (): void => {
      if (session === this.#session) this.onProgress()
    }
    session.onProgress = onProgress
    return session
  }
}
