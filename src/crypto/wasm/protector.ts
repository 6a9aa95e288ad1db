/** Packet protection by the kernels (RFC 9001 §5.3, §5.4): a batch is one call for each 64 packets. */
import { checkSealable } from '../header-protection.ts'
import { type CipherSuite, type PacketBatch, type PacketProtector, PacketStatus } from '../provider.ts'
import type { ContextOwner, Kernel, WasmEngine } from './engine.ts'
import { AES_CONTEXT, CHACHA_CONTEXT, DESCRIPTOR_COUNT, KEYS } from './layout.ts'

/** Packet protection of one level, direction and generation. */
export class WasmProtector implements PacketProtector, ContextOwner {
  readonly #engine: WasmEngine
  readonly #kernel: Kernel
  readonly #isAes: boolean
  /** Key, header key, IV. */
  readonly #keys: Uint8Array
  readonly #keyLength: number
  #context = 0
  #isDiscarded = false

  /** `key`, `iv` and `headerKey` are copied. */
  constructor(engine: WasmEngine, suite: CipherSuite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.#engine = engine
    this.#isAes = suite.aead !== 'chacha20-poly1305'
    this.#kernel = this.#isAes ? engine.aesGcm : engine.chaCha20Poly1305
    this.#keyLength = suite.keyLength
    this.#keys = new Uint8Array(2 * suite.keyLength + iv.length)
    this.#keys.set(key)
    this.#keys.set(headerKey, suite.keyLength)
    this.#keys.set(iv, 2 * suite.keyLength)
  }

  seal(batch: PacketBatch, from: number, to: number): void {
    const engine = this.#use(batch)
    checkSealable(batch, from, to)
    for (let first = from; first < to; first += DESCRIPTOR_COUNT) {
      const last = Math.min(to, first + DESCRIPTOR_COUNT)
      engine.describe(batch, first, last)
      this.#kernel.seal(this.context(), last - first)
      batch.status.fill(PacketStatus.done, first, last)
    }
  }

  unmask(batch: PacketBatch, from: number, to: number): void {
    const engine = this.#use(batch)
    for (let first = from; first < to; first += DESCRIPTOR_COUNT) {
      const last = Math.min(to, first + DESCRIPTOR_COUNT)
      engine.describe(batch, first, last)
      this.#kernel.unmask(this.context(), last - first)
      engine.readStatuses(batch, first, last)
      engine.readNumbers(batch, first, last)
    }
  }

  open(batch: PacketBatch, from: number, to: number): void {
    const engine = this.#use(batch)
    for (let first = from; first < to; first += DESCRIPTOR_COUNT) {
      const last = Math.min(to, first + DESCRIPTOR_COUNT)
      engine.describe(batch, first, last)
      this.#kernel.open(this.context(), last - first)
      engine.readStatuses(batch, first, last)
    }
  }

  discard(): void {
    if (this.#isDiscarded) return
    this.#isDiscarded = true
    this.#keys.fill(0)
    this.#engine.forget(this, this.#context)
  }

  /** Views of the keys, until they are wiped. */
  keys(): { readonly key: Uint8Array; readonly iv: Uint8Array; readonly headerKey: Uint8Array } {
    const length = this.#keyLength
    const keys = this.#keys
    return {
      key: keys.subarray(0, length),
      iv: keys.subarray(2 * length),
      headerKey: keys.subarray(length, 2 * length),
    }
  }

  expandTo(context: number): void {
    const { bytes } = this.#engine
    const keys = this.#keys
    const length = this.#keyLength
    if (this.#isAes) {
      bytes.set(keys.subarray(2 * length), context + AES_CONTEXT.iv)
      bytes.set(keys.subarray(0, 2 * length), KEYS)
      this.#engine.aesGcm.expand(context, length)
      bytes.fill(0, KEYS, KEYS + 2 * length)
    } else {
      bytes.set(keys.subarray(0, length), context + CHACHA_CONTEXT.key)
      bytes.set(keys.subarray(length, 2 * length), context + CHACHA_CONTEXT.headerKey)
      bytes.set(keys.subarray(2 * length), context + CHACHA_CONTEXT.iv)
    }
  }

  /** The address of the expanded keys, which are made anew if they made room for others. */
  context(): number {
    if (!this.#engine.holds(this, this.#context)) this.#context = this.#engine.expand(this)
    return this.#context
  }

  #use(batch: PacketBatch): WasmEngine {
    const engine = this.#engine
    if (batch.arena !== engine.arena) throw new TypeError('The batch must lie in the arena of the engine')
    // Wiped keys are keys of zeros: nothing must be sealed with them.
    if (this.#isDiscarded) throw new TypeError('The protector was discarded')
    return engine
  }
}
