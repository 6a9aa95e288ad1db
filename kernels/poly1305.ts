/**
 * Poly1305 (RFC 8439 §2.5): the 16-byte blocks of a message, each with a 1 bit above it, are the coefficients of a polynomial
 * that is evaluated at r modulo p = 2^130 - 5.
 *
 * Numbers are five limbs of 26 bits in 64-bit words: the product of two limbs, five of them added, stays below 2^59. Since
 * 2^130 = 5 modulo p, what a product has above limb 4 comes back times 5 five limbs below, and so the multiples 5 r_k are kept
 * beside r. Two blocks are taken at a time, h = (h + m) r^2 + m' r, so that carries are propagated once for both.
 *
 * There is no branch and no address that depends on a secret.
 */
import { STREAM, WORK } from '../src/crypto/wasm/layout.ts'
import {
  type Assembly,
  type Body,
  type Callable,
  call,
  type I64,
  i32,
  i64,
  type Local,
  type V128,
  v128,
} from './assembler.ts'
import { storePadded } from './packets.ts'

/** r and r^2, each as nine words: five limbs, then 5 r_1 to 5 r_4. */
const POWER_BYTES = 72
/** Behind the rows of ChaCha20. */
const POWERS: number = WORK + 64
const ACCUMULATOR: number = POWERS + 2 * POWER_BYTES
const BLOCK: number = ACCUMULATOR + 40
const MASK = 0x3ffffffn
const FIVE = [0, 1, 2, 3, 4] as const

type Limbs = readonly Local<'i64'>[]

/** The tag of associated data and ciphertext under the one-time key at {@link STREAM} (RFC 8439 §2.8). */
export function defineTag(assembly: Assembly): Callable<readonly ['i32', 'i32', 'i32', 'i32', 'i32'], 'v128'> {
  const begin = assembly.procedure([], writeBegin)
  const blocks = assembly.procedure(['i32', 'i32'], writeBlocks)
  const finish = assembly.define([], writeFinish)
  /** A part of the message, padded with zeros to whole blocks. */
  const part = assembly.procedure(['i32', 'i32'], (body, from, length) => {
    body.run(blocks, from, i32.shrU(length, i32.const(4)))
    const rest = body.i32(i32.and(length, i32.const(15)))
    body.if(rest, () => {
      storePadded(body, i32.const(BLOCK), i32.add(from, i32.sub(length, rest)), rest)
      body.run(blocks, i32.const(BLOCK), i32.const(1))
    })
  })
  return assembly.define(
    ['i32', 'i32', 'i32', 'i32', 'i32'],
    (body, _context, header, headerLength, text, textLength) => {
      body.run(begin)
      body.run(part, header, headerLength)
      body.run(part, text, textLength)
      body.store(i32.const(BLOCK), i64.extendU(headerLength), 0)
      body.store(i32.const(BLOCK), i64.extendU(textLength), 8)
      body.run(blocks, i32.const(BLOCK), i32.const(1))
      return call(finish)
    },
  )
}

function masked(value: I64): I64 {
  return i64.and(value, i64.const(MASK))
}

function right(value: I64, count: number): I64 {
  return i64.shrU(value, i64.const(BigInt(count)))
}

function left(value: I64, count: number): I64 {
  return i64.shl(value, i64.const(BigInt(count)))
}

/** The limbs of the 128-bit number whose halves are `low` and `high`; `top` is added to the last. */
function limbsOf(low: I64, high: I64, top: bigint): I64[] {
  const across = i64.or(right(low, 52), left(high, 12))
  const last = right(high, 40)
  return [
    masked(low),
    masked(right(low, 26)),
    masked(across),
    masked(right(high, 14)),
    top === 0n ? last : i64.or(last, i64.const(top)),
  ]
}

/** Limb `k` of r^`power`, or five times it. */
function powerLimb(power: 1 | 2, k: number, isFivefold: boolean): I64 {
  return i64.load(i32.const(0), POWERS + (power - 1) * POWER_BYTES + 8 * (isFivefold ? 4 + k : k))
}

/** Limb `i` of `factor` times r^`power`, carries not propagated. */
function productLimb(factor: Limbs, power: 1 | 2, i: number): I64 {
  return FIVE.map((j) =>
    i64.mul(factor[j] as I64, i >= j ? powerLimb(power, i - j, false) : powerLimb(power, 5 + i - j, true)),
  ).reduce(i64.add)
}

/** Carries from limb to limb, and from the last, times 5, to the first: limbs of 26 bits, the second a little more. */
function propagate(body: Body, products: Limbs, into: Limbs): void {
  const carry = body.i64()
  for (const i of FIVE) {
    const product = products[i] as Local<'i64'>
    if (i > 0) body.set(product, i64.add(product, carry))
    body.set(carry, right(product, 26))
    body.set(into[i] as Local<'i64'>, masked(product))
  }
  const [first, second] = into as [Local<'i64'>, Local<'i64'>]
  body.set(first, i64.add(first, i64.mul(carry, i64.const(5n))))
  body.set(second, i64.add(second, right(first, 26)))
  body.set(first, masked(first))
}

function storePower(body: Body, power: 1 | 2, limbs: Limbs): void {
  const at = POWERS + (power - 1) * POWER_BYTES
  for (const k of FIVE) {
    body.store(i32.const(0), limbs[k] as I64, at + 8 * k)
    if (k > 0) body.store(i32.const(0), i64.mul(limbs[k] as I64, i64.const(5n)), at + 8 * (4 + k))
  }
}

/** r, clamped (RFC 8439 §2.5.1), its square, and an accumulator of 0. */
function writeBegin(body: Body): void {
  const low = body.i64(i64.and(i64.load(i32.const(0), STREAM), i64.const(0x0ffffffc0fffffffn)))
  const high = body.i64(i64.and(i64.load(i32.const(0), STREAM + 8), i64.const(0x0ffffffc0ffffffcn)))
  const limbs = limbsOf(low, high, 0n).map((limb) => body.i64(limb))
  storePower(body, 1, limbs)
  const products = FIVE.map((i) => body.i64(productLimb(limbs, 1, i)))
  propagate(body, products, limbs)
  storePower(body, 2, limbs)
  for (const i of FIVE) body.store(i32.const(0), i64.const(0n), ACCUMULATOR + 8 * i)
}

/** Takes in `count` blocks. */
function writeBlocks(body: Body, from: Local<'i32'>, count: Local<'i32'>): void {
  const h = FIVE.map((i) => body.i64(i64.load(i32.const(0), ACCUMULATOR + 8 * i)))
  const m = FIVE.map(() => body.i64())
  const d = FIVE.map(() => body.i64())
  const low = body.i64()
  const high = body.i64()
  const limbsAt = (offset: number): I64[] => {
    body.set(low, i64.load(from, offset))
    body.set(high, i64.load(from, offset + 8))
    return limbsOf(low, high, 1n << 24n)
  }
  const sums = (a: readonly I64[], b: readonly I64[]): I64[] => FIVE.map((i) => i64.add(a[i] as I64, b[i] as I64))
  const products = (factor: Limbs, power: 1 | 2): I64[] => FIVE.map((i) => productLimb(factor, power, i))
  body.while(i32.geS(count, i32.const(2)), () => {
    body.setAll(h, sums(h, limbsAt(0)))
    body.setAll(d, products(h, 2))
    body.setAll(m, limbsAt(16))
    body.setAll(d, sums(d, products(m, 1)))
    propagate(body, d, h)
    body.advance(from, 32)
    body.advance(count, -2)
  })
  body.if(count, () => {
    body.setAll(h, sums(h, limbsAt(0)))
    body.setAll(d, products(h, 1))
    propagate(body, d, h)
  })
  for (const i of FIVE) body.store(i32.const(0), h[i] as I64, ACCUMULATOR + 8 * i)
}

/** The accumulator modulo p, plus s, modulo 2^128 (RFC 8439 §2.5.1). */
function writeFinish(body: Body): V128 {
  const h = FIVE.map((i) => body.i64(i64.load(i32.const(0), ACCUMULATOR + 8 * i)))
  // Twice round: the second carry out of the last limb is 0 or 1 and ends in the first.
  propagate(body, h, h)
  propagate(body, h, h)
  // g = h + 5 - 2^130 is h - p: it is what counts unless it is negative.
  const g: Local<'i64'>[] = []
  const carry = body.i64(i64.const(5n))
  for (const i of FIVE) {
    const sum = body.i64(i64.add(h[i] as I64, carry))
    body.set(carry, right(sum, 26))
    g.push(sum)
    if (i < 4) body.set(sum, masked(sum))
  }
  const last = g[4] as Local<'i64'>
  body.set(last, i64.sub(last, i64.const(1n << 26n)))
  // All ones where h stays.
  const keeps = body.i64(i64.sub(i64.const(0n), right(last, 63)))
  for (const i of FIVE) {
    const [a, b] = [h[i] as Local<'i64'>, g[i] as Local<'i64'>]
    body.set(a, i64.xor(b, i64.and(keeps, i64.xor(a, b))))
  }
  const [h0, h1, h2, h3, h4] = h as unknown as [I64, I64, I64, I64, I64]
  const low = body.i64(i64.or(i64.or(h0, left(h1, 26)), left(h2, 52)))
  const high = i64.or(i64.or(right(h2, 12), left(h3, 14)), left(h4, 40))
  const sum = body.i64(i64.add(low, i64.load(i32.const(0), STREAM + 16)))
  const carried = i64.extendU(i64.ltU(sum, low))
  const top = i64.add(i64.add(high, i64.load(i32.const(0), STREAM + 24)), carried)
  return v128.replace64(v128.splat64(sum), 1, top)
}
