/** The worker's half of `isoquic/worker`: it owns transports, endpoints and connections, and does what its page asks for. */
import { connectAtOnce } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import type { ConnectOptions } from '../api/endpoint-core.ts'
import type { ListenOptions, QuicServer, ServerCloseOptions } from '../api/server.ts'
import type { ServerCertificates } from '../api/server-identity.ts'
import type { DatagramTransport } from '../transport.ts'
import { ServedConnection, type ServedHost } from './served-connection.ts'
import type { ServedStream } from './served-stream.ts'
import { Channel, type ChannelHandler, type MessageEnd } from './worker-channel.ts'
import { encodeError } from './worker-errors.ts'
import { ROOT } from './worker-protocol.ts'

/** What a worker offers its page. */
export interface ServeWorkerOptions {
  /** Makes a transport from what the page asked for: data, and what it handed over. The connection closes it. */
  transport(request: unknown): DatagramTransport | Promise<DatagramTransport>
  /** Options that functions are part of, such as `verify` and `keyLog`, and others that go before the page's. */
  readonly connect?: Partial<ConnectOptions>
  /** The function `listen` of `isoquic`, for workers that are servers: handed in, so that others do without it. */
  readonly listen?: (transport: DatagramTransport, options: ListenOptions) => Promise<QuicServer>
  /** As `connect`, for servers. */
  readonly server?: Partial<ListenOptions>
}

/**
 * Serves the page (or whoever has the other end): called once, in the worker's script. Without `scope` it is the worker's own
 * global scope.
 *
 * @example
 * ```ts
 * import { serveWorker } from 'isoquic/worker'
 * import { websocket } from 'isoquic/transports/websocket'
 *
 * serveWorker({ transport: (request) => websocket(request as { gateway: string }) })
 * ```
 */
export function serveWorker(
  options: ServeWorkerOptions,
  scope: MessageEnd = globalThis as unknown as MessageEnd,
): void {
  new WorkerHost(options, scope)
}

type Served = ServedConnection | ServedStream | ServedServer

class WorkerHost implements ChannelHandler {
  readonly #options: ServeWorkerOptions
  readonly #channel: Channel
  readonly #objects = new Map<number, Served>()
  readonly #host: ServedHost
  /** Below zero: the page counts upwards. */
  #last = 0

  constructor(options: ServeWorkerOptions, scope: MessageEnd) {
    this.#options = options
    this.#channel = new Channel(scope, this)
    this.#host = {
      channel: this.#channel,
      transport: async (request) => options.transport(request),
      set: (object, target) => void this.#objects.set(object, target),
      delete: (object) => void this.#objects.delete(object),
      nextObject: () => --this.#last,
    }
  }

  onTold(object: number, what: string, args: readonly unknown[]): void {
    if (object !== ROOT) return this.#objects.get(object)?.onTold(what, args)
    if (what === 'connect') void this.#connect(args[0] as number, args[1], args[2] as ConnectOptions)
  }

  async onCalled(object: number, what: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    if (object !== ROOT) {
      const target = this.#objects.get(object)
      if (target === undefined) throw new DOMException('It is over', 'InvalidStateError')
      return target.onCalled(what, args, signal)
    }
    switch (what) {
      case 'hello':
        return holdLock(args[0] as string)
      case 'listen':
        return this.#listen(args[0] as number, args[1], args[2] as ListenOptions, signal)
      case 'beat':
        return undefined
    }
    throw new TypeError(`A worker has no ${what}`)
  }

  async #connect(object: number, request: unknown, options: ConnectOptions): Promise<void> {
    let transport: DatagramTransport | undefined
    try {
      transport = await this.#options.transport(request)
      this.#serve(object, connectAtOnce(transport, { ...options, ...this.#options.connect }))
    } catch (error) {
      transport?.close()
      this.#channel.tell(object, 'closed', [encodeError(error), undefined])
      this.#channel.tell(object, 'gone')
    }
  }

  #serve(object: number, connection: QuicConnection): void {
    const served = new ServedConnection(this.#host, object, connection)
    this.#objects.set(object, served)
    served.start()
  }

  async #listen(object: number, request: unknown, options: ListenOptions, signal: AbortSignal): Promise<string> {
    const { listen, server: own } = this.#options
    if (listen === undefined) {
      throw new TypeError('This worker is no server: hand listen of isoquic to serveWorker')
    }
    const server = await listen(await this.#options.transport(request), { ...options, ...own, signal })
    if (signal.aborted) await server.close()
    const served = new ServedServer(server, (connection) => {
      const number = this.#host.nextObject()
      this.#channel.tell(object, 'connection', [number])
      this.#serve(number, connection)
    })
    this.#objects.set(object, served)
    void served.run().finally(() => {
      this.#channel.tell(object, 'ended')
      this.#objects.delete(object)
    })
    return server.address
  }
}

/** A server of the worker. */
class ServedServer {
  readonly #server: QuicServer
  readonly #onConnection: (connection: QuicConnection) => void

  constructor(server: QuicServer, onConnection: (connection: QuicConnection) => void) {
    this.#server = server
    this.#onConnection = onConnection
  }

  async run(): Promise<void> {
    for await (const connection of this.#server) this.#onConnection(connection)
  }

  onTold(): void {}

  async onCalled(what: string, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    switch (what) {
      case 'close':
        return this.#server.close({ ...(args[0] as ServerCloseOptions), signal })
      case 'setCertificates':
        return this.#server.setCertificates(args[0] as ServerCertificates, { signal })
      case 'stats':
        return this.#server.stats()
    }
    throw new TypeError(`A server has no ${what}`)
  }
}

/** Holds a lock for as long as the worker lives, whose release tells the page of its end. `false`: there are no locks here. */
async function holdLock(name: string): Promise<boolean> {
  const { locks } = (globalThis as { readonly navigator?: { readonly locks?: LockManager } }).navigator ?? {}
  if (locks === undefined) return false
  return new Promise((resolve) => {
    locks
      .request(name, () => {
        resolve(true)
        return new Promise(() => {})
      })
      .catch(() => resolve(false))
  })
}
