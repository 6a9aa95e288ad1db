/**
 * AES (FIPS 197), eight blocks at once and bit by bit: vector `i` holds bit `i` of all bytes of all blocks. Its byte `p` belongs to
 * the byte `p` of the blocks, and bit `b` of that byte to block `b`. So SubBytes is a circuit of whole vectors, MixColumns moves bytes
 * within each vector, and nothing is ever looked up at a secret address: the time depends on nothing but the number of rounds.
 *
 * ShiftRows is put off to the end ("fixslicing", Adomnicai and Peyrin, 2020). After k rounds the bytes lie where they were before k
 * times ShiftRows, and so do those of the round keys, which are stored like that. The byte that MixColumns finds one row below is
 * then k columns to the right as well, which costs nothing: the bytes are moved anyway. At the end ShiftRows is made good twice,
 * since it is the identity when done four times, and there are 10 or 14 rounds.
 */
import { STREAM, WORK, ZEROS } from '../src/crypto/wasm/layout.ts'
import { type Assembly, type Body, type Callable, i32, type Local, type V128, v128 } from './assembler.ts'
import { S_BOX } from './sbox.ts'

const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7] as const
const SIXTEEN: readonly number[] = Array.from({ length: 16 }, (_, i) => i)
/** Bytes of one round key, bit by bit, and of a pass. */
export const PASS = 128

/** Where a pass finds its eight blocks, bit by bit. */
const BITS = WORK
/** The bytes of the key schedule. */
const SCHEDULE = 1088

/** ShiftRows (FIPS 197 §5.1.2): byte `p`, in row p mod 4, comes from the same row, as many columns to the right. */
const SHIFTED = SIXTEEN.map((p) => (p + 4 * (p & 3)) & 15)
/** Done twice. */
const SHIFTED_TWICE = SHIFTED.map((p) => SHIFTED[p] ?? 0)
/** The inverse. */
const SHIFTED_BACK = SIXTEEN.map((p) => SHIFTED.indexOf(p))
/** One row further down and one column to the right; two of each. */
const BELOW = SIXTEEN.map((p) => ((p + 4) & 12) | ((p + 1) & 3))
const TWO_BELOW = SIXTEEN.map((p) => ((p + 8) & 12) | ((p + 2) & 3))

export interface Aes {
  /** (round keys, rounds, to, from): encrypts the blocks at BITS and XORs them with the 128 bytes at `from` into `to`. */
  readonly pass: Callable<readonly ['i32', 'i32', 'i32', 'i32'], undefined>
  /** (block, counter): eight blocks of CTR mode to BITS; the counter, a multiple of 8, goes into the last four bytes. */
  readonly counters: Callable<readonly ['v128', 'i32'], undefined>
  /** (address): the eight blocks at `address` to BITS. */
  readonly gather: Callable<readonly ['i32'], undefined>
  /** (to, key, its length): the round keys of an AES-128 or AES-256 key. */
  readonly expand: Callable<readonly ['i32', 'i32', 'i32'], undefined>
}

export function defineAes(assembly: Assembly, isRelaxed: boolean): Aes {
  const pass = assembly.procedure(['i32', 'i32', 'i32', 'i32'], (body, ...locals) =>
    writePass(body, isRelaxed, ...locals),
  )
  /** The bits of one block, the same in all eight, to `to`. */
  const spread = assembly.procedure(['i32', 'v128'], (body, to, block) => {
    for (const i of EIGHT) body.store(to, v128.equal8(v128.and(block, v128.bytes(1 << i)), v128.bytes(1 << i)), 16 * i)
  })
  const counters = assembly.procedure(['v128', 'i32'], (body, block, counter) => {
    const inNetworkOrder = SIXTEEN.map((p) => (p < 12 ? p : 31 - p))
    body.run(spread, i32.const(BITS), v128.shuffle(block, v128.splat32(counter), inNetworkOrder))
    // The lowest three bits of the last byte count the blocks: bit 0 is set in blocks 1, 3, 5 and 7, and so on.
    ;[0xaa, 0xcc, 0xf0].forEach((blocks, i) => {
      const last = v128.const(SIXTEEN.map((p) => (p === 15 ? blocks : 0)))
      body.store(i32.const(0), v128.xor(v128.load(i32.const(0), BITS + 16 * i), last), BITS + 16 * i)
    })
  })
  const gather = assembly.procedure(['i32'], (body, from) => {
    const blocks = EIGHT.map((i) => body.v128(v128.load(from, 16 * i)))
    transpose(body, blocks)
    body.storeAll(i32.const(BITS), blocks)
  })
  const expand = assembly.procedure(['i32', 'i32', 'i32'], (body, to, key, length) => {
    body.copy(i32.const(SCHEDULE), key, length)
    const word = body.i32()
    /** SubWord (FIPS 197 §5.2): a last round with round keys of zero; ShiftRows does nothing to equal columns. */
    const substitute = (): void => {
      body.run(spread, i32.const(BITS), v128.splat32(word))
      body.run(pass, i32.const(ZEROS), i32.const(1), i32.const(STREAM), i32.const(ZEROS))
      body.set(word, i32.xor(i32.load(i32.const(0), STREAM), i32.const(0x63636363)))
    }
    // Four words for each round key, of which there is one more than rounds: 6 + length / 4.
    const end = body.i32(i32.add(i32.const(SCHEDULE + 112), i32.shl(length, i32.const(2))))
    const at = body.i32(i32.add(i32.const(SCHEDULE), length))
    const inKey = body.i32(i32.const(0))
    const constant = body.i32(i32.const(1))
    body.repeat(
      () => {
        body.set(word, i32.load(i32.sub(at, i32.const(4))))
        body.if(i32.isZero(inKey), () => {
          substitute()
          // RotWord of a word whose first byte is the lowest, and Rcon, doubled in GF(2^8); it has no secret in it.
          body.set(word, i32.xor(i32.rotr(word, i32.const(8)), constant))
          const carry = i32.mul(i32.shrU(constant, i32.const(7)), i32.const(0x11b))
          body.set(constant, i32.xor(i32.shl(constant, i32.const(1)), carry))
        })
        // AES-256 substitutes in the middle of the key as well.
        body.if(i32.and(i32.eq(inKey, i32.const(16)), i32.eq(length, i32.const(32))), substitute)
        body.store(at, i32.xor(word, i32.load(i32.sub(at, length))))
        body.advance(at, 4)
        body.advance(inKey, 4)
        body.if(i32.eq(inKey, length), () => body.set(inKey, i32.const(0)))
      },
      i32.ltU(at, end),
    )
    body.set(at, i32.const(SCHEDULE))
    const places = body.v128(v128.const(SIXTEEN))
    body.repeat(
      () => {
        // What S_BOX leaves out is added by all round keys but the first.
        const left = v128.splat8(i32.mul(i32.ne(at, i32.const(SCHEDULE)), i32.const(0x63)))
        body.run(spread, to, v128.xor(v128.swizzle(v128.load(at), places), left))
        body.set(places, moved(places, SHIFTED_BACK))
        body.advance(to, PASS)
        body.advance(at, 16)
      },
      i32.ltU(at, end),
    )
    body.fill(i32.const(SCHEDULE), 0, i32.const(240))
  })
  return { pass, counters, gather, expand }
}

function writePass(
  body: Body,
  isRelaxed: boolean,
  keys: Local<'i32'>,
  rounds: Local<'i32'>,
  to: Local<'i32'>,
  from: Local<'i32'>,
): void {
  // Bit 7 first, as the circuit names its inputs.
  const q = EIGHT.map((i) =>
    body.v128(v128.xor(v128.load(i32.const(0), BITS + 16 * i), v128.load(keys, 16 * i))),
  ) as Local<'v128'>[]
  const gates = new Map<string, Local<'v128'>>(EIGHT.map((i) => [`x${i}`, q[7 - i] as Local<'v128'>]))
  const gate = (name: string): Local<'v128'> => {
    const local = gates.get(name) ?? body.v128()
    gates.set(name, local)
    return local
  }
  const below = body.v128(v128.const(BELOW))
  const twoBelow = body.v128(v128.const(TWO_BELOW))
  body.repeat(() => {
    body.advance(keys, PASS)
    for (const line of S_BOX.split(' ')) {
      const [, result = '', a = '', operator, b = ''] = /^(\w+)=(\w+)([\^&])(\w+)$/.exec(line) ?? []
      const operate = operator === '&' ? v128.and : v128.xor
      const value = operate(gate(a), gate(b))
      body.set(gate(result), value)
    }
    const s = (i: number): V128 => gate(`s${7 - i}`)
    const key = (i: number): V128 => v128.load(keys, 16 * i)
    body.advance(rounds, -1)
    body.if(i32.isZero(rounds), () => {
      for (const i of EIGHT) body.set(q[i] as Local<'v128'>, moved(v128.xor(s(i), key(i)), SHIFTED_TWICE))
      transpose(body, q)
      for (const i of EIGHT) body.store(to, v128.xor(v128.load(from, 16 * i), q[i] as V128), 16 * i)
      body.return()
    })
    // MixColumns: 2 a + 3 b + c + d = 2 (a + b) + b + (c + d), with a the byte itself and b, c, d those below it.
    const sums = EIGHT.map((i) => {
      const next = gate(`t${i}`)
      const sum = gate(`t${8 + i}`)
      body.set(next, v128.lookUp(isRelaxed, s(i), below))
      body.set(sum, v128.xor(s(i), next))
      const others = v128.lookUp(isRelaxed, sum, twoBelow)
      body.set(q[i] as Local<'v128'>, v128.xor(v128.xor(others, next), key(i)))
      return sum
    })
    // Twice a byte (FIPS 197 §4.2.1): its bits one higher, and the highest comes back as x^4 + x^3 + x + 1.
    for (const i of EIGHT) {
      const doubled = [sums[(i + 7) & 7] as V128, ...(i === 1 || i === 3 || i === 4 ? [sums[7] as V128] : [])]
      body.set(q[i] as Local<'v128'>, doubled.reduce(v128.xor, q[i] as V128))
    }
    // A column further to the right, and two.
    body.set(below, v128.and(v128.add8(below, v128.bytes(4)), v128.bytes(15)))
    body.set(twoBelow, v128.xor(twoBelow, v128.bytes(8)))
  }, i32.const(1))
}

/** The bytes of a vector in another order. */
function moved(value: V128, picks: readonly number[]): V128 {
  return v128.shuffle(value, value, picks)
}

/**
 * Bit `b` of vector `i` and bit `i` of vector `b` change places, in every byte: from blocks to their bits, and back. Done for
 * neighbouring bits, then pairs, then halves of bytes.
 */
function transpose(body: Body, vectors: readonly Local<'v128'>[]): void {
  const difference = body.v128()
  for (const [distance, mask] of [
    [1, 0x55],
    [2, 0x33],
    [4, 0x0f],
  ] as const) {
    for (const i of EIGHT.filter((index) => (index & distance) === 0)) {
      const a = vectors[i] as Local<'v128'>
      const b = vectors[i + distance] as Local<'v128'>
      body.set(difference, v128.and(v128.xor(v128.shrU64(a, distance), b), v128.bytes(mask)))
      body.set(b, v128.xor(b, difference))
      body.set(a, v128.xor(a, v128.shl64(difference, distance)))
    }
  }
}
