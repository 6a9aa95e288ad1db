/**
 * GHASH (NIST SP 800-38D §6.4) by tables of nibbles that are looked up sixteen at a time.
 *
 * A product X·H is the sum of X_j·H·x^(8j) over the bytes X_j of X, and X_j·H the sum of the products of its two nibbles, for which
 * there are tables of 16 values. The tables are turned: row r holds byte r of all sixteen products, and one swizzle with the
 * nibbles of X as indices gives byte r of all sixteen X_j·H. It belongs at byte j + r of the product: so from the last row to the
 * first the sum is moved by a byte and the row added, which gives a product of 31 bytes, reduced at the end. All rows are read
 * whole in the same order whatever X and H are, so that the time tells nothing.
 *
 * Four blocks are taken at a time with tables of H^4 to H: one move and one reduction for all.
 */
import { WORK, ZEROS } from '../src/crypto/wasm/layout.ts'
import {
  type Assembly,
  type Body,
  type Callable,
  call,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  type V128,
  v128,
} from './assembler.ts'
import { storePadded } from './packets.ts'

const SIXTEEN: readonly number[] = Array.from({ length: 16 }, (_, i) => i)
const FOUR = [0, 1, 2, 3] as const
/** For each row, and each of four powers, 16 bytes for high nibbles and 16 for low ones. */
const ROW_BYTES = 128
const POWER_BYTES = 32

/** Behind the blocks of AES, one block each: the last part of header and of ciphertext, padded; the lengths. */
const HEADER_END: number = WORK + 128
const TEXT_END: number = HEADER_END + 16
const LENGTHS: number = TEXT_END + 16
/** The powers of the hash key while tables are made. */
const POWER: number = LENGTHS + 16
/** Sixteen products while a table is made. */
const PRODUCTS = 1344

export interface Ghash {
  /** (tables, hash key): makes the tables of its first four powers. */
  readonly expand: Callable<readonly ['i32', 'v128'], undefined>
  /** (tables, header, its length, ciphertext, its length): the hash of both with their lengths (SP 800-38D §7.1). */
  readonly hash: Callable<readonly ['i32', 'i32', 'i32', 'i32', 'i32'], 'v128'>
}

export function defineGhash(assembly: Assembly, isRelaxed: boolean): Ghash {
  const four = assembly.define(['i32', 'v128', 'i32', 'i32', 'i32', 'i32'], (body, tables, hash, ...blocks) =>
    writeFour(body, isRelaxed, tables, hash, blocks),
  )
  const table = assembly.procedure(['i32', 'v128'], writeTable)
  const expand = assembly.procedure(['i32', 'v128'], (body, tables, key) => {
    const zeros = i32.const(ZEROS)
    const power = body.i32(i32.add(tables, i32.const(3 * POWER_BYTES)))
    body.store(i32.const(POWER), key)
    body.run(table, power, key)
    body.repeat(
      () => {
        // The next power, by the table of the first.
        body.store(i32.const(POWER), call(four, tables, v128.zero(), zeros, zeros, zeros, i32.const(POWER)))
        body.advance(power, -POWER_BYTES)
        body.run(table, power, v128.load(i32.const(POWER)))
      },
      i32.ltU(tables, power),
    )
    body.store(i32.const(POWER), v128.zero())
  })
  return { expand, hash: defineHash(assembly, four) }
}

type Four = Callable<readonly ['i32', 'v128', 'i32', 'i32', 'i32', 'i32'], 'v128'>

/** The address of block `index` of all that is hashed: zeros in front, header, ciphertext, lengths. */
function defineBlockAt(assembly: Assembly): Callable<readonly ['i32', 'i32', 'i32', 'i32', 'i32'], 'i32'> {
  return assembly.define(['i32', 'i32', 'i32', 'i32', 'i32'], (body, index, header, headerLength, text, textLength) => {
    const address = body.i32(i32.const(LENGTHS))
    const part = (from: I32, length: I32, ending: number): void => {
      const offset = i32.shl(index, i32.const(4))
      body.if(i32.ltS(offset, length), () => {
        const isWhole = i32.leS(i32.add(offset, i32.const(16)), length)
        body.set(address, i32.select(i32.add(from, offset), i32.const(ending), isWhole))
      })
    }
    const headerBlocks = i32.shrU(i32.add(headerLength, i32.const(15)), i32.const(4))
    body.set(index, i32.sub(index, headerBlocks))
    body.if(
      i32.geS(index, i32.const(0)),
      () => part(text, textLength, TEXT_END),
      () => {
        body.set(index, i32.add(index, headerBlocks))
        body.set(address, i32.const(ZEROS))
        body.if(i32.geS(index, i32.const(0)), () => part(header, headerLength, HEADER_END))
      },
    )
    return address
  })
}

function defineHash(assembly: Assembly, four: Four): Ghash['hash'] {
  const blockAt = defineBlockAt(assembly)
  const blocksOf = (length: I32): I32 => i32.shrU(i32.add(length, i32.const(15)), i32.const(4))
  const bitsOf = (length: I32): I64 => i64.shl(i64.extendU(length), i64.const(3n))
  return assembly.define(
    ['i32', 'i32', 'i32', 'i32', 'i32'],
    (body, tables, header, headerLength, text, textLength) => {
      const pad = (to: number, from: I32, length: I32): void => {
        const rest = body.i32(i32.and(length, i32.const(15)))
        body.if(rest, () => storePadded(body, i32.const(to), i32.add(from, i32.sub(length, rest)), rest))
      }
      pad(HEADER_END, header, headerLength)
      pad(TEXT_END, text, textLength)
      const lengths = v128.replace64(v128.splat64(bitsOf(headerLength)), 1, bitsOf(textLength))
      body.store(i32.const(LENGTHS), inOtherOrder(lengths))
      const hash = body.v128(v128.zero())
      const headerBlocks = body.i32(blocksOf(headerLength))
      const count = body.i32(i32.add(i32.add(headerBlocks, blocksOf(textLength)), i32.const(1)))
      // Blocks of zeros in front, which change nothing, make the number a multiple of four.
      const index = body.i32(i32.sub(i32.const(0), i32.and(i32.sub(i32.const(0), count), i32.const(3))))
      const at = (i: number): I32 => call(blockAt, i32.add(index, i32.const(i)), header, headerLength, text, textLength)
      const next = body.i32()
      const end = body.i32(i32.add(text, textLength))
      body.while(i32.ltS(index, count), () => {
        body.set(hash, call(four, tables, hash, at(0), at(1), at(2), at(3)))
        body.advance(index, 4)
        body.if(i32.geS(index, headerBlocks), () => {
          // Whole blocks of ciphertext, as long as there are four.
          body.set(next, i32.add(text, i32.shl(i32.sub(index, headerBlocks), i32.const(4))))
          body.while(i32.leS(i32.add(next, i32.const(64)), end), () => {
            const blocks = FOUR.map((i) => i32.add(next, i32.const(16 * i))) as [I32, I32, I32, I32]
            body.set(hash, call(four, tables, hash, ...blocks))
            body.advance(next, 64)
            body.advance(index, 4)
          })
        })
      })
      return hash
    },
  )
}

/** The bytes of both halves turned round: words of the machine, and words in network order. */
function inOtherOrder(value: V128): V128 {
  return v128.shuffle(
    value,
    value,
    SIXTEEN.map((i) => i ^ 7),
  )
}

/** The high or low nibbles of all bytes. */
function nibbles(value: V128, isHigh: boolean): V128 {
  return v128.and(isHigh ? v128.shrU64(value, 4) : value, v128.bytes(15))
}

/** `hash` with the four blocks at `blocks` taken in: (hash + X0) H^4 + X1 H^3 + X2 H^2 + X3 H. */
function writeFour(
  body: Body,
  isRelaxed: boolean,
  tables: Local<'i32'>,
  hash: Local<'v128'>,
  blocks: readonly Local<'i32'>[],
): V128 {
  const indices = blocks.flatMap((at, i) => {
    const block = body.v128(i === 0 ? v128.xor(hash, v128.load(at)) : v128.load(at))
    return [true, false].map((isHigh) => body.v128(nibbles(block, isHigh)))
  })
  const low = body.v128(v128.zero())
  const high = body.v128(v128.zero())
  const row = body.i32(i32.add(tables, i32.const(15 * ROW_BYTES)))
  const moveUp = (below: V128, value: V128): V128 =>
    v128.shuffle(
      below,
      value,
      SIXTEEN.map((i) => i + 15),
    )
  body.repeat(
    () => {
      body.set(high, moveUp(low, high))
      body.set(low, moveUp(v128.zero(), low))
      const found = indices.map((nibble, i) => v128.lookUp(isRelaxed, v128.load(row, 16 * i), nibble))
      body.set(low, v128.xor(low, sum(found)))
      body.advance(row, -ROW_BYTES)
    },
    i32.leS(tables, row),
  )
  return reduced(isRelaxed, body, low, high)
}

/** XORs in pairs, so that few wait for each other. */
function sum(terms: readonly V128[]): V128 {
  if (terms.length === 1) return terms[0] as V128
  const half = terms.length >> 1
  return v128.xor(sum(terms.slice(0, half)), sum(terms.slice(half)))
}

/**
 * Byte k of `high` is u·x^(128 + 8k), and x^128 = x^7 + x^2 + x + 1: it comes back in byte k as u (1 + x + x^2 + x^7), what that
 * pushes out in byte k + 1. In GHASH the highest bit of a byte is the lowest power, so that times x is a shift to the right.
 */
function reduced(isRelaxed: boolean, body: Body, low: V128, high: V128): V128 {
  const same = (u: number): number => (u ^ (u >> 1) ^ (u >> 2) ^ (u >> 7)) & 255
  const next = (u: number): number => ((u << 7) ^ (u << 6) ^ (u << 1)) & 255
  const highNibbles = body.v128(nibbles(high, true))
  const lowNibbles = body.v128(nibbles(high, false))
  const both = (of: (u: number) => number): V128 =>
    v128.xor(
      v128.lookUp(isRelaxed, v128.const(SIXTEEN.map((n) => of(n << 4))), highNibbles),
      v128.lookUp(isRelaxed, v128.const(SIXTEEN.map(of)), lowNibbles),
    )
  const carried = v128.shuffle(
    v128.zero(),
    both(next),
    SIXTEEN.map((i) => i + 15),
  )
  return v128.xor(v128.xor(low, both(same)), carried)
}

/** The table of one power at `to`: for the high nibbles, then the low ones, whose products have four more factors x. */
function writeTable(body: Body, to: Local<'i32'>, power: Local<'v128'>): void {
  const [half, bit, n, row] = [body.i32(i32.const(0)), body.i32(), body.i32(), body.i32()]
  const words = body.v128(inOtherOrder(power))
  const high = body.i64(v128.extract64(words, 0))
  const low = body.i64(v128.extract64(words, 1))
  const carry = body.i64()
  const product = i32.add(i32.const(PRODUCTS), i32.shl(n, i32.const(4)))
  body.repeat(
    () => {
      body.fill(i32.const(PRODUCTS), 0, i32.const(256))
      // The highest bit of a nibble stands for the lowest power of x.
      body.set(bit, i32.const(8))
      body.repeat(() => {
        body.set(power, inOtherOrder(v128.replace64(v128.splat64(high), 1, low)))
        body.set(n, i32.const(0))
        body.repeat(
          () => {
            body.if(i32.and(n, bit), () => body.store(product, v128.xor(v128.load(product), power)))
            body.advance(n, 1)
          },
          i32.ltU(n, i32.const(16)),
        )
        // Times x: all bits one to the right; what falls out comes back as x^7 + x^2 + x + 1, without a branch.
        body.set(carry, i64.and(i64.sub(i64.const(0n), i64.and(low, i64.const(1n))), i64.const(0xe1n << 56n)))
        body.set(low, i64.or(i64.shrU(low, i64.const(1n)), i64.shl(high, i64.const(63n))))
        body.set(high, i64.xor(i64.shrU(high, i64.const(1n)), carry))
        body.set(bit, i32.shrU(bit, i32.const(1)))
      }, bit)
      body.set(row, i32.const(0))
      body.repeat(
        () => {
          body.set(n, i32.const(0))
          body.repeat(
            () => {
              const target = i32.add(i32.add(to, i32.mul(row, i32.const(ROW_BYTES))), n)
              body.store8(target, i32.load8(i32.add(product, row)))
              body.advance(n, 1)
            },
            i32.ltU(n, i32.const(16)),
          )
          body.advance(row, 1)
        },
        i32.ltU(row, i32.const(16)),
      )
      body.advance(to, 16)
      body.advance(half, 1)
    },
    i32.ltU(half, i32.const(2)),
  )
  body.fill(i32.const(PRODUCTS), 0, i32.const(256))
}
