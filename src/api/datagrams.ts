/**
 * The datagrams of a connection in W3C's shape (WebTransportDatagramDuplexStream): a readable, writables, and a `send` that
 * waits for nothing. Queues and their ages are the core's (`streams/datagram-queue.ts`).
 */
import type { Connection } from '../connection/connection.ts'
import type { DatagramStatus, OutgoingMessage } from '../streams/datagram.ts'
import type { DatagramEvent } from '../streams/datagram-queue.ts'
import {
  checkedAge,
  type DatagramOptions,
  type DatagramSettings,
  datagramSettings,
} from '../streams/datagram-settings.ts'
import type { ConnectionEnd } from './connection-end.ts'
import { endError } from './connection-streams.ts'
import { iterable } from './iterable.ts'
import { checkKeys } from './known-keys.ts'
import type { Outcome } from './outcome.ts'
import { type Deferred, deferred } from './signal.ts'

/** What datagrams need of their connection. */
export interface DatagramHost {
  /** The connection, once its address is known. */
  readonly started: Pick<Outcome<Connection>, 'promise'>
  /** ms, monotonic */
  now(): number
  /** The connection has something to do. */
  wake(connection: Connection): void
}

/** How one datagram is sent. */
export interface SendDatagramOptions {
  /** ms after which it is not worth sending any more; default: `outgoingMaxAge`. */
  readonly maxAge?: number
}

/** A datagram that was accepted for sending. */
export class SentDatagram {
  readonly #message: OutgoingMessage
  readonly #settled: (message: OutgoingMessage) => Promise<DatagramStatus>

  /** @internal Made by `datagrams.send`. */
  constructor(message: OutgoingMessage, settled: (message: OutgoingMessage) => Promise<DatagramStatus>) {
    this.#message = message
    this.#settled = settled
  }

  /**
   * What has become of it: `'queued'`, `'sent'`, then `'acked'` (the peer's transport has it), `'lost'`, `'expired'` or
   * `'dropped'`. A loss that turns out to be none becomes `'acked'` after all.
   */
  get status(): DatagramStatus {
    return this.#message.status
  }

  /** Fulfils with the status once it is neither `'queued'` nor `'sent'`. Costs a promise only where it is asked for. */
  get settled(): Promise<DatagramStatus> {
    return this.#settled(this.#message)
  }
}

/** The datagrams of one connection (RFC 9221). */
export class QuicDatagrams {
  readonly #host: DatagramHost
  #writers: Set<WritableStreamDefaultController> | undefined
  #settling: Map<OutgoingMessage, Deferred<DatagramStatus>> | undefined
  readonly #settledOf = (message: OutgoingMessage): Promise<DatagramStatus> => this.#whenSettled(message)
  #connection: Connection | undefined
  /** Until there is a connection to hold them. */
  #settings: DatagramSettings
  #readable: (ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>) | undefined
  #reader: ReadableStreamDefaultController<Uint8Array> | undefined
  #wanted: Deferred<void> | undefined
  #writable: WritableStream<Uint8Array> | undefined
  #room: Deferred<void> | undefined
  #consumer: ((bytes: Uint8Array) => void) | undefined
  #end: ConnectionEnd | undefined

  /** @internal */
  constructor(host: DatagramHost, options: DatagramOptions) {
    this.#host = host
    this.#settings = datagramSettings(options)
  }

  /**
   * What the peer sends, a chunk for each datagram. What is not read in time is dropped, the oldest first, or once it is older
   * than `incomingMaxAge`.
   */
  get readable(): ReadableStream<Uint8Array> & AsyncIterable<Uint8Array> {
    this.#readable ??= iterable(
      new ReadableStream<Uint8Array>(
        {
          start: (controller) => {
            this.#reader = controller
            if (this.#end?.isClean === false) controller.error(this.#end.error)
          },
          pull: (controller) => this.#pull(controller),
          cancel: () => {
            this.#reader = undefined
            this.#wanted?.resolve()
          },
        },
        { highWaterMark: 0 },
      ),
    )
    return this.#readable
  }

  /** What we send, a datagram for each chunk; the same stream each time. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= this.#newWritable()
    return this.#writable
  }

  /**
   * Another writable. A write fulfils as soon as the datagram has room in the queue; one that is too large makes the
   * stream fail with a `RangeError`, and so does the end of the connection with its error.
   * @throws InvalidStateError after the end of the connection
   */
  createWritable(): WritableStream<Uint8Array> {
    if (this.#end !== undefined) throw new DOMException('The connection is over', 'InvalidStateError')
    return this.#newWritable()
  }

  /**
   * Sends a datagram: at once, or as soon as congestion control and pacing let it, before the data of any stream. It is never
   * sent again. Where the queue is full, the oldest one in it is dropped. `bytes` may be used again at once.
   * @throws RangeError above {@link maxDatagramSize}; InvalidStateError where the peer takes no datagrams, and before the
   * connection has an address; the connection's error after its end
   */
  send(bytes: Uint8Array, options?: SendDatagramOptions): SentDatagram {
    checkBytes(bytes)
    if (options !== undefined) checkKeys(options, ['maxAge'])
    const maxAge = checkedAge('maxAge', options?.maxAge)
    if (this.#end !== undefined) throw this.#end.error
    const connection = this.#connection
    if (connection === undefined) {
      throw new DOMException('A datagram cannot be sent before the address of the peer is known', 'InvalidStateError')
    }
    return new SentDatagram(this.#send(connection, bytes, maxAge, this.#host.now()), this.#settledOf)
  }

  /** The longest datagram that fits into a packet now, bytes; changes with the path. 0 where the peer takes none. */
  get maxDatagramSize(): number {
    return this.#connection?.datagrams.maxDatagramSize ?? 0
  }

  /** ms after which an incoming datagram is dropped unread; `undefined`, as 0: never. @throws (on setting) RangeError, TypeError */
  get incomingMaxAge(): number | undefined {
    return this.#current.incomingMaxAge
  }

  set incomingMaxAge(value: number | undefined) {
    this.configure({ incomingMaxAge: value })
  }

  /** ms after which a datagram is dropped unsent; `undefined`, as 0: 5,000. @throws (on setting) RangeError, TypeError */
  get outgoingMaxAge(): number | undefined {
    return this.#current.outgoingMaxAge
  }

  set outgoingMaxAge(value: number | undefined) {
    this.configure({ outgoingMaxAge: value })
  }

  /** Datagrams that may wait to be read. Less than 1 is 1. @throws (on setting) RangeError, TypeError */
  get incomingHighWaterMark(): number {
    return this.#current.incomingHighWaterMark
  }

  set incomingHighWaterMark(value: number) {
    this.configure({ incomingHighWaterMark: value < 1 ? 1 : value })
  }

  /** Datagrams that may wait to be sent; beyond it writers wait. Less than 1 is 1. @throws (on setting) RangeError, TypeError */
  get outgoingHighWaterMark(): number {
    return this.#current.outgoingHighWaterMark
  }

  set outgoingHighWaterMark(value: number) {
    this.configure({ outgoingHighWaterMark: value < 1 ? 1 : value })
  }

  /** Changes several of them. @internal By `connection.configure`. */
  configure(options: DatagramOptions): void {
    const settings = datagramSettings(options, this.#current)
    const connection = this.#connection
    if (connection === undefined) this.#settings = settings
    else {
      connection.datagrams.configure(settings, this.#host.now())
      this.#host.wake(connection)
    }
  }

  /** Hands what waits, and what arrives from now on, to `consumer`; `undefined`: to those who read. @internal */
  serve(consumer: ((bytes: Uint8Array) => void) | undefined): void {
    this.#consumer = consumer
    this.#feed()
  }

  /** There is a connection. @internal */
  start(connection: Connection): void {
    this.#connection = connection
    connection.datagrams.configure(this.#settings, this.#host.now())
  }

  /** A fact about datagrams. @internal */
  onEvent(event: DatagramEvent): void {
    switch (event.type) {
      case 'datagram-readable':
        return this.#feed()
      case 'datagram-writable':
        this.#room?.resolve()
        this.#room = undefined
        return
      case 'datagram-settled':
        return this.#onSettled(event.datagram)
    }
  }

  /** The connection is over. After a clean end what was received can still be read. @internal */
  onEnd(end: ConnectionEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    if (!end.isClean) this.#reader?.error(end.error)
    this.#wanted?.resolve()
    this.#room?.resolve()
    for (const writer of this.#writers ?? []) writer.error(end.error)
    this.#writers = undefined
    for (const message of [...(this.#settling?.keys() ?? [])]) this.#onSettled(message)
  }

  get #current(): DatagramSettings {
    return this.#connection?.datagrams.settings ?? this.#settings
  }

  #send(connection: Connection, bytes: Uint8Array, maxAge: number | undefined, since: number): OutgoingMessage {
    const { datagrams } = connection
    if (datagrams.isSupported === false) {
      throw new DOMException('The peer takes no datagrams: it advertised none', 'InvalidStateError')
    }
    const message = datagrams.send(bytes, maxAge, this.#host.now(), since)
    this.#host.wake(connection)
    return message
  }

  #newWritable(): WritableStream<Uint8Array> {
    let own: WritableStreamDefaultController | undefined
    const forget = (): void => {
      if (own !== undefined) this.#writers?.delete(own)
    }
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        own = controller
        if (this.#end !== undefined) return controller.error(this.#end.error)
        this.#writers ??= new Set()
        this.#writers.add(controller)
      },
      write: (bytes) => this.#write(bytes),
      close: forget,
      abort: forget,
    })
  }

  /** Its age begins with the write, however long it waits for room. */
  async #write(bytes: Uint8Array): Promise<void> {
    checkBytes(bytes)
    const since = this.#host.now()
    const connection = await this.#host.started.promise
    while (!connection.datagrams.hasRoom && this.#end === undefined) {
      connection.datagrams.wantRoom()
      this.#room ??= deferred<void>()
      await this.#room.promise
    }
    if (this.#end !== undefined) throw this.#end.error
    if (connection.closeReason !== undefined) throw endError(connection)
    this.#send(connection, bytes, undefined, since)
  }

  /** Fulfils when a datagram was read, or none will come any more. */
  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (this.#reader !== undefined) {
      const bytes = this.#consumer === undefined ? this.#read() : undefined
      if (bytes !== undefined) return controller.enqueue(bytes)
      if (this.#end !== undefined) {
        if (this.#end.isClean) controller.close()
        return
      }
      this.#wanted = deferred<void>()
      await this.#wanted.promise
    }
  }

  /** Gives what there is to whoever wants it. */
  #feed(): void {
    for (let consumer = this.#consumer; consumer !== undefined; consumer = this.#consumer) {
      const bytes = this.#read()
      if (bytes === undefined) return
      consumer(bytes)
    }
    this.#wanted?.resolve()
    this.#wanted = undefined
  }

  #read(): Uint8Array | undefined {
    return this.#connection?.datagrams.read(this.#host.now())
  }

  #whenSettled(message: OutgoingMessage): Promise<DatagramStatus> {
    const { status } = message
    if (status !== 'queued' && status !== 'sent') return Promise.resolve(status)
    let settling = this.#settling?.get(message)
    if (settling === undefined) {
      message.wantsNotice = true
      settling = deferred<DatagramStatus>()
      this.#settling ??= new Map()
      this.#settling.set(message, settling)
    }
    return settling.promise
  }

  #onSettled(message: OutgoingMessage): void {
    this.#settling?.get(message)?.resolve(message.status)
    this.#settling?.delete(message)
  }
}

function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`A datagram must be a Uint8Array, got ${typeof bytes}`)
}
