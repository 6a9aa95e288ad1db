import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { batchOver } from './aead-suite.fixtures.ts'
import { noblePackets } from './noble/packets.ts'
import { createHybridEngine } from './node/hybrid-packets.ts'
import { nodePackets } from './node/packets.ts'
import { type CipherSuite, type PacketProvider, PacketStatus } from './provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from './suites.ts'
import { wasmPackets } from './wasm/packets.ts'
import { type AeadGroup, caseName, type Wycheproof } from './wycheproof.fixtures.ts'

// So that packets as small as these share their blocks.
const EVERY_BATCH = { sharedFrom: 0, sharedAfter: 0, nodeFromAes: Infinity, nodeFromChaCha: Infinity }
const ENGINES: readonly [string, PacketProvider][] = [
  ['noble', noblePackets],
  ['node:crypto', nodePackets],
  ['wasm', wasmPackets],
  ['hybrid', { suites: nodePackets.suites, createEngine: (bytes) => createHybridEngine(bytes, EVERY_BATCH) }],
]
const FILES = ['aes_gcm_test', 'chacha20_poly1305_test'] as const
const START = 100

function suiteOf(file: (typeof FILES)[number], keySize: number): CipherSuite | undefined {
  if (file === 'chacha20_poly1305_test') return TLS_CHACHA20_POLY1305_SHA256
  return keySize === 128 ? TLS_AES_128_GCM_SHA256 : keySize === 256 ? TLS_AES_256_GCM_SHA384 : undefined
}

describe.skipIf(!hasVectors)('Wycheproof', () => {
  for (const [name, provider] of ENGINES) {
    for (const file of FILES) {
      test(`${name} opens and seals what ${file} calls valid, and nothing else`, () => {
        let opened = 0
        let sealed = 0
        for (const group of readVectors<Wycheproof<AeadGroup>>(`wycheproof/${file}.json`).testGroups) {
          const suite = suiteOf(file, group.keySize)
          // Packets have nonces of 12 bytes and tags of 16, and no key of 192 bits.
          if (suite === undefined || group.ivSize !== 96 || group.tagSize !== 128) continue
          for (const each of group.tests) {
            const isValid = each.result === 'valid'
            expect(opens(provider, suite, each), caseName(each)).toBe(isValid ? each.msg : undefined)
            opened += 1
            if (!isValid) continue
            const made = seals(provider, suite, each)
            if (made === undefined) continue
            expect(made, caseName(each)).toBe(each.ct + each.tag)
            sealed += 1
          }
        }
        expect(opened).toBeGreaterThan(40)
        expect(sealed).toBeGreaterThan(10)
      })
    }
  }
})

type AeadCase = AeadGroup['tests'][number]

/** The packet that a test stands for: its header is the associated data, its number is 0, so the IV is the nonce. */
function place(provider: PacketProvider, each: AeadCase, payload: string) {
  const bytes = concat(fromHex(each.aad), fromHex(payload))
  const engine = provider.createEngine(START + bytes.length + 16)
  engine.arena.set(bytes, START)
  const batch = batchOver(engine.arena, 1)
  batch.count = 1
  batch.start[0] = START
  // Where the first byte says that the payload begins; without a header that byte belongs to the payload.
  batch.numberOffset[0] = START + each.aad.length / 2 - (((bytes[0] ?? 0) & 3) + 1)
  batch.end[0] = START + bytes.length
  return { engine, batch, arena: engine.arena, payloadStart: START + each.aad.length / 2 }
}

function opens(provider: PacketProvider, suite: CipherSuite, each: AeadCase): string | undefined {
  const { engine, batch, arena, payloadStart } = place(provider, each, each.ct + each.tag)
  const before = toHex(arena)
  const protector = engine.createProtector(suite, fromHex(each.key), fromHex(each.iv), new Uint8Array(suite.keyLength))
  batch.status[0] = PacketStatus.done
  protector.open(batch, 0, 1)
  if (batch.status[0] === PacketStatus.done) {
    return toHex(arena.subarray(payloadStart, payloadStart + each.ct.length / 2))
  }
  expect(toHex(arena), caseName(each)).toBe(before)
  return undefined
}

/** Seals and takes header protection off again; `undefined` for a test that is no packet. */
function seals(provider: PacketProvider, suite: CipherSuite, each: AeadCase): string | undefined {
  const { engine, batch, arena, payloadStart } = place(provider, each, each.msg)
  if (each.aad === '' || (batch.numberOffset[0] ?? 0) <= START) return undefined
  if ((batch.end[0] ?? 0) - (batch.numberOffset[0] ?? 0) < 4) return undefined
  const protector = engine.createProtector(suite, fromHex(each.key), fromHex(each.iv), new Uint8Array(suite.keyLength))
  protector.seal(batch, 0, 1)
  batch.end[0] = (batch.end[0] ?? 0) + 16
  protector.unmask(batch, 0, 1)
  expect(toHex(arena.subarray(START, payloadStart))).toBe(each.aad)
  return toHex(arena.subarray(payloadStart))
}
