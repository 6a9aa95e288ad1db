/**
 * A Worker as a QUIC server on real UDP: one flow of datagrams, as the module's handler `connect(socket)` is given it where
 * `socket.protocol` is `'udp'` (experimental in workerd). A flow is one client address; a client that moves to another one
 * arrives as another flow, in another invocation, so servers on it advertise `disableActiveMigration`.
 */
import type { DatagramTransport } from '../src/transport.ts'
import { fromStreams } from './datagram-streams.ts'

/** A datagram of workerd. */
export interface WorkerdDatagram {
  readonly data: Uint8Array | ArrayBuffer
}

/** The socket that the handler is given, as far as it is used. */
export interface WorkerdUdpSocket {
  readonly protocol: string
  readonly readable: ReadableStream<WorkerdDatagram>
  readonly writable: WritableStream<Uint8Array | WorkerdDatagram>
  close(): Promise<unknown>
}

/** The most that a flow holds back is 256 KiB: fewer datagrams than other carriers may queue. */
const QUEUE_LENGTH = 128

/**
 * A transport over one flow.
 * @throws TypeError for a socket that is not of UDP
 */
export function workerdUdp(socket: WorkerdUdpSocket): DatagramTransport {
  if (socket.protocol !== 'udp') throw new TypeError(`workerdUdp needs a socket of UDP, got one of ${socket.protocol}`)
  return fromStreams<WorkerdDatagram, Uint8Array | WorkerdDatagram>({
    readable: socket.readable,
    writable: socket.writable,
    bytesOf: ({ data }) => (data instanceof Uint8Array ? data : new Uint8Array(data)),
    chunkOf: (bytes) => bytes,
    close: () => void socket.close().catch(() => undefined),
    queueLength: QUEUE_LENGTH,
    name: 'UDP flow',
  })
}
