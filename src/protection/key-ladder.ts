/** The key generations of one direction, each from the secret before it (RFC 9001 §6.1), one of them derived in advance. */
import { NONCE_LENGTH } from '../crypto/packet-nonce.ts'
import type { CipherSuite, PacketEngine, PacketProtector } from '../crypto/provider.ts'
import { deriveFirstGeneration, deriveGeneration, type Generation } from './derive.ts'

/** Makes one protector after the other. */
export class KeyLadder {
  readonly #engine: PacketEngine
  readonly #suite: CipherSuite
  readonly #version: number
  /**
   * The secret that the keys are derived from next, the header key, and key and IV of the generation that {@link prepare} has
   * derived. One array, and no protector: most connections never come to the next generation.
   */
  readonly #material: Uint8Array
  readonly #secretLength: number
  #isPrepared = true

  /** @param secret of the first generation; copied. */
  constructor(engine: PacketEngine, suite: CipherSuite, version: number, secret: Uint8Array) {
    this.#engine = engine
    this.#suite = suite
    this.#version = version
    this.#secretLength = secret.length
    this.#material = new Uint8Array(secret.length + 2 * suite.keyLength + NONCE_LENGTH)
    const { headerKey, ...first } = deriveFirstGeneration(suite, version, secret)
    this.#material.set(headerKey, secret.length)
    headerKey.fill(0)
    this.#keep(first)
  }

  /** Derives the next generation now, so that {@link take} has nothing to derive when a packet asks for it (RFC 9001 §6.3). */
  prepare(): void {
    if (this.#isPrepared) return
    this.#isPrepared = true
    const secret = this.#material.subarray(0, this.#secretLength)
    this.#keep(deriveGeneration(this.#suite, this.#version, secret))
  }

  /** The protector of the next generation, each once; the caller discards it. */
  take(): PacketProtector {
    this.prepare()
    this.#isPrepared = false
    const material = this.#material
    const { keyLength } = this.#suite
    const ivAt = this.#keyAt + keyLength
    const protector = this.#engine.createProtector(
      this.#suite,
      material.subarray(this.#keyAt, ivAt),
      material.subarray(ivAt),
      material.subarray(this.#secretLength, this.#keyAt),
    )
    material.fill(0, this.#keyAt)
    return protector
  }

  /** Wipes secrets and keys that were not taken. */
  discard(): void {
    this.#material.fill(0)
  }

  #keep({ key, iv, next }: Generation): void {
    this.#material.set(key, this.#keyAt)
    this.#material.set(iv, this.#keyAt + key.length)
    this.#material.set(next)
    for (const copied of [key, iv, next]) copied.fill(0)
  }

  /** Where the key of the generation that was derived in advance lies, and behind it the IV. */
  get #keyAt(): number {
    return this.#secretLength + this.#suite.keyLength
  }
}
