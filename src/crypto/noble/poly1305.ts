/**
 * Poly1305 (RFC 8439 §2.5) as the AEAD uses it: over whole blocks, short ones filled up with zeros. In six limbs of 22 bits,
 * whose products a double holds exactly: 36 of them a block. Its time does not depend on key or data.
 */

const LIMB = 2 ** 22
const MASK = LIMB - 1

/** One authenticator for one message after another, each with a key of its own. */
export class Poly1305 {
  /** The tag that {@link finish} made, little-endian. */
  readonly tag: Int32Array = new Int32Array(4)
  readonly #r: Float64Array = new Float64Array(6)
  readonly #h: Float64Array = new Float64Array(6)
  readonly #pad: Int32Array = new Int32Array(4)
  readonly #tail: DataView = new DataView(new ArrayBuffer(16))

  /** Begins a message under the one-time key of the first eight `words`. */
  begin(words: Int32Array): void {
    const [r0 = 0, r1 = 0, r2 = 0, r3 = 0] = words
    split(this.#r, r0 & 0x0fffffff, r1 & 0x0ffffffc, r2 & 0x0ffffffc, r3 & 0x0ffffffc)
    this.#h.fill(0)
    this.#pad.set(words.subarray(4, 8))
  }

  /** Absorbs the bytes from `start` up to `end`, with zeros up to a whole block. */
  update(view: DataView, start: number, end: number): void {
    const whole = end - ((end - start) & 15)
    this.#absorb(view, start, whole)
    if (whole === end) return
    const tail = this.#tail
    for (let i = 0; i < 16; i++) tail.setUint8(i, whole + i < end ? view.getUint8(whole + i) : 0)
    this.#absorb(tail, 0, 16)
  }

  /** Absorbs the last block, the lengths of associated data and ciphertext (bytes), and makes the tag. */
  finish(associatedLength: number, length: number): void {
    const tail = this.#tail
    tail.setUint32(0, associatedLength, true)
    tail.setUint32(4, 0)
    tail.setUint32(8, length, true)
    tail.setUint32(12, 0)
    this.#absorb(tail, 0, 16)
    const h = this.#h
    // What stands above 2^130 comes in again at the bottom, times five; 2^130 is then exceeded by 20 at most.
    h[0] = (h[0] ?? 0) + 5 * normalize(h)
    // h + 5 reaches 2^130 where h reaches the prime: what is left without that bit is the remainder.
    const g = h.slice()
    g[0] = (g[0] ?? 0) + 5
    const isAbove = normalize(g)
    normalize(h)
    const limbs = [0, 1, 2, 3, 4, 5].map((i) => (isAbove * (g[i] ?? 0) + (1 - isAbove) * (h[i] ?? 0)) | 0)
    const [l0 = 0, l1 = 0, l2 = 0, l3 = 0, l4 = 0, l5 = 0] = limbs
    const words = [
      l0 | (l1 << 22),
      (l1 >>> 10) | (l2 << 12),
      (l2 >>> 20) | (l3 << 2) | (l4 << 24),
      (l4 >>> 8) | (l5 << 14),
    ]
    let carry = 0
    for (const [i, word] of words.entries()) {
      carry += (word >>> 0) + ((this.#pad[i] ?? 0) >>> 0)
      this.tag[i] = carry
      carry = Math.floor(carry / 2 ** 32)
    }
  }

  /** Forgets key and message. */
  wipe(): void {
    for (const array of [this.#r, this.#h, this.#pad, this.tag]) array.fill(0)
  }

  /** RFC 8439 §2.5.1: each block with a bit behind it is added, and the sum is multiplied by r. */
  #absorb(view: DataView, start: number, end: number): void {
    const h = this.#h
    const r0 = this.#r[0] ?? 0
    const r1 = this.#r[1] ?? 0
    const r2 = this.#r[2] ?? 0
    const r3 = this.#r[3] ?? 0
    const r4 = this.#r[4] ?? 0
    const r5 = this.#r[5] ?? 0
    let h0 = h[0] ?? 0
    let h1 = h[1] ?? 0
    let h2 = h[2] ?? 0
    let h3 = h[3] ?? 0
    let h4 = h[4] ?? 0
    let h5 = h[5] ?? 0
    for (let at = start; at < end; at += 16) {
      const t0 = view.getInt32(at, true)
      const t1 = view.getInt32(at + 4, true)
      const t2 = view.getInt32(at + 8, true)
      const t3 = view.getInt32(at + 12, true)
      h0 += t0 & MASK
      h1 += ((t0 >>> 22) | (t1 << 10)) & MASK
      h2 += ((t1 >>> 12) | (t2 << 20)) & MASK
      h3 += (t2 >>> 2) & MASK
      h4 += ((t2 >>> 24) | (t3 << 8)) & MASK
      h5 += (t3 >>> 14) | 0x40000
      // 2^132 is 4 · 2^130, and 2^130 is 5.
      const d0 = h0 * r0 + 20 * (h1 * r5 + h2 * r4 + h3 * r3 + h4 * r2 + h5 * r1)
      const c0 = Math.floor(d0 / LIMB)
      const d1 = h0 * r1 + h1 * r0 + 20 * (h2 * r5 + h3 * r4 + h4 * r3 + h5 * r2) + c0
      const c1 = Math.floor(d1 / LIMB)
      const d2 = h0 * r2 + h1 * r1 + h2 * r0 + 20 * (h3 * r5 + h4 * r4 + h5 * r3) + c1
      const c2 = Math.floor(d2 / LIMB)
      const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + 20 * (h4 * r5 + h5 * r4) + c2
      const c3 = Math.floor(d3 / LIMB)
      const d4 = h0 * r4 + h1 * r3 + h2 * r2 + h3 * r1 + h4 * r0 + 20 * (h5 * r5) + c3
      const c4 = Math.floor(d4 / LIMB)
      const d5 = h0 * r5 + h1 * r4 + h2 * r3 + h3 * r2 + h4 * r1 + h5 * r0 + c4
      const c5 = Math.floor(d5 / LIMB)
      const low = d0 - c0 * LIMB + 20 * c5
      const carry = Math.floor(low / LIMB)
      h0 = low - carry * LIMB
      h1 = d1 - c1 * LIMB + carry
      h2 = d2 - c2 * LIMB
      h3 = d3 - c3 * LIMB
      h4 = d4 - c4 * LIMB
      h5 = d5 - c5 * LIMB
    }
    h[0] = h0
    h[1] = h1
    h[2] = h2
    h[3] = h3
    h[4] = h4
    h[5] = h5
  }
}

/** The limbs of a number of four words. */
function split(into: Float64Array, t0: number, t1: number, t2: number, t3: number): void {
  into[0] = t0 & MASK
  into[1] = ((t0 >>> 22) | (t1 << 10)) & MASK
  into[2] = ((t1 >>> 12) | (t2 << 20)) & MASK
  into[3] = (t2 >>> 2) & MASK
  into[4] = ((t2 >>> 24) | (t3 << 8)) & MASK
  into[5] = t3 >>> 14
}

/** Brings every limb below 2^22 and the number below 2^130; returns what stood above, times 2^-130. */
function normalize(limbs: Float64Array): number {
  let carry = 0
  for (let i = 0; i < 6; i++) {
    const limb = (limbs[i] ?? 0) + carry
    // The last limb has 20 bits.
    const size = i < 5 ? LIMB : LIMB / 4
    carry = Math.floor(limb / size)
    limbs[i] = limb - carry * size
  }
  return carry
}
