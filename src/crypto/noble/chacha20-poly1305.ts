/** ChaCha20-Poly1305 (RFC 8439 §2.8) in place over an arena. */
import { ChaCha20Block } from '../chacha20-block.ts'
import type { PacketNonce } from '../packet-nonce.ts'
import type { InPlaceAead } from './in-place-aead.ts'
import { Poly1305 } from './poly1305.ts'

/** One ChaCha20 key over one arena. */
export class ChaCha20Poly1305 implements InPlaceAead {
  readonly #view: DataView
  readonly #block: ChaCha20Block
  readonly #authenticator = new Poly1305()

  /** @param key 32 bytes; copied. */
  constructor(key: Uint8Array, arena: Uint8Array) {
    this.#view = new DataView(arena.buffer, arena.byteOffset, arena.byteLength)
    this.#block = new ChaCha20Block(key)
  }

  seal(header: number, start: number, end: number, nonce: PacketNonce): void {
    this.#crypt(start, end, nonce)
    const tag = this.#tagOf(header, start, end, nonce)
    for (let i = 0; i < 4; i++) this.#view.setInt32(end + 4 * i, tag[i] ?? 0, true)
  }

  open(header: number, start: number, end: number, nonce: PacketNonce): boolean {
    const tag = this.#tagOf(header, start, end, nonce)
    // All words are compared, whichever differs, so that time tells nothing of the tag.
    let difference = 0
    for (let i = 0; i < 4; i++) difference |= (tag[i] ?? 0) ^ this.#view.getInt32(end + 4 * i, true)
    if (difference !== 0) return false
    this.#crypt(start, end, nonce)
    return true
  }

  wipe(): void {
    this.#block.wipe()
    this.#authenticator.wipe()
  }

  /** The tag of header and ciphertext, valid until the next. */
  #tagOf(header: number, start: number, end: number, nonce: PacketNonce): Int32Array {
    const authenticator = this.#authenticator
    // The one-time key is the first half of block 0 (RFC 8439 §2.6).
    this.#block.make(0, nonce.word0, nonce.word1, nonce.word2)
    authenticator.begin(this.#block.words)
    authenticator.update(this.#view, header, start)
    authenticator.update(this.#view, start, end)
    authenticator.finish(start - header, end - start)
    return authenticator.tag
  }

  /** XORs the key stream, from block 1 on, into the payload. */
  #crypt(start: number, end: number, nonce: PacketNonce): void {
    const view = this.#view
    const block = this.#block
    const { words } = block
    let counter = 1
    let at = start
    for (; at + 64 <= end; at += 64) {
      block.make(counter++, nonce.word0, nonce.word1, nonce.word2)
      for (let i = 0; i < 16; i++) view.setInt32(at + 4 * i, view.getInt32(at + 4 * i, true) ^ (words[i] ?? 0), true)
    }
    if (at === end) return
    block.make(counter, nonce.word0, nonce.word1, nonce.word2)
    for (let i = 0; at < end; at++, i++) {
      view.setUint8(at, view.getUint8(at) ^ ((words[i >> 2] ?? 0) >>> (8 * (i & 3))))
    }
  }
}
