/**
 * GHASH (NIST SP 800-38D §6.4) with the tables of one key kept: 32 tables of 16 entries, 8 KB, made once per key where
 * noble's own makes them for every message. Table look-ups depend on the data, as they do in noble: an engine for hosts
 * that have nothing better.
 */

/** Entries of one table: a window of four bits. */
const ENTRIES = 16
/** The polynomial x^128 + x^7 + x^2 + x + 1, bits reversed. */
const POLYNOMIAL = 0xe1000000

/** The running hash of one key. Words are little-endian, as they lie in memory. */
export class Ghash {
  y0 = 0
  y1 = 0
  y2 = 0
  y3 = 0
  readonly #table: Int32Array
  readonly #tail: DataView = new DataView(new ArrayBuffer(16))

  /** The four big-endian words of the hash key H. */
  constructor(h0: number, h1: number, h2: number, h3: number) {
    this.#table = makeTable(h0, h1, h2, h3)
  }

  /** Begins a new message. */
  reset(): void {
    this.y0 = this.y1 = this.y2 = this.y3 = 0
  }

  /** Absorbs the bytes from `start` up to `end`, with zeros up to a whole block. */
  update(view: DataView, start: number, end: number): void {
    const whole = end - ((end - start) & 15)
    for (let at = start; at < whole; at += 16) this.#absorb(view, at)
    if (whole === end) return
    const tail = this.#tail
    for (let i = 0; i < 16; i++) tail.setUint8(i, whole + i < end ? view.getUint8(whole + i) : 0)
    this.#absorb(tail, 0)
  }

  /** Absorbs the last block: the lengths of associated data and ciphertext, bytes. */
  finish(associatedLength: number, length: number): void {
    const tail = this.#tail
    tail.setUint32(0, 0)
    tail.setUint32(4, 8 * associatedLength)
    tail.setUint32(8, 0)
    tail.setUint32(12, 8 * length)
    this.#absorb(tail, 0)
  }

  /** Forgets key and message. */
  wipe(): void {
    this.#table.fill(0)
    this.reset()
  }

  #absorb(view: DataView, at: number): void {
    const table = this.#table
    const x0 = this.y0 ^ view.getInt32(at, true)
    const x1 = this.y1 ^ view.getInt32(at + 4, true)
    const x2 = this.y2 ^ view.getInt32(at + 8, true)
    const x3 = this.y3 ^ view.getInt32(at + 12, true)
    let y0 = 0
    let y1 = 0
    let y2 = 0
    let y3 = 0
    let base = 0
    for (let word = 0; word < 4; word++) {
      const x = word === 0 ? x0 : word === 1 ? x1 : word === 2 ? x2 : x3
      for (let shift = 0; shift < 32; shift += 8) {
        const high = base + (((x >>> (shift + 4)) & 15) << 2)
        const low = base + 64 + (((x >>> shift) & 15) << 2)
        y0 ^= (table[high] ?? 0) ^ (table[low] ?? 0)
        y1 ^= (table[high + 1] ?? 0) ^ (table[low + 1] ?? 0)
        y2 ^= (table[high + 2] ?? 0) ^ (table[low + 2] ?? 0)
        y3 ^= (table[high + 3] ?? 0) ^ (table[low + 3] ?? 0)
        base += 128
      }
    }
    this.y0 = y0
    this.y1 = y1
    this.y2 = y2
    this.y3 = y3
  }
}

/** For each window of four bits, from the first bit of the block on, the product of H with each of its 16 values. */
function makeTable(h0: number, h1: number, h2: number, h3: number): Int32Array {
  const table = new Int32Array((128 / 4) * ENTRIES * 4)
  for (let window = 0; window < 32; window++) {
    const base = window * ENTRIES * 4
    // The first bit of a window is its highest, and the lowest power of x.
    for (let bit = 8; bit > 0; bit >>= 1) {
      putEntry(table, base + 4 * bit, h0, h1, h2, h3)
      const carry = -(h3 & 1) & POLYNOMIAL
      h3 = (h2 << 31) | (h3 >>> 1)
      h2 = (h1 << 31) | (h2 >>> 1)
      h1 = (h0 << 31) | (h1 >>> 1)
      h0 = (h0 >>> 1) ^ carry
    }
    for (let value = 3; value < ENTRIES; value++) {
      const lowest = value & -value
      if (lowest === value) continue
      for (let i = 0; i < 4; i++) {
        table[base + 4 * value + i] =
          (table[base + 4 * lowest + i] ?? 0) ^ (table[base + 4 * (value ^ lowest) + i] ?? 0)
      }
    }
  }
  return table
}

function putEntry(table: Int32Array, at: number, w0: number, w1: number, w2: number, w3: number): void {
  table[at] = swap(w0)
  table[at + 1] = swap(w1)
  table[at + 2] = swap(w2)
  table[at + 3] = swap(w3)
}

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}
