/**
 * What the packets of all connections of an endpoint are read and written with, one connection at a time: an idle one holds
 * nothing of it (`architecture.md` §8).
 */
import type { Arena } from '../base/arena.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { SentPacketPool } from '../recovery/sent-packets.ts'
import { RunPlaces } from '../streams/stream-run.ts'
import { FrameDecoder } from '../wire/frame-decode.ts'

/** Datagrams of one flight. */
export const MAX_FLIGHT = 64

/** Packets of one datagram: one for each of the keys that may be in use. */
export const MAX_PACKETS_PER_DATAGRAM = 4

/** Packets of a burst that are opened together. */
const MAX_BURST = 192

/** The slots of an arena, and the records of what lies in them. */
export class Workspace {
  readonly arena: Arena
  /** The flight that is being built; it is sealed in the poll that began it. */
  readonly flight: PacketBatchBuffer
  /** A packet that is opened by itself, as soon as it comes. */
  readonly single: PacketBatchBuffer
  /** Reads one packet after the other. */
  readonly decoder: FrameDecoder = new FrameDecoder()
  /** Of the STREAM frames that one connection is given at a time. */
  readonly runPlaces: RunPlaces = new RunPlaces()
  /** Of the packets that are sent. */
  readonly records: SentPacketPool = new SentPacketPool()
  /** By slot; bursts of several connections may wait for their polls at once. */
  readonly #bursts: (PacketBatchBuffer | undefined)[] = []

  constructor(arena: Arena) {
    this.arena = arena
    this.flight = new PacketBatchBuffer(arena.bytes, MAX_FLIGHT * MAX_PACKETS_PER_DATAGRAM)
    this.single = new PacketBatchBuffer(arena.bytes, 1)
  }

  /** The empty record of a burst in `slot`, which is the caller's for as long as the slot is. */
  burstIn(slot: number): PacketBatchBuffer {
    const index = slot / this.arena.slotSize
    let burst = this.#bursts[index]
    if (burst === undefined) {
      burst = new PacketBatchBuffer(this.arena.bytes, MAX_BURST)
      this.#bursts[index] = burst
    }
    burst.clear(slot)
    return burst
  }
}
