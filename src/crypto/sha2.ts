/**
 * SHA-256 and SHA-384 (FIPS 180-4). Of our own because a page pays for every byte of code: noble's are part of a family of
 * which TLS needs two. All constants are roots of small primes, and are computed when the first hash begins.
 */
import type { HashName } from './provider.ts'

/** A hash over bytes that come piece by piece. */
export class Sha2 {
  readonly #name: HashName
  readonly #state: Int32Array
  /** The bytes since the last whole block. */
  readonly #buffer: Uint8Array
  readonly #view: DataView
  /** Bytes so far. */
  #length = 0

  /** @param from a hash of the same algorithm, from whose state this one goes on. */
  constructor(name: HashName, from?: Sha2) {
    this.#name = name
    this.#state = from === undefined ? knownConstants().initial[name].slice() : from.#state.slice()
    this.#buffer = from === undefined ? new Uint8Array(blockLength(name)) : from.#buffer.slice()
    this.#view = new DataView(this.#buffer.buffer)
    if (from !== undefined) this.#length = from.#length
  }

  /** Forgets everything, and leaves nothing of it in memory: the hash begins anew. */
  wipe(): void {
    this.#state.set(knownConstants().initial[this.#name])
    this.#buffer.fill(0)
    this.#length = 0
  }

  /** Goes on from where `other` is, a hash of the same algorithm that has come to the end of a block. */
  resume(other: Sha2): void {
    this.#state.set(other.#state)
    this.#length = other.#length
  }

  update(bytes: Uint8Array): void {
    const buffer = this.#buffer
    const size = buffer.length
    let used = this.#length % size
    this.#length += bytes.length
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(size - used, bytes.length - at)
      buffer.set(count === bytes.length ? bytes : bytes.subarray(at, at + count), used)
      at += count
      used += count
      if (used < size) return
      this.#compress()
      used = 0
    }
  }

  /** The hash of everything so far; more may follow. */
  digest(): Uint8Array {
    return this.clone().finish()
  }

  /** A hash of the same bytes that goes on by itself. */
  clone(): Sha2 {
    return new Sha2(this.#name, this)
  }

  /** The hash of everything; nothing may follow. */
  finish(): Uint8Array {
    const digest = new Uint8Array(digestLength(this.#name))
    this.finishInto(digest)
    return digest
  }

  /** Writes the hash of everything to the beginning of `digest`; nothing may follow, but {@link resume} (FIPS 180-4 §5.1). */
  finishInto(digest: Uint8Array): void {
    const buffer = this.#buffer
    const size = buffer.length
    const used = this.#length % size
    buffer[used] = 0x80
    buffer.fill(0, used + 1)
    if (used >= size - size / 8) {
      this.#compress()
      buffer.fill(0)
    }
    this.#view.setUint32(size - 8, (8 * this.#length) / 2 ** 32)
    this.#view.setUint32(size - 4, 8 * this.#length)
    this.#compress()
    for (let at = 0, length = digestLength(this.#name); at < length; at += 4) {
      const word = this.#state[at / 4] ?? 0
      digest[at] = word >>> 24
      digest[at + 1] = word >>> 16
      digest[at + 2] = word >>> 8
      digest[at + 3] = word
    }
  }

  #compress(): void {
    if (this.#name === 'sha256') compress256(this.#state, this.#view)
    else compress512(this.#state, this.#view)
  }
}

/** Bytes of a digest. */
export function digestLength(name: HashName): number {
  return name === 'sha256' ? 32 : 48
}

/** Bytes of the blocks that the hash works on. */
export function blockLength(name: HashName): number {
  return name === 'sha256' ? 64 : 128
}

/** Words of 64 bits: the high half, then the low one. The high halves alone are the constants of SHA-256. */
interface Constants {
  /** FIPS 180-4 §4.2: of the cube roots of 80 primes, the first 64 bits of the fractional parts. */
  readonly cubes: Int32Array
  /** FIPS 180-4 §5.3.3, §5.3.4: the same of square roots, of the first eight primes or of the eight after them. */
  readonly initial: Readonly<Record<HashName, Int32Array>>
  /** Room for the schedule of a block. */
  readonly schedule: Int32Array
}

let constants: Constants | undefined

function knownConstants(): Constants {
  constants ??= makeConstants()
  return constants
}

function makeConstants(): Constants {
  const primes: number[] = []
  for (let n = 2; primes.length < 80; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n)
  const words = (count: number, degree: number): Int32Array =>
    Int32Array.from(
      primes.slice(0, count).flatMap((prime) => {
        const fraction = root(prime, degree)
        return [Number(BigInt.asIntN(32, fraction >> 32n)), Number(BigInt.asIntN(32, fraction))]
      }),
    )
  const squares = words(16, 2)
  const initial = { sha256: squares.slice(0, 16).filter((_, index) => index % 2 === 0), sha384: squares.slice(16) }
  return { cubes: words(80, 3), initial, schedule: new Int32Array(160) }
}

/** The `degree`-th root of `n`, times 2^64. */
function root(n: number, degree: number): bigint {
  const power = BigInt(degree)
  const scaled = BigInt(n) << (64n * power)
  // 52 bits are right; a step of Newton's doubles them.
  let x = BigInt(Math.floor(n ** (1 / degree) * 2 ** 44)) << 20n
  x -= (x ** power - scaled) / (power * x ** (power - 1n))
  while (x ** power > scaled) x--
  return x
}

/** FIPS 180-4 §6.2.2. The schedule is kept in one array of all rounds, the working variables in registers. */
function compress256(state: Int32Array, block: DataView): void {
  const { cubes, schedule: w } = knownConstants()
  extend256(w, block)
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  let f = state[5] ?? 0
  let g = state[6] ?? 0
  let h = state[7] ?? 0
  for (let i = 0; i < 64; i++) {
    const s1 = rotate(e, e, 6) ^ rotate(e, e, 11) ^ rotate(e, e, 25)
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (cubes[2 * i] ?? 0) + (w[i] ?? 0)) | 0
    const s0 = rotate(a, a, 2) ^ rotate(a, a, 13) ^ rotate(a, a, 22)
    const t2 = s0 + ((a & b) ^ (a & c) ^ (b & c))
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  state[0] = (state[0] ?? 0) + a
  state[1] = (state[1] ?? 0) + b
  state[2] = (state[2] ?? 0) + c
  state[3] = (state[3] ?? 0) + d
  state[4] = (state[4] ?? 0) + e
  state[5] = (state[5] ?? 0) + f
  state[6] = (state[6] ?? 0) + g
  state[7] = (state[7] ?? 0) + h
}

/** The schedule of a block (FIPS 180-4 §6.2.2, step 1). */
function extend256(w: Int32Array, block: DataView): void {
  for (let i = 0; i < 16; i++) w[i] = block.getInt32(4 * i)
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] ?? 0
    const y = w[i - 2] ?? 0
    const s0 = rotate(x, x, 7) ^ rotate(x, x, 18) ^ (x >>> 3)
    const s1 = rotate(y, y, 17) ^ rotate(y, y, 19) ^ (y >>> 10)
    w[i] = (w[i - 16] ?? 0) + s0 + (w[i - 7] ?? 0) + s1
  }
}

/**
 * FIPS 180-4 §6.4.2, in words of two halves. The words a to h lie in an array that a round walks down by one word: what it
 * computes takes the place in front, d becomes e where it lies, and h is left behind.
 */
function compress512(state: Int32Array, block: DataView): void {
  const { cubes, schedule: w } = knownConstants()
  const v = new Int32Array(176)
  v.set(state, 160)
  for (let i = 0, p = 160; i < 160; i += 2, p -= 2) {
    if (i < 32) {
      w[i] = block.getInt32(4 * i)
      w[i + 1] = block.getInt32(4 * i + 4)
    } else extend512(w, i)
    const ah = v[p] ?? 0
    const al = v[p + 1] ?? 0
    const eh = v[p + 8] ?? 0
    const el = v[p + 9] ?? 0
    const t1 = low(v, p + 15) + (sum1(el, eh) >>> 0) + (choose(v, p + 9) >>> 0) + low(cubes, i + 1) + low(w, i + 1)
    const high = (v[p + 14] ?? 0) + sum1(eh, el) + choose(v, p + 8) + (cubes[i] ?? 0) + (w[i] ?? 0)
    put(v, p + 6, (v[p + 6] ?? 0) + high, low(v, p + 7) + t1)
    put(v, p - 2, high + sum0(ah, al) + majority(v, p), t1 + (sum0(al, ah) >>> 0) + (majority(v, p + 1) >>> 0))
  }
  for (let i = 0; i < 16; i += 2) put(state, i, (state[i] ?? 0) + (v[i] ?? 0), low(state, i + 1) + low(v, i + 1))
}

/** The word of the schedule at `i` (FIPS 180-4 §6.4.2, step 1). */
function extend512(w: Int32Array, i: number): void {
  const xh = w[i - 30] ?? 0
  const xl = w[i - 29] ?? 0
  const yh = w[i - 4] ?? 0
  const yl = w[i - 3] ?? 0
  const s0 = rotate(xh, xl, 1) ^ rotate(xh, xl, 8) ^ (xh >>> 7)
  const s1 = rotate(yh, yl, 19) ^ rotate(yl, yh, 29) ^ (yh >>> 6)
  const s0l = rotate(xl, xh, 1) ^ rotate(xl, xh, 8) ^ rotate(xl, xh, 7)
  const s1l = rotate(yl, yh, 19) ^ rotate(yh, yl, 29) ^ rotate(yl, yh, 6)
  const high = (w[i - 32] ?? 0) + s0 + (w[i - 14] ?? 0) + s1
  put(w, i, high, low(w, i - 31) + (s0l >>> 0) + low(w, i - 13) + (s1l >>> 0))
}

/** One half of Σ1 of SHA-512; the other half when the arguments change places. */
function sum1(high: number, low: number): number {
  return rotate(high, low, 14) ^ rotate(high, low, 18) ^ rotate(low, high, 9)
}

/** One half of Σ0 of SHA-512. */
function sum0(high: number, low: number): number {
  return rotate(high, low, 28) ^ rotate(low, high, 2) ^ rotate(low, high, 7)
}

/** One half of Ch of three words. */
function choose(v: Int32Array, at: number): number {
  const x = v[at] ?? 0
  return (x & (v[at + 2] ?? 0)) ^ (~x & (v[at + 4] ?? 0))
}

/** One half of Maj of three words. */
function majority(v: Int32Array, at: number): number {
  const x = v[at] ?? 0
  const y = v[at + 2] ?? 0
  const z = v[at + 4] ?? 0
  return (x & y) ^ (x & z) ^ (y & z)
}

/** A low half, fit to be summed. */
function low(words: Int32Array, at: number): number {
  return (words[at] ?? 0) >>> 0
}

/** Stores a sum of high halves and one of low halves, which carries. */
function put(words: Int32Array, at: number, high: number, low: number): void {
  words[at] = high + Math.floor(low / 2 ** 32)
  words[at + 1] = low
}

/** The high half of two words rotated right together by less than 32 bits; the low half when they change places. */
function rotate(high: number, low: number, bits: number): number {
  return (high >>> bits) | (low << (32 - bits))
}
