/**
 * Packet protection for mass runs: a keyed checksum in place of the AEAD and of header protection. It finds what a network
 * does to packets (a flipped bit, another key, another number) and keeps nothing secret from anybody: `quick-crypto.ts` alone
 * has it, and sees to it that nothing but a simulation can use it.
 */
import { checkSealable, hasSample, packetNumberLengthOf, TAG_LENGTH } from '../crypto/header-protection.ts'
import {
  type PacketBatch,
  type PacketEngine,
  type PacketProtector,
  type PacketProvider,
  PacketStatus,
} from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { decodePacketNumber } from '../wire/packet-number.ts'

/** The engine behind the option `protection: 'checksum'`. */
export const checksumPackets: PacketProvider = {
  suites: [TLS_AES_128_GCM_SHA256],
  createEngine(arenaBytes): PacketEngine {
    const arena = new Uint8Array(arenaBytes)
    const view = new DataView(arena.buffer)
    return { arena, createProtector: (_suite, key) => new ChecksumProtector(arena, view, key) }
  },
}

/** Odd, so that each step can be undone. */
const MULTIPLIER = 0x9e37_79b1

/** Packets of one level, direction and generation. */
class ChecksumProtector implements PacketProtector {
  readonly #arena: Uint8Array
  readonly #view: DataView
  readonly #key: number
  #isDiscarded = false

  constructor(arena: Uint8Array, view: DataView, key: Uint8Array) {
    this.#arena = arena
    this.#view = view
    this.#key = new DataView(key.buffer, key.byteOffset).getInt32(0)
  }

  seal(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    checkSealable(batch, from, to)
    const arena = this.#arena
    for (let index = from; index < to; index++) {
      const end = batch.end[index] ?? 0
      const sum = this.#sum(batch.start[index] ?? 0, end, batch.packetNumber[index] ?? 0)
      arena.fill(0, end, end + TAG_LENGTH)
      arena[end] = sum
      arena[end + 1] = sum >>> 8
      arena[end + 2] = sum >>> 16
      arena[end + 3] = sum >>> 24
      batch.status[index] = PacketStatus.done
    }
  }

  unmask(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    const arena = this.#arena
    for (let index = from; index < to; index++) {
      if (!hasSample(batch, index)) {
        batch.status[index] = PacketStatus.failed
        continue
      }
      const offset = batch.numberOffset[index] ?? 0
      const length = packetNumberLengthOf(arena[batch.start[index] ?? 0] ?? 0)
      let truncated = 0
      for (let at = 0; at < length; at++) truncated = truncated * 256 + (arena[offset + at] ?? 0)
      batch.packetNumber[index] = decodePacketNumber(truncated, length, batch.packetNumber[index] ?? -1)
      batch.status[index] = PacketStatus.done
    }
  }

  open(batch: PacketBatch, from: number, to: number): void {
    this.#check(batch)
    const arena = this.#arena
    for (let index = from; index < to; index++) {
      if (batch.status[index] === PacketStatus.failed) continue
      const end = (batch.end[index] ?? 0) - TAG_LENGTH
      const sum = this.#sum(batch.start[index] ?? 0, end, batch.packetNumber[index] ?? 0)
      const low = (arena[end] ?? 0) | ((arena[end + 1] ?? 0) << 8)
      const high = (arena[end + 2] ?? 0) | ((arena[end + 3] ?? 0) << 8)
      let rest = 0
      for (let at = end + 4; at < end + TAG_LENGTH; at++) rest |= arena[at] ?? 0
      const isWhole = (low | (high << 16)) === sum && rest === 0
      batch.status[index] = isWhole ? PacketStatus.done : PacketStatus.failed
    }
  }

  discard(): void {
    this.#isDiscarded = true
  }

  /** Four lanes of reversible steps: no change of a single word goes unseen. */
  #sum(start: number, end: number, packetNumber: number): number {
    const view = this.#view
    let one = this.#key ^ packetNumber
    let two = end - start
    let three = Math.floor(packetNumber / 0x1_0000_0000)
    let four = 1
    let at = start
    for (const last = end - 16; at <= last; at += 16) {
      one = Math.imul(one ^ view.getInt32(at, true), MULTIPLIER)
      two = Math.imul(two ^ view.getInt32(at + 4, true), MULTIPLIER)
      three = Math.imul(three ^ view.getInt32(at + 8, true), MULTIPLIER)
      four = Math.imul(four ^ view.getInt32(at + 12, true), MULTIPLIER)
    }
    for (; at < end; at++) one = Math.imul(one ^ view.getUint8(at), MULTIPLIER)
    one = Math.imul(one ^ (two >>> 15) ^ Math.imul(two, 0x85eb_ca6b), MULTIPLIER)
    one = Math.imul(one ^ (three >>> 15) ^ Math.imul(three, 0x85eb_ca6b), MULTIPLIER)
    one = Math.imul(one ^ (four >>> 15) ^ Math.imul(four, 0x85eb_ca6b), MULTIPLIER)
    return one ^ (one >>> 16)
  }

  #check(batch: PacketBatch): void {
    if (batch.arena !== this.#arena) throw new TypeError('The batch must lie in the arena of the engine')
    if (this.#isDiscarded) throw new TypeError('The protector was discarded')
  }
}
