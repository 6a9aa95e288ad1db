/** The key generations of one direction, each from the secret before it (RFC 9001 §6.1), some of them made in advance. */
import type { CipherSuite, PacketEngine, PacketProtector } from '../crypto/provider.ts'
import { deriveHeaderKey, deriveNextSecret, deriveProtector } from './derive.ts'

/** Makes one protector after the other. */
export class KeyLadder {
  readonly #engine: PacketEngine
  readonly #suite: CipherSuite
  readonly #version: number
  readonly #headerKey: Uint8Array
  /** That of the generation which is made next. */
  #secret: Uint8Array
  #prepared: PacketProtector | undefined = undefined

  /** @param secret of the first generation; copied. */
  constructor(engine: PacketEngine, suite: CipherSuite, version: number, secret: Uint8Array) {
    this.#engine = engine
    this.#suite = suite
    this.#version = version
    this.#secret = secret.slice()
    this.#headerKey = deriveHeaderKey(suite, version, secret)
  }

  /** Makes the next generation now, so that {@link take} has nothing to compute when a packet asks for it (RFC 9001 §6.3). */
  prepare(): void {
    this.#prepared ??= this.#make()
  }

  /** The protector of the next generation, each once; the caller discards it. */
  take(): PacketProtector {
    const protector = this.#prepared ?? this.#make()
    this.#prepared = undefined
    return protector
  }

  /** Wipes secrets and keys that were not taken. */
  discard(): void {
    this.#prepared?.discard()
    this.#prepared = undefined
    this.#secret.fill(0)
    this.#headerKey.fill(0)
  }

  #make(): PacketProtector {
    const protector = deriveProtector(this.#engine, this.#suite, this.#version, this.#secret, this.#headerKey)
    const next = deriveNextSecret(this.#suite, this.#version, this.#secret)
    this.#secret.fill(0)
    this.#secret = next
    return protector
  }
}
