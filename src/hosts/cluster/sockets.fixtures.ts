/** Sockets in memory: datagrams arrive during `send`, and a socket can be full. */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress } from '../../transport.ts'

/** A datagram, as it was sent. */
export interface Sent {
  readonly bytes: Uint8Array
  readonly to: PathAddress
  readonly ecn: Ecn
}

/** Sockets that reach each other by address. */
export class Sockets {
  readonly #sockets = new Map<PathAddress, MemorySocket>()

  bind(address: PathAddress): MemorySocket {
    const socket = new MemorySocket(this, address)
    this.#sockets.set(address, socket)
    return socket
  }

  deliver({ bytes, to, ecn }: Sent, from: PathAddress): void {
    this.#sockets.get(to)?.sink?.datagram(bytes, from, ecn)
  }
}

/** One of them. */
export class MemorySocket implements DatagramTransport {
  readonly maxDatagramSize = 65_507
  readonly properties = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    ecn: false,
  }
  readonly localAddress: PathAddress
  readonly sent: Sent[] = []
  readonly #sockets: Sockets
  sink: DatagramSink | undefined
  isFull = false
  isClosed = false

  constructor(sockets: Sockets, address: PathAddress) {
    this.#sockets = sockets
    this.localAddress = address
  }

  open(sink: DatagramSink): void {
    this.sink = sink
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    const sent = { bytes: bytes.slice(), to, ecn }
    this.sent.push(sent)
    this.#sockets.deliver(sent, this.localAddress)
    return !this.isFull
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean {
    for (let at = 0; at < bytes.length; at += segmentSize) this.send(bytes.subarray(at, at + segmentSize), to, ecn)
    return !this.isFull
  }

  close(): void {
    this.isClosed = true
    this.sink?.closed()
  }
}
