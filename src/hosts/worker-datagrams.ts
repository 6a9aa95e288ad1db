/** The datagrams of a connection that lives in a worker, as the page has them. */
import type { QuicDatagrams, SendDatagramOptions, SentDatagram } from '../api/datagrams.ts'
import { iterable } from '../api/iterable.ts'
import { type Deferred, deferred } from '../api/signal.ts'
import type { DatagramStatus } from '../streams/datagram.ts'
import {
  checkedAge,
  type DatagramOptions,
  type DatagramSettings,
  datagramSettings,
} from '../streams/datagram-settings.ts'
import type { Channel } from './worker-channel.ts'
import { DATAGRAM_WINDOW } from './worker-protocol.ts'

/** The members that are those of `QuicDatagrams`. */
export type SameDatagrams = Pick<
  QuicDatagrams,
  | ('readable' | 'writable' | 'createWritable' | 'maxDatagramSize' | 'incomingMaxAge' | 'outgoingMaxAge')
  | ('incomingHighWaterMark' | 'outgoingHighWaterMark')
>

/** What has become of a datagram: the members of a `SentDatagram`. */
export class WorkerSentDatagram implements Pick<SentDatagram, 'status' | 'settled'> {
  #status: DatagramStatus = 'queued'
  readonly #settled: Deferred<DatagramStatus> = deferred()

  /** As the page last heard. */
  get status(): DatagramStatus {
    return this.#status
  }

  /** Fulfils with the status once it is neither `'queued'` nor `'sent'`. */
  get settled(): Promise<DatagramStatus> {
    return this.#settled.promise
  }

  /** @internal */
  settle(status: DatagramStatus): void {
    this.#status = status
    this.#settled.resolve(status)
  }
}

/** The datagrams of one connection. */
export class WorkerDatagrams implements SameDatagrams {
  readonly #channel: Channel
  readonly #object: number
  readonly #waiting: Uint8Array[] = []
  readonly #sent = new Map<number, WorkerSentDatagram>()
  readonly #writers = new Set<WritableStreamDefaultController>()
  #count = 0
  #settings: DatagramSettings = datagramSettings({})
  #maxDatagramSize = 0
  #isConnected = false
  #hasAsked = false
  #readable: (ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>) | undefined
  #writable: WritableStream<Uint8Array> | undefined
  #wanted: Deferred<void> | undefined
  #consumer: ((bytes: Uint8Array) => void) | undefined
  #end: { readonly error: unknown; readonly isClean: boolean } | undefined

  /** @internal */
  constructor(channel: Channel, object: number) {
    this.#channel = channel
    this.#object = object
  }

  /** What the peer sends, a chunk for each datagram. */
  get readable(): ReadableStream<Uint8Array> & AsyncIterable<Uint8Array> {
    this.#readable ??= iterable(
      new ReadableStream<Uint8Array>({ pull: (controller) => this.#pull(controller) }, { highWaterMark: 0 }),
    )
    return this.#readable
  }

  /** What we send, a datagram for each chunk; the same stream each time. */
  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= this.#newWritable()
    return this.#writable
  }

  /** Another writable. @throws InvalidStateError after the end of the connection */
  createWritable(): WritableStream<Uint8Array> {
    if (this.#end !== undefined) throw new DOMException('The connection is over', 'InvalidStateError')
    return this.#newWritable()
  }

  /**
   * Sends a datagram without waiting. `bytes` may be used again at once.
   * @throws RangeError above {@link maxDatagramSize}; InvalidStateError where the peer takes no datagrams, and before the
   * connection is ready; the connection's error after its end
   */
  send(bytes: Uint8Array, options: SendDatagramOptions = {}): WorkerSentDatagram {
    checkBytes(bytes)
    const maxAge = checkedAge('maxAge', options.maxAge)
    if (this.#end !== undefined) throw this.#end.error
    if (this.#maxDatagramSize === 0) {
      const why = this.#isConnected
        ? 'The peer takes no datagrams'
        : 'A datagram cannot be sent before the connection is ready'
      throw new DOMException(why, 'InvalidStateError')
    }
    if (bytes.length > this.#maxDatagramSize) {
      throw new RangeError(`A datagram has at most ${this.#maxDatagramSize} bytes now, got ${bytes.length}`)
    }
    const sent = new WorkerSentDatagram()
    const number = ++this.#count
    this.#sent.set(number, sent)
    const copy = bytes.slice()
    this.#channel.tell(this.#object, 'datagram', [number, copy, maxAge], [copy.buffer])
    return sent
  }

  /** The longest datagram that fits into a packet, bytes, as the page last heard. */
  get maxDatagramSize(): number {
    return this.#maxDatagramSize
  }

  get incomingMaxAge(): number | undefined {
    return this.#settings.incomingMaxAge
  }

  set incomingMaxAge(value: number | undefined) {
    this.#configure({ incomingMaxAge: value })
  }

  get outgoingMaxAge(): number | undefined {
    return this.#settings.outgoingMaxAge
  }

  set outgoingMaxAge(value: number | undefined) {
    this.#configure({ outgoingMaxAge: value })
  }

  get incomingHighWaterMark(): number {
    return this.#settings.incomingHighWaterMark
  }

  set incomingHighWaterMark(value: number) {
    this.#configure({ incomingHighWaterMark: value < 1 ? 1 : value })
  }

  get outgoingHighWaterMark(): number {
    return this.#settings.outgoingHighWaterMark
  }

  set outgoingHighWaterMark(value: number) {
    this.#configure({ outgoingHighWaterMark: value < 1 ? 1 : value })
  }

  /** Hands what arrives to `consumer`; `undefined`: to those who read. @internal */
  serve(consumer: ((bytes: Uint8Array) => void) | undefined): void {
    this.#consumer = consumer
    if (consumer === undefined) return
    this.#ask()
    this.#feed()
  }

  /** Facts of the moment. @internal */
  onFacts(maxDatagramSize: number, settings: DatagramSettings, isConnected: boolean): void {
    this.#maxDatagramSize = maxDatagramSize
    this.#settings = settings
    this.#isConnected = isConnected
  }

  /** A datagram has come. @internal */
  onDatagram(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#feed()
  }

  /** @internal */
  onSettled(number: number, status: DatagramStatus): void {
    this.#sent.get(number)?.settle(status)
    this.#sent.delete(number)
  }

  /** The connection is over. `isClean`: what was received can still be read. @internal */
  onEnd(error: unknown, isClean: boolean): void {
    if (this.#end !== undefined) return
    this.#end = { error, isClean }
    if (!isClean) this.#waiting.length = 0
    this.#wanted?.resolve()
    for (const writer of this.#writers) writer.error(error)
    this.#writers.clear()
    for (const sent of this.#sent.values()) sent.settle('dropped')
    this.#sent.clear()
  }

  #configure(options: DatagramOptions): void {
    this.#settings = datagramSettings(options, this.#settings)
    this.#channel.tell(this.#object, 'configure', [{ datagrams: options }])
  }

  #ask(): void {
    if (this.#hasAsked) return
    this.#hasAsked = true
    this.#channel.tell(this.#object, 'credit', [DATAGRAM_WINDOW])
  }

  #take(): Uint8Array | undefined {
    const bytes = this.#waiting.shift()
    if (bytes !== undefined) this.#channel.tell(this.#object, 'credit', [1])
    return bytes
  }

  #feed(): void {
    for (let consumer = this.#consumer; consumer !== undefined; consumer = this.#consumer) {
      const bytes = this.#take()
      if (bytes === undefined) return
      consumer(bytes)
    }
    this.#wanted?.resolve()
    this.#wanted = undefined
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#ask()
    for (;;) {
      const bytes = this.#consumer === undefined ? this.#take() : undefined
      if (bytes !== undefined) return controller.enqueue(bytes)
      if (this.#end !== undefined) return this.#end.isClean ? controller.close() : controller.error(this.#end.error)
      this.#wanted = deferred<void>()
      await this.#wanted.promise
    }
  }

  #newWritable(): WritableStream<Uint8Array> {
    let own: WritableStreamDefaultController | undefined
    const forget = (): void => {
      if (own !== undefined) this.#writers.delete(own)
    }
    return new WritableStream<Uint8Array>({
      start: (controller) => {
        own = controller
        if (this.#end === undefined) this.#writers.add(controller)
        else controller.error(this.#end.error)
      },
      write: async (bytes) => {
        checkBytes(bytes)
        await this.#channel.call(this.#object, 'writeDatagram', [bytes])
      },
      close: forget,
      abort: forget,
    })
  }
}

function checkBytes(bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`A datagram must be a Uint8Array, got ${typeof bytes}`)
}
