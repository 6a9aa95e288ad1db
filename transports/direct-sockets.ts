/** UDP for Isolated Web Apps: the `UDPSocket` of Direct Sockets, connected to one peer or bound. */
import type { DatagramTransport, PathAddress } from '../src/transport.ts'
import { fromStreams } from './datagram-streams.ts'

/** A message of Direct Sockets. */
export interface UdpMessage {
  readonly data: ArrayBuffer | Uint8Array
  readonly remoteAddress?: string
  readonly remotePort?: number
}

/** `UDPSocket`, as far as it is used. */
export interface UdpSocketLike {
  readonly opened: Promise<{
    readonly readable: ReadableStream<UdpMessage>
    readonly writable: WritableStream<UdpMessage>
    readonly localAddress: string
    readonly localPort: number
    /** Of a connected socket. */
    readonly remoteAddress?: string
    readonly remotePort?: number
  }>
  close(): Promise<unknown>
}

/**
 * A transport over `socket`, once it is open. A connected socket has one peer; a bound one takes addresses, not names.
 *
 * @throws (as a rejection) what the socket's `opened` rejects with.
 *
 * @example
 * ```js
 * import { directSockets } from 'isoquic/transports/direct-sockets'
 *
 * const transport = await directSockets(new UDPSocket({ remoteAddress: 'quic.example', remotePort: 443 }))
 * ```
 */
export async function directSockets(socket: UdpSocketLike): Promise<DatagramTransport> {
  const { readable, writable, localAddress, localPort, remoteAddress } = await socket.opened
  const isConnected = remoteAddress !== undefined
  return fromStreams<UdpMessage, UdpMessage>({
    readable,
    writable,
    bytesOf: ({ data }) => (data instanceof Uint8Array ? data : new Uint8Array(data)),
    ...(!isConnected && {
      addressOf: ({ remoteAddress: host = '', remotePort = 0 }: UdpMessage) => join(host, remotePort),
      resolve: async (host: string, port: number) => [join(checkLiteral(host), port)],
    }),
    chunkOf(data, to) {
      if (isConnected) return { data }
      const colon = to.lastIndexOf(':')
      const host = to.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
      return { data, remoteAddress: host, remotePort: Number(to.slice(colon + 1)) }
    },
    close: () => void socket.close().catch(() => undefined),
    localAddress: join(localAddress, localPort),
    name: 'UDPSocket',
  })
}

function join(host: string, port: number): PathAddress {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function checkLiteral(host: string): string {
  if (!/^[\d.]+$/.test(host) && !host.includes(':')) {
    throw new TypeError(`A bound UDPSocket resolves no names; connect one to ${host}, or give an address`)
  }
  return host
}
