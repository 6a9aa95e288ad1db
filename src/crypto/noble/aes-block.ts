/**
 * The AES block cipher (FIPS 197), encryption alone, which is all that GCM and header protection need. Tables of 4 KB in place
 * of noble's 580 KB and of its modes that QUIC lacks; times depend on key and data, as they do in noble: an engine for hosts
 * that have nothing better, where ChaCha20 is preferred for that.
 */

/** One key. {@link encrypt} leaves its result in the fields; words are little-endian, as they lie in memory. */
export class AesBlock {
  s0 = 0
  s1 = 0
  s2 = 0
  s3 = 0
  readonly #schedule: Int32Array
  /** A round's substitution and mixing, one table of 256 words for each byte of a word, then the S-box. */
  readonly #tables: Int32Array

  /** @param key 16 or 32 bytes; copied. */
  constructor(key: Uint8Array) {
    tables ??= makeTables()
    this.#tables = tables
    this.#schedule = expandKey(key, tables)
  }

  /** Encrypts the block of the four words. */
  encrypt(w0: number, w1: number, w2: number, w3: number): void {
    const schedule = this.#schedule
    const t = this.#tables
    const last = schedule.length - 4
    let s0 = w0 ^ (schedule[0] ?? 0)
    let s1 = w1 ^ (schedule[1] ?? 0)
    let s2 = w2 ^ (schedule[2] ?? 0)
    let s3 = w3 ^ (schedule[3] ?? 0)
    for (let at = 4; at < last; at += 4) {
      const t0 = mix(t, s0, s1, s2, s3) ^ (schedule[at] ?? 0)
      const t1 = mix(t, s1, s2, s3, s0) ^ (schedule[at + 1] ?? 0)
      const t2 = mix(t, s2, s3, s0, s1) ^ (schedule[at + 2] ?? 0)
      s3 = mix(t, s3, s0, s1, s2) ^ (schedule[at + 3] ?? 0)
      s0 = t0
      s1 = t1
      s2 = t2
    }
    this.s0 = substitute(t, s0, s1, s2, s3) ^ (schedule[last] ?? 0)
    this.s1 = substitute(t, s1, s2, s3, s0) ^ (schedule[last + 1] ?? 0)
    this.s2 = substitute(t, s2, s3, s0, s1) ^ (schedule[last + 2] ?? 0)
    this.s3 = substitute(t, s3, s0, s1, s2) ^ (schedule[last + 3] ?? 0)
  }

  /** Forgets the key. */
  wipe(): void {
    this.#schedule.fill(0)
    this.s0 = this.s1 = this.s2 = this.s3 = 0
  }
}

/** Where the S-box lies behind the four tables. */
const SBOX = 1024

/** Made when the first key is. */
let tables: Int32Array | undefined

/** One word of a round: SubBytes, ShiftRows and MixColumns (FIPS 197 §5.1). */
function mix(t: Int32Array, a: number, b: number, c: number, d: number): number {
  return (
    (t[a & 255] ?? 0) ^
    (t[256 | ((b >>> 8) & 255)] ?? 0) ^
    (t[512 | ((c >>> 16) & 255)] ?? 0) ^
    (t[768 | (d >>> 24)] ?? 0)
  )
}

/** One word of the last round: SubBytes and ShiftRows. */
function substitute(t: Int32Array, a: number, b: number, c: number, d: number): number {
  return (
    (t[SBOX | (a & 255)] ?? 0) |
    ((t[SBOX | ((b >>> 8) & 255)] ?? 0) << 8) |
    ((t[SBOX | ((c >>> 16) & 255)] ?? 0) << 16) |
    ((t[SBOX | (d >>> 24)] ?? 0) << 24)
  )
}

/** FIPS 197 §5.2. */
function expandKey(key: Uint8Array, t: Int32Array): Int32Array {
  const words = key.length / 4
  const schedule = new Int32Array(4 * (words + 7))
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  for (let i = 0, constant = 1; i < schedule.length; i++) {
    if (i < words) {
      schedule[i] = view.getInt32(4 * i, true)
      continue
    }
    let word = schedule[i - 1] ?? 0
    if (i % words === 0) {
      word = rotate(substitute(t, word, word, word, word), 24) ^ constant
      constant = double(constant)
    } else if (i % words === 4 && words > 6) word = substitute(t, word, word, word, word)
    schedule[i] = (schedule[i - words] ?? 0) ^ word
  }
  return schedule
}

/** Walks through the field by a generator and its inverse, so that each byte meets its reciprocal (FIPS 197 §5.1.1). */
function makeTables(): Int32Array {
  const made = new Int32Array(SBOX + 256)
  let byte = 1
  let inverse = 1
  do {
    byte ^= double(byte)
    inverse ^= inverse << 1
    inverse ^= inverse << 2
    inverse = (inverse ^ (inverse << 4)) & 255
    if (inverse >= 128) inverse ^= 0x09
    const spread = inverse * 0x101
    put(made, byte, (inverse ^ (spread >>> 7) ^ (spread >>> 6) ^ (spread >>> 5) ^ (spread >>> 4) ^ 0x63) & 255)
  } while (byte !== 1)
  put(made, 0, 0x63)
  return made
}

function put(into: Int32Array, byte: number, substituted: number): void {
  const twice = double(substituted)
  const word = twice | (substituted << 8) | (substituted << 16) | ((twice ^ substituted) << 24)
  for (let i = 0; i < 4; i++) into[256 * i + byte] = rotate(word, 8 * i)
  into[SBOX + byte] = substituted
}

/** Times x in the field of AES. */
function double(byte: number): number {
  return ((byte << 1) ^ (-(byte >>> 7) & 0x11b)) & 255
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
