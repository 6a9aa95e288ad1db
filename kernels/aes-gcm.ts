/**
 * The kernel of AES-128-GCM and AES-256-GCM (NIST SP 800-38D) for packets of QUIC (RFC 9001 §5.3, §5.4.3).
 *
 * A pass encrypts eight counter blocks. The first of a packet has the counters 0 to 7: that of 0 is not used, that of 1 masks the
 * tag, and those from 2 on are key stream. The same code makes the header masks of eight packets.
 */
import { AES_CONTEXT, KEYS, STREAM, TAIL, WORK, ZEROS } from '../src/crypto/wasm/layout.ts'
import { defineAes, PASS } from './aes.ts'
import { Assembly, call, type I32, i32, v128 } from './assembler.ts'
import { defineGhash } from './ghash.ts'
import { defineXorExactly, exportProtection, nonceOf, SAMPLES, smaller } from './packets.ts'

/** The nonce of the packet at hand. */
const NONCE: number = WORK + 192
/** Blocks of the first pass that are no key stream. */
const SPARE = 32

/** The module's bytes. */
export function aesGcmKernel(isRelaxed: boolean): Uint8Array {
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
  exportProtection(assembly, { begin, crypt, tag, masks, samples: 8, maskBytes: 16 })
  return assembly.encode()
}
