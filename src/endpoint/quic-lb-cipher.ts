/**
 * The encryption of QUIC-LB connection ids (draft-ietf-quic-load-balancers §5.4, §5.5) with AES-128-ECB: a single pass where
 * server id and nonce are one block, else a Feistel network of four passes.
 */
import { AesBlock } from '../crypto/noble/aes-block.ts'
import { AesInverse } from '../crypto/noble/aes-inverse.ts'

const BLOCK = 16

/** Encrypts and decrypts server id and nonce of one configuration, in place. */
export class QuicLbCipher {
  readonly #length: number
  readonly #isOdd: boolean
  readonly #half: number
  readonly #aes: AesBlock
  readonly #inverse: AesInverse | undefined
  readonly #words = new Int32Array(BLOCK / 4)
  readonly #block: Uint8Array
  readonly #left: Uint8Array
  readonly #right: Uint8Array

  /**
   * @param key 16 bytes; copied
   * @param length bytes of server id and nonce together
   */
  constructor(key: Uint8Array, length: number) {
    this.#length = length
    this.#isOdd = length % 2 === 1
    this.#half = Math.ceil(length / 2)
    this.#aes = new AesBlock(key)
    this.#inverse = length === BLOCK ? new AesInverse(key) : undefined
    this.#block = new Uint8Array(this.#words.buffer)
    this.#left = new Uint8Array(this.#half)
    this.#right = new Uint8Array(this.#half)
  }

  /** §5.4.1, §5.4.2. */
  encrypt(bytes: Uint8Array): void {
    if (this.#length === BLOCK) {
      this.#block.set(bytes)
      this.#encryptBlock()
      bytes.set(this.#block)
      return
    }
    this.#split(bytes)
    this.#pass(1)
    this.#pass(2)
    this.#pass(3)
    this.#pass(4)
    this.#join(bytes)
  }

  /** §5.5.1, §5.5.2. The server id alone would be known a pass earlier; nonces are of use to tests and people. */
  decrypt(bytes: Uint8Array): void {
    if (this.#inverse !== undefined) return this.#inverse.decrypt(bytes)
    this.#split(bytes)
    this.#pass(4)
    this.#pass(3)
    this.#pass(2)
    this.#pass(1)
    this.#join(bytes)
  }

  /** Two halves; of an odd number of bytes the middle one is shared, four bits each. */
  #split(bytes: Uint8Array): void {
    const half = this.#half
    this.#left.set(bytes.subarray(0, half))
    this.#right.set(bytes.subarray(this.#length - half, this.#length))
    this.#clear()
  }

  #join(bytes: Uint8Array): void {
    const middle = this.#half - 1
    const first = this.#length - this.#half
    bytes.set(this.#right, first)
    for (let i = 0; i < middle; i++) bytes[i] = this.#left[i] ?? 0
    bytes[middle] = (this.#left[middle] ?? 0) | (this.#isOdd ? (this.#right[0] ?? 0) : 0)
  }

  /** Passes 1 and 3 change the right half by the left one, 2 and 4 the left by the right. Each undoes itself. */
  #pass(pass: 1 | 2 | 3 | 4): void {
    const changesRight = pass % 2 === 1
    const source = changesRight ? this.#left : this.#right
    const target = changesRight ? this.#right : this.#left
    const block = this.#block
    block.fill(0)
    block.set(source)
    block[14] = this.#length
    block[15] = pass
    this.#encryptBlock()
    for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) ^ (block[i] ?? 0)
    this.#clear()
  }

  #clear(): void {
    if (!this.#isOdd) return
    const last = this.#half - 1
    this.#left[last] = (this.#left[last] ?? 0) & 0xf0
    this.#right[0] = (this.#right[0] ?? 0) & 0x0f
  }

  #encryptBlock(): void {
    const words = this.#words
    const aes = this.#aes
    aes.encrypt(words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0)
    words[0] = aes.s0
    words[1] = aes.s1
    words[2] = aes.s2
    words[3] = aes.s3
  }
}
