/** A connection in a worker whose page has it. */
import type { CloseOptions, QuicConnection } from '../api/connection.ts'
import type { CreateStreamOptions, QuicDeadlineDetail } from '../api/connection-streams.ts'
import type { ConfigureOptions } from '../api/controls.ts'
import { QuicApplicationError } from '../api/errors.ts'
import type { PathOptions } from '../api/paths.ts'
import type { QuicStream } from '../api/stream.ts'
import type { DatagramTransport } from '../transport.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import { ServedStream } from './served-stream.ts'
import type { Channel } from './worker-channel.ts'
import { encodeError } from './worker-errors.ts'
import type { ConnectionFacts, PeerFacts, StreamFacts } from './worker-protocol.ts'

/** What a served connection needs of its worker. */
export interface ServedHost {
  readonly channel: Channel
  /** Makes a transport from the page's request. */
  transport(request: unknown): Promise<DatagramTransport>
  set(object: number, target: ServedStream): void
  delete(object: number): void
  nextObject(): number
}

/** Events of a connection that the page hears as well. */
const EVENTS = ['session', 'token', 'pathchange', 'mtuchange', 'deadline']

/** One connection of the worker. */
export class ServedConnection {
  readonly object: number
  readonly #host: ServedHost
  readonly #connection: QuicConnection
  readonly #streams = new Map<QuicStream, ServedStream>()
  #credit = 0
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined

  constructor(host: ServedHost, object: number, connection: QuicConnection) {
    this.object = object
    this.#host = host
    this.#connection = connection
  }

  /** Tells the page of all that happens from now on. */
  start(): void {
    const connection = this.#connection
    this.#tellFacts()
    for (const type of EVENTS) {
      connection.addEventListener(type, (event) => {
        this.#tellFacts()
        this.#tell('event', [type, this.#detailOf(type, (event as CustomEvent).detail)])
      })
    }
    connection.serve({ stream: (stream) => this.#tell('stream', [this.#adopt(stream, false).facts]) })
    const ignored = (): void => {}
    connection.ready.then((info) => {
      this.#tellFacts()
      this.#tell('ready', [info, this.#peerFacts()])
    }, ignored)
    connection.earlyDataAccepted.then((isAccepted) => {
      this.#tellFacts()
      this.#tell('early', [isAccepted])
    }, ignored)
    connection.handshakeConfirmed.then(() => this.#tell('confirmed'), ignored)
    connection.closed.then(
      (info) => this.#onClosed(closedError(info.closeCode, info.reason), info),
      (error) => this.#onClosed(error, undefined),
    )
    connection.gone.then(() => {
      this.#tell('gone')
      for (const stream of this.#streams.values()) this.#host.delete(stream.object)
      this.#host.delete(this.object)
    })
  }

  /** The page has gone. */
  abort(): void {
    void this.#connection.close()
  }

  onTold(what: string, args: readonly unknown[]): void {
    const connection = this.#connection
    switch (what) {
      case 'datagram':
        return this.#send(args[0] as number, args[1] as Uint8Array, args[2] as number | undefined)
      case 'credit':
        this.#credit += args[0] as number
        return void this.#readDatagrams()
      case 'configure':
        return this.#configure(args[0] as ConfigureOptions)
      case 'close':
        return void connection.close(args[0] as CloseOptions)
    }
  }

  async onCalled(what: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const connection = this.#connection
    try {
      switch (what) {
        case 'create':
          return await this.#create(args[0] as StreamDirection, args[1] as CreateStreamOptions, signal)
        case 'migrate':
        case 'addPath':
          return await this.#open(what, args[0], args[1] as PathOptions, signal)
        case 'writeDatagram':
          this.#writer ??= connection.datagrams.createWritable().getWriter()
          return await this.#writer.write(args[0] as Uint8Array)
        case 'drained':
          return await connection.drained({ signal })
        case 'ping':
          return await connection.ping({ signal })
        case 'updateKeys':
          return await connection.updateKeys({ signal })
        case 'getStats':
          return await connection.getStats({ signal })
        case 'inspect':
          return connection.inspect()
        case 'issueConnectionIds':
          return connection.issueConnectionIds()
        case 'exportKeyingMaterial':
          return connection.exportKeyingMaterial(args[0] as string, args[1] as Uint8Array, args[2] as number)
      }
      throw new TypeError(`A connection has no ${what}`)
    } finally {
      this.#tellFacts()
    }
  }

  #adopt(stream: QuicStream, isOurs: boolean): ServedStream {
    const object = this.#host.nextObject()
    const served = new ServedStream(this.#host.channel, object, stream, isOurs)
    this.#host.set(object, served)
    this.#streams.set(stream, served)
    void served.whenClosed().then(() => {
      this.#streams.delete(stream)
      this.#host.delete(object)
      this.#tell('streamClosed', [object])
    })
    return served
  }

  async #create(direction: StreamDirection, options: CreateStreamOptions, signal: AbortSignal): Promise<StreamFacts> {
    const open =
      direction === 'bidirectional'
        ? this.#connection.createBidirectionalStream({ ...options, signal })
        : this.#connection.createUnidirectionalStream({ ...options, signal })
    return this.#adopt(await open, true).facts
  }

  async #open(what: 'migrate' | 'addPath', request: unknown, options: PathOptions, signal: AbortSignal): Promise<void> {
    const transport = await this.#host.transport(request)
    const before = this.#connection.state
    try {
      await this.#connection[what](transport, { ...options, signal })
    } catch (error) {
      // Refused at once, it stays with whoever made it; otherwise it is closed already, which may be repeated.
      if (before === 'connected') transport.close()
      throw error
    }
  }

  #configure(options: ConfigureOptions): void {
    try {
      this.#connection.configure(options)
    } catch (cause) {
      // The page went on believing that it was done.
      this.#onClosed(cause, undefined)
      void this.#connection.close({ reason: 'configure' })
    }
    this.#tellFacts()
  }

  #send(number: number, bytes: Uint8Array, maxAge: number | undefined): void {
    try {
      const sent = this.#connection.datagrams.send(bytes, maxAge === undefined ? {} : { maxAge })
      sent.settled.then((status) => this.#tell('settled', [number, status]))
    } catch {
      // The path takes less than the page knew, or the connection is over.
      this.#tell('settled', [number, 'dropped'])
    }
  }

  async #readDatagrams(): Promise<void> {
    if (this.#reader !== undefined) return
    const reader = this.#connection.datagrams.readable.getReader()
    this.#reader = reader
    try {
      while (this.#credit > 0) {
        const { done, value } = await reader.read()
        if (done) return
        this.#credit -= 1
        const bytes = value.slice()
        this.#tell('datagram', [bytes], [bytes.buffer])
      }
    } catch {
      // The page hears of the end by `closed`.
      return
    } finally {
      reader.releaseLock()
      this.#reader = undefined
    }
  }

  #onClosed(error: unknown, info: unknown): void {
    this.#tellFacts()
    this.#tell('closed', [encodeError(error), info])
  }

  #detailOf(type: string, detail: unknown): unknown {
    if (type === 'deadline') {
      const { action, stream } = detail as QuicDeadlineDetail
      return { action, object: this.#streams.get(stream)?.object }
    }
    // Facts of the core, and what a client keeps: plain data.
    return detail
  }

  #facts(): ConnectionFacts {
    const connection = this.#connection
    const { role, state, version, alpn, localAddress, remoteAddress, paths, sendQueue, datagrams } = connection
    const { congestionControl } = connection
    return {
      ...{ role, state, version, alpn, localAddress, remoteAddress, paths, sendQueue },
      congestionControl: typeof congestionControl === 'string' ? congestionControl : undefined,
      maxDatagramSize: datagrams.maxDatagramSize,
      datagrams: {
        incomingHighWaterMark: datagrams.incomingHighWaterMark,
        outgoingHighWaterMark: datagrams.outgoingHighWaterMark,
        incomingMaxAge: datagrams.incomingMaxAge,
        outgoingMaxAge: datagrams.outgoingMaxAge,
      },
    }
  }

  #peerFacts(): PeerFacts {
    const { pskIdentity, peerCertificates, peerTransportParameters } = this.#connection
    return { pskIdentity, peerCertificates, peerTransportParameters }
  }

  #tellFacts(): void {
    this.#tell('facts', [this.#facts()])
  }

  #tell(what: string, args: readonly unknown[] = [], transfer: Transferable[] = []): void {
    this.#host.channel.tell(this.object, what, args, transfer)
  }
}

function closedError(code: bigint, reason: string): QuicApplicationError {
  return new QuicApplicationError(`The connection was closed with code ${code}`, code, { side: 'remote', reason })
}
