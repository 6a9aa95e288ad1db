/**
 * Packet protection for pages, which should not wait for what they may never need: it begins with the ciphers in TypeScript, loads the
 * kernels beside its work, has them compiled in the background, and goes on with them from one batch to the next. Both work in the
 * same memory and give the same bytes. Where the kernels cannot be had it goes on as it began.
 */
import { noblePackets } from '../noble/packets.ts'
import { NobleProtector } from '../noble/protector.ts'
import type { CipherSuite, PacketBatch, PacketEngine, PacketProtector, PacketProvider } from '../provider.ts'
import type { WasmEngine } from './engine.ts'
import { EngineMemory } from './memory.ts'

type MakeEngine = (memory: EngineMemory) => WasmEngine

let loading: Promise<MakeEngine | undefined> | undefined

/** Loads and compiles the kernels once; fulfilled with `undefined` where they cannot be had. */
export function loadKernels(): Promise<MakeEngine | undefined> {
  loading ??= import('./late-kernels.ts').then(({ kernelEngines }) => kernelEngines()).catch(() => undefined)
  return loading
}

/** Packet protection by TypeScript, and by WebAssembly as soon as that is there. */
export const latePackets: PacketProvider = {
  suites: noblePackets.suites,
  createEngine(arenaBytes): PacketEngine {
    const memory = memoryOf(arenaBytes)
    return memory === undefined ? noblePackets.createEngine(arenaBytes) : new LateEngine(memory)
  },
}

function memoryOf(arenaBytes: number): EngineMemory | undefined {
  if (typeof WebAssembly === 'undefined') return undefined
  try {
    return new EngineMemory(arenaBytes)
  } catch {
    return undefined
  }
}

class LateEngine implements PacketEngine {
  readonly arena: Uint8Array
  #kernels: WasmEngine | undefined
  /** Those that still have their keys, to be protected by the kernels when they come. */
  readonly #waiting = new Set<LateProtector>()

  constructor(memory: EngineMemory) {
    this.arena = memory.arena
    loadKernels().then(
      (make) => {
        this.#kernels = make?.(memory)
        for (const protector of this.#waiting) protector.settle(this.#kernels)
        this.#waiting.clear()
      },
      () => {},
    )
  }

  createProtector(suite: CipherSuite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): PacketProtector {
    if (this.#kernels !== undefined) return this.#kernels.createProtector(suite, key, iv, headerKey)
    const protector = new LateProtector(this.arena, suite, key, iv, headerKey, this.#waiting)
    this.#waiting.add(protector)
    return protector
  }
}

/** A protector by TypeScript that becomes one of the kernels. */
class LateProtector implements PacketProtector {
  readonly #suite: CipherSuite
  /** Key, IV and header key, until it is settled who protects. */
  readonly #secrets: readonly [Uint8Array, Uint8Array, Uint8Array]
  readonly #waiting: Set<LateProtector>
  #inner: PacketProtector

  constructor(
    arena: Uint8Array,
    suite: CipherSuite,
    key: Uint8Array,
    iv: Uint8Array,
    headerKey: Uint8Array,
    waiting: Set<LateProtector>,
  ) {
    this.#suite = suite
    this.#secrets = [key.slice(), iv.slice(), headerKey.slice()]
    this.#waiting = waiting
    this.#inner = new NobleProtector(arena, suite, key, iv, headerKey)
  }

  seal(batch: PacketBatch, from: number, to: number): void {
    this.#inner.seal(batch, from, to)
  }

  unmask(batch: PacketBatch, from: number, to: number): void {
    this.#inner.unmask(batch, from, to)
  }

  open(batch: PacketBatch, from: number, to: number): void {
    this.#inner.open(batch, from, to)
  }

  discard(): void {
    this.#waiting.delete(this)
    this.#wipe()
    this.#inner.discard()
  }

  /** The kernels are here, or will not come. */
  settle(kernels: WasmEngine | undefined): void {
    if (kernels !== undefined) {
      this.#inner.discard()
      this.#inner = kernels.createProtector(this.#suite, ...this.#secrets)
    }
    this.#wipe()
  }

  #wipe(): void {
    for (const secret of this.#secrets) secret.fill(0)
  }
}
