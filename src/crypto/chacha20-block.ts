/**
 * The ChaCha20 block function (RFC 8439 §2.3): header masks (RFC 9001 §5.4.4), one-time keys, and the key stream.
 * The counter of a header mask is any 32-bit value, so it wraps where a stream cipher would refuse.
 */

/** `expand 32-byte k`, RFC 8439 §2.3. */
const CONSTANT_0 = 0x61707865
const CONSTANT_1 = 0x3320646e
const CONSTANT_2 = 0x79622d32
const CONSTANT_3 = 0x6b206574

/** One key, ready to make blocks. */
export class ChaCha20Block {
  /** The last block of {@link makeFromSample}, little-endian; overwritten by the next. */
  readonly bytes: Uint8Array = new Uint8Array(64)
  /** The words of the last block made; overwritten by the next. */
  readonly words: Int32Array = new Int32Array(16)
  readonly #view: DataView = new DataView(this.bytes.buffer)
  readonly #input = new Int32Array(16)

  /** @param key 32 bytes; copied. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
    this.#input[0] = CONSTANT_0
    this.#input[1] = CONSTANT_1
    this.#input[2] = CONSTANT_2
    this.#input[3] = CONSTANT_3
    for (let i = 0; i < 8; i++) this.#input[4 + i] = view.getInt32(4 * i, true)
  }

  /** Makes the block of a 32-bit counter and a nonce, given as little-endian words. */
  make(counter: number, nonce0: number, nonce1: number, nonce2: number): void {
    const input = this.#input
    input[12] = counter
    input[13] = nonce0
    input[14] = nonce1
    input[15] = nonce2
    permute(input, this.words)
  }

  /** Makes the block whose counter and nonce are the 16 bytes of `view` at `at` (RFC 9001 §5.4.4). */
  makeFromSample(view: DataView, at: number): void {
    this.make(
      view.getInt32(at, true),
      view.getInt32(at + 4, true),
      view.getInt32(at + 8, true),
      view.getInt32(at + 12, true),
    )
    for (let i = 0; i < 16; i++) this.#view.setInt32(4 * i, this.words[i] ?? 0, true)
  }

  /** Forgets the key. */
  wipe(): void {
    this.#input.fill(0)
    this.words.fill(0)
    this.bytes.fill(0)
  }
}

/** Twenty rounds over `input`, and `input` added, into `output`. Written out, since words in variables are words in registers. */
function permute(input: Int32Array, output: Int32Array): void {
  let x0 = input[0] ?? 0
  let x1 = input[1] ?? 0
  let x2 = input[2] ?? 0
  let x3 = input[3] ?? 0
  let x4 = input[4] ?? 0
  let x5 = input[5] ?? 0
  let x6 = input[6] ?? 0
  let x7 = input[7] ?? 0
  let x8 = input[8] ?? 0
  let x9 = input[9] ?? 0
  let x10 = input[10] ?? 0
  let x11 = input[11] ?? 0
  let x12 = input[12] ?? 0
  let x13 = input[13] ?? 0
  let x14 = input[14] ?? 0
  let x15 = input[15] ?? 0
  for (let round = 0; round < 20; round += 2) {
    x0 = (x0 + x4) | 0
    x12 = rotate(x12 ^ x0, 16)
    x8 = (x8 + x12) | 0
    x4 = rotate(x4 ^ x8, 12)
    x0 = (x0 + x4) | 0
    x12 = rotate(x12 ^ x0, 8)
    x8 = (x8 + x12) | 0
    x4 = rotate(x4 ^ x8, 7)
    x1 = (x1 + x5) | 0
    x13 = rotate(x13 ^ x1, 16)
    x9 = (x9 + x13) | 0
    x5 = rotate(x5 ^ x9, 12)
    x1 = (x1 + x5) | 0
    x13 = rotate(x13 ^ x1, 8)
    x9 = (x9 + x13) | 0
    x5 = rotate(x5 ^ x9, 7)
    x2 = (x2 + x6) | 0
    x14 = rotate(x14 ^ x2, 16)
    x10 = (x10 + x14) | 0
    x6 = rotate(x6 ^ x10, 12)
    x2 = (x2 + x6) | 0
    x14 = rotate(x14 ^ x2, 8)
    x10 = (x10 + x14) | 0
    x6 = rotate(x6 ^ x10, 7)
    x3 = (x3 + x7) | 0
    x15 = rotate(x15 ^ x3, 16)
    x11 = (x11 + x15) | 0
    x7 = rotate(x7 ^ x11, 12)
    x3 = (x3 + x7) | 0
    x15 = rotate(x15 ^ x3, 8)
    x11 = (x11 + x15) | 0
    x7 = rotate(x7 ^ x11, 7)
    x0 = (x0 + x5) | 0
    x15 = rotate(x15 ^ x0, 16)
    x10 = (x10 + x15) | 0
    x5 = rotate(x5 ^ x10, 12)
    x0 = (x0 + x5) | 0
    x15 = rotate(x15 ^ x0, 8)
    x10 = (x10 + x15) | 0
    x5 = rotate(x5 ^ x10, 7)
    x1 = (x1 + x6) | 0
    x12 = rotate(x12 ^ x1, 16)
    x11 = (x11 + x12) | 0
    x6 = rotate(x6 ^ x11, 12)
    x1 = (x1 + x6) | 0
    x12 = rotate(x12 ^ x1, 8)
    x11 = (x11 + x12) | 0
    x6 = rotate(x6 ^ x11, 7)
    x2 = (x2 + x7) | 0
    x13 = rotate(x13 ^ x2, 16)
    x8 = (x8 + x13) | 0
    x7 = rotate(x7 ^ x8, 12)
    x2 = (x2 + x7) | 0
    x13 = rotate(x13 ^ x2, 8)
    x8 = (x8 + x13) | 0
    x7 = rotate(x7 ^ x8, 7)
    x3 = (x3 + x4) | 0
    x14 = rotate(x14 ^ x3, 16)
    x9 = (x9 + x14) | 0
    x4 = rotate(x4 ^ x9, 12)
    x3 = (x3 + x4) | 0
    x14 = rotate(x14 ^ x3, 8)
    x9 = (x9 + x14) | 0
    x4 = rotate(x4 ^ x9, 7)
  }
  output[0] = x0 + (input[0] ?? 0)
  output[1] = x1 + (input[1] ?? 0)
  output[2] = x2 + (input[2] ?? 0)
  output[3] = x3 + (input[3] ?? 0)
  output[4] = x4 + (input[4] ?? 0)
  output[5] = x5 + (input[5] ?? 0)
  output[6] = x6 + (input[6] ?? 0)
  output[7] = x7 + (input[7] ?? 0)
  output[8] = x8 + (input[8] ?? 0)
  output[9] = x9 + (input[9] ?? 0)
  output[10] = x10 + (input[10] ?? 0)
  output[11] = x11 + (input[11] ?? 0)
  output[12] = x12 + (input[12] ?? 0)
  output[13] = x13 + (input[13] ?? 0)
  output[14] = x14 + (input[14] ?? 0)
  output[15] = x15 + (input[15] ?? 0)
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
