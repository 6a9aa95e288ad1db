/** The portable packet protector: RFC 9001 §5.3 and §5.4 in TypeScript. */
import { ChaCha20Block } from '../chacha20-block.ts'
import {
  checkSealable,
  hasSample,
  payloadStartOf,
  protectHeader,
  SAMPLE_OFFSET,
  TAG_LENGTH,
  unprotectHeader,
} from '../header-protection.ts'
import { PacketNonce } from '../packet-nonce.ts'
import { type CipherSuite, type PacketBatch, type PacketProtector, PacketStatus } from '../provider.ts'
import { AesBlock } from './aes-block.ts'
import { AesGcm } from './aes-gcm.ts'
import { ChaCha20Poly1305 } from './chacha20-poly1305.ts'
import type { InPlaceAead } from './in-place-aead.ts'

/** Makes header masks of one key (RFC 9001 §5.4.3, §5.4.4). */
interface HeaderMask {
  /** The mask that {@link make} made last, from its first byte on. */
  readonly bytes: Uint8Array
  make(view: DataView, sample: number): void
  wipe(): void
}

/** Packet protection of one level, direction and generation. */
export class NobleProtector implements PacketProtector {
  readonly #arena: Uint8Array
  readonly #view: DataView
  readonly #aead: InPlaceAead
  readonly #mask: HeaderMask
  readonly #nonce: PacketNonce
  #isDiscarded = false

  /** `key`, `iv` and `headerKey` are copied. */
  constructor(arena: Uint8Array, suite: CipherSuite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array) {
    this.#arena = arena
    this.#view = new DataView(arena.buffer, arena.byteOffset, arena.byteLength)
    const isChaCha = suite.aead === 'chacha20-poly1305'
    this.#aead = isChaCha ? new ChaCha20Poly1305(key, arena) : new AesGcm(key, arena)
    this.#mask = isChaCha ? new ChaChaMask(headerKey) : new AesMask(headerKey)
    this.#nonce = new PacketNonce(iv)
  }

  seal(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    checkSealable(batch, from, to)
    const mask = this.#mask
    for (let index = from; index < to; index++) {
      const end = batch.end[index] ?? 0
      this.#nonce.set(batch.packetNumber[index] ?? 0)
      this.#aead.seal(batch.start[index] ?? 0, payloadStartOf(batch, index), end, this.#nonce)
      mask.make(this.#view, (batch.numberOffset[index] ?? 0) + SAMPLE_OFFSET)
      protectHeader(batch, index, mask.bytes, 0)
      batch.status[index] = PacketStatus.done
    }
  }

  unmask(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    const mask = this.#mask
    for (let index = from; index < to; index++) {
      if (!hasSample(batch, index)) {
        batch.status[index] = PacketStatus.failed
        continue
      }
      mask.make(this.#view, (batch.numberOffset[index] ?? 0) + SAMPLE_OFFSET)
      unprotectHeader(batch, index, mask.bytes, 0)
    }
  }

  open(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    for (let index = from; index < to; index++) {
      if (batch.status[index] === PacketStatus.failed) continue
      const end = (batch.end[index] ?? 0) - TAG_LENGTH
      this.#nonce.set(batch.packetNumber[index] ?? 0)
      const opened = this.#aead.open(batch.start[index] ?? 0, payloadStartOf(batch, index), end, this.#nonce)
      batch.status[index] = opened ? PacketStatus.done : PacketStatus.failed
    }
  }

  discard(): void {
    this.#isDiscarded = true
    this.#aead.wipe()
    this.#mask.wipe()
    this.#nonce.wipe()
  }

  #check(batch: PacketBatch): void {
    if (batch.arena !== this.#arena) throw new TypeError('The batch must lie in the arena of the engine')
    // Wiped keys are keys of zeros: nothing must be sealed with them.
    if (this.#isDiscarded) throw new TypeError('The protector was discarded')
  }
}

/** AES-ECB of the sample. */
class AesMask implements HeaderMask {
  readonly bytes: Uint8Array = new Uint8Array(16)
  readonly #view: DataView = new DataView(this.bytes.buffer)
  readonly #block: AesBlock

  constructor(key: Uint8Array) {
    this.#block = new AesBlock(key)
  }

  make(view: DataView, sample: number): void {
    const block = this.#block
    block.encrypt(
      view.getInt32(sample, true),
      view.getInt32(sample + 4, true),
      view.getInt32(sample + 8, true),
      view.getInt32(sample + 12, true),
    )
    // Five bytes are used.
    this.#view.setInt32(0, block.s0, true)
    this.#view.setInt32(4, block.s1, true)
  }

  wipe(): void {
    this.#block.wipe()
    this.bytes.fill(0)
  }
}

/** A ChaCha20 block whose counter and nonce are the sample. */
class ChaChaMask implements HeaderMask {
  readonly bytes: Uint8Array
  readonly #block: ChaCha20Block

  constructor(key: Uint8Array) {
    this.#block = new ChaCha20Block(key)
    this.bytes = this.#block.bytes
  }

  make(view: DataView, sample: number): void {
    this.#block.makeFromSample(view, sample)
  }

  wipe(): void {
    this.#block.wipe()
  }
}
