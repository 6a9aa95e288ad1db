/**
 * The messages that a socket receives with one call: an array of `struct mmsghdr`, each with a slab, a name and room for control
 * messages. Made once, read in place.
 */
import type { Ecn } from '../../src/transport.ts'
import type { SocketAddress } from '../udp-socket.ts'
import { IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_TCLASS, type Kernel, SOL_UDP, UDP_GRO } from './kernel.ts'
import { decodeName, NAME_SIZE } from './socket-name.ts'

/** Messages of the ring. */
export const RING_SIZE = 16
/** Bytes of one slab: more than any datagram, or train of coalesced ones, has. Memory that nothing is written to costs none. */
const SLAB_SIZE = 65_536

// The parts of a message, by their first byte: `struct mmsghdr`, `struct iovec`, the sender, control messages.
const HEADER_SIZE = 64
const IOVEC_SIZE = 16
const CONTROL_SIZE = 128
const PART_SIZE = IOVEC_SIZE + NAME_SIZE + 4 + CONTROL_SIZE
const NAME = IOVEC_SIZE
const CONTROL = IOVEC_SIZE + NAME_SIZE + 4

/** Fields of `struct mmsghdr`. */
const FIELD = {
  name: 0,
  nameLength: 8,
  vectors: 16,
  vectorCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
}

/** The datagram, or its control messages, did not fit. */
const MSG_CTRUNC = 0x08
const MSG_TRUNC = 0x20

/** `struct cmsghdr`. */
const CONTROL_HEADER = 16

const HIGH = 0x1_0000_0000

const NOTHING = new Uint8Array(0)

/** One reused object: what a slab holds. */
export interface ReceivedMessage {
  /** Empty where it did not arrive whole. */
  readonly bytes: Uint8Array
  readonly from: SocketAddress
  readonly ecn: Ecn
  /** Given where there are several datagrams back to back, of which the last may be shorter. */
  readonly segmentSize: number | undefined
}

/** What a socket receives into. */
export class ReceiveRing {
  /** As {@link Kernel.receive} takes them. */
  readonly headers: Uint8Array
  readonly #view: DataView
  #slabs: Uint8Array = NOTHING
  readonly #kernel: Kernel
  readonly #message: { -readonly [K in keyof ReceivedMessage]: ReceivedMessage[K] }
  /** The sender seen last, as the kernel named it. */
  readonly #lastName = new Uint8Array(NAME_SIZE)
  #lastFrom: SocketAddress = { address: '', port: 0 }

  constructor(kernel: Kernel) {
    this.headers = new Uint8Array(RING_SIZE * (HEADER_SIZE + PART_SIZE))
    this.#view = new DataView(this.headers.buffer)
    this.#kernel = kernel
    this.#message = { bytes: NOTHING, from: this.#lastFrom, ecn: 0, segmentSize: undefined }
    const base = kernel.addressOf(this.headers.buffer as ArrayBuffer)
    for (let i = 0; i < RING_SIZE; i++) {
      const header = i * HEADER_SIZE
      const part = partOf(i)
      this.#setPointer(header + FIELD.name, base + part + NAME)
      this.#setPointer(header + FIELD.vectors, base + part)
      this.#view.setUint32(header + FIELD.vectorCount, 1, true)
      this.#setPointer(header + FIELD.control, base + part + CONTROL)
      this.#view.setUint32(part + 8, SLAB_SIZE, true)
    }
    this.reset(RING_SIZE)
  }

  /**
   * To be called before each call that receives. What a sink is given is its own for a moment, in which it could detach the memory
   * below: the kernel must not write where something else lies by now.
   */
  ensureSlabs(): void {
    if (this.#slabs.length > 0) return
    this.#slabs = new Uint8Array(RING_SIZE * SLAB_SIZE)
    const address = this.#kernel.addressOf(this.#slabs.buffer as ArrayBuffer)
    for (let i = 0; i < RING_SIZE; i++) this.#setPointer(partOf(i), address + i * SLAB_SIZE)
  }

  /** Makes the first `count` messages ready for another call, which writes over the room that each had. */
  reset(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#view.setUint32(i * HEADER_SIZE + FIELD.nameLength, NAME_SIZE, true)
      this.#view.setUint32(i * HEADER_SIZE + FIELD.controlLength, CONTROL_SIZE, true)
    }
  }

  /** What the call before has written to a message. Valid until the next. */
  message(index: number): ReceivedMessage {
    const message = this.#message
    const header = index * HEADER_SIZE
    const flags = this.#view.getUint32(header + FIELD.flags, true)
    const length = (flags & (MSG_TRUNC | MSG_CTRUNC)) !== 0 ? 0 : this.#view.getUint32(header + FIELD.length, true)
    const slab = index * SLAB_SIZE
    const isThere = length > 0 && this.#slabs.length > 0
    message.bytes = isThere ? this.#slabs.subarray(slab, slab + Math.min(length, SLAB_SIZE)) : NOTHING
    message.from = this.#sender(partOf(index) + NAME)
    message.ecn = 0
    message.segmentSize = undefined
    this.#readControl(partOf(index) + CONTROL, this.#view.getUint32(header + FIELD.controlLength, true))
    return message
  }

  #readControl(start: number, size: number): void {
    const view = this.#view
    const end = start + Math.min(size, CONTROL_SIZE)
    for (let at = start; at + CONTROL_HEADER < end; ) {
      const length = view.getUint32(at, true)
      if (length <= CONTROL_HEADER || at + length > end) return
      this.#onControl(view.getUint32(at + 8, true), view.getUint32(at + 12, true), at + CONTROL_HEADER)
      at += (length + 7) & ~7
    }
  }

  #onControl(level: number, type: number, at: number): void {
    const message = this.#message
    if (level === SOL_UDP && type === UDP_GRO) {
      const size = this.#view.getUint16(at, true)
      if (size > 0 && size < message.bytes.length) message.segmentSize = size
    } else if ((level === IPPROTO_IP && type === IP_TOS) || (level === IPPROTO_IPV6 && type === IPV6_TCLASS)) {
      message.ecn = (this.#view.getUint8(at) & 3) as Ecn
    }
  }

  /** The sender; the same object for the same one as before. */
  #sender(at: number): SocketAddress {
    const { headers } = this
    const last = this.#lastName
    let i = 0
    while (i < NAME_SIZE && headers[at + i] === last[i]) i++
    if (i < NAME_SIZE) {
      last.set(headers.subarray(at, at + NAME_SIZE))
      this.#lastFrom = decodeName(headers, at)
    }
    return this.#lastFrom
  }

  #setPointer(at: number, address: number): void {
    this.#view.setUint32(at, address % HIGH, true)
    this.#view.setUint32(at + 4, address / HIGH, true)
  }
}

function partOf(index: number): number {
  return RING_SIZE * HEADER_SIZE + index * PART_SIZE
}
