/** The page's half of `isoquic/worker`: connections and servers that live in a worker, with the interface that they have anywhere. */
import type { ConnectOptions } from '../api/endpoint-core.ts'
import { IncomingStreams } from '../api/incoming-streams.ts'
import type { ListenOptions, QuicServer, ServerCloseOptions } from '../api/server.ts'
import type { ServerCertificates } from '../api/server-identity.ts'
import { type Abortable, abortable } from '../api/signal.ts'
import type { EndpointStats } from '../endpoint/endpoint-stats.ts'
import type { PathAddress } from '../transport.ts'
import { Channel, type ChannelHandler, type MessageEnd } from './worker-channel.ts'
import { WorkerConnection } from './worker-connection.ts'
import { QuicWorkerError } from './worker-errors.ts'
import { ROOT } from './worker-protocol.ts'
import type { WorkerStream } from './worker-stream.ts'
import { watchWorker } from './worker-watch.ts'

/** Options of a connection in a worker: those of `connect` that are data. Functions are given in the worker, to `serveWorker`. */
export interface WorkerConnectOptions extends ConnectOptions {
  /** What of the request is handed over, such as a port or a data channel. */
  readonly transfer?: Transferable[]
}

/** Options of a server in a worker: those of `listen` that are data. */
export interface WorkerListenOptions extends ListenOptions {
  /** What of the request is handed over. */
  readonly transfer?: Transferable[]
}

type Remote = WorkerConnection | WorkerStream | WorkerServer

/**
 * The endpoints of one worker. Where the page is hidden, or busy with its own affairs, they go on: browsers do not throttle
 * workers, and only stream data and datagrams cross.
 *
 * @example
 * ```ts
 * import { QuicWorker } from 'isoquic/worker'
 *
 * const worker = new QuicWorker(new Worker(new URL('./quic.js', import.meta.url), { type: 'module' }))
 * const connection = await worker.connect(
 *   { gateway: 'wss://gateway.example' },
 *   { address: 'quic.example:443', alpn: ['echo'] },
 * )
 * ```
 */
export class QuicWorker {
  readonly #port: MessageEnd
  readonly #channel: Channel
  readonly #objects = new Map<number, Remote>()
  readonly #stop = new AbortController()
  #last = 0
  /** Fulfils when the worker answers; rejects with a {@link QuicWorkerError} if it never does. */
  readonly ready: Promise<void>

  /** @param port a dedicated worker that calls `serveWorker`, or a port to one. */
  constructor(port: MessageEnd) {
    this.#port = port
    const handler: ChannelHandler = {
      onTold: (object, what, args) => this.#objects.get(object)?.onTold(what, args),
    }
    this.#channel = new Channel(port, handler)
    this.ready = watchWorker(
      port,
      this.#channel,
      (why) => this.#onGone(`The worker is gone: ${why}`),
      this.#stop.signal,
    )
    this.ready.catch(() => {})
  }

  /**
   * As `connect` of `isoquic`: fulfils when the handshake is complete, and the end of the worker cannot go unnoticed any more.
   * @param request what the worker makes a transport from, by the function that it gave to `serveWorker`.
   * @throws (rejects with) what `connect` rejects with; {@link QuicWorkerError} where the worker is gone
   */
  async connect(request: unknown, options: WorkerConnectOptions): Promise<WorkerConnection> {
    const { signal } = options
    signal?.throwIfAborted()
    const connection = this.begin(request, options)
    const ready = connection.ready.then(() => this.ready)
    await abortable(ready, signal, () => void connection.close({ reason: 'aborted' }))
    return connection
  }

  /** As `connect` of `QuicEndpoint`: returns the connection at once, so that what is written may leave as early data. @throws TypeError for options that do not cross */
  begin(request: unknown, options: WorkerConnectOptions): WorkerConnection {
    const { transfer, signal: _signal, ...rest } = options
    const object = ++this.#last
    const connection = this.#connection(object, 'client')
    const { error } = this.#channel
    if (error !== undefined) connection.onLost(error)
    try {
      this.#channel.tell(ROOT, 'connect', [object, request, rest], transfer)
    } catch (error) {
      this.#objects.delete(object)
      throw error
    }
    return connection
  }

  /** As `listen` of `isoquic`, in a worker that was given it. */
  async listen(request: unknown, options: WorkerListenOptions): Promise<WorkerServer> {
    const { signal, transfer, ...rest } = options
    const object = ++this.#last
    const server = new WorkerServer(this.#channel, object, (number) => this.#connection(number, 'server'))
    this.#objects.set(object, server)
    try {
      const address = await this.#channel.call(ROOT, 'listen', [object, request, rest], { signal, transfer })
      server.onListening(address as PathAddress)
      await this.ready
      return server
    } catch (error) {
      this.#objects.delete(object)
      throw error
    }
  }

  /** Closes all connections, and ends the worker. Harmless when repeated. */
  async close(): Promise<void> {
    const connections = [...this.#objects.values()].filter((each) => each instanceof WorkerConnection)
    await Promise.all(connections.map((connection) => connection.close()))
    this.#onGone('The worker was closed')
    const port = this.#port as { terminate?(): unknown; close?(): void }
    if (port.terminate !== undefined) port.terminate()
    else port.close?.()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #connection(object: number, role: 'client' | 'server'): WorkerConnection {
    const connection = new WorkerConnection(this.#channel, object, role, {
      add: (number, stream) => void this.#objects.set(number, stream),
      delete: (number) => void this.#objects.delete(number),
    })
    this.#objects.set(object, connection)
    return connection
  }

  #onGone(words: string): void {
    const error = new QuicWorkerError(words, { side: 'local' })
    this.#stop.abort()
    this.#channel.end(error)
    for (const each of [...this.#objects.values()]) {
      if (each instanceof WorkerConnection || each instanceof WorkerServer) each.onLost(error)
    }
    this.#objects.clear()
  }
}

/** A server in a worker: connections to iterate over. */
export class WorkerServer
  implements AsyncIterable<WorkerConnection>, Pick<QuicServer, 'address' | 'close' | 'setCertificates'>
{
  readonly #channel: Channel
  readonly #object: number
  readonly #connect: (object: number) => WorkerConnection
  readonly #ready = new IncomingStreams<WorkerConnection>((connection) => void connection.close())
  #address: PathAddress = ''

  /** @internal Made by `QuicWorker`. */
  constructor(channel: Channel, object: number, connect: (object: number) => WorkerConnection) {
    this.#channel = channel
    this.#object = object
    this.#connect = connect
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.#address
  }

  [Symbol.asyncIterator](): AsyncIterator<WorkerConnection> {
    return this.#ready.readable[Symbol.asyncIterator]()
  }

  /** Shows other certificates in the handshakes from now on. */
  async setCertificates(certificates: ServerCertificates, options: Abortable = {}): Promise<void> {
    await this.#channel.call(this.#object, 'setCertificates', [certificates], options)
  }

  /** Numbers of this moment. */
  stats(): Promise<EndpointStats> {
    return this.#channel.call(this.#object, 'stats') as Promise<EndpointStats>
  }

  /** Takes no more connections, and closes those that run, or waits for them. */
  async close(options: ServerCloseOptions = {}): Promise<void> {
    const { signal, ...rest } = options
    try {
      await this.#channel.call(this.#object, 'close', [rest], { signal })
    } catch (error) {
      // The second time there is nobody to ask.
      if ((error as Error).name !== 'InvalidStateError' && !(error instanceof QuicWorkerError)) throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal */
  onListening(address: PathAddress): void {
    this.#address = address
  }

  /** @internal */
  onTold(what: string, args: readonly unknown[]): void {
    if (what === 'connection') this.#onConnection(this.#connect(args[0] as number))
    if (what === 'ended') this.#ready.close()
  }

  #onConnection(connection: WorkerConnection): void {
    connection.ready.then(
      () => this.#ready.push(connection),
      () => {},
    )
  }

  /** @internal */
  onLost(_error: Error): void {
    this.#ready.close()
  }
}
