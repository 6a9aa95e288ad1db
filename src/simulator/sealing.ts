/** Seals any plaintext, under any header, with the real keys of a connection, and opens what was sealed: packet protection without rules. */
import type { CipherSuite, PacketEngine, PacketProtector, PacketProvider } from '../crypto/provider.ts'
import { PacketStatus } from '../crypto/provider.ts'
import { deriveHeaderKey, deriveNextSecret, deriveProtector } from '../protection/derive.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { VERSION_1 } from '../wire/version.ts'

const ARENA = 1 << 17
const TAG_LENGTH = 16

/** One direction of one level: its secret, and protectors by key generation. */
export class Direction {
  readonly #engine: PacketEngine
  readonly #suite: CipherSuite
  readonly #headerKey: Uint8Array
  readonly #generations: PacketProtector[] = []
  #secret: Uint8Array

  constructor(engine: PacketEngine, suite: CipherSuite, secret: Uint8Array) {
    this.#engine = engine
    this.#suite = suite
    this.#secret = secret
    this.#headerKey = deriveHeaderKey(suite, VERSION_1, secret)
  }

  /** The protector of a key generation; only 1-RTT has any but 0. */
  of(generation: number): PacketProtector {
    for (;;) {
      const known = this.#generations[generation]
      if (known !== undefined) return known
      this.#generations.push(deriveProtector(this.#engine, this.#suite, VERSION_1, this.#secret, this.#headerKey))
      this.#secret = deriveNextSecret(this.#suite, VERSION_1, this.#secret)
    }
  }
}

/** A packet that was opened. */
export interface Opened {
  readonly number: number
  readonly payload: Uint8Array
}

/** An engine for packets one at a time. */
export class Sealer {
  readonly engine: PacketEngine
  readonly #batch: PacketBatchBuffer

  constructor(packets: PacketProvider) {
    this.engine = packets.createEngine(ARENA)
    this.#batch = new PacketBatchBuffer(this.engine.arena, 1)
  }

  /** The packet of `header`, which ends with the packet number, and `payload`; tag included. */
  seal(
    keys: PacketProtector,
    header: Uint8Array,
    numberOffset: number,
    number: number,
    payload: Uint8Array,
  ): Uint8Array {
    const { arena } = this.engine
    arena.set(header, 0)
    arena.set(payload, header.length)
    const end = header.length + payload.length
    this.#batch.clear(0)
    this.#batch.append(0, numberOffset, end, number)
    keys.seal(this.#batch, 0, 1)
    return arena.slice(0, end + TAG_LENGTH)
  }

  /** What is in `packet`; `undefined`: the keys do not fit. */
  open(keys: PacketProtector, packet: Uint8Array, numberOffset: number, largest: number): Opened | undefined {
    const { arena } = this.engine
    const batch = this.#batch
    arena.set(packet, 0)
    batch.clear(0)
    batch.append(0, numberOffset, packet.length, largest)
    keys.unmask(batch, 0, 1)
    keys.open(batch, 0, 1)
    if (batch.status[0] !== PacketStatus.done) return undefined
    const start = numberOffset + ((arena[0] ?? 0) & 0x03) + 1
    return { number: batch.packetNumber[0] ?? 0, payload: arena.slice(start, packet.length - TAG_LENGTH) }
  }
}
