/** UDP through Bun's own sockets: a call for a whole flight, where `node:dgram` needs one for each datagram. */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { type HostAddress, joinAddress, lookUp, splitAddress } from './host-address.ts'
import { SinkHolder } from './sink-holder.ts'

/** Where to bind. */
export interface BunUdpOptions {
  /** A local address; by default `0.0.0.0`. One of IPv6 makes a socket of IPv6. */
  readonly host?: string
  /** By default 0: the system chooses. */
  readonly port?: number
  /** Bytes of the longest datagram that is sent; by default 65,507. */
  readonly maxDatagramSize?: number
  /**
   * `host:port` of the one peer that the socket is connected to: a datagram to it costs a quarter less, and none goes to or comes
   * from anybody else, such as the preferred address of a server. For a transport that one connection has for itself.
   */
  readonly connect?: string
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** `Bun.udpSocket`'s socket, as far as it is used. */
interface BunSocket {
  readonly port: number
  readonly hostname: string
  /** Of a connected socket without the address. */
  send(data: Uint8Array, port?: number, address?: string): boolean
  /** Datagram, port and address in turn; of a connected socket datagrams alone. */
  sendMany(packets: readonly (Uint8Array | number | string)[]): number
  close(): void
}

interface BunHost {
  udpSocket(options: {
    readonly hostname: string
    readonly port: number
    readonly binaryType: 'uint8array'
    readonly connect?: { readonly hostname: string; readonly port: number }
    readonly socket: {
      data(socket: BunSocket, data: Uint8Array, port: number, address: string): void
      drain(socket: BunSocket): void
      error(socket: BunSocket, error: Error): void
    }
  }): Promise<BunSocket>
}

/** The longest payload of IPv4. */
const MAX_UDP_PAYLOAD = 65_507

/**
 * Binds a UDP socket of Bun.
 *
 * @throws TypeError (as a rejection) elsewhere than in Bun, and for a `connect` that is no address; the system's error, such as
 * `EADDRINUSE`, or `ENOTFOUND` for a peer without address.
 *
 * @example
 * ```ts
 * import { bunUdp } from 'isoquic/transports/bun'
 *
 * const transport = await bunUdp({ port: 4433 })
 * ```
 */
export async function bunUdp(options: BunUdpOptions = {}): Promise<DatagramTransport> {
  const { Bun: host } = globalThis as { Bun?: BunHost }
  if (host === undefined) throw new TypeError('This is not Bun; in Node use isoquic/transports/udp')
  const { host: hostname = '0.0.0.0', port = 0 } = options
  const local = hostname.replace(/^\[(.*)\]$/, '$1')
  const peer = options.connect === undefined ? undefined : await peerOf(options.connect, local.includes(':'))
  let transport: BunUdpTransport | undefined
  const socket = await host.udpSocket({
    hostname: local,
    port,
    binaryType: 'uint8array',
    ...(peer !== undefined && { connect: { hostname: peer.host, port: peer.port } }),
    socket: {
      data: (_socket, data, from, address) => transport?.receive(data, from, address),
      drain: () => transport?.onDrain(),
      // ICMP errors and the like: losses, as on a network.
      error: () => undefined,
    },
  })
  transport = new BunUdpTransport(socket, peer, options)
  return transport
}

async function peerOf(address: string, isIpv6: boolean): Promise<HostAddress> {
  const named = splitAddress(address)
  const [first] = named === undefined ? [] : await lookUp(named.host, named.port, isIpv6)
  const peer = first === undefined ? undefined : splitAddress(first)
  if (peer === undefined) throw new TypeError(`connect must be host:port, got ${address}`)
  return peer
}

class BunUdpTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress
  readonly properties: TransportProperties = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    ecn: false,
  }
  readonly #socket: BunSocket
  readonly #holder: SinkHolder
  readonly #isIpv6: boolean
  /** The one that the socket is connected to. */
  readonly #peer: PathAddress | undefined
  #isFull = false
  /** What a flight had left when the kernel was full: packets as `sendMany` takes them. */
  #left: (Uint8Array | number | string)[] = []

  constructor(socket: BunSocket, peer: HostAddress | undefined, options: BunUdpOptions) {
    this.maxDatagramSize = options.maxDatagramSize ?? MAX_UDP_PAYLOAD
    this.localAddress = joinAddress(socket.hostname, socket.port)
    this.#socket = socket
    this.#peer = peer && joinAddress(peer.host, peer.port)
    this.#isIpv6 = socket.hostname.includes(':')
    this.#holder = new SinkHolder('socket', options.onError)
  }

  async resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const found = await lookUp(host, port, this.#isIpv6)
    const reachable = this.#peer === undefined ? found : found.filter((address) => address === this.#peer)
    if (reachable.length > 0) return reachable
    const error: Error & { code?: string } = new Error(
      `${host}:${port} is not ${this.#peer}, which the socket is connected to`,
    )
    error.code = 'ENOTFOUND'
    throw error
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  /** A datagram came. @internal */
  receive(bytes: Uint8Array, port: number, address: string): void {
    if (!this.#holder.isClosed && bytes.length > 0) this.#holder.datagram(bytes, joinAddress(address, port))
  }

  /** The kernel has room. @internal */
  onDrain(): void {
    if (!this.#isFull) return
    const left = this.#left
    this.#left = []
    if (left.length > 0 && !this.#sendAll(left)) return
    this.#isFull = false
    this.#holder.drain()
  }

  send(bytes: Uint8Array, to: PathAddress, _ecn: Ecn): boolean {
    if (this.#isFull) return false
    const target = this.#targetOf(bytes.length, to)
    if (target === undefined) return true
    this.#isFull = !this.#sendOne(bytes, target)
    return !this.#isFull
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, _ecn: Ecn): boolean {
    if (this.#isFull) return false
    const target = segmentSize > 0 ? this.#targetOf(segmentSize, to) : undefined
    if (target === undefined) return true
    const packets: (Uint8Array | number | string)[] = []
    for (let start = 0; start < bytes.length; start += segmentSize) {
      packets.push(bytes.subarray(start, start + segmentSize))
      if (this.#peer === undefined) packets.push(target.port, target.host)
    }
    this.#isFull = packets.length > 0 && !this.#sendAll(packets)
    return !this.#isFull
  }

  close(): void {
    if (!this.#holder.close()) return
    this.#left = []
    this.#socket.close()
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  #targetOf(size: number, to: PathAddress): HostAddress | undefined {
    if (this.#holder.isClosed || size > this.maxDatagramSize || size === 0) return undefined
    if (this.#peer !== undefined && this.#peer !== to) return undefined
    const target = splitAddress(to)
    return target === undefined || target.host.includes(':') !== this.#isIpv6 ? undefined : target
  }

  /**
   * `false`: the kernel is full. The kernel answers a call with an error that an earlier datagram has met, whomever that went to
   * (ICMP), and sends nothing: so there is a second attempt. What fails then has no route or nobody there: a loss.
   */
  #sendOne(bytes: Uint8Array, target: HostAddress, isFirst = true): boolean {
    try {
      if (this.#peer !== undefined) return this.#socket.send(bytes)
      return this.#socket.send(bytes, target.port, target.host)
    } catch {
      return !isFirst || this.#sendOne(bytes, target, false)
    }
  }

  /** As {@link #sendOne}; what is left when the kernel is full is kept, with bytes that stay untouched until `drain`. */
  #sendAll(packets: (Uint8Array | number | string)[], isFirst = true): boolean {
    this.#left = []
    try {
      const sent = this.#socket.sendMany(packets)
      this.#left = packets.slice(this.#peer === undefined ? sent * 3 : sent)
    } catch {
      return !isFirst || this.#sendAll(packets, false)
    }
    return this.#left.length === 0
  }
}
