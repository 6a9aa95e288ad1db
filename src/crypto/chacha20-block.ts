/**
 * The ChaCha20 block function (RFC 8439 §2.3) for single blocks: header masks (RFC 9001 §5.4.4) and one-time keys.
 * The counter of a header mask is any 32-bit value, so it wraps where a stream cipher would refuse.
 */

/** `expand 32-byte k`, RFC 8439 §2.3. */
const CONSTANT_0 = 0x61707865
const CONSTANT_1 = 0x3320646e
const CONSTANT_2 = 0x79622d32
const CONSTANT_3 = 0x6b206574

/** One key, ready to make blocks. */
export class ChaCha20Block {
  /** The last block made, little-endian; overwritten by the next. */
  readonly bytes: Uint8Array = new Uint8Array(64)
  readonly #view: DataView = new DataView(this.bytes.buffer)
  readonly #input = new Int32Array(16)
  readonly #state = new Int32Array(16)

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
    const state = this.#state
    input[12] = counter
    input[13] = nonce0
    input[14] = nonce1
    input[15] = nonce2
    state.set(input)
    for (let round = 0; round < 20; round += 2) {
      quarterRound(state, 0, 4, 8, 12)
      quarterRound(state, 1, 5, 9, 13)
      quarterRound(state, 2, 6, 10, 14)
      quarterRound(state, 3, 7, 11, 15)
      quarterRound(state, 0, 5, 10, 15)
      quarterRound(state, 1, 6, 11, 12)
      quarterRound(state, 2, 7, 8, 13)
      quarterRound(state, 3, 4, 9, 14)
    }
    for (let i = 0; i < 16; i++) this.#view.setInt32(4 * i, (state[i] ?? 0) + (input[i] ?? 0), true)
  }

  /** Makes the block whose counter and nonce are the 16 bytes of `view` at `at` (RFC 9001 §5.4.4). */
  makeFromSample(view: DataView, at: number): void {
    this.make(
      view.getInt32(at, true),
      view.getInt32(at + 4, true),
      view.getInt32(at + 8, true),
      view.getInt32(at + 12, true),
    )
  }

  /** Forgets the key. */
  wipe(): void {
    this.#input.fill(0)
    this.#state.fill(0)
    this.bytes.fill(0)
  }
}

function quarterRound(state: Int32Array, ai: number, bi: number, ci: number, di: number): void {
  let a = state[ai] ?? 0
  let b = state[bi] ?? 0
  let c = state[ci] ?? 0
  let d = state[di] ?? 0
  a = (a + b) | 0
  d = rotate(d ^ a, 16)
  c = (c + d) | 0
  b = rotate(b ^ c, 12)
  a = (a + b) | 0
  d = rotate(d ^ a, 8)
  c = (c + d) | 0
  b = rotate(b ^ c, 7)
  state[ai] = a
  state[bi] = b
  state[ci] = c
  state[di] = d
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
