/** Two engines side by side on random batches: what one seals the other must seal alike, and open. */
import type { RandomSource } from '../base/random.ts'
import { randomBytes, randomInteger } from '../base/random.ts'
import { batchOver } from './aead-suite.fixtures.ts'
import {
  type CipherSuite,
  type PacketBatch,
  type PacketEngine,
  type PacketProtector,
  PacketStatus,
} from './provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from './suites.ts'

const SUITES = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256] as const
const CAPACITY = 130
/** Bytes of an engine's arena that a batch may use. */
export const AGREEMENT_ARENA: number = 1 << 19
/** The largest payload. */
const LARGEST = 9000

interface Side {
  readonly engine: PacketEngine
  readonly batch: PacketBatch
  protector: PacketProtector | undefined
}

/** Compares engines batch by batch. */
export class Agreement {
  readonly #random: RandomSource
  readonly #sides: readonly [Side, Side]
  /** Packets compared so far. */
  packets = 0

  /** @param engines both with {@link AGREEMENT_ARENA} bytes. */
  constructor(engines: readonly [PacketEngine, PacketEngine], random: RandomSource) {
    const sideOf = (engine: PacketEngine): Side => ({
      engine,
      batch: batchOver(engine.arena, CAPACITY),
      protector: undefined,
    })
    this.#random = random
    this.#sides = [sideOf(engines[0]), sideOf(engines[1])]
    random.fill(engines[0].arena)
    engines[1].arena.set(engines[0].arena)
  }

  /** One batch: sealed, some of it forged, unmasked, opened. @throws Error that says where the engines differ. */
  compare(): void {
    const random = this.#random
    const [a, b] = this.#sides
    if (a.protector === undefined || randomInteger(random, 8) === 0) this.#changeKeys()
    const count = 1 + randomInteger(random, randomInteger(random, 16) === 0 ? CAPACITY : 24)
    const used = this.#fill(count)
    const first = randomInteger(random, 4) === 0 ? randomInteger(random, count) : 0
    for (const { protector, batch } of this.#sides) protector?.seal(batch, first, count)
    this.#check('sealed', used)
    const forged = this.#forge(first, count)
    for (const { protector, batch } of this.#sides) {
      for (let i = 0; i < count; i++) {
        batch.status[i] = PacketStatus.pending
        batch.end[i] = (batch.end[i] ?? 0) + 16
        batch.packetNumber[i] = Math.max(-1, (batch.packetNumber[i] ?? 0) - 1 - (i % 3))
      }
      protector?.unmask(batch, first, count)
    }
    this.#check('unmasked', used)
    for (const { protector, batch } of this.#sides) protector?.open(batch, first, count)
    this.#check('opened', used)
    for (let i = first; i < count; i++) {
      const wanted = forged.has(i) ? PacketStatus.failed : PacketStatus.done
      if (b.batch.status[i] !== wanted) throw new Error(`Packet ${i} of ${count} has status ${b.batch.status[i]}`)
    }
    this.packets += count - first
  }

  #changeKeys(): void {
    const suite: CipherSuite = SUITES[randomInteger(this.#random, SUITES.length)] ?? TLS_AES_128_GCM_SHA256
    const key = randomBytes(this.#random, suite.keyLength)
    const iv = randomBytes(this.#random, 12)
    const headerKey = randomBytes(this.#random, suite.keyLength)
    for (const side of this.#sides) {
      // Some are forgotten without a word, so that they must make room for others.
      if (key[0] !== undefined && key[0] < 128) side.protector?.discard()
      side.protector = side.engine.createProtector(suite, key, iv, headerKey)
    }
  }

  /** Puts `count` packets into both arenas; returns where the last one ends. */
  #fill(count: number): number {
    const random = this.#random
    const [a, b] = this.#sides
    let at = randomInteger(random, 70)
    for (let i = 0; i < count; i++) {
      const numberLength = 1 + randomInteger(random, 4)
      const headerLength = 1 + randomInteger(random, randomInteger(random, 8) === 0 ? 200 : 24) + numberLength
      const largest = randomInteger(random, 40) === 0 ? LARGEST : 1600
      const payload = 4 - numberLength + randomInteger(random, Math.min(largest, 2 + Math.floor(300_000 / count)))
      const number = randomInteger(random, 2 ** 30) * (randomInteger(random, 8) === 0 ? 2 ** 23 : 1)
      const { arena } = a.batch
      arena[at] = ((arena[at] ?? 0) & 0xfc) | (numberLength - 1)
      let rest = number
      for (let k = 1; k <= numberLength; k++, rest = Math.floor(rest / 256)) arena[at + headerLength - k] = rest % 256
      for (const { batch } of this.#sides) {
        batch.start[i] = at
        batch.numberOffset[i] = at + headerLength - numberLength
        batch.end[i] = at + headerLength + payload
        batch.packetNumber[i] = number
        batch.status[i] = PacketStatus.pending
      }
      at += headerLength + payload + 16 + (randomInteger(random, 2) === 0 ? 0 : randomInteger(random, 20))
    }
    b.batch.arena.set(a.batch.arena.subarray(0, at), 0)
    return at
  }

  /** Turns over a bit of some packets behind the first byte and number, the same in both arenas; says of which. */
  #forge(first: number, count: number): ReadonlySet<number> {
    const random = this.#random
    const forged = new Set<number>()
    if (randomInteger(random, 2) === 0) return forged
    for (let i = first; i < count; i++) {
      if (randomInteger(random, 3) !== 0) continue
      const { batch } = this.#sides[0]
      const end = (batch.end[i] ?? 0) + 16
      const from = (batch.numberOffset[i] ?? 0) + 4
      const at = from + randomInteger(random, end - from)
      for (const side of this.#sides) side.batch.arena[at] = (side.batch.arena[at] ?? 0) ^ (1 << (at % 8))
      forged.add(i)
    }
    return forged
  }

  /** What both wrote, and nothing behind it. */
  #check(what: string, used: number): void {
    const [{ batch: a }, { batch: b }] = this.#sides
    const until = Math.min(a.arena.length, used + 300)
    for (let at = 0; at < until; at++) {
      if (a.arena[at] !== b.arena[at]) throw new Error(`Byte ${at} of ${used} differs when ${what}`)
    }
    for (const column of ['status', 'packetNumber'] as const) {
      a[column].forEach((value: number, i: number) => {
        if (value !== b[column][i]) throw new Error(`${column} ${i} differs when ${what}: ${value}, ${b[column][i]}`)
      })
    }
  }
}
