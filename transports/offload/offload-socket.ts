/**
 * A UDP socket that gives the kernel a flight in one call (UDP GSO) and takes a train of datagrams in one piece (UDP GRO). What the
 * kernel refuses of it is done without, one by one. It shows the ECN bits, and forbids fragmentation (RFC 9000 §13.4, §14).
 */
import { getSystemErrorName } from 'node:util'
import type { Ecn } from '../../src/transport.ts'
import type { Offload, SocketAddress, SocketSettings, UdpSocket, UdpSocketListener } from '../udp-socket.ts'
import * as linux from './kernel.ts'
import { Errno, type Kernel, type Watch } from './kernel.ts'
import { ReceiveRing, RING_SIZE } from './receive-ring.ts'
import { SendMessage } from './send-message.ts'
import { decodeName, encodeName, NAME_SIZE } from './socket-name.ts'

/** Segments that any kernel takes in one call, and bytes. */
const MAX_SEGMENTS = 64
const MAX_RUN = 65_507

/** Bytes that are read before others have their turn: more would leave the caches before they are used. */
const TURN = 196_608
/** Calls that are made in one turn. */
const MAX_CALLS = 16
/** Messages that are asked for where they are trains of datagrams. */
const FEW = 4

/** Errors in a row after which a socket is given up. */
const MAX_FAILURES = 64

/** Bytes that wait for the kernel to have room. */
interface Rest {
  bytes: Uint8Array
  at: number
  segmentSize: number
  ecn: Ecn
}

/** Binds a socket. @throws the system's error, such as `EADDRINUSE` */
export function bindOffloadSocket(kernel: Kernel, settings: SocketSettings): OffloadSocket {
  const { family, address, port } = settings
  const fd = check('socket', kernel.socket(family === 6 ? linux.AF_INET6 : linux.AF_INET))
  try {
    const name = encodeName(family, { address, port })
    if (name === undefined) throw systemError('bind', Errno.EINVAL)
    configure(kernel, fd, settings)
    check('bind', kernel.bind(fd, name))
    return new OffloadSocket(kernel, fd, family)
  } catch (error) {
    kernel.close(fd)
    throw error
  }
}

function configure(kernel: Kernel, fd: number, settings: SocketSettings): void {
  const { family, ipv6Only, reusePort, receiveBufferSize, sendBufferSize } = settings
  const { SOL_SOCKET, IPPROTO_IPV6 } = linux
  if (family === 6) check('bind', kernel.setOption(fd, IPPROTO_IPV6, linux.IPV6_V6ONLY, ipv6Only ? 1 : 0))
  if (reusePort) check('bind', kernel.setOption(fd, SOL_SOCKET, linux.SO_REUSEPORT, 1))
  // Linux grants what it allows.
  kernel.setOption(fd, SOL_SOCKET, linux.SO_RCVBUF, receiveBufferSize)
  kernel.setOption(fd, SOL_SOCKET, linux.SO_SNDBUF, sendBufferSize)
}

/** A bound socket. */
export class OffloadSocket implements UdpSocket {
  readonly local: SocketAddress
  readonly ecn: boolean
  readonly #kernel: Kernel
  readonly #fd: number
  readonly #family: 4 | 6
  readonly #watch: Watch
  readonly #message: SendMessage
  readonly #ring: ReceiveRing
  readonly #names = new WeakMap<SocketAddress, Uint8Array>()
  #lastTo: SocketAddress | undefined
  #listener: UdpSocketListener | undefined
  #segments: boolean
  readonly #coalesces: boolean
  /** What waits for room; nothing else is sent before it. */
  #rest: Rest | undefined
  #asked = RING_SIZE
  #failures = 0
  #isClosed = false
  readonly #read = (): void => this.#onReadable()

  /** Takes over `fd`, a bound socket, unless it throws. @throws what {@link Kernel.watch} throws */
  constructor(kernel: Kernel, fd: number, family: 4 | 6) {
    this.#kernel = kernel
    this.#fd = fd
    this.#family = family
    const name = new Uint8Array(NAME_SIZE)
    check('getsockname', kernel.localName(fd, name))
    this.local = decodeName(name, 0)
    const set = (level: number, option: number, value: number): boolean =>
      kernel.setOption(fd, level, option, value) === 0
    // A size of 0 segments nothing by itself; where it can be set, it can be told with each message.
    this.#segments = set(linux.SOL_UDP, linux.UDP_SEGMENT, 0)
    this.#coalesces = set(linux.SOL_UDP, linux.UDP_GRO, 1)
    // What a socket of IPv6 has for IPv4 as well governs mapped addresses.
    set(linux.IPPROTO_IP, linux.IP_MTU_DISCOVER, linux.PMTUDISC_PROBE)
    const shows4 = set(linux.IPPROTO_IP, linux.IP_RECVTOS, 1)
    if (family === 6) set(linux.IPPROTO_IPV6, linux.IPV6_MTU_DISCOVER, linux.PMTUDISC_PROBE)
    this.ecn = shows4 && (family === 4 || set(linux.IPPROTO_IPV6, linux.IPV6_RECVTCLASS, 1))
    this.#message = new SendMessage(kernel)
    this.#ring = new ReceiveRing(kernel)
    this.#watch = kernel.watch(fd, { onReadable: this.#read, onWritable: () => this.#onWritable() })
  }

  get offload(): Offload {
    if (this.#segments) return this.#coalesces ? 'both' : 'send'
    return this.#coalesces ? 'receive' : 'none'
  }

  listen(listener: UdpSocketListener): void {
    this.#listener = listener
    this.#watch.awaitReadable()
  }

  send(bytes: Uint8Array, to: SocketAddress, ecn: Ecn): boolean {
    return this.sendBatch(bytes, bytes.length, to, ecn)
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: SocketAddress, ecn: Ecn): boolean {
    if (this.#rest !== undefined) return false
    if (this.#isClosed || bytes.length === 0 || !this.#address(to)) return true
    // Hosts tell no addresses of memory that threads share.
    const payload = bytes.buffer instanceof ArrayBuffer ? bytes : Uint8Array.from(bytes)
    const at = this.#sendFrom(payload, 0, segmentSize, ecn)
    if (at === payload.length) return true
    this.#rest = { bytes: payload, at, segmentSize, ecn }
    this.#watch.awaitWritable()
    return false
  }

  close(): void {
    this.#end(undefined)
  }

  #end(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#rest = undefined
    this.#watch.close()
    this.#kernel.close(this.#fd)
    this.#kernel.defer(() => {
      const listener = this.#listener
      this.#listener = undefined
      listener?.onClose(error)
    })
  }

  /** Makes `to` whom the message goes to; `false` where it is no address of this family. */
  #address(to: SocketAddress): boolean {
    if (to === this.#lastTo) return true
    let name = this.#names.get(to)
    if (name === undefined) {
      name = encodeName(this.#family, to)
      if (name === undefined) return false
      this.#names.set(to, name)
    }
    this.#message.setDestination(name)
    this.#lastTo = to
    return true
  }

  /** Sends, or loses, from `start` on; where the next datagram begins once there is room, `bytes.length` if none is left. */
  #sendFrom(bytes: Uint8Array, start: number, segmentSize: number, ecn: Ecn): number {
    const most = Math.max(1, Math.min(MAX_SEGMENTS, Math.floor(MAX_RUN / segmentSize))) * segmentSize
    for (let at = start; at < bytes.length; ) {
      const isRun = this.#segments && at + segmentSize < bytes.length
      const end = Math.min(at + (isRun ? most : segmentSize), bytes.length)
      this.#message.set(bytes, at, end, end - at > segmentSize ? segmentSize : 0, ecn)
      const result = this.#kernel.send(this.#fd, this.#message.bytes)
      if (result === -Errno.EAGAIN) return at
      // What the kernel refuses otherwise (no route, no memory, too long for the link) is a loss, as on a network.
      at = isRun && isRefusal(result) ? this.#sendAfterRefusal(bytes, at, end, segmentSize, ecn) : end
    }
    return bytes.length
  }

  /**
   * A run was refused: for its size or address, if its first datagram is as well; else because the kernel or the device (one that
   * computes no checksums) cannot cut it, and then nobody asks again. Returns where to go on.
   */
  #sendAfterRefusal(bytes: Uint8Array, at: number, end: number, segmentSize: number, ecn: Ecn): number {
    this.#message.set(bytes, at, at + segmentSize, 0, ecn)
    const result = this.#kernel.send(this.#fd, this.#message.bytes)
    if (isRefusal(result)) return end
    this.#segments = false
    return result === -Errno.EAGAIN ? at : at + segmentSize
  }

  #onWritable(): void {
    const rest = this.#rest
    if (rest === undefined) return
    rest.at = this.#sendFrom(rest.bytes, rest.at, rest.segmentSize, rest.ecn)
    if (rest.at < rest.bytes.length) return this.#watch.awaitWritable()
    this.#rest = undefined
    this.#listener?.onDrain()
  }

  /** Reads for one turn. */
  #onReadable(): void {
    const { headers } = this.#ring
    let bytes = 0
    for (let calls = 0; !this.#isClosed; calls++) {
      const asked = this.#asked
      this.#ring.ensureSlabs()
      const count = this.#kernel.receive(this.#fd, headers, asked)
      if (count < 0) return this.#onFailure(-count)
      this.#failures = 0
      const got = this.#deliver(count)
      if (this.#isClosed) return
      this.#ring.reset(count)
      // Little in many messages, as of acknowledgements, or much in a few.
      this.#asked = got > count * 8_192 ? FEW : RING_SIZE
      if (count < asked) return this.#watch.awaitReadable()
      bytes += got
      if (bytes >= TURN || calls >= MAX_CALLS) return this.#kernel.defer(this.#read)
    }
  }

  /** Hands over what the first `count` messages hold; their bytes. */
  #deliver(count: number): number {
    let total = 0
    for (let i = 0; i < count && !this.#isClosed; i++) {
      const { bytes, from, ecn, segmentSize } = this.#ring.message(i)
      total += bytes.length
      if (bytes.length > 0) this.#listener?.onMessage(bytes, from, ecn, segmentSize)
    }
    return total
  }

  /** Errors of receiving tell of datagrams that got nowhere, or of a lack of memory that passes; others are the end. */
  #onFailure(code: number): void {
    if (code === Errno.EAGAIN) return this.#watch.awaitReadable()
    this.#failures += 1
    if (code === Errno.EBADF || code === Errno.ENOTSOCK || this.#failures > MAX_FAILURES)
      return this.#end(systemError('recvmmsg', code))
    this.#kernel.defer(this.#read)
  }
}

function isRefusal(result: number): boolean {
  const code = -result
  return code === Errno.EIO || code === Errno.EINVAL || code === Errno.EMSGSIZE || code === Errno.EOPNOTSUPP
}

/** @throws the system's error where `result` is one */
function check(call: string, result: number): number {
  if (result < 0) throw systemError(call, -result)
  return result
}

function systemError(call: string, code: number): Error {
  const name = getSystemErrorName(-code)
  return Object.assign(new Error(`${call} ${name}`), { code: name, syscall: call, errno: -code })
}
