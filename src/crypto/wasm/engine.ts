/**
 * An engine whose packets are protected by the kernels: one memory with scratch, expanded keys and the arena (`layout.ts`), and
 * an instance of each kernel over it. Expanded keys are a cache: a protector keeps its own key, and has it expanded when another
 * took its place.
 */
import type { CipherSuite, PacketBatch, PacketEngine, PacketProtector } from '../provider.ts'
import { PacketStatus } from '../provider.ts'
import {
  CONTEXT_BYTES,
  CONTEXT_COUNT,
  CONTEXTS,
  CONTEXTS_END,
  DESCRIPTOR,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  READ_BEYOND,
  STREAM,
} from './layout.ts'
import type { KernelModules } from './modules.ts'
import { WasmProtector } from './protector.ts'

const PAGE = 65_536
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
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #arenaStart: number
  readonly #owners: (ContextOwner | undefined)[]
  #nextContext = 0

  /** @param scratchBytes room that the caller needs beside the arena, from {@link CONTEXTS_END} on. */
  constructor(modules: KernelModules, arenaBytes: number, scratchBytes = 0) {
    const arenaStart = CONTEXTS_END + Math.ceil(scratchBytes / 64) * 64
    const pages = Math.ceil((arenaStart + arenaBytes + READ_BEYOND) / PAGE)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const instance = (module: WebAssembly.Module): WebAssembly.Exports =>
      new WebAssembly.Instance(module, { host: { memory } }).exports
    this.chaCha20Poly1305 = instance(modules.chaCha20Poly1305) as unknown as Kernel
    this.aesGcm = instance(modules.aesGcm) as unknown as AesKernel
    this.bytes = new Uint8Array(memory.buffer)
    this.arena = new Uint8Array(memory.buffer, arenaStart, arenaBytes)
    this.#words = new Int32Array(memory.buffer)
    this.#numbers = new Float64Array(memory.buffer)
    this.#arenaStart = arenaStart
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
