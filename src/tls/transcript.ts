/** The transcript hash: every handshake message so far, headers included, in order (RFC 8446 §4.4.1). */
import { concat, EMPTY } from '../base/bytes.ts'
import { type IncrementalHash, incrementalHash } from '../crypto/hkdf.ts'
import type { HashName } from '../crypto/provider.ts'
import { HandshakeType } from './code-points.ts'

/** Collects messages, and hashes them from the moment on when the suite has decided on the hash. */
export class Transcript {
  #early: Uint8Array = EMPTY
  #name: HashName | undefined
  #hash: IncrementalHash | undefined

  /** Appends a whole message. */
  add(message: Uint8Array): void {
    if (this.#hash === undefined) this.#early = concat(this.#early, message)
    else this.#hash.update(message)
  }

  /** Decides on the hash. Later calls change nothing: a retry keeps its suite (RFC 8446 §4.1.4). */
  begin(name: HashName): void {
    if (this.#hash !== undefined) return
    this.#name = name
    this.#hash = incrementalHash(name)
    this.#hash.update(this.#early)
    this.#early = EMPTY
  }

  /** Replaces the first ClientHello by its hash, before a HelloRetryRequest is added (RFC 8446 §4.4.1). */
  foldForRetry(): void {
    const digest = this.digest()
    this.#hash = this.#name === undefined ? undefined : incrementalHash(this.#name)
    this.#hash?.update(Uint8Array.of(HandshakeType.messageHash, 0, 0, digest.length))
    this.#hash?.update(digest)
  }

  /**
   * The hash of everything so far and `more` behind it, which is not added: what a PSK binder covers (RFC 8446 §4.2.11.2).
   * @param name the hash, which must be the one decided on, if there is one.
   */
  digestWith(name: HashName, more: Uint8Array): Uint8Array {
    const hash = this.#hash?.clone() ?? incrementalHash(name)
    if (this.#hash === undefined) hash.update(this.#early)
    hash.update(more)
    return hash.digest()
  }

  /** The hash of everything so far. @throws Error before `begin`. */
  digest(): Uint8Array {
    if (this.#hash === undefined) throw new Error('The transcript has no hash yet')
    return this.#hash.digest()
  }
}
