/**
 * The sockets of `udp.ts` behind one small interface, and the one of Node's `dgram`. A socket knows no QUIC and no
 * `PathAddress`: it moves bytes between the kernel and its listener.
 */
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { freeBytes } from '../src/base/bytes.ts'
import type { Ecn } from '../src/transport.ts'
import type { ConnectableSocket } from './busy-peers.ts'

/** A remote end: a literal address as the socket's family writes it, and a port. */
export interface SocketAddress {
  readonly address: string
  readonly port: number
}

/** Hears what a socket has to tell. Its methods do not throw. */
export interface UdpSocketListener {
  /** `bytes` belong to the listener during the call alone. With `segmentSize`, several datagrams back to back. */
  onMessage(bytes: Uint8Array, from: SocketAddress, ecn: Ecn, segmentSize?: number): void
  /** There is room again after a `false`; all bytes have been let go of. */
  onDrain(): void
  /** The kernel tells of a datagram that it has not sent, or that got nowhere (ICMP): a loss. */
  onError?(): void
  /** The socket is closed, on purpose or for the error. Once; nothing is told any more. */
  onClose(error?: Error): void
}

/** Which ways many datagrams pass the kernel in one piece: segmentation offload of sending, of receiving. */
export type Offload = 'none' | 'send' | 'receive' | 'both'

/** A bound UDP socket. */
export interface UdpSocket {
  /** The local end. */
  readonly local: SocketAddress
  /** Whether the ECN bits are sent and shown; else they count as 0. */
  readonly ecn: boolean
  /** What the kernel takes and gives in trains; less than before, once it has refused. */
  readonly offload: Offload
  /** Whom the socket tells from now on; to be called in the turn in which the socket was bound. */
  listen(listener: UdpSocketListener): void
  /** Sends one datagram, or loses it. `false`: full; `bytes` stay untouched, and nothing more is sent, until `onDrain`. */
  send(bytes: Uint8Array, to: SocketAddress, ecn: Ecn): boolean
  /** As `send`, for datagrams of `segmentSize` bytes back to back, the last of which may be shorter. */
  sendBatch(bytes: Uint8Array, segmentSize: number, to: SocketAddress, ecn: Ecn): boolean
  /** Closes it, once what was sent has left. */
  close(): void
}

/** Where and how a socket is bound. */
export interface SocketSettings {
  readonly family: 4 | 6
  /** A literal address of that family. */
  readonly address: string
  /** 0: the system chooses. */
  readonly port: number
  readonly ipv6Only: boolean
  readonly reusePort: boolean
  /** Bytes asked of the kernel. */
  readonly receiveBufferSize: number
  /** Bytes asked of the kernel. */
  readonly sendBufferSize: number
}

/** Binds a socket of `dgram`. @throws (as a rejection) the system's error, such as `EADDRINUSE` */
export async function bindNodeSocket(settings: SocketSettings): Promise<NodeSocket> {
  const { port, address } = settings
  const socket = createSocket(optionsOf(settings))
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
  askForBuffers(socket, settings)
  return new NodeSocket(socket)
}

/**
 * Binds a socket to a port that nobody else has, so that more sockets of this process can be bound beside it with
 * {@link bindBeside}. `undefined` where the system or the host knows no such thing, and where the port is taken.
 */
export function bindShareable(settings: SocketSettings): NodeSocket | undefined {
  // With `reusePort` the port of somebody else who shares it would be shared without a word.
  const probe = bindNow({ ...settings, reusePort: false })
  if (probe === undefined) return undefined
  const { port } = probe.address()
  probe.close()
  return bindBeside(settings, port)
}

/** Binds one more socket to a port of {@link bindShareable}, at once. `undefined` where the system refuses. */
export function bindBeside(settings: SocketSettings, port: number): NodeSocket | undefined {
  const socket = bindNow({ ...settings, port, reusePort: true })
  if (socket === undefined) return undefined
  askForBuffers(socket, settings)
  return new NodeSocket(socket)
}

/** Binds within the call, as Node does where there is no name to look up. */
function bindNow(settings: SocketSettings): Socket | undefined {
  const { port, address } = settings
  let isBound = false
  let socket: Socket | undefined
  try {
    socket = createSocket(optionsOf(settings))
    socket.on('error', ignore)
    socket.bind({ port, address, exclusive: true }, () => {
      isBound = true
    })
    if (isBound) return socket
    socket.close()
  } catch {
    // Other hosts throw where Node emits an error, or cannot close what is not bound yet.
  }
  return undefined
}

function optionsOf({ family, ipv6Only, reusePort }: SocketSettings): SocketOptions & { reusePort?: boolean } {
  return {
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only,
    // Addresses are literals by the time they get here; Node's own look-up would put each datagram off to the next tick.
    lookup: (host, _options, done) => done(null, host, family),
    ...(reusePort && { reusePort }),
  }
}

function askForBuffers(socket: Socket, { receiveBufferSize, sendBufferSize }: SocketSettings): void {
  askForBuffer(receiveBufferSize, (size) => socket.setRecvBufferSize(size))
  askForBuffer(sendBufferSize, (size) => socket.setSendBufferSize(size))
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

/** A bound socket of `dgram`. */
export class NodeSocket implements ConnectableSocket {
  readonly local: SocketAddress
  // `dgram` neither shows nor sets the two bits.
  readonly ecn = false
  readonly offload = 'none'
  readonly #socket: Socket
  readonly #countsQueue: boolean
  #listener: UdpSocketListener | undefined
  #isClosed = false
  #isConnected = false
  /** The kernel's buffer was full: `dgram` holds references to bytes, and an `onDrain` is owed. */
  #isBlocked = false
  readonly #onSent = (error?: Error | null): void => this.#afterSend(error)

  constructor(socket: Socket) {
    this.local = socket.address()
    this.#socket = socket
    this.#countsQueue = typeof socket.getSendQueueCount === 'function'
    // Errors of receiving tell of datagrams that got nowhere (ICMP): losses. One that ends the socket is followed by 'close'.
    socket.on('error', () => this.#listener?.onError?.())
    socket.on('close', () => this.#afterClose())
  }

  listen(listener: UdpSocketListener): void {
    this.#listener = listener
    this.#socket.on('message', (message: Uint8Array, from: RemoteInfo) => {
      if (this.#isClosed) return
      listener.onMessage(message, from, 0)
      freeBytes(message)
    })
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  connect({ address, port }: SocketAddress): boolean {
    const socket = this.#socket
    try {
      if (this.#isConnected) socket.disconnect()
      socket.connect(port, address)
      // Throws unless the socket is connected by now.
      socket.remoteAddress()
      this.#isConnected = true
    } catch {
      this.#isConnected = false
    }
    return this.#isConnected
  }

  send(bytes: Uint8Array, { address, port }: SocketAddress, _ecn: Ecn): boolean {
    // While the kernel has no room, bytes would have to be kept that are not ours: the datagram is lost.
    if (this.#isBlocked) return false
    if (this.#isClosed) return true
    if (this.#isConnected) this.#socket.send(bytes, this.#onSent)
    else this.#socket.send(bytes, port, address, this.#onSent)
    return this.#hasRoom()
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: SocketAddress, ecn: Ecn): boolean {
    if (this.#isBlocked) return false
    if (this.#isClosed) return true
    const last = bytes.length - segmentSize
    let start = 0
    if (this.#isConnected) {
      for (; start < last; start += segmentSize) this.#socket.send(bytes.subarray(start, start + segmentSize))
    } else {
      const { address, port } = to
      for (; start < last; start += segmentSize) {
        this.#socket.send(bytes.subarray(start, start + segmentSize), port, address)
      }
    }
    // If the kernel is full midway, `dgram` queues the rest in order, so the last one's callback (each costs 0.1 µs) tells
    // when all are gone. The bytes stay untouched until then.
    return this.send(start === 0 ? bytes : bytes.subarray(start), to, ecn)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
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

  #afterSend(error: Error | null | undefined): void {
    if (error instanceof Error) this.#listener?.onError?.()
    if (!this.#isBlocked || this.#isClosed || this.#queueCount() > 0) return
    this.#isBlocked = false
    this.#listener?.onDrain()
  }

  #afterClose(): void {
    this.#isClosed = true
    const listener = this.#listener
    this.#listener = undefined
    listener?.onClose()
  }
}

function ignore(): void {}
