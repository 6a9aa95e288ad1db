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

  constructor(name: HashName) {
    this.#name = name
    this.#state = knownConstants().initial[name].slice()
    this.#buffer = new Uint8Array(blockLength(name))
    this.#view = new DataView(this.#buffer.buffer)
  }

  /** Forgets everything, and leaves nothing of it in memory: the hash begins anew. */
  wipe(): void {
    copyWords(knownConstants().initial[this.#name], this.#state)
    this.#buffer.fill(0)
    this.#length = 0
  }

  /** Its state, from which {@link resume} goes on: after one block. */
  save(): Int32Array {
    return this.#state.slice()
  }

  /** The same, to where an earlier one was saved. */
  saveInto(state: Int32Array): void {
    copyWords(this.#state, state)
  }

  /** Goes on from the state that a hash of the same algorithm had after one block. */
  resume(state: Int32Array): void {
    copyWords(state, this.#state)
    this.#length = this.#buffer.length
  }

  /** Takes in `bytes` up to but not `end`. */
  update(bytes: Uint8Array, end: number = bytes.length): void {
    const buffer = this.#buffer
    const size = buffer.length
    let used = this.#length % size
    this.#length += end
    for (let at = 0; at < end; ) {
      const count = Math.min(size - used, end - at)
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
    const scratch = scratchOf(this.#name)
    scratch.#copy(this)
    return scratch.finish()
  }

  /** A hash of the same bytes that goes on by itself. */
  clone(): Sha2 {
    const clone = new Sha2(this.#name)
    clone.#copy(this)
    return clone
  }

  /** The hash of everything, of which nothing stays: the hash begins anew. */
  finish(): Uint8Array {
    const digest = new Uint8Array(digestLength(this.#name))
    this.finishInto(digest)
    this.wipe()
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

  #copy(other: Sha2): void {
    copyWords(other.#state, this.#state)
    this.#buffer.set(other.#buffer)
    this.#length = other.#length
  }

  #compress(): void {
    if (this.#name === 'sha256') compress256(this.#state, this.#view)
    else compress512(this.#state, this.#view)
  }
}

const scratches: { [name in HashName]?: Sha2 } = {}

/** A hash for what begins and ends in one call. */
export function scratchOf(name: HashName): Sha2 {
  scratches[name] ??= new Sha2(name)
  return scratches[name]
}

/** For so few words quicker than `set`. */
export function copyWords(from: Int32Array, to: Int32Array): void {
  for (let i = 0; i < to.length; i++) to[i] = from[i] ?? 0
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
  /** The high halves. */
  readonly highCubes: Int32Array
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
  const isHigh = (_: number, index: number): boolean => index % 2 === 0
  const squares = words(16, 2)
  const cubes = words(80, 3)
  const initial = { sha256: squares.slice(0, 16).filter(isHigh), sha384: squares.slice(16) }
  return { cubes, highCubes: cubes.filter(isHigh), initial, schedule: new Int32Array(160) }
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

/**
 * FIPS 180-4 §6.2.2. The schedule is kept in one array of all rounds, the working variables in registers: a round writes two of
 * them, and in place of moving the others along, the next round gives them other names.
 */
function compress256(state: Int32Array, block: DataView): void {
  const { highCubes: k, schedule: w } = knownConstants()
  extend256(w, block)
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  let f = state[5] ?? 0
  let g = state[6] ?? 0
  let h = state[7] ?? 0
  for (let i = 0; i < 64; i += 4) {
    h = t1(e, f, g, (((h + (k[i] ?? 0)) | 0) + (w[i] ?? 0)) | 0)
    d = (d + h) | 0
    h = t2(a, b, c, h)
    g = t1(d, e, f, (((g + (k[i + 1] ?? 0)) | 0) + (w[i + 1] ?? 0)) | 0)
    c = (c + g) | 0
    g = t2(h, a, b, g)
    f = t1(c, d, e, (((f + (k[i + 2] ?? 0)) | 0) + (w[i + 2] ?? 0)) | 0)
    b = (b + f) | 0
    f = t2(g, h, a, f)
    e = t1(b, c, d, (((e + (k[i + 3] ?? 0)) | 0) + (w[i + 3] ?? 0)) | 0)
    a = (a + e) | 0
    e = t2(f, g, h, e)
    let old = a
    a = e
    e = old
    old = b
    b = f
    f = old
    old = c
    c = g
    g = old
    old = d
    d = h
    h = old
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

/** T1 of a round (FIPS 180-4 §6.2.2, step 3), of h with what comes to it from the table and the schedule. */
function t1(e: number, f: number, g: number, h: number): number {
  const sum = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
  return (((h + sum) | 0) + (g ^ (e & (f ^ g)))) | 0
}

/** T1 and T2 of a round. */
function t2(a: number, b: number, c: number, t1: number): number {
  const sum = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
  return (((t1 + sum) | 0) + ((a & b) | (c & (a | b)))) | 0
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
