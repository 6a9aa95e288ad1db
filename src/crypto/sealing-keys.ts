/**
 * Seals what we hand out and want back unread and unchanged: address tokens, session tickets. XChaCha20-Poly1305 has nonces
 * long enough to be drawn at random, so nothing need be remembered of what is out.
 *
 * Layout: kind (1 byte), key id (1), nonce (24), sealed bytes with their tag (16); kind and key id are authenticated.
 */
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { concat, encodeUtf8 } from '../base/bytes.ts'
import { type RandomSource, randomBytes } from '../base/random.ts'
import { hmac } from './hkdf.ts'

interface SealingKey {
  readonly id: number
  readonly key: Uint8Array
}

const NONCE_LENGTH = 24
const HEADER_LENGTH = 2
const TAG_LENGTH = 16
const MIN_KEY_LENGTH = 32

/** A key in use and the one before it. */
export class SealingKeys {
  readonly #purpose: string
  readonly #random: RandomSource
  #current: SealingKey
  #previous: SealingKey | undefined = undefined

  /**
   * @param purpose keeps what is sealed for one purpose from being opened for another, under the same key.
   * @param key at least 32 bytes, secret; not kept.
   * @throws RangeError when the key is shorter.
   */
  constructor(purpose: string, key: Uint8Array, random: RandomSource) {
    this.#purpose = purpose
    this.#random = random
    this.#current = deriveKey(purpose, key)
  }

  /** Bytes in front of what is sealed: kind, key id, nonce. The nonce identifies what was sealed. */
  static readonly overhead: number = HEADER_LENGTH + NONCE_LENGTH

  /** Seals with `key` from now on. What was sealed with the key before can still be opened, older things cannot. */
  rotate(key: Uint8Array): void {
    const next = deriveKey(this.#purpose, key)
    this.#previous = this.#current
    this.#current = next
  }

  /** @param kind 0 to 255, readable in the first byte. */
  seal(kind: number, plaintext: Uint8Array): Uint8Array {
    const header = Uint8Array.of(kind, this.#current.id)
    const nonce = randomBytes(this.#random, NONCE_LENGTH)
    return concat(header, nonce, xchacha20poly1305(this.#current.key, nonce, header).encrypt(plaintext))
  }

  /** What was sealed; `undefined` if it was not by one of our keys. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const sealedAt = HEADER_LENGTH + NONCE_LENGTH
    if (sealed.length < sealedAt + TAG_LENGTH) return undefined
    const header = sealed.subarray(0, HEADER_LENGTH)
    const nonce = sealed.subarray(HEADER_LENGTH, sealedAt)
    for (const key of [this.#current, this.#previous]) {
      if (key === undefined || key.id !== header[1]) continue
      try {
        return xchacha20poly1305(key.key, nonce, header).decrypt(sealed.subarray(sealedAt))
      } catch {
        // A wrong tag is what forgeries have; there is no other error to expect.
      }
    }
    return undefined
  }
}

/** The AEAD key, and a byte by which what is sealed finds it, both from the key that was given. */
function deriveKey(purpose: string, key: Uint8Array): SealingKey {
  if (key.length < MIN_KEY_LENGTH) {
    throw new RangeError(`The key of ${purpose}s must have at least ${MIN_KEY_LENGTH} bytes, got ${key.length}`)
  }
  const id = hmac('sha256', key, encodeUtf8(`isoquic ${purpose} key id`))[0] ?? 0
  return { id, key: hmac('sha256', key, encodeUtf8(`isoquic ${purpose}`)) }
}
