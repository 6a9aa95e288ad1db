/**
 * The kernel of AES-128-GCM and AES-256-GCM (NIST SP 800-38D) for packets of QUIC (RFC 9001 §5.3, §5.4.3).
 *
 * A pass encrypts eight counter blocks. The first of a packet has the counters 0 to 7: that of 0 is not used, that of 1 masks the
 * tag, and those from 2 on are key stream. The same code makes the header masks of eight packets.
 */
import { AES_CONTEXT, DESCRIPTOR, KEYS, STREAM, TAIL, WORK, ZEROS } from '../src/crypto/wasm/layout.ts'
import { defineAes, PASS } from './aes.ts'
import { Assembly, type Body, type Callable, call, type I32, i32, type Local, v128 } from './assembler.ts'
import { defineGhash, type Ghash } from './ghash.ts'
import {
  defineXorExactly,
  exportProtection,
  field,
  forEachPacket,
  nonceOf,
  openPayloads,
  payloadOf,
  SAMPLES,
  sealPayloads,
  smaller,
  swap32,
} from './packets.ts'

/** The nonce of the packet at hand. */
const NONCE: number = WORK + 192
/** Where the key stream of the packet at hand begins, if the host made it. */
const CURRENT_STREAM: number = WORK + 192
/** Blocks of the first pass that are no key stream. */
const SPARE = 32

/** The module's bytes. @param isHybrid with the entry points for blocks that the host encrypts. */
export function aesGcmKernel(isRelaxed: boolean, isHybrid = false): Uint8Array {
  const assembly = new Assembly()
  const xorExactly = defineXorExactly(assembly)
  const aes = defineAes(assembly, isRelaxed)
  const ghash = defineGhash(assembly, isRelaxed)
  const roundsOf = (context: I32): I32 => i32.load(context, AES_CONTEXT.rounds)

  const begin = assembly.procedure(['i32', 'i32'], (body, context, at) => {
    const nonce = body.v128(nonceOf(i32.add(context, i32.const(AES_CONTEXT.iv)), at))
    body.store(i32.const(NONCE), nonce)
    body.run(aes.counters, nonce, i32.const(0))
    body.run(aes.pass, context, roundsOf(context), i32.const(STREAM), i32.const(ZEROS))
  })

  const crypt = assembly.procedure(['i32', 'i32', 'i32'], (body, context, text, length) => {
    const first = body.i32(smaller(length, i32.const(PASS - SPARE)))
    body.run(xorExactly, text, i32.const(STREAM + SPARE), first)
    body.set(text, i32.add(text, first))
    body.set(length, i32.sub(length, first))
    const nonce = body.v128(v128.load(i32.const(NONCE)))
    const rounds = body.i32(roundsOf(context))
    const counter = body.i32(i32.const(8))
    const next = (to: I32, from: I32): void => {
      body.run(aes.counters, nonce, counter)
      body.run(aes.pass, context, rounds, to, from)
    }
    body.while(i32.geS(length, i32.const(PASS)), () => {
      next(text, text)
      body.advance(counter, 8)
      body.advance(text, PASS)
      body.advance(length, -PASS)
    })
    body.if(length, () => {
      next(i32.const(TAIL), i32.const(ZEROS))
      body.run(xorExactly, text, i32.const(TAIL), length)
    })
  })

  const tag = assembly.define(
    ['i32', 'i32', 'i32', 'i32', 'i32'],
    (_, context, header, headerLength, text, textLength) => {
      const tables = i32.add(context, i32.const(AES_CONTEXT.tables))
      return v128.xor(
        v128.load(i32.const(STREAM + 16)),
        call(ghash.hash, tables, header, headerLength, text, textLength),
      )
    },
  )

  const masks = assembly.procedure(['i32'], (body, context) => {
    body.run(aes.gather, i32.const(SAMPLES))
    const key = i32.add(context, i32.const(AES_CONTEXT.headerKey))
    body.run(aes.pass, key, roundsOf(context), i32.const(STREAM), i32.const(ZEROS))
  })

  // A context from the keys at KEYS; IV and zeros are there already.
  assembly.procedure(
    ['i32', 'i32'],
    (body, context, length) => {
      const rounds = body.i32(i32.add(i32.shrU(length, i32.const(2)), i32.const(6)))
      body.store(context, rounds, AES_CONTEXT.rounds)
      body.run(aes.expand, context, i32.const(KEYS), length)
      body.run(aes.expand, i32.add(context, i32.const(AES_CONTEXT.headerKey)), i32.add(i32.const(KEYS), length), length)
      // The hash key is the encryption of zeros (SP 800-38D §7.1).
      body.run(aes.gather, i32.const(ZEROS))
      body.run(aes.pass, context, rounds, i32.const(STREAM), i32.const(ZEROS))
      body.run(ghash.expand, i32.add(context, i32.const(AES_CONTEXT.tables)), v128.load(i32.const(STREAM)))
    },
    'expand',
  )
  const protect = exportProtection(assembly, { begin, crypt, tag, masks, samples: 8, maskBytes: 16 })
  if (isHybrid) exportHybrid(assembly, ghash, xorExactly, protect)
  return assembly.encode()
}

/**
 * The entry points for a host that encrypts many blocks in one call faster than WebAssembly can: `counters` writes the counter
 * blocks of all packets, one behind the other; the host encrypts them in place; `sealWith` and `openWith` do the rest.
 */
function exportHybrid(
  assembly: Assembly,
  ghash: Ghash,
  xorExactly: Callable<readonly ['i32', 'i32', 'i32'], undefined>,
  protect: Callable<readonly ['i32', 'i32'], undefined>,
): void {
  // For each packet as many blocks as ciphertext begun, tag included, which is one more than there are blocks of payload: the first
  // of them masks the tag. The result is where they end.
  const counters = (body: Body, context: Local<'i32'>, count: Local<'i32'>, to: Local<'i32'>): I32 => {
    forEachPacket(body, count, (at) => {
      body.store(at, to, DESCRIPTOR.stream)
      const block = body.v128(nonceOf(i32.add(context, i32.const(AES_CONTEXT.iv)), at))
      const left = body.i32(i32.sub(field.end(at), payloadOf(at)))
      const counter = body.i32(i32.const(1))
      const next = v128.const([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
      body.repeat(
        () => {
          // The last byte counts; every 256 blocks the one before it does.
          body.if(
            i32.and(counter, i32.const(255)),
            () => body.set(block, v128.add8(block, next)),
            () => body.set(block, v128.replace32(block, 3, swap32(counter))),
          )
          body.store(to, block)
          body.advance(to, 16)
          body.advance(counter, 1)
          body.advance(left, -16)
        },
        i32.gtS(left, i32.const(-16)),
      )
    })
    return to
  }
  assembly.define(['i32', 'i32', 'i32'], counters, 'counters')

  const begin = assembly.procedure(['i32', 'i32'], (body, _context, at) => {
    body.store(i32.const(CURRENT_STREAM), i32.load(at, DESCRIPTOR.stream))
  })
  const stream = i32.load(i32.const(CURRENT_STREAM))
  const crypt = assembly.procedure(['i32', 'i32', 'i32'], (body, _context, text, length) => {
    body.run(xorExactly, text, i32.add(stream, i32.const(16)), length)
  })
  const tag = assembly.define(['i32', 'i32', 'i32', 'i32', 'i32'], (_, context, ...parts) => {
    const tables = i32.add(context, i32.const(AES_CONTEXT.tables))
    return v128.xor(v128.load(stream), call(ghash.hash, tables, ...parts))
  })
  const cipher = { begin, crypt, tag }
  const seal = (body: Body, context: Local<'i32'>, count: Local<'i32'>): void => {
    sealPayloads(body, cipher, context, count)
    body.run(protect, context, count)
  }
  assembly.procedure(['i32', 'i32'], seal, 'sealWith')
  assembly.procedure(['i32', 'i32'], (body, context, count) => openPayloads(body, cipher, context, count), 'openWith')
}
