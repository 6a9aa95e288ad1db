/**
 * Applications for a {@link Pair} that send as much as they can: what congestion controllers, links and queues are measured
 * with. The bytes are zeros; that they arrive whole is counted, not compared.
 */
import type { Duration, Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { Stream } from '../streams/stream.ts'
import type { Pair } from './pair.ts'
import type { Side } from './side.ts'

/** Bytes of one call of `write` or `read`. */
const CHUNK = 65_536

/** One stream full of zeros, from one end of a pair to the other. */
export class BulkTransfer {
  readonly connection: Connection
  readonly stream: Stream
  /** Bytes to be sent; `Infinity`: without an end. */
  readonly total: number
  /** Virtual ms. */
  readonly startedAt: Time
  /** Bytes that the other end has read. */
  received = 0
  /** When the last byte and the end of the stream were read. */
  completedAt: Time | undefined = undefined
  #written = 0

  /** For {@link Bulk}. */
  constructor(connection: Connection, stream: Stream, total: number, now: Time) {
    this.connection = connection
    this.stream = stream
    this.total = total
    this.startedAt = now
  }

  get isComplete(): boolean {
    return this.completedAt !== undefined
  }

  /** ms from the start to the end; `undefined` while it runs. */
  get duration(): Duration | undefined {
    return this.completedAt === undefined ? undefined : this.completedAt - this.startedAt
  }

  /** For {@link Bulk}: writes what there is room for. */
  write(zeros: Uint8Array): void {
    const { send } = this.stream
    if (send === undefined || !send.isWritable) return
    while (this.#written < this.total) {
      const length = Math.min(zeros.length, this.total - this.#written)
      const taken = send.write(length === zeros.length ? zeros : zeros.subarray(0, length))
      this.#written += taken
      if (taken < length) return
    }
    send.finish()
  }
}

/** All bulk transfers of a pair. */
export class Bulk {
  readonly pair: Pair
  readonly #byStream = new Map<Stream, BulkTransfer>()
  /** By the connection that receives, then by stream id. */
  readonly #incoming = new Map<Connection, Map<number, BulkTransfer>>()
  readonly #zeros = new Uint8Array(CHUNK)
  readonly #into = new Uint8Array(CHUNK)

  /** Answers the events of `pair` from now on, and hands them on to whoever did so before. */
  constructor(pair: Pair) {
    this.pair = pair
    const { onEvent } = pair
    pair.onEvent = (side, connection, event) => {
      this.#onEvent(connection, event)
      onEvent(side, connection, event)
    }
  }

  /**
   * Sends `total` zeros on a stream of its own.
   * @param from one end of a connection
   * @param to the other end of the same connection
   * @throws Error where the peer allows no more streams
   */
  send(from: Connection, to: Connection, total: number = Infinity): BulkTransfer {
    const stream = from.streams.open('unidirectional')
    if (stream === undefined) throw new Error('The peer allows no more streams')
    const transfer = new BulkTransfer(from, stream, total, this.pair.now)
    this.#byStream.set(stream, transfer)
    const incoming = this.#incoming.get(to) ?? new Map<number, BulkTransfer>()
    incoming.set(stream.id, transfer)
    this.#incoming.set(to, incoming)
    transfer.write(this.#zeros)
    this.#sideOf(from).wake(from)
    return transfer
  }

  #sideOf(connection: Connection): Side {
    return this.pair.side(connection.role)
  }

  #onEvent(connection: Connection, event: ConnectionEvent): void {
    if (event.type === 'stream-writable') this.#byStream.get(event.stream)?.write(this.#zeros)
    else if (event.type === 'stream-readable') this.#read(connection, event.stream)
  }

  #read(connection: Connection, stream: Stream): void {
    const transfer = this.#incoming.get(connection)?.get(stream.id)
    if (transfer === undefined || stream.isLocal) return
    for (;;) {
      const count = stream.receive?.read(this.#into) ?? 0
      if (count < 0) transfer.completedAt = this.pair.now
      if (count <= 0) return
      transfer.received += count
    }
  }
}
