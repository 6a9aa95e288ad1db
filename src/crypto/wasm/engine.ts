/**
 * An engine whose packets are protected by the kernels: one memory with scratch, expanded keys and the arena (`layout.ts`), and
 * an instance of each kernel over it. Expanded keys are a cache: a protector keeps its own key, and has it expanded when another
 * took its place.
 */
import type { CipherSuite, PacketBatch, PacketEngine, PacketProtector } from '../provider.ts'
import { PacketStatus } from '../provider.ts'
import { CONTEXT_BYTES, CONTEXT_COUNT, CONTEXTS, DESCRIPTOR, DESCRIPTOR_BYTES, DESCRIPTORS, STREAM } from './layout.ts'
import type { EngineMemory } from './memory.ts'
import type { KernelModules } from './modules.ts'
import { WasmProtector } from './protector.ts'

const WORDS = DESCRIPTOR_BYTES / 4
const NUMBERS = DESCRIPTOR_BYTES / 8
const FIRST_WORD = DESCRIPTORS / 4
const FIRST_NUMBER = DESCRIPTORS / 8
const NUMBER_OFFSET = DESCRIPTOR.numberOffset / 4
const END = DESCRIPTOR.end / 4
const STATUS = DESCRIPTOR.status / 4
const PACKET_NUMBER = DESCRIPTOR.packetNumber / 8

/** What a kernel exports. Contexts are addresses; `count` packets are those that the descriptors describe. */
export interface Kernel {
  seal(context: number, count: number): void
  unmask(context: number, count: number): void
  open(context: number, count: number): void
}

/** That of AES-GCM makes a context of keys. */
export interface AesKernel extends Kernel {
  expand(context: number, keyLength: number): void
}

/** Whose expanded keys a context holds. */
export interface ContextOwner {
  /** Writes the expanded keys at `context`, which is all zeros. */
  expandTo(context: number): void
}

/** The memory of an engine, its kernels, and which expanded keys it holds. */
export class WasmEngine implements PacketEngine {
  readonly arena: Uint8Array
  /** All of the memory. */
  readonly bytes: Uint8Array
  readonly chaCha20Poly1305: Kernel
  readonly aesGcm: AesKernel
  /** All that the kernel of AES-GCM exports. */
  readonly exports: WebAssembly.Exports
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #arenaStart: number
  readonly #owners: (ContextOwner | undefined)[]
  #nextContext = 0

  constructor(modules: KernelModules, { memory, arena }: EngineMemory) {
    const chaCha = exportsOf(modules.chaCha20Poly1305, memory)
    const aes = exportsOf(modules.aesGcm, memory)
    this.chaCha20Poly1305 = kernelOf(chaCha)
    this.aesGcm = { ...kernelOf(aes), expand: aes['expand'] as AesKernel['expand'] }
    this.exports = aes
    this.arena = arena
    this.bytes = new Uint8Array(memory.buffer)
    this.#words = new Int32Array(memory.buffer)
    this.#numbers = new Float64Array(memory.buffer)
    this.#arenaStart = arena.byteOffset
    this.#owners = Array.from({ length: CONTEXT_COUNT }, () => undefined)
  }

  createProtector(suite: CipherSuite, key: Uint8Array, iv: Uint8Array, headerKey: Uint8Array): PacketProtector {
    return new WasmProtector(this, suite, key, iv, headerKey)
  }

  /** Writes the descriptors of the packets `from` up to but not `to`. */
  describe(batch: PacketBatch, from: number, to: number): void {
    const words = this.#words
    const numbers = this.#numbers
    const base = this.#arenaStart
    for (
      let index = from, at = FIRST_WORD, number = FIRST_NUMBER;
      index < to;
      index++, at += WORDS, number += NUMBERS
    ) {
      words[at] = (batch.start[index] ?? 0) + base
      words[at + NUMBER_OFFSET] = (batch.numberOffset[index] ?? 0) + base
      words[at + END] = (batch.end[index] ?? 0) + base
      words[at + STATUS] = batch.status[index] ?? 0
      numbers[number + PACKET_NUMBER] = batch.packetNumber[index] ?? 0
    }
  }

  /** Reads back what became of those packets. */
  readStatuses(batch: PacketBatch, from: number, to: number): void {
    const words = this.#words
    for (let index = from, at = FIRST_WORD + STATUS; index < to; index++, at += WORDS) {
      batch.status[index] = words[at] ?? PacketStatus.failed
    }
  }

  /** Reads back the numbers of those that were unmasked. */
  readNumbers(batch: PacketBatch, from: number, to: number): void {
    const numbers = this.#numbers
    for (let index = from, number = FIRST_NUMBER + PACKET_NUMBER; index < to; index++, number += NUMBERS) {
      if (batch.status[index] === PacketStatus.done) batch.packetNumber[index] = numbers[number] ?? -1
    }
  }

  /** Whether the context at an address still holds what `owner` had expanded there. */
  holds(owner: ContextOwner, context: number): boolean {
    return this.#owners[(context - CONTEXTS) / CONTEXT_BYTES] === owner
  }

  /** A context for `owner`, in place of the one that was made the longest time ago. */
  expand(owner: ContextOwner): number {
    const index = this.#nextContext
    this.#nextContext = (index + 1) % CONTEXT_COUNT
    const context = CONTEXTS + index * CONTEXT_BYTES
    this.#owners[index] = owner
    this.bytes.fill(0, context, context + CONTEXT_BYTES)
    owner.expandTo(context)
    return context
  }

  /** Forgets the context at an address if it is that of `owner`, and what the last packets left in the scratch. */
  forget(owner: ContextOwner, context: number): void {
    this.bytes.fill(0, STREAM, DESCRIPTORS)
    if (!this.holds(owner, context)) return
    this.#owners[(context - CONTEXTS) / CONTEXT_BYTES] = undefined
    this.bytes.fill(0, context, context + CONTEXT_BYTES)
  }
}

function exportsOf(module: WebAssembly.Module, memory: WebAssembly.Memory): WebAssembly.Exports {
  return new WebAssembly.Instance(module, { ['host']: { ['memory']: memory } }).exports
}

// By name, in quotes, which no minifier takes for a property of our own.
function kernelOf(exports: WebAssembly.Exports): Kernel {
  return {
    seal: exports['seal'] as Kernel['seal'],
    unmask: exports['unmask'] as Kernel['unmask'],
    open: exports['open'] as Kernel['open'],
  }
}
