/** What the kernels have in common: descriptors, nonces, header protection, and tails that end where the packet ends. */
import { DESCRIPTOR, DESCRIPTOR_BYTES, DESCRIPTORS, STREAM, TAIL, ZEROS } from '../src/crypto/wasm/layout.ts'
import {
  type Assembly,
  type Body,
  type Callable,
  call,
  f64,
  type I32,
  type I64,
  i32,
  i64,
  type Local,
  type V128,
  v128,
} from './assembler.ts'

/** The statuses of `PacketStatus`. */
export const DONE = 1
export const FAILED = 2
export const TAG_LENGTH = 16
/** From the packet number to the end of its sample (RFC 9001 §5.4.2). */
const SAMPLED = 20

/** The fields of the packet whose descriptor lies at `at`. */
export const field = {
  start: (at: I32): I32 => i32.load(at, DESCRIPTOR.start),
  numberOffset: (at: I32): I32 => i32.load(at, DESCRIPTOR.numberOffset),
  end: (at: I32): I32 => i32.load(at, DESCRIPTOR.end),
  status: (at: I32): I32 => i32.load(at, DESCRIPTOR.status),
  packetNumber: (at: I32): I64 => i64.ofF64(f64.load(at, DESCRIPTOR.packetNumber)),
}

export function setStatus(body: Body, at: I32, status: I32): void {
  body.store(at, status, DESCRIPTOR.status)
}

/** For each of `count` packets, with the address of its descriptor. */
export function forEachPacket(body: Body, count: I32, each: (at: Local<'i32'>) => void): void {
  const at = body.i32(i32.const(DESCRIPTORS))
  const end = body.i32(i32.add(i32.const(DESCRIPTORS), i32.mul(count, i32.const(DESCRIPTOR_BYTES))))
  body.while(i32.ltU(at, end), () => {
    each(at)
    body.advance(at, DESCRIPTOR_BYTES)
  })
}

/** Where the payload begins: behind a packet number whose length the unprotected first byte tells (RFC 9000 §17.2). */
export function payloadOf(at: I32): I32 {
  const length = i32.add(i32.and(i32.load8(field.start(at)), i32.const(3)), i32.const(1))
  return i32.add(field.numberOffset(at), length)
}

/** The nonce of a packet, four zero bytes behind it: the IV with the number in network order XORed in (RFC 9001 §5.3). */
export function nonceOf(iv: I32, at: I32): V128 {
  const z = 16
  const number = v128.shuffle(v128.splat64(field.packetNumber(at)), v128.zero(), [
    z,
    z,
    z,
    z,
    7,
    6,
    5,
    4,
    3,
    2,
    1,
    0,
    z,
    z,
    z,
    z,
  ])
  return v128.xor(v128.load(iv), number)
}

export function smaller(a: Local<'i32'>, b: I32): I32 {
  return i32.select(a, b, i32.ltS(a, b))
}

/** The four bytes of a word turned round. */
export function swap32(word: Local<'i32'>): I32 {
  const mask = i32.const(0x00ff00ff)
  return i32.or(i32.rotr(i32.and(word, mask), i32.const(8)), i32.and(i32.rotr(word, i32.const(24)), mask))
}

/** XORs `length` bytes of key stream at `stream` into `to`, and writes not one byte more. */
export function defineXorExactly(assembly: Assembly): Callable<readonly ['i32', 'i32', 'i32'], undefined> {
  return assembly.procedure(['i32', 'i32', 'i32'], (body, to, stream, length) => {
    body.while(i32.geS(length, i32.const(16)), () => {
      body.store(to, v128.xor(v128.load(to), v128.load(stream)))
      body.advance(to, 16)
      body.advance(stream, 16)
      body.advance(length, -16)
    })
    // What is left goes out by its binary digits: 8, 4, 2, 1. Up to 15 bytes behind it are read.
    const rest = body.v128(v128.xor(v128.load(to), v128.load(stream)))
    for (const size of [8, 4, 2, 1] as const) {
      body.if(i32.and(length, i32.const(size)), () => {
        body.storeFirst(size, to, rest)
        body.set(rest, dropped(rest, size))
        body.advance(to, size)
      })
    }
  })
}

/** A vector without its first bytes, zeros behind. */
function dropped(value: V128, size: number): V128 {
  return v128.shuffle(
    value,
    v128.zero(),
    Array.from({ length: 16 }, (_, i) => i + size),
  )
}

/**
 * Writes the `length` bytes at `from`, 1 to 15, to `to` with zeros up to 16. The bytes behind them are read and masked away.
 */
export function storePadded(body: Body, to: I32, from: I32, length: I32): void {
  const indices = v128.const(Array.from({ length: 16 }, (_, i) => i))
  const isInside = v128.greater8(v128.splat8(length), indices)
  body.store(to, v128.and(v128.load(from), isInside))
}

/**
 * Masks first byte and packet number with the first five bytes of `mask` (RFC 9001 §5.4.1). The length of the number stands in
 * the unprotected first byte, which is the one before when sealing and the one after when unmasking. Four bytes are read and
 * written at the number; all belong to the packet, since behind them comes the sample.
 */
function defineApplyMask(assembly: Assembly): Callable<readonly ['i32', 'i64', 'i32'], undefined> {
  return assembly.procedure(['i32', 'i64', 'i32'], (body, at, mask, isSealing) => {
    const start = body.i32(field.start(at))
    const before = body.i32(i32.load8(start))
    // Four bits of a long header, five of a short one.
    const bits = i32.shrU(i32.const(0x1f), i32.shrU(before, i32.const(7)))
    const after = body.i32(i32.xor(before, i32.and(i32.wrap(mask), bits)))
    body.store8(start, after)
    const length = i32.and(i32.select(before, after, isSealing), i32.const(3))
    const unused = i32.sub(i32.const(24), i32.shl(length, i32.const(3)))
    const numberMask = i32.and(i32.wrap(i64.shrU(mask, i64.const(8n))), i32.shrU(i32.const(-1), unused))
    const number = body.i32(field.numberOffset(at))
    body.store(number, i32.xor(i32.load(number), numberMask))
  })
}

/** Whether a received packet holds a whole sample (RFC 9001 §5.4.2). */
function hasSample(at: I32): I32 {
  return i32.leS(i32.add(field.numberOffset(at), i32.const(SAMPLED)), field.end(at))
}

/** The address of a packet's sample: four bytes behind the start of its number, whose length is not known yet. */
function sampleOf(at: I32): I32 {
  return i32.add(field.numberOffset(at), i32.const(4))
}

/**
 * The number of an unmasked packet, decoded (RFC 9000 §A.3): of those that end in its bytes the one next to the number after the
 * largest processed so far, which its descriptor holds and which is replaced.
 */
function defineDecodeNumber(assembly: Assembly): Callable<readonly ['i32'], undefined> {
  return assembly.procedure(['i32'], (body, at) => {
    const bits = body.i32(i32.shl(i32.and(i32.load8(field.start(at)), i32.const(3)), i32.const(3)))
    body.advance(bits, 8)
    const word = body.i32(i32.load(field.numberOffset(at)))
    const truncated = i64.extendU(i32.shrU(swap32(word), i32.sub(i32.const(32), bits)))
    const expected = body.i64(i64.add(field.packetNumber(at), i64.const(1n)))
    const window = body.i64(i64.shl(i64.const(1n), i64.extendU(bits)))
    const half = body.i64(i64.shrU(window, i64.const(1n)))
    const number = body.i64(i64.or(i64.and(expected, i64.sub(i64.const(0n), window)), truncated))
    const isBelow = i64.leS(number, i64.sub(expected, half))
    const hasRoom = i64.leS(number, i64.sub(i64.const(2n ** 53n - 1n), window))
    const isAbove = i64.gtS(number, i64.add(expected, half))
    body.if(
      i32.and(isBelow, hasRoom),
      () => body.set(number, i64.add(number, window)),
      () => body.if(i32.and(isAbove, i64.geS(number, window)), () => body.set(number, i64.sub(number, window))),
    )
    body.store(at, f64.ofI64(number), DESCRIPTOR.packetNumber)
  })
}

/** What a cipher adds to the three entry points that all kernels have. */
export interface Cipher {
  /** (context, descriptor): the first pass over the key stream of a packet, at STREAM. */
  readonly begin: Callable<readonly ['i32', 'i32'], undefined>
  /** (context, text, length): XORs the key stream, begun by `begin`, into the payload. */
  readonly crypt: Callable<readonly ['i32', 'i32', 'i32'], undefined>
  /** (context, header, its length, ciphertext, its length): the tag of the packet that `begin` saw. */
  readonly tag: Callable<readonly ['i32', 'i32', 'i32', 'i32', 'i32'], 'v128'>
  /** (context): the masks of as many samples as one pass takes, at STREAM; the samples are at {@link SAMPLES}. */
  readonly masks: Callable<readonly ['i32'], undefined>
  /** How many samples that are. */
  readonly samples: 4 | 8
  /** Bytes from one mask to the next. */
  readonly maskBytes: number
}

/** Where the samples of one pass are gathered: at TAIL, which only `crypt` needs else. */
export const SAMPLES: number = TAIL

/**
 * The entry points, each for `count` packets, whose descriptors say where they are, under the keys of `context`. Gives back the
 * last step of sealing, header protection.
 */
export function exportProtection(assembly: Assembly, cipher: Cipher): Callable<readonly ['i32', 'i32'], undefined> {
  const applyMask = defineApplyMask(assembly)
  const decodeNumber = defineDecodeNumber(assembly)
  const masks = defineMasks(assembly, cipher)

  /** For each packet, with its header mask; the masks are made by the passful. */
  const forEachMask = (body: Body, context: I32, count: I32, each: (at: Local<'i32'>, mask: I64) => void): void => {
    const end = body.i32(i32.add(i32.const(DESCRIPTORS), i32.mul(count, i32.const(DESCRIPTOR_BYTES))))
    const next = body.i32(i32.const(cipher.samples))
    forEachPacket(body, count, (at) => {
      body.if(i32.eq(next, i32.const(cipher.samples)), () => {
        body.run(masks, context, at, end)
        body.set(next, i32.const(0))
      })
      each(at, i64.load(i32.mul(next, i32.const(cipher.maskBytes)), STREAM))
      body.advance(next, 1)
    })
  }

  const unmask = (body: Body, context: Local<'i32'>, count: Local<'i32'>): void => {
    forEachMask(body, context, count, (at, mask) => {
      setStatus(body, at, i32.const(FAILED))
      body.if(hasSample(at), () => {
        body.run(applyMask, at, mask, i32.const(0))
        body.run(decodeNumber, at)
        setStatus(body, at, i32.const(DONE))
      })
    })
  }
  /** (context, count): protects the headers of sealed packets. */
  const protect = assembly.procedure(['i32', 'i32'], (body, context, count) => {
    forEachMask(body, context, count, (at, mask) => {
      body.run(applyMask, at, mask, i32.const(1))
      setStatus(body, at, i32.const(DONE))
    })
  })
  const seal = (body: Body, context: Local<'i32'>, count: Local<'i32'>): void => {
    sealPayloads(body, cipher, context, count)
    body.run(protect, context, count)
  }
  const open = (body: Body, context: Local<'i32'>, count: Local<'i32'>): void => {
    openPayloads(body, cipher, context, count)
  }

  assembly.procedure(['i32', 'i32'], seal, 'seal')
  assembly.procedure(['i32', 'i32'], unmask, 'unmask')
  assembly.procedure(['i32', 'i32'], open, 'open')
  return protect
}

/** What sealing and opening ask of a cipher. */
export type PayloadCipher = Pick<Cipher, 'begin' | 'crypt' | 'tag'>

/** Encrypts the payloads and writes the tags. */
export function sealPayloads(body: Body, { begin, crypt, tag }: PayloadCipher, context: I32, count: I32): void {
  forEachPacket(body, count, (at) => {
    const start = field.start(at)
    const text = body.i32(payloadOf(at))
    const length = body.i32(i32.sub(field.end(at), text))
    body.run(begin, context, at)
    body.run(crypt, context, text, length)
    body.store(field.end(at), call(tag, context, start, i32.sub(text, start), text, length))
    // From here on the packet is what it will be for its receiver: its sample may reach into the tag.
    body.store(at, i32.add(field.end(at), i32.const(TAG_LENGTH)), DESCRIPTOR.end)
  })
}

/** Decrypts the payloads whose tags are right, and says of each packet which it was. */
export function openPayloads(body: Body, { begin, crypt, tag }: PayloadCipher, context: I32, count: I32): void {
  forEachPacket(body, count, (at) => {
    body.if(i32.ne(field.status(at), i32.const(FAILED)), () => {
      setStatus(body, at, i32.const(FAILED))
      const start = field.start(at)
      const text = body.i32(payloadOf(at))
      const end = body.i32(i32.sub(field.end(at), i32.const(TAG_LENGTH)))
      const length = body.i32(i32.sub(end, text))
      body.if(i32.geS(length, i32.const(0)), () => {
        body.run(begin, context, at)
        // All bytes are compared at once, and nothing is decrypted that was not sent by the peer.
        const made = call(tag, context, start, i32.sub(text, start), text, length)
        body.if(i32.isZero(v128.anyTrue(v128.xor(made, v128.load(end)))), () => {
          body.run(crypt, context, text, length)
          setStatus(body, at, i32.const(DONE))
        })
      })
    })
  })
}

/** (context, descriptor, end of the descriptors): the masks of a passful of packets. One without a sample gets a meaningless mask. */
function defineMasks(
  assembly: Assembly,
  { masks, samples }: Cipher,
): Callable<readonly ['i32', 'i32', 'i32'], undefined> {
  return assembly.procedure(['i32', 'i32', 'i32'], (body, context, at, end) => {
    const to = body.i32(i32.const(SAMPLES))
    body.repeat(
      () => {
        const sample = body.i32(i32.const(ZEROS))
        body.if(i32.ltU(at, end), () => body.if(hasSample(at), () => body.set(sample, sampleOf(at))))
        body.store(to, v128.load(sample))
        body.advance(at, DESCRIPTOR_BYTES)
        body.advance(to, 16)
      },
      i32.ltU(to, i32.const(SAMPLES + 16 * samples)),
    )
    body.run(masks, context)
  })
}
