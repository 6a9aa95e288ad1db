/**
 * A Worker as a QUIC server on real UDP: one flow of datagrams, as the module's handler `connect(socket)` is given it where
 * `socket.protocol` is `'udp'` (experimental in workerd). A flow is one client address; a client that moves to another one
 * arrives as another flow, in another invocation, so servers on it advertise `disableActiveMigration`.
 */
import type { DatagramTransport } from '../src/transport.ts'
import { fromStreams } from './datagram-streams.ts'
import { WorkerLimitError } from './worker-limit.ts'

export { type WorkerLimit, WorkerLimitError } from './worker-limit.ts'

/** A datagram of workerd. */
export interface WorkerdDatagram {
  readonly data: Uint8Array | ArrayBuffer
}

/** The class `Datagram` of workerd: the socket takes nothing else. */
export type WorkerdDatagramConstructor = new (bytes: Uint8Array) => WorkerdDatagram

/** The socket that the handler is given, as far as it is used. */
export interface WorkerdUdpSocket {
  readonly protocol: string
  readonly readable: ReadableStream<WorkerdDatagram>
  readonly writable: WritableStream<WorkerdDatagram>
  close(): Promise<unknown>
}

/** How a flow is used. */
export interface WorkerdUdpOptions {
  /** Bytes, 1200 to 65,507; by default 1,452, which every Ethernet takes: one that does not fit ends the flow. */
  readonly maxDatagramSize?: number
  /** By default the global one. */
  readonly Datagram?: WorkerdDatagramConstructor
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** Bytes of a UDP datagram over IPv4. */
const MAX_UDP_PAYLOAD = 65_507

/** The most that a flow holds back is 256 KiB: fewer datagrams than other carriers may queue. */
const QUEUE_LENGTH = 128

/**
 * A transport over one flow. workerd ends a flow that is silent for 30 s, or of which 256 KiB wait: a
 * {@link WorkerLimitError} says so. A server
 * with longer idle timeouts keeps its connections alive (`keepAlive`).
 *
 * @throws TypeError for a socket that is not of UDP, or a host without `Datagram`; RangeError for a size out of bounds
 *
 * @example
 * ```js
 * import { listen } from 'isoquic'
 * import { workerdUdp } from 'isoquic/transports/workerd-udp'
 *
 * export default {
 *   async connect(socket, env) {
 *     const options = { alpn: ['echo'], certificate: env, disableActiveMigration: true }
 *     const server = await listen(workerdUdp(socket), options)
 *     for await (const connection of server) connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
 *   },
 * }
 * ```
 */
export function workerdUdp(socket: WorkerdUdpSocket, options: WorkerdUdpOptions = {}): DatagramTransport {
  if (socket.protocol !== 'udp') throw new TypeError(`workerdUdp needs a socket of UDP, got one of ${socket.protocol}`)
  const { maxDatagramSize = 1452, onError } = options
  if (!(maxDatagramSize >= 1200 && maxDatagramSize <= MAX_UDP_PAYLOAD)) {
    throw new RangeError(`maxDatagramSize must be from 1200 to ${MAX_UDP_PAYLOAD}, got ${maxDatagramSize}`)
  }
  const Datagram = options.Datagram ?? (globalThis as { readonly Datagram?: WorkerdDatagramConstructor }).Datagram
  if (Datagram === undefined) {
    throw new TypeError('This host has no Datagram: workerd has it with --experimental and the flag "experimental"')
  }
  return fromStreams<WorkerdDatagram, WorkerdDatagram>({
    readable: socket.readable,
    writable: socket.writable,
    bytesOf: ({ data }) => (data instanceof Uint8Array ? data : new Uint8Array(data)),
    chunkOf: (bytes) => new Datagram(bytes),
    close: () => void socket.close().catch(() => undefined),
    maxDatagramSize,
    queueLength: QUEUE_LENGTH,
    name: 'UDP flow',
    ended: () => new WorkerLimitError('udp flow', 'workerd ends one after 30 s of silence, or when 256 KiB wait'),
    ...(onError !== undefined && { onError }),
  })
}
