/**
 * The primary of a cluster: several workers behind one port. It starts them, tells each where the others take hand-overs, remembers
 * for all which tickets were used for early data, starts another one for each that ends, and closes them. No datagram of a
 * connection goes through it.
 */
import { availableParallelism } from 'node:os'
import type { UdpTransport } from '../../../transports/udp.ts'
import { checkKey, checkType, shown } from '../../api/checks.ts'
import { checkKeys } from '../../api/known-keys.ts'
import type { ServerCloseOptions } from '../../api/server.ts'
import { type Deferred, deferred } from '../../api/signal.ts'
import { EarlyDataRegister } from '../../tls/early-data-register.ts'
import type { PathAddress } from '../../transport.ts'
import { Channel } from '../worker-channel.ts'
import type { StartedWorker, StartWorker } from './engines.ts'
import { HAND_OVERS_PER_SECOND, type HandOverAddress } from './hand-over.ts'
import { CALLS, CLUSTER, type ClusterKeys, NEWS, SIBLINGS, type Welcome } from './protocol.ts'
import { WORKER_IDS } from './routes.ts'
import { holdPort } from './shared-port.ts'

/** A worker that is gone. */
export interface WorkerEnd {
  readonly id: number
  /** What it ended with; `undefined`: it just ended. */
  readonly error: Error | undefined
}

/** Options of {@link serveCluster}. */
export interface ClusterOptions {
  /** How a worker is started: `threads(script)` or `processes(script)`. */
  readonly start: StartWorker
  /** How many there are, 1 to 1,024; default: as many as the machine has cores. */
  readonly workers?: number | undefined
  /** As of `udp`: the local address to bind, by default every one. */
  readonly host?: string | undefined
  /** As of `udp`; by default 0: the system chooses. */
  readonly port?: number | undefined
  /** What each worker gets a copy of. */
  readonly data?: unknown
  /** As of `listen`, for all workers. Default: random. */
  readonly resetKey?: Uint8Array | undefined
  /** As of `listen`, for all workers. Default: random. */
  readonly tokenKey?: Uint8Array | undefined
  /** As `tickets.key` of `listen`, for all workers. Default: random. */
  readonly ticketKey?: Uint8Array | undefined
  /** Datagrams that one worker may hand to each of the others in a second; more are lost. Default 50,000. */
  readonly handOversPerSecond?: number | undefined
  /** ms that a worker has until it serves. Default 30,000. */
  readonly startTimeout?: number | undefined
  /** Hears of each worker that ends, unless the cluster is closed; another one takes its place. */
  readonly onWorkerEnd?: ((end: WorkerEnd) => void) | undefined
}

/** A worker of a running cluster. */
export interface ClusterWorker {
  readonly id: number
  /** Ends it at once: its connections are lost, and another worker takes its place. */
  kill(): void
}

const KEYS = [
  ...['start', 'workers', 'host', 'port', 'data', 'resetKey', 'tokenKey', 'ticketKey'],
  ...['handOversPerSecond', 'startTimeout', 'onWorkerEnd'],
]

const MAX_WORKERS = 1024
const START_TIMEOUT = 30_000

/** ms that a worker has to take note of the others; one that is busy for longer holds nobody up. */
const TELL_PATIENCE = 1_000

/** ms that a worker has to end once it is told to, or has said that it does. */
const END_PATIENCE = 5_000

/** ms. A worker that lived shorter is not replaced at once: something may be wrong with all of them. */
const SHORT_LIFE = 10_000
const MIN_RESTART_DELAY = 100
const MAX_RESTART_DELAY = 10_000

interface Member {
  readonly id: number
  readonly worker: StartedWorker
  readonly channel: Channel
  readonly startedAt: number
  readonly serving: Deferred<void>
  handOver: HandOverAddress | undefined
  isServing: boolean
  /** Why the primary ended it. */
  failure: Error | undefined
  deadline: ReturnType<typeof setTimeout> | undefined
}

/** Workers behind one port. Made by {@link serveCluster}. */
export class Cluster implements AsyncDisposable {
  /** `host:port`. */
  readonly address: PathAddress
  readonly #options: ClusterOptions
  readonly #port: number
  readonly #keys: ClusterKeys
  readonly #register = new EarlyDataRegister(Date.now())
  readonly #members = new Map<number, Member>()
  readonly #restarts = new Set<ReturnType<typeof setTimeout>>()
  #lastId = WORKER_IDS - 1
  /** Workers in a row that lived for a short time only. */
  #shortLives = 0
  #isStarted = false
  #isClosing = false

  /** @internal Made by {@link serveCluster}. */
  constructor(options: ClusterOptions, { localAddress, port }: UdpTransport) {
    const { resetKey, ticketKey, tokenKey } = options
    this.address = localAddress
    this.#port = port
    this.#options = options
    this.#keys = {
      ids: randomKey(16),
      reset: resetKey ?? randomKey(32),
      token: tokenKey ?? randomKey(32),
      ticket: ticketKey ?? randomKey(32),
    }
  }

  /** The workers that serve. */
  get workers(): readonly ClusterWorker[] {
    return [...this.#members.values()]
      .filter((member) => member.isServing)
      .map(({ id, worker }) => ({ id, kill: () => worker.kill() }))
  }

  /** @internal Fulfils when `count` workers serve; rejects with what kept one from it, and then none is left. */
  async start(count: number): Promise<void> {
    try {
      await Promise.all(Array.from({ length: count }, () => this.#start().serving.promise))
      this.#isStarted = true
    } catch (error) {
      this.#isClosing = true
      const members = [...this.#members.values()]
      for (const { worker } of members) worker.kill()
      await Promise.all(members.map(({ worker }) => worker.gone))
      throw error
    }
  }

  /**
   * Closes the server of each worker, as that server's `close` does with these options, and ends the workers. One that does not end
   * within five seconds of when it should is killed. A call that is not graceful ends the wait of one that is.
   */
  async close(options: Omit<ServerCloseOptions, 'signal'> = {}): Promise<void> {
    checkKeys(options, ['graceful', 'timeout'])
    const { graceful = false, timeout } = options
    checkType(graceful, 'graceful', 'boolean')
    if (timeout !== undefined && !(timeout >= 0)) throw new RangeError(`timeout must be at least 0, got ${timeout}`)
    this.#isClosing = true
    for (const restart of this.#restarts) clearTimeout(restart)
    this.#restarts.clear()
    const patience = graceful ? timeout : 0
    await Promise.all(
      [...this.#members.values()].map((member) => {
        member.channel.tell(CLUSTER, NEWS.close, [{ graceful, ...(timeout !== undefined && { timeout }) }])
        if (patience !== undefined) this.#expectEnd(member, patience + END_PATIENCE)
        return member.worker.gone
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #start(): Member {
    const worker = this.#options.start()
    const id = this.#freshId()
    const member: Member = {
      id,
      worker,
      channel: new Channel(worker.port, {
        onTold: (_object, what) => this.#onTold(member, what),
        onCalled: (_object, what, args) => this.#onCalled(member, what, args),
      }),
      startedAt: Date.now(),
      serving: deferred<void>(),
      handOver: undefined,
      isServing: false,
      failure: undefined,
      deadline: undefined,
    }
    this.#members.set(id, member)
    const { startTimeout = START_TIMEOUT } = this.#options
    this.#expectEnd(member, startTimeout, new Error(`A worker did not serve within ${startTimeout} ms`))
    void worker.gone.then((error) => this.#onGone(member, member.failure ?? error))
    return member
  }

  /** Another than those of all that live, and of those that died of late. */
  #freshId(): number {
    do this.#lastId = (this.#lastId + 1) % WORKER_IDS
    while (this.#members.has(this.#lastId))
    return this.#lastId
  }

  /** It is killed if it is still there in `patience` ms. */
  #expectEnd(member: Member, patience: number, failure?: Error): void {
    clearTimeout(member.deadline)
    member.deadline = setTimeout(() => {
      member.failure = failure
      member.worker.kill()
    }, patience)
  }

  #onTold(member: Member, what: string): void {
    if (what === NEWS.closed) return this.#expectEnd(member, END_PATIENCE)
    if (what !== NEWS.serving || member.isServing) return
    if (!this.#isClosing) clearTimeout(member.deadline)
    member.isServing = true
    member.serving.resolve()
  }

  #onCalled(member: Member, what: string, args: readonly unknown[]): unknown {
    switch (what) {
      case CALLS.join:
        return this.#welcome(member.id)
      case CALLS.bound:
        member.handOver = args[0] as HandOverAddress
        return this.#tellSiblings()
      case CALLS.earlyData: {
        const [ticketId, issuedAt] = args as [Uint8Array, number]
        return this.#register.take(ticketId, issuedAt, Date.now())
      }
      default:
        throw new TypeError(`A worker of a cluster does not ask for ${what}`)
    }
  }

  #welcome(id: number): Welcome {
    const { data, handOversPerSecond = HAND_OVERS_PER_SECOND, host } = this.#options
    return { id, host, port: this.#port, keys: this.#keys, handOversPerSecond, data }
  }

  /**
   * Tells each worker where the others are. Fulfils when all know, or have had time to: a worker that does not know another yet
   * would answer that one's clients with stateless resets.
   */
  async #tellSiblings(): Promise<void> {
    const members = [...this.#members.values()]
    const known = members.flatMap(({ handOver, id }) => (handOver === undefined ? [] : [[id, handOver] as const]))
    const tell = async ({ channel, id }: Member): Promise<void> => {
      const siblings = new Map(known.filter(([other]) => other !== id))
      await channel.call(CLUSTER, SIBLINGS, [siblings], { signal: AbortSignal.timeout(TELL_PATIENCE) }).catch(() => {})
    }
    await Promise.all(members.map(tell))
  }

  #onGone(member: Member, error: Error | undefined): void {
    clearTimeout(member.deadline)
    this.#members.delete(member.id)
    member.channel.end(new Error('The worker is gone'))
    member.serving.reject(error ?? new Error('A worker ended before it served'))
    if (this.#isClosing) return
    void this.#tellSiblings()
    if (!this.#isStarted) return
    this.#replace(member)
    this.#options.onWorkerEnd?.({ id: member.id, error })
  }

  #replace({ isServing, startedAt }: Pick<Member, 'isServing' | 'startedAt'>): void {
    const isShort = !isServing || Date.now() - startedAt < SHORT_LIFE
    this.#shortLives = isShort ? this.#shortLives + 1 : 0
    const delay = isShort ? Math.min(MIN_RESTART_DELAY * 2 ** (this.#shortLives - 1), MAX_RESTART_DELAY) : 0
    const restart = setTimeout(() => {
      this.#restarts.delete(restart)
      try {
        this.#start()
      } catch {
        // The host has no thread or process to give at the moment.
        this.#replace({ isServing: false, startedAt: Date.now() })
      }
    }, delay)
    this.#restarts.add(restart)
  }
}

/**
 * Serves with several workers at one port. The kernel spreads clients over them; a client whose address changes stays with
 * its worker, since its connection ids lead there. Fulfils when all of them serve.
 *
 * @throws (rejects with) TypeError, RangeError for wrong options; `SharedPortError` where sockets cannot share a port; the
 * system's error where the port is taken; what a worker ended with before it served.
 * @example
 * ```ts
 * import { serveCluster, threads } from 'isoquic/cluster'
 * import { devCertificate } from 'isoquic/dev'
 *
 * const cluster = await serveCluster({
 *   start: threads(new URL('./server.js', import.meta.url)), // calls joinCluster
 *   workers: 4,
 *   port: 4433,
 *   data: await devCertificate(),
 * })
 * console.log(cluster.address)
 * await cluster.close({ graceful: true, timeout: 10_000 })
 * ```
 */
export async function serveCluster(options: ClusterOptions): Promise<Cluster> {
  const workers = checkedWorkers(options)
  const hold = await holdPort(options.host, options.port ?? 0)
  try {
    const cluster = new Cluster({ ...options }, hold)
    await cluster.start(workers)
    return cluster
  } finally {
    hold.close()
  }
}

/** How many workers are asked for. @throws TypeError, RangeError for wrong options */
function checkedWorkers(options: ClusterOptions): number {
  checkKeys(options, KEYS)
  const { handOversPerSecond, onWorkerEnd, resetKey, start, startTimeout, ticketKey, tokenKey } = options
  if (typeof start !== 'function') throw new TypeError(`start must be a function, got ${shown(start)}`)
  checkType(options.host, 'host', 'string')
  checkType(onWorkerEnd, 'onWorkerEnd', 'function')
  if (resetKey !== undefined) checkKey(resetKey, 16, 'resetKey')
  if (tokenKey !== undefined) checkKey(tokenKey, 32, 'tokenKey')
  if (ticketKey !== undefined) checkKey(ticketKey, 32, 'ticketKey')
  checkInteger(options.port, 'port', 0, 0xffff)
  checkInteger(handOversPerSecond, 'handOversPerSecond', 0, 2 ** 31)
  checkInteger(startTimeout, 'startTimeout', 1, 2 ** 31 - 1)
  checkInteger(options.workers, 'workers', 1, MAX_WORKERS)
  return options.workers ?? Math.min(availableParallelism(), MAX_WORKERS)
}

/** @throws RangeError unless it is `undefined` or an integer of these bounds */
function checkInteger(value: unknown, name: string, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most)) return
  throw new RangeError(`${name} must be an integer from ${least} to ${most}, got ${shown(value)}`)
}

function randomKey(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
