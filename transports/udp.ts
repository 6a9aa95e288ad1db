/**
 * UDP through Node's `dgram`. One port, any number of peers; the busiest have connected sockets beside the one of all. The
 * kernel's errors of a single datagram (nobody listens, no route, too long) are losses, as on a network.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { BusyPeers, type ConnectableSocket, type Peer } from './busy-peers.ts'
import {
  bindBeside,
  bindNodeSocket,
  bindShareable,
  type Offload,
  type SocketAddress,
  type SocketSettings,
  type UdpSocket,
  type UdpSocketListener,
} from './udp-socket.ts'

/** Where and how to bind. */
export interface UdpOptions {
  /** A local address, or a name of one. By default every address of the host, IPv6 and IPv4 alike. */
  readonly host?: string
  /** By default 0: the system chooses. */
  readonly port?: number
  /** An IPv6 socket takes no IPv4. */
  readonly ipv6Only?: boolean
  /** Several processes may bind the port, and share what arrives (Linux and FreeBSD; Node 22.12 on). A server does so by `isoquic/cluster`. */
  readonly reusePort?: boolean
  /**
   * How many of the busiest peers are sent to through connected sockets of their own on the same port, which takes less time for
   * each datagram (Linux, Node 22.12 on). By default 8 where the system chooses the port. Of a port that was asked for 0, since
   * other processes of the same user could then bind it as well, by `reusePort`, in place of an `EADDRINUSE`.
   */
  readonly connectedPeers?: number
  /** Bytes asked of the kernel; 4 MiB by default. Less is accepted. */
  readonly receiveBufferSize?: number
  /** Bytes asked of the kernel; 4 MiB by default. Less is accepted. */
  readonly sendBufferSize?: number
  /**
   * Linux takes a flight in one call and gives a train of datagrams in one piece (UDP GSO and GRO), through the host's foreign
   * function interface, on its main thread: `node:ffi` of Node 26, `bun:ffi`, Deno's. Where that is not to be had, the socket is as without; the
   * transport's `offload` tells. By default `false`.
   */
  readonly offload?: boolean
  /**
   * Bytes of the longest datagram that is sent; by default what UDP carries: 65,507, and 65,527 from a socket of IPv6 alone. That is more
   * than most networks carry in one piece: the kernel cuts what is above the link's MTU into fragments.
   */
  readonly maxDatagramSize?: number
  /** Hears what a sink threw, which sinks should not. The datagram counts as delivered. */
  readonly onError?: (error: unknown) => void
}

/** The longest payloads: the length of a packet of IPv4 counts its own header of 20 bytes, that of IPv6 does not. */
const MAX_PAYLOAD_IPV4 = 65_507
const MAX_PAYLOAD_IPV6 = 65_527
const BUFFER_SIZE = 4 << 20
/** Datagrams kept between binding and `open`. */
const MAX_EARLY = 256
/** Peers whose addresses are remembered in either form; forgotten all at once. */
const MAX_ADDRESSES = 1024
const CONNECTED_PEERS = 8
/** How a socket of IPv6 names addresses of IPv4 (RFC 4291 §2.5.5.2). */
const MAPPED = '::ffff:'

/**
 * Binds a UDP socket.
 *
 * @returns a transport whose `localAddress` has the port that was bound.
 * @throws (as a rejection) the system's error, such as `EADDRINUSE`, `EACCES` or, for a name without address, `ENOTFOUND`;
 * RangeError or TypeError for `connectedPeers` that is no count, or beside `reusePort`.
 *
 * @example
 * ```ts
 * import { udp } from 'isoquic/transports/udp'
 *
 * const transport = await udp({ port: 4433 })
 * ```
 */
export async function udp(options: UdpOptions = {}): Promise<UdpTransport> {
  checkConnectedPeers(options)
  const { host } = options
  if (host !== undefined) {
    const { address, family } = await lookup(host.replace(/^\[(.*)\]$/, '$1'))
    return bind(options, family === 6 ? 6 : 4, address)
  }
  try {
    return await bind(options, 6, '::')
  } catch (error) {
    if (!isWithoutIpv6(error)) throw error
    return bind(options, 4, '0.0.0.0')
  }
}

function isWithoutIpv6(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL' || code === 'EPROTONOSUPPORT'
}

function checkConnectedPeers({ connectedPeers, reusePort }: UdpOptions): void {
  if (connectedPeers === undefined || connectedPeers === 0) return
  if (!(Number.isInteger(connectedPeers) && connectedPeers > 0)) {
    throw new RangeError(`connectedPeers must be a whole number that is not negative, got ${connectedPeers}`)
  }
  // Each socket that comes or goes would change which process the kernel gives the datagrams of other peers to.
  if (reusePort === true) throw new TypeError('connectedPeers must be 0 where reusePort is true')
}

async function bind(options: UdpOptions, family: 4 | 6, address: string): Promise<UdpTransport> {
  const { port = 0, ipv6Only = false, reusePort = false } = options
  const { receiveBufferSize = BUFFER_SIZE, sendBufferSize = BUFFER_SIZE } = options
  const settings = { family, address, port, ipv6Only, reusePort, receiveBufferSize, sendBufferSize }
  const reach = family === 4 ? 'ipv4' : address === '::' && !ipv6Only ? 'both' : 'ipv6'
  const offloading = options.offload === true ? await offloadSocket(settings) : undefined
  if (offloading !== undefined) return new UdpTransport(offloading, reach, options)
  const { connectedPeers = port === 0 && !reusePort ? CONNECTED_PEERS : 0 } = options
  const shareable = connectedPeers > 0 ? bindShareable(settings) : undefined
  if (shareable === undefined) return new UdpTransport(await bindNodeSocket(settings), reach, options)
  const beside = (): ConnectableSocket | undefined => bindBeside(settings, shareable.local.port)
  return new UdpTransport(shareable, reach, options, (listener) => {
    return new BusyPeers(shareable, beside, listener, { limit: connectedPeers })
  })
}

/** `undefined` where offload is not to be had. */
async function offloadSocket(settings: SocketSettings): Promise<UdpSocket | undefined> {
  const { hostSocket } = await import('./offload/host.ts')
  return hostSocket(settings)
}

/** A bound UDP socket. Made by {@link udp}. */
export class UdpTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress
  /** The local port. */
  readonly port: number
  readonly properties: TransportProperties
  readonly #socket: UdpSocket
  readonly #isIpv6: boolean
  /** The socket takes IPv4 as mapped addresses of IPv6. */
  readonly #isDual: boolean
  readonly #onError: (error: unknown) => void
  #sink: DatagramSink | undefined
  #early: { bytes: Uint8Array; from: PathAddress; ecn: Ecn; segmentSize: number | undefined }[] = []
  #isClosed = false
  readonly #busyPeers: BusyPeers | undefined
  /** A socket was full, and a `drain` is owed. */
  #isFull = false
  readonly #peers = new Map<PathAddress, Peer | undefined>()
  #lastTo: PathAddress | undefined
  #lastPeer: Peer | undefined
  /** The last address that each remote port was seen with. */
  readonly #sources = new Map<number, { readonly address: string; readonly from: PathAddress }>()

  /**
   * @param reach which addresses the socket sends to; `'both'`: IPv4 as mapped addresses of IPv6
   * @param busyPeers makes the sockets of busy peers, if there shall be any
   */
  constructor(
    socket: UdpSocket,
    reach: 'ipv4' | 'ipv6' | 'both',
    options: UdpOptions,
    busyPeers?: (listener: UdpSocketListener) => BusyPeers,
  ) {
    const { address, port } = socket.local
    this.maxDatagramSize = options.maxDatagramSize ?? (reach === 'ipv6' ? MAX_PAYLOAD_IPV6 : MAX_PAYLOAD_IPV4)
    this.localAddress = join(address, port)
    this.port = port
    this.properties = {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: socket.ecn,
    }
    this.#socket = socket
    this.#isIpv6 = reach !== 'ipv4'
    this.#isDual = reach === 'both'
    this.#onError = options.onError ?? (() => undefined)
    const listener: UdpSocketListener = {
      onMessage: (bytes, from, ecn, segmentSize) => this.#receive(bytes, from, ecn, segmentSize),
      onDrain: () => this.#drain(),
      onClose: (error) => this.#afterClose(error),
    }
    const peers = busyPeers?.(listener)
    this.#busyPeers = peers
    socket.listen(
      peers === undefined
        ? listener
        : {
            ...listener,
            onMessage: (bytes, from, ecn, segmentSize) => {
              peers.onHeard()
              this.#receive(bytes, from, ecn, segmentSize)
            },
          },
    )
  }

  /** Peers that are sent to through a connected socket of their own. */
  get connectedPeers(): number {
    return this.#busyPeers?.size ?? 0
  }

  /** What the kernel takes and gives in trains: {@link UdpOptions.offload}. Less than before, once it has refused. */
  get offload(): Offload {
    return this.#socket.offload
  }

  open(sink: DatagramSink): void {
    if (this.#isClosed) throw invalidState('The socket is closed')
    if (this.#sink !== undefined) throw invalidState('The socket has a sink already')
    this.#sink = sink
    const early = this.#early
    this.#early = []
    for (const { bytes, from, ecn, segmentSize } of early) this.#deliver(bytes, from, ecn, segmentSize)
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

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    if (this.#isFull) return false
    const peer = to === this.#lastTo ? this.#lastPeer : this.#peer(to)
    if (peer === undefined || this.#isClosed || bytes.length > this.maxDatagramSize) return true
    this.#isFull = !peer.socket.send(bytes, peer, ecn)
    this.#busyPeers?.onSent(peer, 1)
    return !this.#isFull
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean {
    if (this.#isFull) return false
    const peer = to === this.#lastTo ? this.#lastPeer : this.#peer(to)
    if (peer === undefined || this.#isClosed || segmentSize > this.maxDatagramSize || !(segmentSize > 0)) return true
    this.#isFull = !peer.socket.sendBatch(bytes, segmentSize, peer, ecn)
    this.#busyPeers?.onSent(peer, Math.ceil(bytes.length / segmentSize))
    return !this.#isFull
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#early = []
    this.#busyPeers?.close()
    this.#socket.close()
  }

  #drain(): void {
    this.#isFull = false
    if (this.#isClosed) return
    try {
      this.#sink?.drain()
    } catch (error) {
      this.#onError(error)
    }
  }

  #afterClose(error: Error | undefined): void {
    this.#isClosed = true
    const sink = this.#sink
    this.#sink = undefined
    try {
      sink?.closed(error)
    } catch (thrown) {
      this.#onError(thrown)
    }
  }

  #receive(bytes: Uint8Array, remote: SocketAddress, ecn: Ecn, segmentSize: number | undefined): void {
    // An empty datagram carries no packet.
    if (bytes.length === 0) return
    const from = this.#source(remote)
    if (this.#sink !== undefined) this.#deliver(bytes, from, ecn, segmentSize)
    else if (this.#early.length < MAX_EARLY) this.#early.push({ bytes: Uint8Array.from(bytes), from, ecn, segmentSize })
  }

  #deliver(bytes: Uint8Array, from: PathAddress, ecn: Ecn, segmentSize: number | undefined): void {
    try {
      this.#sink?.datagram(bytes, from, ecn, segmentSize)
    } catch (error) {
      this.#onError(error)
    }
  }

  /** The sender's address; the same string for the same peer, so that comparing it costs nothing. */
  #source({ address, port }: SocketAddress): PathAddress {
    const known = this.#sources.get(port)
    if (known?.address === address) return known.from
    const host = address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
    const from = join(host, port)
    if (this.#sources.size >= MAX_ADDRESSES) this.#sources.clear()
    this.#sources.set(port, { address, from })
    return from
  }

  /** Host and port of an address; `undefined` for one that this socket cannot send to. */
  #peer(to: PathAddress): Peer | undefined {
    let peer = this.#peers.get(to)
    if (peer === undefined && !this.#peers.has(to)) {
      if (this.#peers.size >= MAX_ADDRESSES) this.#forgetPeers()
      const socket = this.#socket
      const target = this.#parse(to)
      if (target !== undefined) peer = { ...target, socket, sent: 0, since: performance.now(), failures: 0 }
      this.#peers.set(to, peer)
    }
    this.#lastTo = to
    this.#lastPeer = peer
    return peer
  }

  /** All but those that have a socket of their own. */
  #forgetPeers(): void {
    for (const [to, peer] of this.#peers) if (peer === undefined || peer.socket === this.#socket) this.#peers.delete(to)
  }

  #parse(to: PathAddress): SocketAddress | undefined {
    const colon = to.lastIndexOf(':')
    const host = to.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
    const port = Number(to.slice(colon + 1))
    if (!(Number.isInteger(port) && port > 0 && port <= 0xffff)) return undefined
    const family = isIP(host)
    if (family === 6) return this.#isIpv6 ? { address: host, port } : undefined
    if (family !== 4 || (this.#isIpv6 && !this.#isDual)) return undefined
    return { address: this.#isIpv6 ? MAPPED + host : host, port }
  }
}

function join(host: string, port: number): PathAddress {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function invalidState(message: string): Error {
  const error = new Error(message)
  error.name = 'InvalidStateError'
  return error
}
