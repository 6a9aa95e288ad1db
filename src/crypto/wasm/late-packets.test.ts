import { afterEach, describe, expect, test, vi } from 'vitest'
import { toHex } from '../../base/bytes.ts'
import { aeadSuite, batchOver } from '../aead-suite.fixtures.ts'
import { noblePackets } from '../noble/packets.ts'
import type { PacketBatch, PacketEngine, PacketProtector } from '../provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../suites.ts'
import { WasmEngine } from './engine.ts'
import { latePackets, loadKernels } from './late-packets.ts'
import { WasmProtector } from './protector.ts'

const SUITES = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256] as const

// Each test makes its own engine and does all its work before the kernels can arrive.
aeadSuite('the late engine', latePackets)

interface Side {
  readonly batch: PacketBatch
  readonly protectors: readonly PacketProtector[]
}

function sideOf(engine: PacketEngine): Side {
  const protectors = SUITES.map((suite, i) => {
    const key = new Uint8Array(suite.keyLength).fill(i + 1)
    return engine.createProtector(suite, key, new Uint8Array(12).fill(i), key)
  })
  return { batch: batchOver(engine.arena, 1), protectors }
}

/** A packet of each suite, sealed. */
function seal({ batch, protectors }: Side, packetNumber: number): string[] {
  return protectors.map((protector) => {
    batch.arena.fill(5)
    batch.arena[0] = 0x40
    batch.numberOffset[0] = 9
    batch.end[0] = 80
    batch.packetNumber[0] = packetNumber
    protector.seal(batch, 0, 1)
    return toHex(batch.arena)
  })
}

describe('the late engine, before and after the kernels have come,', () => {
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })

  test('seals the same with the same protectors', async () => {
    const byKernels = vi.spyOn(WasmProtector.prototype, 'seal')
    const reference = sideOf(noblePackets.createEngine(100))
    const engine = latePackets.createEngine(100)
    const late = sideOf(engine)
    const [gone] = sideOf(engine).protectors
    gone?.discard()
    expect(seal(late, 1)).toEqual(seal(reference, 1))
    expect(byKernels).not.toHaveBeenCalled()
    const make = await loadKernels()
    await Promise.resolve()
    expect(seal(late, 2)).toEqual(seal(reference, 2))
    expect(seal(sideOf(engine), 2)).toEqual(seal(reference, 2))
    // A Worker compiles nothing: there all goes on as it began.
    expect(byKernels.mock.calls.length > 0).toBe(make !== undefined)
    expect(() => gone?.seal(late.batch, 0, 1)).toThrow('The protector was discarded')
    for (const protector of late.protectors) protector.discard()
    expect(() => late.protectors[0]?.seal(late.batch, 0, 1)).toThrow('The protector was discarded')
  })

  test('without WebAssembly it is that of noble', () => {
    vi.stubGlobal('WebAssembly', undefined)
    const engine = latePackets.createEngine(100)
    expect(engine).not.toBeInstanceOf(WasmEngine)
    expect(seal(sideOf(engine), 3)).toEqual(seal(sideOf(noblePackets.createEngine(100)), 3))
  })
})
