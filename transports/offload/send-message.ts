/**
 * The one `struct msghdr` that a socket sends with: who gets the bytes, and in control messages the size of segments (UDP GSO) and
 * the ECN bits. Written over for each call; nothing is allocated.
 */
import type { Ecn } from '../../src/transport.ts'
import { IP_TOS, IPPROTO_IP, IPPROTO_IPV6, IPV6_TCLASS, type Kernel, SOL_UDP, UDP_SEGMENT } from './kernel.ts'
import { isMapped, NAME_SIZE } from './socket-name.ts'

// The parts, by their first byte: `struct msghdr`, one `struct iovec`, the destination, two control messages.
const IOVEC = 56
const NAME = 72
const CONTROL = 104
/** CMSG_SPACE of two bytes, and of four. */
const CONTROL_SPACE = 24
const SIZE = CONTROL + 2 * CONTROL_SPACE

/** Fields of `struct msghdr`, and of `struct iovec`; each has 8 bytes, of which lengths need 4. */
const FIELD = { name: 0, nameLength: 8, vectors: 16, vectorCount: 24, control: 32, controlLength: 40 }
const VECTOR = { base: 0, length: 8 }

const HIGH = 0x1_0000_0000

/** A message that is about to be sent. */
export class SendMessage {
  /** As {@link Kernel.send} takes it. */
  readonly bytes: Uint8Array = new Uint8Array(SIZE)
  readonly #view: DataView
  readonly #kernel: Kernel
  readonly #base: number
  /** Where buffers lie that were sent from before. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>()
  #lastBuffer: ArrayBufferLike | undefined
  #lastAddress = 0

  constructor(kernel: Kernel) {
    const view = new DataView(this.bytes.buffer)
    this.#view = view
    this.#kernel = kernel
    this.#base = kernel.addressOf(this.bytes.buffer as ArrayBuffer)
    this.#setPointer(FIELD.name, this.#base + NAME)
    this.#setPointer(FIELD.vectors, this.#base + IOVEC)
    view.setUint32(FIELD.vectorCount, 1, true)
    // `struct cmsghdr`: the length of header and data, level, type.
    view.setUint32(CONTROL, 16 + 2, true)
    view.setUint32(CONTROL + 8, SOL_UDP, true)
    view.setUint32(CONTROL + 12, UDP_SEGMENT, true)
    view.setUint32(CONTROL + CONTROL_SPACE, 16 + 4, true)
  }

  /** Whom the next messages go to; `name` is a `struct sockaddr`. */
  setDestination(name: Uint8Array): void {
    const view = this.#view
    this.bytes.set(name, NAME)
    view.setUint32(FIELD.nameLength, name.length, true)
    const isIpv4 = name.length < NAME_SIZE || isMapped(name)
    view.setUint32(CONTROL + CONTROL_SPACE + 8, isIpv4 ? IPPROTO_IP : IPPROTO_IPV6, true)
    view.setUint32(CONTROL + CONTROL_SPACE + 12, isIpv4 ? IP_TOS : IPV6_TCLASS, true)
  }

  /** The payload: bytes `start` to `end` of `payload`, and what is to be done with them; 0 segments nothing. */
  set(payload: Uint8Array, start: number, end: number, segmentSize: number, ecn: Ecn): void {
    const view = this.#view
    this.#setPointer(IOVEC + VECTOR.base, this.#addressOf(payload.buffer) + payload.byteOffset + start)
    view.setUint32(IOVEC + VECTOR.length, end - start, true)
    const first = segmentSize > 0 ? 0 : CONTROL_SPACE
    const length = (segmentSize > 0 ? CONTROL_SPACE : 0) + (ecn > 0 ? CONTROL_SPACE : 0)
    if (segmentSize > 0) view.setUint16(CONTROL + 16, segmentSize, true)
    if (ecn > 0) view.setUint32(CONTROL + CONTROL_SPACE + 16, ecn, true)
    this.#setPointer(FIELD.control, length === 0 ? 0 : this.#base + CONTROL + first)
    view.setUint32(FIELD.controlLength, length, true)
  }

  #setPointer(at: number, address: number): void {
    this.#view.setUint32(at, address % HIGH, true)
    this.#view.setUint32(at + 4, address / HIGH, true)
  }

  #addressOf(buffer: ArrayBufferLike): number {
    if (buffer === this.#lastBuffer) return this.#lastAddress
    let address = this.#addresses.get(buffer)
    if (address === undefined) {
      address = this.#kernel.addressOf(buffer as ArrayBuffer)
      this.#addresses.set(buffer, address)
    }
    this.#lastBuffer = buffer
    this.#lastAddress = address
    return address
  }
}
