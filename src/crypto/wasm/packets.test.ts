import { afterEach, describe, expect, test, vi } from 'vitest'
import { toHex } from '../../base/bytes.ts'
import { randomBytes } from '../../base/random.ts'
import { aeadSuite, batchOver, seededRandom } from '../aead-suite.fixtures.ts'
import { AGREEMENT_ARENA, Agreement } from '../agreement.fixtures.ts'
import { noblePackets } from '../noble/packets.ts'
import { type PacketBatch, type PacketProtector, PacketStatus } from '../provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../suites.ts'
import { WasmEngine } from './engine.ts'
import { CONTEXT_COUNT, CONTEXTS, CONTEXTS_END, DESCRIPTORS, STREAM, ZEROS } from './layout.ts'
import { compileKernels, embeddedModules } from './modules.ts'
import { wasmPackets } from './packets.ts'

const SUITES = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256] as const
// A Worker compiles nothing: there the kernels are imported, and this engine is that of noble.
const modules = embeddedModules()

aeadSuite('wasm', wasmPackets)

test('random batches, some of their packets forged, are sealed and opened as noble does it', () => {
  const engines = [wasmPackets.createEngine(AGREEMENT_ARENA), noblePackets.createEngine(AGREEMENT_ARENA)] as const
  const agreement = new Agreement(engines, seededRandom(20_260_701))
  for (let batch = 0; batch < 60; batch++) agreement.compare()
  expect(agreement.packets).toBeGreaterThan(500)
})

describe.skipIf(modules === undefined)('the engine of the kernels', () => {
  const make = (arenaBytes: number): WasmEngine => {
    const engine = wasmPackets.createEngine(arenaBytes)
    if (!(engine instanceof WasmEngine)) throw new Error('The kernels are not used')
    return engine
  }

  /** One packet of 40 bytes at 5, sealed. */
  const sealOne = (batch: PacketBatch, protector: PacketProtector, packetNumber: number): string => {
    batch.arena.fill(9)
    batch.arena[5] = 0x40
    batch.count = 1
    batch.start[0] = 5
    batch.numberOffset[0] = 14
    batch.end[0] = 45
    batch.packetNumber[0] = packetNumber
    protector.seal(batch, 0, 1)
    return toHex(batch.arena)
  }

  test('protectors beyond those whose expanded keys fit take turns, and all seal as before', () => {
    const random = seededRandom(5)
    const engine = make(100)
    const batch = batchOver(engine.arena, 1)
    const protectors = Array.from({ length: CONTEXT_COUNT + 7 }, (_, i) => {
      const suite = SUITES[i % 3] ?? TLS_AES_128_GCM_SHA256
      const [key, headerKey] = [randomBytes(random, suite.keyLength), randomBytes(random, suite.keyLength)]
      return engine.createProtector(suite, key, randomBytes(random, 12), headerKey)
    })
    const first = protectors.map((protector, i) => sealOne(batch, protector, i))
    expect(new Set(first).size).toBe(protectors.length)
    for (const step of [1, 5]) {
      for (let i = 0; i < protectors.length; i++) {
        const index = (i * step) % protectors.length
        const protector = protectors[index]
        if (protector === undefined) throw new Error('No protector')
        expect(sealOne(batch, protector, index)).toBe(first[index])
      }
    }
  })

  test('nothing of a key is left in the memory when its protector is discarded', () => {
    for (const suite of SUITES) {
      const engine = make(64)
      const random = seededRandom(6)
      const batch = batchOver(engine.arena, 1)
      const secrets = [suite.keyLength, 12, suite.keyLength].map((length) => randomBytes(random, length)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ]
      const protector = engine.createProtector(suite, ...secrets)
      sealOne(batch, protector, 1)
      expect(engine.bytes.subarray(CONTEXTS, CONTEXTS_END).some((byte) => byte !== 0)).toBe(true)
      protector.discard()
      expect(engine.bytes.subarray(CONTEXTS, CONTEXTS_END).every((byte) => byte === 0)).toBe(true)
      expect(engine.bytes.subarray(ZEROS, DESCRIPTORS).every((byte) => byte === 0)).toBe(true)
    }
  })

  test('the expanded key of another protector survives a discard, and a context is wiped before it is given away', () => {
    const engine = make(64)
    const batch = batchOver(engine.arena, 1)
    const large = new Uint8Array(32).fill(0xa5)
    const old = engine.createProtector(TLS_AES_256_GCM_SHA384, large, new Uint8Array(12), large)
    sealOne(batch, old, 1)
    const small = new Uint8Array(32).fill(1)
    const others = Array.from({ length: CONTEXT_COUNT }, () =>
      engine.createProtector(TLS_CHACHA20_POLY1305_SHA256, small, new Uint8Array(12), small),
    )
    const sealed = others.map((protector) => sealOne(batch, protector, 3))
    // Each context holds a key of ChaCha20 now: 80 bytes, and nothing of the schedule that was there before.
    const used = engine.bytes.subarray(CONTEXTS, CONTEXTS_END).reduce((sum, byte) => sum + (byte === 0 ? 0 : 1), 0)
    expect(used).toBe(CONTEXT_COUNT * 64)
    old.discard()
    expect(sealOne(batch, others[0] as PacketProtector, 3)).toBe(sealed[0])
  })

  test('a packet that ends with the arena writes nothing behind it', () => {
    for (const suite of SUITES) {
      for (const length of [1, 15, 16, 17, 95, 96, 97, 192, 193, 255, 700]) {
        const engine = make(9 + length + 16)
        const key = new Uint8Array(suite.keyLength)
        const protector = engine.createProtector(suite, key, new Uint8Array(12), key)
        const behind = engine.bytes.subarray(engine.arena.byteOffset + engine.arena.length)
        behind.fill(0xee)
        const batch = batchOver(engine.arena, 1)
        engine.arena[0] = 0x43
        batch.numberOffset[0] = 5
        batch.end[0] = 9 + length
        protector.seal(batch, 0, 1)
        batch.end[0] += 16
        protector.unmask(batch, 0, 1)
        protector.open(batch, 0, 1)
        expect(batch.status[0]).toBe(PacketStatus.done)
        expect(behind.every((byte) => byte === 0xee)).toBe(true)
      }
    }
  })

  test('the scratch that must be zero stays zero', () => {
    const engine = make(AGREEMENT_ARENA)
    const agreement = new Agreement([engine, make(AGREEMENT_ARENA)], seededRandom(9))
    for (let batch = 0; batch < 10; batch++) agreement.compare()
    expect(engine.bytes.subarray(ZEROS, STREAM).every((byte) => byte === 0)).toBe(true)
  })
})

describe('where the kernels cannot be', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  const isNoble = (): boolean => !(wasmPackets.createEngine(64) instanceof WasmEngine)

  test('without WebAssembly the engine is that of noble', () => {
    vi.stubGlobal('WebAssembly', undefined)
    expect(isNoble()).toBe(true)
  })

  test('where the host forbids to compile it is that of noble as well', () => {
    const refuse = class {
      constructor() {
        throw new WebAssembly.CompileError('Wasm code generation disallowed by Content-Security-Policy')
      }
    }
    const { CompileError, validate } = WebAssembly
    vi.stubGlobal('WebAssembly', { CompileError, validate, Module: refuse })
    expect(compileKernels()).toBe(undefined)
  })
})
