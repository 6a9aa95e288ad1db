/** UDP through Bun's own sockets: a call for a whole flight, where `node:dgram` needs one for each datagram. */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { joinAddress, lookUp, splitAddress } from './host-address.ts'
import { SinkHolder } from './sink-holder.ts'

/** Where to bind. */
export interface BunUdpOptions {
  /** A local address; by default `0.0.0.0`. One of IPv6 makes a socket of IPv6. */
  readonly host?: string
  /** By default 0: the system chooses. */
  readonly port?: number
  /** Bytes of the longest datagram that is sent; by default 65,507. */
  readonly maxDatagramSize?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** `Bun.udpSocket`'s socket, as far as it is used. */
interface BunSocket {
  readonly port: number
  readonly hostname: string
  send(data: Uint8Array, port: number, address: string): boolean
  sendMany(packets: readonly (Uint8Array | number | string)[]): number
  close(): void
}

interface BunHost {
  udpSocket(options: {
    readonly hostname: string
    readonly port: number
    readonly binaryType: 'uint8array'
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
 * @throws TypeError elsewhere than in Bun; (as a rejection) the system's error, such as `EADDRINUSE`.
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
  let transport: BunUdpTransport | undefined
  const socket = await host.udpSocket({
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port,
    binaryType: 'uint8array',
    socket: {
      data: (_socket, data, from, address) => transport?.receive(data, from, address),
      drain: () => transport?.onDrain(),
      // ICMP errors and the like: losses, as on a network.
      error: () => undefined,
    },
  })
  transport = new BunUdpTransport(socket, options)
  return transport
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
  #isFull = false
  /** What a flight had left when the kernel was full: packets as `sendMany` takes them. */
  #left: (Uint8Array | number | string)[] = []

  constructor(socket: BunSocket, options: BunUdpOptions) {
    this.maxDatagramSize = options.maxDatagramSize ?? MAX_UDP_PAYLOAD
    this.localAddress = joinAddress(socket.hostname, socket.port)
    this.#socket = socket
    this.#isIpv6 = socket.hostname.includes(':')
    this.#holder = new SinkHolder('socket', options.onError)
  }

  resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    return lookUp(host, port, this.#isIpv6)
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
    try {
      this.#isFull = !this.#socket.send(bytes, target.port, target.host)
    } catch {
      // No route, nobody there: a loss, as on a network.
      return true
    }
    return !this.#isFull
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, _ecn: Ecn): boolean {
    if (this.#isFull) return false
    const target = segmentSize > 0 ? this.#targetOf(segmentSize, to) : undefined
    if (target === undefined) return true
    const packets: (Uint8Array | number | string)[] = []
    for (let start = 0; start < bytes.length; start += segmentSize) {
      packets.push(bytes.subarray(start, start + segmentSize), target.port, target.host)
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

  #targetOf(size: number, to: PathAddress): { readonly host: string; readonly port: number } | undefined {
    if (this.#holder.isClosed || size > this.maxDatagramSize || size === 0) return undefined
    const target = splitAddress(to)
    return target === undefined || target.host.includes(':') !== this.#isIpv6 ? undefined : target
  }

  /** `false`: the kernel is full; what is left is kept, with bytes that stay untouched until `drain`. */
  #sendAll(packets: (Uint8Array | number | string)[]): boolean {
    try {
      const sent = this.#socket.sendMany(packets)
      this.#left = packets.slice(sent * 3)
    } catch {
      this.#left = []
    }
    return this.#left.length === 0
  }
}
