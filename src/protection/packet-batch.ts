/**
 * A batch of packets in one slot of the arena, with what the connection must remember of each. The same record serves both
 * directions: a burst that was received, a flight that is being built.
 */
import type { PacketBatch } from '../crypto/provider.ts'

/** The packets of one slot; reused from batch to batch. */
export class PacketBatchBuffer implements PacketBatch {
  readonly arena: Uint8Array
  /** Packets that fit. */
  readonly capacity: number
  count = 0
  readonly start: Int32Array
  readonly numberOffset: Int32Array
  readonly end: Int32Array
  readonly packetNumber: Float64Array
  readonly status: Uint8Array
  /** The packet's {@link PacketType}. */
  readonly type: Uint8Array
  /** First byte of the datagram that the packet came in, an offset in the arena. */
  readonly datagram: Int32Array
  /** End of that datagram. */
  readonly datagramEnd: Int32Array
  /** When it arrived, a {@link Time}. */
  readonly receivedAt: Float64Array
  /** Its ECN mark. */
  readonly ecn: Uint8Array
  /** The key generation that opened or sealed it (1-RTT). */
  readonly generation: Int32Array
  /** First byte of the slot. */
  slotStart = 0
  /** End of what the slot holds; moved by whoever fills it. */
  used = 0

  /** @param arena that of the engine which protects the packets. */
  constructor(arena: Uint8Array, capacity = 192) {
    this.arena = arena
    this.capacity = capacity
    // One piece of memory: eleven cost a connection several µs.
    const room = new ArrayBuffer((2 * 8 + 6 * 4 + 3) * capacity)
    this.packetNumber = new Float64Array(room, 0, capacity)
    this.receivedAt = new Float64Array(room, 8 * capacity, capacity)
    this.start = new Int32Array(room, 16 * capacity, capacity)
    this.numberOffset = new Int32Array(room, 20 * capacity, capacity)
    this.end = new Int32Array(room, 24 * capacity, capacity)
    this.datagram = new Int32Array(room, 28 * capacity, capacity)
    this.datagramEnd = new Int32Array(room, 32 * capacity, capacity)
    this.generation = new Int32Array(room, 36 * capacity, capacity)
    this.status = new Uint8Array(room, 40 * capacity, capacity)
    this.type = new Uint8Array(room, 41 * capacity, capacity)
    this.ecn = new Uint8Array(room, 42 * capacity, capacity)
  }

  /** Whether no packet fits any more. */
  get isFull(): boolean {
    return this.count === this.capacity
  }

  /** Forgets the packets and begins at the first byte of a slot. */
  clear(slotStart: number): void {
    this.count = 0
    this.slotStart = slotStart
    this.used = slotStart
  }

  /**
   * Adds a packet and returns its index. Its status is `pending`, the other columns are 0 until they are set.
   * @param end seal: of the payload, before the tag; open: of the packet.
   * @param packetNumber seal: the full number; open: the largest one processed so far in its space, -1 if there is none.
   * @throws RangeError when the batch is full.
   */
  append(start: number, numberOffset: number, end: number, packetNumber: number): number {
    const index = this.count
    if (index === this.capacity) throw new RangeError(`The batch is full at ${index} packets`)
    this.start[index] = start
    this.numberOffset[index] = numberOffset
    this.end[index] = end
    this.packetNumber[index] = packetNumber
    this.status[index] = 0
    this.type[index] = 0
    this.datagram[index] = 0
    this.datagramEnd[index] = 0
    this.receivedAt[index] = 0
    this.ecn[index] = 0
    this.generation[index] = 0
    this.count = index + 1
    return index
  }
}
