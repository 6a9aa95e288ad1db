/**
 * Whether a client's first Initial packet is whole: opened with keys that its own destination id yields (RFC 9001 §5.2).
 * A packet that was damaged or made up on the way then opens no connection, and ends none.
 */
import type { Arena } from '../base/arena.ts'
import { type PacketEngine, PacketStatus } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { initialSecrets } from '../protection/initial-secrets.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { PacketKeys } from '../protection/packet-keys.ts'
import type { LongHeader } from '../wire/long-header.ts'

/** Opens Initial packets without a connection, and keeps nothing of them. */
export class InitialCheck {
  readonly #engine: PacketEngine
  readonly #arena: Arena
  readonly #batch: PacketBatchBuffer

  constructor(engine: PacketEngine, arena: Arena) {
    this.#engine = engine
    this.#arena = arena
    this.#batch = new PacketBatchBuffer(arena.bytes, 1)
  }

  /** Whether the packet of `header`, which begins the datagram `bytes`, is authentic. `false` too while the arena is full. */
  isAuthentic(bytes: Uint8Array, header: LongHeader): boolean {
    const length = header.packetEnd
    const slot = length > this.#arena.slotSize ? -1 : this.#arena.acquire()
    if (slot < 0) return false
    try {
      this.#arena.bytes.set(bytes.subarray(0, length), slot)
      return this.#open(slot, header, length)
    } finally {
      this.#arena.release(slot)
    }
  }

  #open(slot: number, header: LongHeader, length: number): boolean {
    const secret = initialSecrets(header.version, header.destinationId().bytes).client
    const keys = new PacketKeys(this.#engine, TLS_AES_128_GCM_SHA256, header.version, secret)
    const batch = this.#batch
    batch.clear(slot)
    batch.append(slot, slot + header.numberOffset, slot + length, -1)
    keys.unmaskAndOpen(batch, 0, 1)
    keys.discard()
    return batch.status[0] === PacketStatus.done
  }
}
