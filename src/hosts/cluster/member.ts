/** One worker of a cluster: its transport, what it shares with the others, and how it ends. */
import { type UdpOptions, udp } from '../../../transports/udp.ts'
import type { ListenOptions, ServerCloseOptions } from '../../api/server.ts'
import type { AcceptEarlyData, EarlyDataAttempt } from '../../api/server-tickets.ts'
import { randomBytes } from '../../base/random.ts'
import { QuicLbIds } from '../../endpoint/quic-lb.ts'
import type { DatagramTransport } from '../../transport.ts'
import { Channel } from '../worker-channel.ts'
import { takeOwnPort } from './engines.ts'
import { HAND_OVER_SECRET_LENGTH, HandOver, type HandOverCounts } from './hand-over.ts'
import { CALLS, CLUSTER, type ClusterPort, NEWS, SIBLINGS, type Siblings, type Welcome } from './protocol.ts'
import { RoutedTransport } from './routed-transport.ts'
import { clusterConfig, serverIdOf, WorkerRoutes } from './routes.ts'

/** How a worker joins. */
export interface JoinOptions {
  /** What it talks to the primary over. Default: what it was started with by `threads` or `processes`. */
  readonly port?: ClusterPort | undefined
  /** How its socket is bound. */
  readonly udp?: Omit<UdpOptions, 'host' | 'port' | 'reusePort' | 'connectedPeers'> | undefined
}

/** Options of a server that {@link ClusterMember.share} looks at. */
export interface SharingOptions extends Pick<ListenOptions, 'tickets' | 'acceptEarlyData'> {
  /** Of `listen`, or of `serve`. */
  readonly earlyData?: unknown
}

/** Options that are the same in all workers. */
export type SharedOptions = Pick<
  ListenOptions,
  'connectionIdGenerator' | 'resetKey' | 'tokenKey' | 'tickets' | 'acceptEarlyData'
>

/** A server of whatever kind, as far as a cluster has to do with it. */
export interface ClosableServer {
  close(options?: ServerCloseOptions): Promise<void>
}

/** ms that the primary has to say whether early data is new; then it is refused, and the handshake goes on without it. */
const EARLY_DATA_PATIENCE = 2_000

const random = { fill: (bytes: Uint8Array): void => void crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>) }

/** A worker that has joined its cluster. Made by {@link joinCluster}. */
export class ClusterMember {
  /** Of this worker; one that takes its place after its end has another. */
  readonly id: number
  /** What `serveCluster` was given as `data`: a copy. */
  readonly data: unknown
  /** The port of the cluster. For one server, made with options of {@link share}. */
  readonly transport: DatagramTransport
  readonly #shared: SharedOptions
  readonly #handOver: HandOver
  readonly #channel: Channel
  readonly #port: ClusterPort
  #server: ClosableServer | undefined
  #closing: ServerCloseOptions | undefined
  #hasLeft = false

  /** @internal Made by {@link joinCluster}. */
  constructor(welcome: Welcome, transport: DatagramTransport, handOver: HandOver, channel: Channel, port: ClusterPort) {
    const { data, id, keys } = welcome
    this.id = id
    this.data = data
    this.transport = transport
    this.#shared = {
      connectionIdGenerator: new QuicLbIds({ random, config: clusterConfig(keys.ids), serverId: serverIdOf(id) }),
      resetKey: keys.reset,
      tokenKey: keys.token,
      tickets: { key: keys.ticket },
    }
    this.#handOver = handOver
    this.#channel = channel
    this.#port = port
  }

  /** Datagrams that were handed over, in numbers of this moment. */
  get handOvers(): HandOverCounts {
    return this.#handOver.counts
  }

  /**
   * `options` of `listen`, `serve` or `WebTransportServer.listen` with all that the workers must have in common: ids that lead
   * here, and the keys of tokens, tickets and stateless resets. Early data is accepted once in the whole cluster: the primary
   * is asked about each attempt (RFC 8446 §8.1).
   */
  share<T extends object>(options: T & SharingOptions): T & SharedOptions {
    const { acceptEarlyData, earlyData, tickets } = options
    return {
      ...options,
      ...this.#shared,
      tickets: tickets === false ? false : { ...this.#shared.tickets, ...tickets },
      ...(earlyData !== undefined && earlyData !== false && { acceptEarlyData: this.#askFirst(acceptEarlyData) }),
    }
  }

  /**
   * Tells the primary that `server` takes connections. It is closed when the cluster is, or when the primary is gone; then this
   * worker ends as soon as it has nothing else to do.
   */
  serving(server: ClosableServer): void {
    this.#server = server
    this.#channel.tell(CLUSTER, NEWS.serving)
    if (this.#closing !== undefined) void this.#close(this.#closing)
  }

  /** @internal */
  onTold(what: string, args: readonly unknown[]): void {
    if (what === NEWS.close) void this.#close(args[0] as ServerCloseOptions)
  }

  /** @internal The primary is gone. */
  onAlone(): void {
    if (!this.#hasLeft) void this.#close({})
  }

  async #close(options: ServerCloseOptions): Promise<void> {
    this.#closing = options
    // A server that is still being made is closed as soon as it serves.
    if (this.#server === undefined) return
    await this.#server.close(options).catch(() => {})
    this.transport.close()
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#channel.tell(CLUSTER, NEWS.closed)
    this.#port.close()
  }

  #askFirst(own: AcceptEarlyData | undefined): AcceptEarlyData {
    return async (attempt) => {
      if (!(await this.#isNew(attempt))) return false
      return own === undefined || (await own(attempt)) === true
    }
  }

  async #isNew({ ticketId, issuedAt }: EarlyDataAttempt): Promise<boolean> {
    const signal = AbortSignal.timeout(EARLY_DATA_PATIENCE)
    try {
      return (await this.#channel.call(CLUSTER, CALLS.earlyData, [ticketId, issuedAt], { signal })) === true
    } catch {
      return false
    }
  }
}

/**
 * Joins the cluster that this thread or process was started for, and binds its port.
 *
 * @throws (rejects with) an InvalidStateError where nobody started it for a cluster; the system's error where the port cannot be bound
 * @example
 * ```ts
 * import { joinCluster } from 'isoquic/cluster'
 * import { serve } from 'isoquic/http3'
 *
 * const member = await joinCluster()
 * const { certificate, privateKey } = member.data as { certificate: string; privateKey: string }
 * const options = member.share({ certificate: { certificate, privateKey } })
 * member.serving(await serve(member.transport, options, () => new Response(`from worker ${member.id}`)))
 * ```
 */
export async function joinCluster(options: JoinOptions = {}): Promise<ClusterMember> {
  const port = options.port ?? takeOwnPort()
  if (port === undefined) {
    throw new DOMException('This is no worker of a cluster: serveCluster starts them', 'InvalidStateError')
  }
  let member: ClusterMember | undefined
  let handOver: HandOver | undefined
  const channel = new Channel(port, {
    onTold: (_object, what, args) => member?.onTold(what, args),
    onCalled: (_object, what, args) => {
      if (what === SIBLINGS) handOver?.setSiblings(args[0] as Siblings)
    },
  })
  port.addEventListener('close', () => {
    channel.end(new Error('The primary of the cluster is gone'))
    member?.onAlone()
  })
  const welcome = (await channel.call(CLUSTER, CALLS.join)) as Welcome
  const { handOversPerSecond, host, id, keys } = welcome
  const where = host === undefined ? {} : { host }
  handOver = new HandOver({
    transport: await udp({ host: '127.0.0.1', connectedPeers: 0 }),
    secret: randomBytes(random, HAND_OVER_SECRET_LENGTH),
    perSecond: handOversPerSecond,
    now: () => performance.now(),
  })
  try {
    const socket = await udp({ ...options.udp, ...where, port: welcome.port, reusePort: true })
    const transport = new RoutedTransport(socket, handOver, new WorkerRoutes(keys.ids), id)
    member = new ClusterMember(welcome, transport, handOver, channel, port)
  } catch (error) {
    handOver.close()
    throw error
  }
  await channel.call(CLUSTER, CALLS.bound, [handOver.address])
  return member
}
