/**
 * Datagrams through a pair of web streams, of whatever chunks a host has: WebTransport's, Direct Sockets', a Worker's UDP
 * flow, or the user's own. Streams have promises; here they are paid for by the transport, not by the core.
 */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { SinkHolder } from './sink-holder.ts'
import { namedLimit } from './worker-limit.ts'

/** How chunks and datagrams become each other, and what the carrier is. */
export interface DatagramStreamOptions<Incoming, Outgoing> {
  readonly readable: ReadableStream<Incoming>
  readonly writable: WritableStream<Outgoing>
  /** The bytes of a chunk; `undefined`: it is no datagram. */
  bytesOf(chunk: Incoming): Uint8Array | undefined
  /** Where a chunk came from; by default from the one peer there is. */
  addressOf?(chunk: Incoming): PathAddress
  /** A chunk that holds `bytes`, which it may keep; `undefined`: they cannot be sent there. */
  chunkOf(bytes: Uint8Array, to: PathAddress): Outgoing | undefined
  /** Turns names into addresses; absent where there is one peer. */
  readonly resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  /** What ends the carrier below. */
  readonly close?: () => void
  /** bytes, at least 1200, by default 1,500; a function where it may change */
  readonly maxDatagramSize?: number | (() => number)
  /** bytes */
  readonly preferredDatagramSize?: number
  readonly localAddress?: PathAddress
  /** By default nothing is promised. */
  readonly properties?: Partial<TransportProperties>
  /** Datagrams that the stream may not have taken yet before `send` says that it is full; by default 256. */
  readonly queueLength?: number
  /** What the transport is called in messages; by default `transport`. */
  readonly name?: string
  /** What the end of the readable means; by default that the other end was closed. */
  readonly ended?: () => Error
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/**
 * A transport over two streams. The streams are locked by it.
 * @throws RangeError for sizes out of bounds
 */
export function fromStreams<Incoming, Outgoing>(options: DatagramStreamOptions<Incoming, Outgoing>): DatagramTransport {
  return new DatagramStreamTransport(options)
}

class DatagramStreamTransport<Incoming, Outgoing> implements DatagramTransport {
  readonly localAddress: PathAddress
  readonly properties: TransportProperties
  readonly preferredDatagramSize?: number
  readonly resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  readonly #options: DatagramStreamOptions<Incoming, Outgoing>
  readonly #holder: SinkHolder
  readonly #reader: ReadableStreamDefaultReader<Incoming>
  readonly #writer: WritableStreamDefaultWriter<Outgoing>
  readonly #queueLength: number
  #outstanding = 0
  #isFull = false

  constructor(options: DatagramStreamOptions<Incoming, Outgoing>) {
    const { queueLength = 256, preferredDatagramSize, resolve } = options
    if (!(queueLength >= 1)) throw new RangeError(`queueLength must be at least 1, got ${queueLength}`)
    this.#options = options
    this.#queueLength = queueLength
    this.localAddress = options.localAddress ?? ''
    this.properties = {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
      ...options.properties,
    }
    if (preferredDatagramSize !== undefined) this.preferredDatagramSize = preferredDatagramSize
    if (resolve !== undefined) this.resolve = resolve
    if (!(this.maxDatagramSize >= 1200)) {
      throw new RangeError(`QUIC needs datagrams of 1200 bytes, this carrier takes ${this.maxDatagramSize}`)
    }
    this.#holder = new SinkHolder(options.name ?? 'transport', options.onError)
    this.#reader = options.readable.getReader()
    this.#writer = options.writable.getWriter()
    this.#writer.closed.catch((error: unknown) => this.#end(error))
    this.#read().then(
      () => this.#end(options.ended?.() ?? new Error(`The other end of the ${options.name ?? 'transport'} was closed`)),
      (error: unknown) => this.#end(error),
    )
  }

  get maxDatagramSize(): number {
    const { maxDatagramSize = 1500 } = this.#options
    return typeof maxDatagramSize === 'number' ? maxDatagramSize : maxDatagramSize()
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, to: PathAddress, _ecn: Ecn): boolean {
    if (this.#holder.isClosed || bytes.length === 0 || bytes.length > this.maxDatagramSize) return true
    if (this.#outstanding < this.#queueLength) {
      const chunk = this.#options.chunkOf(bytes.slice(), to)
      if (chunk === undefined) return true
      this.#outstanding += 1
      // A datagram that cannot be written is lost; what ends the stream is heard of by `closed`.
      this.#writer.write(chunk).then(this.#onTaken, this.#onLost)
    }
    this.#isFull = this.#outstanding >= this.#queueLength
    return !this.#isFull
  }

  close(): void {
    if (!this.#holder.close()) return
    const finish = (): void => this.#options.close?.()
    this.#writer.close().then(finish, finish)
    this.#reader.cancel().catch(() => undefined)
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  readonly #onTaken = (): void => {
    this.#outstanding -= 1
    if (!this.#isFull || this.#outstanding > this.#queueLength / 2) return
    this.#isFull = false
    this.#holder.drain()
  }

  readonly #onLost = (error: unknown): void => {
    const named = namedLimit(error)
    if (named === error) this.#onTaken()
    else this.#end(named)
  }

  async #read(): Promise<void> {
    const { addressOf, bytesOf } = this.#options
    for (;;) {
      const { done, value } = await this.#reader.read()
      if (done) return
      const bytes = bytesOf(value)
      if (bytes !== undefined && !this.#holder.isClosed) this.#holder.datagram(bytes, addressOf?.(value) ?? '')
    }
  }

  #end(error: unknown): void {
    if (!this.#holder.close()) return
    this.#options.close?.()
    const named = namedLimit(error)
    this.#holder.tellClosed(named instanceof Error ? named : new Error(String(named)))
  }
}
