/**
 * Packet protection by the fastest of three, packet by packet: the kernels of WebAssembly; those of AES-GCM with `node:crypto`
 * for the blocks of a whole batch, one ECB object that lives as long as the key; and `node:crypto` alone for large packets, where
 * what a cipher object costs matters least. All three work in one arena and give the same bytes.
 */
import { type Cipheriv, createCipheriv, createSecretKey } from 'node:crypto'
import { freeBytes } from '../../base/bytes.ts'
import { checkSealable } from '../header-protection.ts'
import { type CipherSuite, type PacketBatch, type PacketProtector, PacketStatus } from '../provider.ts'
import type { WasmEngine } from '../wasm/engine.ts'
import { CONTEXTS_END, DESCRIPTOR_COUNT } from '../wasm/layout.ts'
import { WasmProtector } from '../wasm/protector.ts'
import { NodeProtector } from './protector.ts'

/** Bytes of key stream that are made at once: enough for 64 KiB of packets, with two blocks more for each of 64. */
export const STREAM_BYTES = 67_584

/** From where on which of the three is used; `bench/calibrate.ts` measures them. */
export interface HybridLimits {
  /** Bytes of a batch from which on `node:crypto` encrypts its blocks. */
  readonly sharedFrom: number
  /** Packets that the kernels protect before that: the object for the blocks costs as much as some packets do. */
  readonly sharedAfter: number
  /** Bytes of a packet from which on `node:crypto` does all, with AES. */
  readonly nodeFromAes: number
  /** The same with ChaCha20-Poly1305. */
  readonly nodeFromChaCha: number
}

/** The kernel of AES-GCM with the entry points for a host that encrypts the blocks. */
interface HybridKernel {
  /** Writes the counter blocks of all packets to `to` and says where they end. */
  counters(context: number, count: number, to: number): number
  /** Seals with the key stream that took their place. */
  sealWith(context: number, count: number): void
  /** Opens with it. */
  openWith(context: number, count: number): void
}

/** Packet protection of one level, direction and generation. */
export class HybridProtector implements PacketProtector {
  readonly #engine: WasmEngine
  readonly #suite: CipherSuite
  readonly #wasm: WasmProtector
  readonly #isAes: boolean
  readonly #sharedFrom: number
  /** Packets that are still for the kernels. */
  #kernelsOnly: number
  readonly #nodeFrom: number
  /** Made when they are first needed: many keys protect a handful of packets. */
  #blocks: Cipheriv | undefined
  #node: NodeProtector | undefined
  #isDiscarded = false

  /**
   * `key`, `iv` and `headerKey` are copied.
   * @param engine of the hybrid kernel, with {@link STREAM_BYTES} of scratch.
   */
  constructor(
    engine: WasmEngine,
    limits: HybridLimits,
    suite: CipherSuite,
    key: Uint8Array,
    iv: Uint8Array,
    headerKey: Uint8Array,
  ) {
    this.#engine = engine
    this.#suite = suite
    this.#isAes = suite.aead !== 'chacha20-poly1305'
    this.#sharedFrom = this.#isAes ? limits.sharedFrom : Infinity
    this.#kernelsOnly = limits.sharedAfter
    this.#nodeFrom = this.#isAes ? limits.nodeFromAes : limits.nodeFromChaCha
    this.#wasm = new WasmProtector(engine, suite, key, iv, headerKey)
  }

  seal(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    checkSealable(batch, from, to)
    for (let first = from; first < to; ) {
      const last = this.#runEnd(batch, first, to)
      if (this.#isLarge(batch, first)) this.#useNode().seal(batch, first, last)
      else if (this.#isShared(batch, first, last)) this.#sealShared(batch, first, last)
      else this.#wasm.seal(batch, first, last)
      first = last
    }
  }

  unmask(batch: PacketBatch, from: number, to: number): void {
    this.#wasm.unmask(batch, from, to)
  }

  open(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    for (let first = from; first < to; ) {
      const last = this.#runEnd(batch, first, to)
      if (this.#isLarge(batch, first)) this.#useNode().open(batch, first, last)
      else if (this.#isShared(batch, first, last)) this.#openShared(batch, first, last)
      else this.#wasm.open(batch, first, last)
      first = last
    }
  }

  discard(): void {
    if (this.#isDiscarded) return
    this.#isDiscarded = true
    this.#wasm.discard()
    this.#node?.discard()
    this.#node = undefined
    if (this.#blocks === undefined) return
    this.#blocks.final()
    this.#blocks = undefined
    // Key stream of these keys may still lie there.
    this.#engine.bytes.fill(0, CONTEXTS_END, CONTEXTS_END + STREAM_BYTES)
  }

  #check(batch: PacketBatch): void {
    if (batch.arena !== this.#engine.arena) throw new TypeError('The batch must lie in the arena of the engine')
    if (this.#isDiscarded) throw new TypeError('The protector was discarded')
  }

  #isLarge(batch: PacketBatch, index: number): boolean {
    return (batch.end[index] ?? 0) - (batch.start[index] ?? 0) >= this.#nodeFrom
  }

  /** Where the packets end that are all large, or all not, as the one at `first`. */
  #runEnd(batch: PacketBatch, first: number, to: number): number {
    const isLarge = this.#isLarge(batch, first)
    let last = first + 1
    while (last < to && this.#isLarge(batch, last) === isLarge) last++
    return last
  }

  /** Whether the packets have so many bytes together that a call of `node:crypto` is worth it. */
  #isShared(batch: PacketBatch, from: number, to: number): boolean {
    if (this.#kernelsOnly > 0) {
      this.#kernelsOnly -= to - from
      return false
    }
    let bytes = 0
    for (let index = from; index < to && bytes < this.#sharedFrom; index++) bytes += lengthOf(batch, index)
    return bytes >= this.#sharedFrom
  }

  #sealShared(batch: PacketBatch, from: number, to: number): void {
    const kernel = this.#engine.exports as unknown as HybridKernel
    for (let first = from; first < to; ) {
      const last = chunkEnd(batch, first, to)
      this.#engine.describe(batch, first, last)
      const context = this.#wasm.context()
      this.#makeStream(kernel, context, last - first)
      kernel.sealWith(context, last - first)
      batch.status.fill(PacketStatus.done, first, last)
      first = last
    }
  }

  #openShared(batch: PacketBatch, from: number, to: number): void {
    const kernel = this.#engine.exports as unknown as HybridKernel
    for (let first = from; first < to; ) {
      const last = chunkEnd(batch, first, to)
      this.#engine.describe(batch, first, last)
      const context = this.#wasm.context()
      this.#makeStream(kernel, context, last - first)
      kernel.openWith(context, last - first)
      this.#engine.readStatuses(batch, first, last)
      first = last
    }
  }

  /** The key stream of the packets that the descriptors describe. */
  #makeStream(kernel: HybridKernel, context: number, count: number): void {
    const { bytes } = this.#engine
    const end = kernel.counters(context, count, CONTEXTS_END)
    const stream = this.#useBlocks().update(bytes.subarray(CONTEXTS_END, end))
    bytes.set(stream, CONTEXTS_END)
    freeBytes(stream)
  }

  #useBlocks(): Cipheriv {
    if (this.#blocks !== undefined) return this.#blocks
    const { key } = this.#wasm.keys()
    const blocks = createCipheriv(key.length === 16 ? 'aes-128-ecb' : 'aes-256-ecb', createSecretKey(key), null)
    // Without padding each update gives back exactly its own blocks.
    blocks.setAutoPadding(false)
    this.#blocks = blocks
    return blocks
  }

  #useNode(): NodeProtector {
    if (this.#node !== undefined) return this.#node
    const { key, iv, headerKey } = this.#wasm.keys()
    this.#node = new NodeProtector(this.#engine.arena, this.#suite, key, iv, headerKey)
    return this.#node
  }
}

function lengthOf(batch: PacketBatch, index: number): number {
  return (batch.end[index] ?? 0) - (batch.numberOffset[index] ?? 0)
}

/** How far the packets from `first` on fit into one call, by their number and the key stream that they need. */
function chunkEnd(batch: PacketBatch, first: number, to: number): number {
  const most = Math.min(to, first + DESCRIPTOR_COUNT)
  let last = first
  // A block for the tag, and the payload's, rounded up.
  for (let bytes = 0; last < most; last++) {
    bytes += lengthOf(batch, last) + 32
    if (bytes > STREAM_BYTES && last > first) break
  }
  return last
}
