/**
 * AES-128 decryption of single blocks (FIPS 197 §5.3): what no cipher of QUIC needs, and a router of QUIC-LB does, whose ids
 * of 16 bytes are one block. Plain bytes, no tables of words: a block takes microseconds.
 */

const ROUNDS = 10
const BLOCK = 16

/** Decrypts blocks under one key. Times depend on key and data. */
export class AesInverse {
  readonly #roundKeys: Uint8Array
  readonly #tables: Tables
  readonly #state = new Uint8Array(BLOCK)
  readonly #mixed = new Uint8Array(BLOCK)

  /** @param key 16 bytes; copied */
  constructor(key: Uint8Array) {
    tables ??= makeTables()
    this.#tables = tables
    this.#roundKeys = expandKey(key, tables.sbox)
  }

  /** Decrypts the 16 bytes of `block` in place. */
  decrypt(block: Uint8Array): void {
    const state = this.#state
    const mixed = this.#mixed
    state.set(block.subarray(0, BLOCK))
    this.#addRoundKey(state, ROUNDS)
    for (let round = ROUNDS - 1; round >= 0; round--) {
      this.#unshiftAndSubstitute(state, mixed)
      this.#addRoundKey(mixed, round)
      if (round > 0) this.#unmix(mixed, state)
    }
    block.set(mixed)
  }

  #addRoundKey(state: Uint8Array, round: number): void {
    for (let i = 0; i < BLOCK; i++) state[i] = (state[i] ?? 0) ^ (this.#roundKeys[round * BLOCK + i] ?? 0)
  }

  /** InvShiftRows and InvSubBytes: byte `row` of column `column` comes from `row` columns to the left. */
  #unshiftAndSubstitute(from: Uint8Array, to: Uint8Array): void {
    const { inverse } = this.#tables
    for (let column = 0; column < 4; column++) {
      for (let row = 0; row < 4; row++) {
        const source = from[4 * ((column - row + 4) & 3) + row] ?? 0
        to[4 * column + row] = inverse[source] ?? 0
      }
    }
  }

  /** InvMixColumns (§5.3.3). */
  #unmix(from: Uint8Array, to: Uint8Array): void {
    for (let at = 0; at < BLOCK; at += 4) {
      for (let row = 0; row < 4; row++) {
        to[at + row] =
          multiply(from[at + row] ?? 0, 0x0e) ^
          multiply(from[at + ((row + 1) & 3)] ?? 0, 0x0b) ^
          multiply(from[at + ((row + 2) & 3)] ?? 0, 0x0d) ^
          multiply(from[at + ((row + 3) & 3)] ?? 0, 0x09)
      }
    }
  }
}

interface Tables {
  readonly sbox: Uint8Array
  readonly inverse: Uint8Array
}

/** Made when the first key is. */
let tables: Tables | undefined

/** Multiplication in GF(2^8) (§4.2). */
function multiply(a: number, b: number): number {
  let product = 0
  for (let x = a, y = b; y > 0; y >>= 1) {
    if ((y & 1) !== 0) product ^= x
    x = ((x << 1) ^ ((x & 0x80) === 0 ? 0 : 0x11b)) & 0xff
  }
  return product
}

/** §5.1.1: the multiplicative inverse, found by walking the powers of 3, and an affine map. */
function makeTables(): Tables {
  const sbox = new Uint8Array(256)
  const inverse = new Uint8Array(256)
  const powers = new Uint8Array(255)
  for (let i = 0, power = 1; i < 255; i++, power = multiply(power, 3)) powers[i] = power
  sbox[0] = 0x63
  for (let i = 0; i < 255; i++) {
    const q = powers[(255 - i) % 255] ?? 0
    const rotated = q ^ rotate(q, 1) ^ rotate(q, 2) ^ rotate(q, 3) ^ rotate(q, 4)
    sbox[powers[i] ?? 0] = rotated ^ 0x63
  }
  for (let i = 0; i < 256; i++) inverse[sbox[i] ?? 0] = i
  return { sbox, inverse }
}

function rotate(byte: number, by: number): number {
  return ((byte << by) | (byte >> (8 - by))) & 0xff
}

/** §5.2. */
function expandKey(key: Uint8Array, sbox: Uint8Array): Uint8Array {
  const words = new Uint8Array(BLOCK * (ROUNDS + 1))
  words.set(key.subarray(0, BLOCK))
  for (let at = BLOCK, constant = 1; at < words.length; at += 4) {
    const isFirst = at % BLOCK === 0
    for (let i = 0; i < 4; i++) {
      const before = words[at - 4 + (isFirst ? (i + 1) & 3 : i)] ?? 0
      const value = isFirst ? (sbox[before] ?? 0) ^ (i === 0 ? constant : 0) : before
      words[at + i] = (words[at - BLOCK + i] ?? 0) ^ value
    }
    if (isFirst) constant = multiply(constant, 2)
  }
  return words
}
