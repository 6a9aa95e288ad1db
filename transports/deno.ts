/** UDP through Deno's own sockets (`--unstable-net`): its `node:dgram` loses most of what comes fast. */
import type { DatagramTransport, PathAddress } from '../src/transport.ts'
import { fromStreams } from './datagram-streams.ts'
import { joinAddress, lookUp, splitAddress } from './host-address.ts'

/** Where to bind. */
export interface DenoUdpOptions {
  /** A local address; by default `0.0.0.0`. One of IPv6 makes a socket of IPv6. */
  readonly host?: string
  /** By default 0: the system chooses. */
  readonly port?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

interface DenoAddress {
  readonly transport: 'udp'
  readonly hostname: string
  readonly port: number
}

/** `Deno.DatagramConn`, as far as it is used. */
interface DenoSocket {
  readonly addr: DenoAddress
  receive(into?: Uint8Array): Promise<[Uint8Array, DenoAddress]>
  send(bytes: Uint8Array, to: DenoAddress): Promise<number>
  close(): void
}

interface DenoHost {
  listenDatagram?(options: DenoAddress): DenoSocket
}

interface Chunk {
  readonly data: Uint8Array
  readonly address: DenoAddress
}

/** The longest payload of IPv4. */
const MAX_UDP_PAYLOAD = 65_507

/**
 * Binds a UDP socket of Deno.
 *
 * @throws TypeError (as a rejection) elsewhere than in Deno, and without `--unstable-net`; the system's error, such as that of a port in use.
 *
 * @example
 * ```ts
 * import { denoUdp } from 'isoquic/transports/deno'
 *
 * const transport = await denoUdp({ port: 4433 })
 * ```
 */
export async function denoUdp(options: DenoUdpOptions = {}): Promise<DatagramTransport> {
  const { Deno: host } = globalThis as { Deno?: DenoHost }
  if (host?.listenDatagram === undefined) {
    throw new TypeError('This is not Deno with --unstable-net; in Node use isoquic/transports/udp')
  }
  const { host: hostname = '0.0.0.0', port = 0, onError } = options
  const socket = host.listenDatagram({ transport: 'udp', hostname: hostname.replace(/^\[(.*)\]$/, '$1'), port })
  const isIpv6 = socket.addr.hostname.includes(':')
  return fromStreams<Chunk, Chunk>({
    readable: readableOf(socket),
    writable: new WritableStream<Chunk>(
      // What the system refuses is a loss, as on a network.
      { write: ({ data, address }) => socket.send(data, address).then(nothing, nothing) },
      { highWaterMark: 1024 },
    ),
    bytesOf: ({ data }) => (data.length === 0 ? undefined : data),
    addressOf: ({ address }) => joinAddress(address.hostname, address.port),
    chunkOf(data, to) {
      const target = splitAddress(to)
      if (target === undefined || target.host.includes(':') !== isIpv6) return undefined
      return { data, address: { transport: 'udp', hostname: target.host, port: target.port } }
    },
    resolve: (name: string, targetPort: number): Promise<readonly PathAddress[]> => lookUp(name, targetPort, isIpv6),
    close: () => socket.close(),
    localAddress: joinAddress(socket.addr.hostname, socket.addr.port),
    maxDatagramSize: MAX_UDP_PAYLOAD,
    name: 'socket',
    ...(onError !== undefined && { onError }),
  })
}

function readableOf(socket: DenoSocket): ReadableStream<Chunk> {
  return new ReadableStream<Chunk>({
    async pull(controller) {
      const [data, address] = await socket.receive()
      controller.enqueue({ data, address })
    },
  })
}

function nothing(): void {}
