/**
 * What the packets of all connections of an endpoint are read and written with, one connection at a time: an idle one holds
 * nothing of it (`architecture.md` §8).
 */
import type { Arena } from '../base/arena.ts'
import { Writer } from '../base/writer.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { SentPacketPool } from '../recovery/sent-packets.ts'
import { RunPlaces } from '../streams/stream-run.ts'
import { FrameDecoder } from '../wire/frame-decode.ts'
import { LongHeader } from '../wire/long-header.ts'
import { FixedBitPool } from './fixed-bit.ts'
import { MAX_PACKETS_PER_DATAGRAM, type OpenPacket, openPackets } from './open-packet.ts'
import { type ReceivedPacket, receivedPacket } from './received-packet.ts'

/** Datagrams of one flight. */
export const MAX_FLIGHT = 64

/** Packets of a burst that are opened together. */
const MAX_BURST = 192

/** The slots of an arena, and the records of what lies in them. */
export class Workspace {
  readonly arena: Arena
  /** The flight that is being built; it is sealed in the poll that began it. */
  readonly flight: PacketBatchBuffer
  /** A packet that is opened by itself, as soon as it comes. */
  readonly single: PacketBatchBuffer
  /** Writes them. */
  readonly writer: Writer = new Writer(0)
  /** For the first bytes of packets. */
  readonly fixedBits: FixedBitPool = new FixedBitPool()
  /** Of the datagram that is being built. */
  readonly openPackets: readonly OpenPacket[] = openPackets()
  /** Of the packet that is being read, if it is a long one. */
  readonly header: LongHeader = new LongHeader()
  /** The packet that is being processed. */
  readonly received: ReceivedPacket
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
    this.received = receivedPacket(arena.bytes)
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
