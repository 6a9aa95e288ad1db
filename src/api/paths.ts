/** The paths of a connection for applications: a list, and the moves of a client, which are promises here. */
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import { MIGRATION_FAILURES, MigrationError, type MigrationFailure, type PathRequest } from '../connection/migration.ts'
import type { PathState } from '../connection/path.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import { splitAddress } from '../wire/path-address.ts'
import { checkSignal, checkTransport } from './checks.ts'
import type { ConnectionEnd } from './connection-end.ts'
import type { Driver } from './driver.ts'
import { QuicAddressError, QuicMigrationError } from './errors.ts'
import { type Abortable, abortable, type Deferred, deferred } from './signal.ts'
import { parseTarget } from './target.ts'

/** One way between the two ends. A record of its moment. */
export interface QuicPath {
  readonly localAddress: PathAddress
  readonly remoteAddress: PathAddress
  /** `'active'`: data goes there; `'validating'`; `'spare'`; `'leaving'`: left, and for a while still listened to. */
  readonly state: PathState
  /** ms, smoothed; before the first sample what is assumed. */
  readonly rtt: number
  /** bytes of UDP payload */
  readonly mtu: number
  /** bytes */
  readonly congestionWindow: number
}

/** How a path is opened. */
export interface PathOptions extends Abortable {
  /** ms until the attempt is given up; default: three times the larger probe timeout of the old path and a fresh one (RFC 9000 §8.2.4). */
  readonly timeout?: number
  /** `host:port` of the server as seen from the new transport; default: its address on the path in use. */
  readonly address?: string
}

const PATH_KEYS = ['timeout', 'address', 'signal']

/** ms; a name is to be resolved by then where no timeout says more. */
const RESOLVE_TIMEOUT = 10_000

/** The paths of one connection. */
export class ConnectionPaths {
  readonly #driver: Driver
  readonly #user: object
  /** By path, whoever waits for it. */
  #waiting: Map<PathId, Set<Deferred<void>>> | undefined
  #adopted: Set<DatagramTransport> | undefined
  #connection: Connection | undefined
  #end: ConnectionEnd | undefined

  /** @param user in whose name transports are adopted. */
  constructor(driver: Driver, user: object) {
    this.#driver = driver
    this.#user = user
  }

  /** The connection begins. */
  start(connection: Connection): void {
    this.#connection = connection
  }

  /** The paths of this moment, the oldest first. */
  list(): readonly QuicPath[] {
    const paths = this.#connection?.paths
    if (paths === undefined) return []
    return paths.paths.map((path) => ({
      localAddress: path.carrier.localAddress,
      remoteAddress: path.remoteAddress,
      state: paths.stateOf(path),
      rtt: path.recovery.rtt.smoothed,
      mtu: path.recovery.maxDatagramSize,
      congestionWindow: path.recovery.congestionWindow,
    }))
  }

  /** Opens a path on `transport`, which is adopted unless that is refused. Fulfils when it is validated, and moved to if asked for. */
  async open(transport: DatagramTransport, purpose: PathRequest['purpose'], options: PathOptions): Promise<void> {
    checkTransport(transport)
    checkOptions(options)
    const { address, signal, timeout } = options
    checkSignal(signal)
    signal?.throwIfAborted()
    this.#throwIfOver()
    const connection = this.#connection
    if (connection === undefined) throw migrationError('not-confirmed')
    const remoteAddress = await abortable(this.#resolve(transport, address, connection, timeout), signal)
    this.#throwIfOver()
    const id = this.#begin(connection, { carrier: transport, remoteAddress, purpose, timeout })
    try {
      this.#driver.adopt(transport, this.#user)
    } catch (error) {
      connection.abandonPath(id, this.#driver.now())
      this.#driver.wake(connection)
      throw error
    }
    this.#adopted ??= new Set()
    this.#adopted.add(transport)
    const waiting = deferred<void>()
    this.#waiting ??= new Map()
    const known = this.#waiting.get(id)
    if (known === undefined) this.#waiting.set(id, new Set([waiting]))
    else known.add(waiting)
    this.#driver.wake(connection)
    return abortable(waiting.promise, signal, () => {
      this.#waiting?.get(id)?.delete(waiting)
      connection.abandonPath(id, this.#driver.now())
      this.#driver.wake(connection)
    })
  }

  /** A fact about a path. */
  onEvent(event: Extract<ConnectionEvent, { type: 'path-validated' | 'path-failed' | 'carrier-released' }>): void {
    if (event.type === 'carrier-released') return this.#release(event.carrier as DatagramTransport)
    const waiting = this.#waiting?.get(event.path)
    if (waiting === undefined) return
    this.#waiting?.delete(event.path)
    for (const each of waiting) {
      if (event.type === 'path-validated') each.resolve()
      else each.reject(migrationError(event.failure))
    }
  }

  /** The connection is over: nobody waits any more. */
  end(end: ConnectionEnd): void {
    this.#end ??= end
    for (const waiting of this.#waiting?.values() ?? []) for (const each of waiting) each.reject(end.error)
    this.#waiting = undefined
  }

  /** Nothing of the connection is left to be sent: it has no use for transports any more. */
  releaseAll(): void {
    for (const transport of this.#adopted ?? []) this.#release(transport)
  }

  #throwIfOver(): void {
    if (this.#end !== undefined) throw this.#end.error
  }

  #release(transport: DatagramTransport): void {
    this.#adopted?.delete(transport)
    this.#driver.release(transport, this.#user)
  }

  #begin(connection: Connection, request: PathRequest): PathId {
    try {
      return connection.openPath(request, this.#driver.now())
    } catch (error) {
      if (error instanceof MigrationError) throw migrationError(error.failure)
      throw error
    }
  }

  /** The server's address as the transport wants it; `''` where it leads to one peer. */
  async #resolve(
    transport: DatagramTransport,
    address: string | undefined,
    connection: Connection,
    timeout: number = RESOLVE_TIMEOUT,
  ): Promise<PathAddress> {
    const { active } = connection.paths
    if (active.carrier === transport && address === undefined) return active.remoteAddress
    if (transport.resolve === undefined) return ''
    const { host, port } = targetOf(address, active.remoteAddress)
    const { environment } = this.#driver
    const late = deferred<never>()
    const cancel = environment.setTimer(environment.now() + timeout, () =>
      late.reject(new Error(`The name was not resolved within ${timeout} ms`)),
    )
    try {
      const [first] = await Promise.race([transport.resolve(host, port), late.promise])
      if (first === undefined) throw new Error('The name has no address')
      return first
    } catch (cause) {
      const words = cause instanceof Error ? cause.message : String(cause)
      throw new QuicAddressError(`Cannot migrate to ${host} at port ${port}: ${words}`, { side: 'local', cause })
    } finally {
      cancel()
    }
  }
}

/** Where to go from a transport that leads to many. @throws TypeError where nobody knows */
function targetOf(address: string | undefined, current: PathAddress): { readonly host: string; readonly port: number } {
  if (address !== undefined) return parseTarget(address)
  const parts = splitAddress(current)
  if (parts !== undefined) return parts
  throw new TypeError('address must be given: host:port; the transport in use leads to one peer and does not tell')
}

/** @throws TypeError, RangeError */
function checkOptions(options: PathOptions): void {
  for (const key of Object.keys(options)) {
    if (!PATH_KEYS.includes(key)) throw new TypeError(`Unknown path option ${key}`)
  }
  const { address, timeout } = options
  if (address !== undefined) {
    if (typeof address !== 'string') throw new TypeError(`address must be a string, got ${String(address)}`)
    parseTarget(address)
  }
  if (timeout === undefined) return
  if (typeof timeout !== 'number') throw new TypeError(`timeout must be a number, got ${String(timeout)}`)
  if (!(timeout > 0 && timeout < Infinity)) {
    throw new RangeError(`timeout must be positive and finite, got ${timeout}`)
  }
}

function migrationError(failure: MigrationFailure): QuicMigrationError {
  const side = failure === 'disabled' || failure === 'no-connection-id' ? 'remote' : 'local'
  return new QuicMigrationError(MIGRATION_FAILURES[failure], failure, { side })
}
