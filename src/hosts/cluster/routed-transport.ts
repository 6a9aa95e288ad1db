/**
 * The socket of one worker of a cluster. What arrives there for another worker, because a client has moved, its NAT has rebound
 * or the kernel spreads addresses anew, is handed to that one; everything else is this worker's. All sockets of a cluster have
 * the same address, so each worker answers from its own.
 */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../../transport.ts'
import type { HandOver } from './hand-over.ts'
import { NOWHERE, type WorkerRoutes } from './routes.ts'

/** A transport over `socket` that keeps what is its worker's. */
export class RoutedTransport implements DatagramTransport {
  readonly localAddress: PathAddress
  readonly properties: TransportProperties
  readonly #socket: DatagramTransport
  readonly #handOver: HandOver
  readonly #routes: WorkerRoutes
  readonly #self: number

  /** @param self the id of this worker. Both `socket` and `handOver` belong to the transport from now on. */
  constructor(socket: DatagramTransport, handOver: HandOver, routes: WorkerRoutes, self: number) {
    this.localAddress = socket.localAddress
    this.properties = socket.properties
    this.#socket = socket
    this.#handOver = handOver
    this.#routes = routes
    this.#self = self
  }

  get maxDatagramSize(): number {
    return this.#socket.maxDatagramSize
  }

  open(sink: DatagramSink): void {
    this.#socket.open({
      datagram: (bytes, from, ecn = 0, segmentSize = bytes.length) => this.#sort(sink, bytes, from, ecn, segmentSize),
      drain: () => sink.drain(),
      closed: (error) => {
        this.#handOver.close()
        sink.closed(error)
      },
    })
    // What another worker took for ours is ours: nothing is handed over twice.
    this.#handOver.open((bytes, from, ecn) => sink.datagram(bytes, from, ecn))
  }

  resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    if (this.#socket.resolve === undefined) throw new TypeError('The socket resolves no names')
    return this.#socket.resolve(host, port)
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    return this.#socket.send(bytes, to, ecn)
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean {
    const { sendBatch } = this.#socket
    if (sendBatch === undefined) throw new TypeError('The socket sends no batches')
    return sendBatch.call(this.#socket, bytes, segmentSize, to, ecn)
  }

  close(): void {
    this.#handOver.close()
    this.#socket.close()
  }

  /** Delivers runs of datagrams that are ours in one piece, and hands over each of the others. */
  #sort(sink: DatagramSink, bytes: Uint8Array, from: PathAddress, ecn: Ecn, segmentSize: number): void {
    const end = bytes.length
    let ours = 0
    for (let at = 0; at < end; at += segmentSize) {
      const next = Math.min(at + segmentSize, end)
      const worker = this.#routes.workerAt(bytes, at, next)
      // An id of a worker that is gone is ours as well: its peer is owed a stateless reset (RFC 9000 §10.3).
      if (worker === NOWHERE || worker === this.#self || !this.#handOver.has(worker)) continue
      if (at > ours) deliver(sink, bytes, ours, at, from, ecn, segmentSize)
      this.#handOver.give(worker, bytes.subarray(at, next), from, ecn)
      ours = next
    }
    if (ours < end) deliver(sink, bytes, ours, end, from, ecn, segmentSize)
  }
}

function deliver(
  sink: DatagramSink,
  bytes: Uint8Array,
  start: number,
  end: number,
  from: PathAddress,
  ecn: Ecn,
  segmentSize: number,
): void {
  const run = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end)
  if (end - start <= segmentSize) sink.datagram(run, from, ecn)
  else sink.datagram(run, from, ecn, segmentSize)
}
