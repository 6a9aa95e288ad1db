/**
 * UDP through Node's `dgram`. One socket, any number of peers. The kernel's errors of a single datagram (nobody listens,
 * no route, too long) are losses, as on a network.
 */
import { createSocket, type RemoteInfo, type Socket, type SocketOptions, type SocketType } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'

/** Where and how to bind. */
export interface UdpOptions {
  /** A local address, or a name of one. By default every address of the host, IPv6 and IPv4 alike. */
  readonly host?: string
  /** By default 0: the system chooses. */
  readonly port?: number
  /** An IPv6 socket takes no IPv4. */
  readonly ipv6Only?: boolean
  /** Several processes may bind the port, and share what arrives (Node 24 on). */
  readonly reusePort?: boolean
  /** Bytes asked of the kernel; 4 MiB by default. Less is accepted. */
  readonly receiveBufferSize?: number
  /** Bytes asked of the kernel; 4 MiB by default. Less is accepted. */
  readonly sendBufferSize?: number
  /** Bytes of the longest datagram that is sent; by default 65,507, which is more than most networks carry in one piece. */
  readonly maxDatagramSize?: number
  /** Hears what a sink threw, which sinks should not. The datagram counts as delivered. */
  readonly onError?: (error: unknown) => void
}

/** The longest payload of IPv4; UDP over IPv6 could carry 20 bytes more. */
const MAX_UDP_PAYLOAD = 65_507
const BUFFER_SIZE = 4 << 20
/** Datagrams kept between binding and `open`. */
const MAX_EARLY = 256
/** Peers whose addresses are remembered in either form; forgotten all at once. */
const MAX_ADDRESSES = 1024
/** How a socket of IPv6 names addresses of IPv4 (RFC 4291 §2.5.5.2). */
const MAPPED = '::ffff:'

/**
 * Binds a UDP socket.
 *
 * @returns a transport whose `localAddress` has the port that was bound.
 * @throws (as a rejection) the system's error, such as `EADDRINUSE`, `EACCES` or, for a name without address, `ENOTFOUND`.
 *
 * @example
 * ```ts
 * import { udp } from 'isoquic/transports/udp'
 *
 * const transport = await udp({ port: 4433 })
 * ```
 */
export async function udp(options: UdpOptions = {}): Promise<UdpTransport> {
  const { host } = options
  if (host !== undefined) {
    const { address, family } = await lookup(host.replace(/^\[(.*)\]$/, '$1'))
    return bind(options, family === 6 ? 'udp6' : 'udp4', address)
  }
  try {
    return await bind(options, 'udp6', '::')
  } catch (error) {
    if (!isWithoutIpv6(error)) throw error
    return bind(options, 'udp4', '0.0.0.0')
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EPROTONOSUPPORT'
}

async function bind(options: UdpOptions, type: SocketType, address: string): Promise<UdpTransport> {
  const { port = 0, ipv6Only = false, reusePort = false } = options
  const family = type === 'udp6' ? 6 : 4
  const settings: SocketOptions & { reusePort?: boolean } = {
    type,
    ipv6Only,
    // Addresses are literals by the time they get here; Node's own look-up would put each datagram off to the next tick.
    lookup: (host, _options, done) => done(null, host, family),
    ...(reusePort && { reusePort }),
  }
  const socket = createSocket(settings)
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close()
      reject(error)
    }
    socket.once('error', fail)
    socket.bind({ port, address }, () => {
      socket.off('error', fail)
      resolve()
    })
  })
  askForBuffer(options.receiveBufferSize ?? BUFFER_SIZE, (size) => socket.setRecvBufferSize(size))
  askForBuffer(options.sendBufferSize ?? BUFFER_SIZE, (size) => socket.setSendBufferSize(size))
  return new UdpTransport(socket, type, address === '::' && !ipv6Only, options)
}

/** Linux grants what it allows; other systems refuse what is too much, and are asked for less. */
function askForBuffer(size: number, set: (size: number) => void): void {
  for (let wanted = size; wanted >= 0x1_0000; wanted >>= 1) {
    try {
      set(wanted)
      return
    } catch {
      // A smaller buffer loses more under load; it is no error.
    }
  }
}

/** Where a datagram goes, as `dgram` wants it. */
interface Destination {
  readonly host: string
  readonly port: number
}

/** A bound UDP socket. Made by {@link udp}. */
export class UdpTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress
  /** The local port. */
  readonly port: number
  readonly properties: TransportProperties = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    // `dgram` neither shows nor sets the two bits.
    ecn: false,
  }
  readonly #socket: Socket
  readonly #isIpv6: boolean
  /** The socket takes IPv4 as mapped addresses of IPv6. */
  readonly #isDual: boolean
  readonly #countsQueue: boolean
  readonly #onError: (error: unknown) => void
  #sink: DatagramSink | undefined
  #early: { bytes: Uint8Array; from: PathAddress }[] = []
  #isClosed = false
  /** The kernel's buffer was full: `dgram` holds references to bytes, and a `drain` is owed. */
  #isBlocked = false
  readonly #onSent = (): void => this.#afterSend()
  readonly #destinations = new Map<PathAddress, Destination | undefined>()
  #lastTo: PathAddress | undefined
  #lastDestination: Destination | undefined
  /** The last address that each remote port was seen with. */
  readonly #sources = new Map<number, { readonly address: string; readonly from: PathAddress }>()

  constructor(socket: Socket, type: SocketType, isDual: boolean, options: UdpOptions) {
    const { address, port } = socket.address()
    this.maxDatagramSize = options.maxDatagramSize ?? MAX_UDP_PAYLOAD
    this.localAddress = join(address, port)
    this.port = port
    this.#socket = socket
    this.#isIpv6 = type === 'udp6'
    this.#isDual = isDual
    this.#countsQueue = typeof socket.getSendQueueCount === 'function'
    this.#onError = options.onError ?? (() => undefined)
    socket.on('message', (message, remote) => this.#receive(message, remote))
    // Errors of receiving tell of datagrams that got nowhere (ICMP): losses. One that ends the socket is followed by 'close'.
    socket.on('error', () => undefined)
    socket.on('close', () => this.#afterClose())
  }

  open(sink: DatagramSink): void {
    if (this.#isClosed) throw invalidState('The socket is closed')
    if (this.#sink !== undefined) throw invalidState('The socket has a sink already')
    this.#sink = sink
    const early = this.#early
    this.#early = []
    for (const { bytes, from } of early) this.#deliver(bytes, from)
  }

  /**
   * The addresses of `host` that this socket can send to, in the order in which the system prefers them.
   * @throws (as a rejection) the system's error, such as `ENOTFOUND`; also where a name has addresses of the other family alone.
   */
  async resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const name = host.replace(/^\[(.*)\]$/, '$1')
    const found = await lookup(name, { all: true, verbatim: true })
    const reachable = found.filter(({ family }) => (family === 6 ? this.#isIpv6 : !this.#isIpv6 || this.#isDual))
    if (reachable.length === 0) {
      const error: Error & { code?: string } = new Error(
        `${host} has no address of IPv${this.#isIpv6 ? 6 : 4}, which ${this.localAddress} sends to`,
      )
      error.code = 'ENOTFOUND'
      throw error
    }
    return reachable.map(({ address }) => join(address, port))
  }

  send(bytes: Uint8Array, to: PathAddress, _ecn: Ecn): boolean {
    // While the kernel has no room, bytes would have to be kept that are not ours: the datagram is lost.
    if (this.#isBlocked) return false
    const destination = to === this.#lastTo ? this.#lastDestination : this.#destination(to)
    if (destination === undefined || this.#isClosed || bytes.length > this.maxDatagramSize) return true
    this.#socket.send(bytes, destination.port, destination.host, this.#onSent)
    return this.#hasRoom()
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, _ecn: Ecn): boolean {
    if (this.#isBlocked) return false
    const destination = to === this.#lastTo ? this.#lastDestination : this.#destination(to)
    if (destination === undefined || this.#isClosed || segmentSize > this.maxDatagramSize || !(segmentSize > 0))
      return true
    const { host, port } = destination
    const socket = this.#socket
    const onSent = this.#onSent
    const end = bytes.length
    let start = 0
    for (; start + segmentSize < end; start += segmentSize) {
      socket.send(bytes.subarray(start, start + segmentSize), port, host)
    }
    // If the kernel is full midway, `dgram` queues the rest in order, so the last one's callback (each costs 0.2 µs) tells
    // when all are gone. The bytes stay untouched until `drain`.
    socket.send(bytes.subarray(start, end), port, host, onSent)
    return this.#hasRoom()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#early = []
    this.#socket.close()
  }

  /** Datagrams that wait in libuv; none in hosts whose `dgram` does not count them (other than Node's). */
  #queueCount(): number {
    return this.#countsQueue ? this.#socket.getSendQueueCount() : 0
  }

  #hasRoom(): boolean {
    // After EAGAIN libuv waits with references to the bytes, and says so only here.
    if (this.#queueCount() > 0) this.#isBlocked = true
    return !this.#isBlocked
  }

  #afterSend(): void {
    if (!this.#isBlocked || this.#isClosed || this.#queueCount() > 0) return
    this.#isBlocked = false
    try {
      this.#sink?.drain()
    } catch (error) {
      this.#onError(error)
    }
  }

  #afterClose(): void {
    this.#isClosed = true
    const sink = this.#sink
    this.#sink = undefined
    try {
      sink?.closed()
    } catch (error) {
      this.#onError(error)
    }
  }

  #receive(message: Uint8Array, remote: RemoteInfo): void {
    // An empty datagram carries no packet.
    if (this.#isClosed || message.length === 0) return
    const from = this.#source(remote)
    if (this.#sink !== undefined) this.#deliver(message, from)
    else if (this.#early.length < MAX_EARLY) this.#early.push({ bytes: message, from })
  }

  #deliver(bytes: Uint8Array, from: PathAddress): void {
    try {
      this.#sink?.datagram(bytes, from, 0)
    } catch (error) {
      this.#onError(error)
    }
    free(bytes)
  }

  /** The sender's address; the same string for the same peer, so that comparing it costs nothing. */
  #source({ address, port }: RemoteInfo): PathAddress {
    const known = this.#sources.get(port)
    if (known?.address === address) return known.from
    const host = address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
    const from = join(host, port)
    if (this.#sources.size >= MAX_ADDRESSES) this.#sources.clear()
    this.#sources.set(port, { address, from })
    return from
  }

  /** Host and port of an address; `undefined` for one that this socket cannot send to. */
  #destination(to: PathAddress): Destination | undefined {
    let destination = this.#destinations.get(to)
    if (destination === undefined && !this.#destinations.has(to)) {
      destination = this.#parse(to)
      if (this.#destinations.size >= MAX_ADDRESSES) this.#destinations.clear()
      this.#destinations.set(to, destination)
    }
    this.#lastTo = to
    this.#lastDestination = destination
    return destination
  }

  #parse(to: PathAddress): Destination | undefined {
    const colon = to.lastIndexOf(':')
    const host = to.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    const port = Number(to.slice(colon + 1))
    if (!(Number.isInteger(port) && port > 0 && port <= 0xffff)) return undefined
    const family = isIP(host)
    if (family === 6) return this.#isIpv6 ? { host, port } : undefined
    if (family !== 4 || (this.#isIpv6 && !this.#isDual)) return undefined
    return { host: this.#isIpv6 ? MAPPED + host : host, port }
  }
}

/**
 * Gives back the memory of a message that was read. `dgram` allocates each one anew, outside of the heap; left to the collector
 * they pile up to megabytes, so that each comes to lie in cold memory, and all of the heap is marked time and again.
 */
function free(message: Uint8Array): void {
  const buffer = message.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }
  // Node 20 has no `transfer`; hosts other than Node may cut several messages from one buffer.
  if (buffer.byteLength === message.length) buffer.transfer?.(0)
}

function join(host: string, port: number): PathAddress {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function invalidState(message: string): Error {
  const error = new Error(message)
  error.name = 'InvalidStateError'
  return error
}
