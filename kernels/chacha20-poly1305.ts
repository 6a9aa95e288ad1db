/**
 * The kernel of ChaCha20-Poly1305 (RFC 8439) for packets of QUIC (RFC 9001 §5.3, §5.4.4).
 *
 * ChaCha20 makes four blocks at once, word by word: vector i holds word i of all four, so that a quarter round is sixteen
 * instructions on whole vectors, and no diagonal needs to be turned. A packet of 1,200 bytes takes five such passes: the first gives
 * the key of Poly1305 (block 0) and 192 bytes of key stream. The same code makes the header masks of four packets: their samples are
 * the counter and nonce words of the four blocks.
 */
import { CHACHA_CONTEXT, STREAM, TAIL, WORK, ZEROS } from '../src/crypto/wasm/layout.ts'
import { Assembly, type Body, type I32, i32, type Local, type V128, v128 } from './assembler.ts'
import { defineXorExactly, exportProtection, nonceOf, SAMPLES, smaller } from './packets.ts'
import { defineTag } from './poly1305.ts'

/** "expand 32-byte k" (RFC 8439 §2.3). */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
/** Words 12 to 15 of four blocks: counters and nonces, 16 bytes each. */
const ROWS = WORK
const PASS = 256
const BLOCK = 64
const SIXTEEN: readonly number[] = Array.from({ length: 16 }, (_, i) => i)

/** Rounds of four quarter rounds each, columns then diagonals (RFC 8439 §2.3). */
const QUARTERS: readonly (readonly [number, number, number, number])[] = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
]

/** The module's bytes. */
export function chaCha20Poly1305Kernel(): Uint8Array {
  const assembly = new Assembly()
  const xorExactly = defineXorExactly(assembly)
  const pass = assembly.procedure(['i32', 'i32', 'i32'], writePass)

  /** The first pass: the key of Poly1305 and key stream for 192 bytes, at STREAM. */
  const begin = assembly.procedure(['i32', 'i32'], (body, context, at) => {
    const nonce = body.v128(nonceOf(i32.add(context, i32.const(CHACHA_CONTEXT.iv)), at))
    body.storeAll(
      i32.const(ROWS + 16),
      [0, 1, 2].map((word) => lane(nonce, word)),
    )
    setCounter(body, i32.const(0))
    body.run(pass, context, i32.const(STREAM), i32.const(ZEROS))
  })

  /** XORs the key stream from block 1 on into the payload. */
  const crypt = assembly.procedure(['i32', 'i32', 'i32'], (body, context, text, length) => {
    const first = body.i32(smaller(length, i32.const(PASS - BLOCK)))
    body.run(xorExactly, text, i32.const(STREAM + BLOCK), first)
    body.set(text, i32.add(text, first))
    body.set(length, i32.sub(length, first))
    const counter = body.i32(i32.const(4))
    const next = (to: I32, from: I32): void => {
      setCounter(body, counter)
      body.run(pass, context, to, from)
    }
    body.while(i32.geS(length, i32.const(PASS)), () => {
      next(text, text)
      body.advance(counter, 4)
      body.advance(text, PASS)
      body.advance(length, -PASS)
    })
    body.if(length, () => {
      next(i32.const(TAIL), i32.const(ZEROS))
      body.run(xorExactly, text, i32.const(TAIL), length)
    })
  })

  /** The masks of four samples: counter and nonce of one block each (RFC 9001 §5.4.4). */
  const masks = assembly.procedure(['i32'], (body, context) => {
    const samples = [0, 1, 2, 3].map((i) => body.v128(v128.load(i32.const(0), SAMPLES + 16 * i)))
    body.storeAll(i32.const(ROWS), transposed(body, samples))
    const key = i32.add(context, i32.const(CHACHA_CONTEXT.headerKey))
    body.run(pass, key, i32.const(STREAM), i32.const(ZEROS))
  })

  const tag = defineTag(assembly)
  exportProtection(assembly, { begin, crypt, tag, masks, samples: 4, maskBytes: BLOCK })
  return assembly.encode()
}

/** The counters of four blocks, from `first` on. */
function setCounter(body: Body, first: I32): void {
  const four = v128.const([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
  body.store(i32.const(0), v128.add32(v128.splat32(first), four), ROWS)
}

/** One word of a vector in all four lanes. */
function lane(value: V128, word: number): V128 {
  return v128.shuffle(
    value,
    value,
    SIXTEEN.map((i) => 4 * word + (i & 3)),
  )
}

/** Words picked from two vectors, 0 to 3 from the first, 4 to 7 from the second. */
function words(a: V128, b: V128, picks: readonly number[]): V128 {
  return v128.shuffle(
    a,
    b,
    picks.flatMap((pick) => [0, 1, 2, 3].map((byte) => 4 * pick + byte)),
  )
}

/** Four vectors of four words as a matrix, its rows made columns. */
function transposed(body: Body, rows: readonly V128[]): V128[] {
  const [a, b, c, d] = rows as [V128, V128, V128, V128]
  const low = [0, 4, 1, 5]
  const high = [2, 6, 3, 7]
  const [ab, cd, AB, CD] = [words(a, b, low), words(c, d, low), words(a, b, high), words(c, d, high)].map((half) =>
    body.v128(half),
  ) as unknown as [V128, V128, V128, V128]
  return [
    words(ab, cd, [0, 1, 4, 5]),
    words(ab, cd, [2, 3, 6, 7]),
    words(AB, CD, [0, 1, 4, 5]),
    words(AB, CD, [2, 3, 6, 7]),
  ]
}

function rotated(word: V128, count: number): V128 {
  return v128.or(v128.shl32(word, count), v128.shrU32(word, 32 - count))
}

/**
 * One pass: four blocks of the key at `key`, counters and nonces at ROWS, are XORed with the 256 bytes at `from` and written to
 * `to` (RFC 8439 §2.3, §2.4).
 */
function writePass(body: Body, key: Local<'i32'>, to: Local<'i32'>, from: Local<'i32'>): void {
  const initial = (i: number): V128 => {
    if (i < 4) return v128.splat32(i32.const(CONSTANTS[i] ?? 0))
    return i < 12 ? v128.load32Splat(key, 4 * (i - 4)) : v128.load(i32.const(0), ROWS + 16 * (i - 12))
  }
  const state = SIXTEEN.map((i) => body.v128(initial(i)))
  const round = body.i32(i32.const(10))
  const v = (i: number): Local<'v128'> => state[i] as Local<'v128'>
  const addAndTurn = (quarters: typeof QUARTERS, [a, b, d]: readonly [number, number, number], count: number): void => {
    for (const q of quarters) {
      body.set(v(q[a] as number), v128.add32(v(q[a] as number), v(q[b] as number)))
      body.set(v(q[d] as number), v128.xor(v(q[d] as number), v(q[a] as number)))
    }
    for (const q of quarters) body.set(v(q[d] as number), rotated(v(q[d] as number), count))
  }
  body.repeat(() => {
    // Two quarter rounds side by side: enough to keep the machine busy, few enough for its registers.
    for (let i = 0; i < QUARTERS.length; i += 2) {
      const pair = QUARTERS.slice(i, i + 2)
      addAndTurn(pair, [0, 1, 3], 16)
      addAndTurn(pair, [2, 3, 1], 12)
      addAndTurn(pair, [0, 1, 3], 8)
      addAndTurn(pair, [2, 3, 1], 7)
    }
    body.advance(round, -1)
  }, round)
  for (const i of SIXTEEN) body.set(v(i), v128.add32(v(i), initial(i)))
  for (let group = 0; group < 4; group++) {
    transposed(body, state.slice(4 * group, 4 * group + 4)).forEach((column, block) => {
      const offset = BLOCK * block + 16 * group
      body.store(to, v128.xor(v128.load(from, offset), column), offset)
    })
  }
}
