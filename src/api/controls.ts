/** What an application can do to a connection as a whole while it runs: probe it, renew its keys, change its settings. */
import type { ConnectionConfig } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import { checkReconfiguration, type Reconfiguration } from '../connection/reconfiguration.ts'
import { checkAbortable } from './checks.ts'
import { type CongestionControl, controllerOf, nameOf } from './congestion.ts'
import type { ConnectionEnd } from './connection-end.ts'
import { endError } from './connection-streams.ts'
import type { QuicDatagrams } from './datagrams.ts'
import type { Driver } from './driver.ts'
import { checkKeys } from './known-keys.ts'
import type { Outcome } from './outcome.ts'
import { type Abortable, abortable, type Deferred, deferred } from './signal.ts'

/** What `configure` can change; what is left out stays as it is. */
export interface ConfigureOptions extends Omit<Reconfiguration, 'congestionControl'> {
  /** Of all paths, which go on from the window that they have. */
  readonly congestionControl?: CongestionControl | undefined
}

/** What the controls need of their connection. */
export interface ControlsHost {
  readonly driver: Driver
  readonly config: ConnectionConfig
  readonly datagrams: QuicDatagrams
  /** The connection, once its address is known. */
  readonly started: Pick<Outcome<Connection>, 'promise'>
}

/** The controls of one connection. */
export class ConnectionControls {
  readonly #host: ControlsHost
  #pings: Map<number, Deferred<number>> | undefined
  #keyUpdates: Deferred<void>[] = []
  #connection: Connection | undefined
  /** What is to be changed as soon as there is a connection. */
  #pending: Reconfiguration = {}

  constructor(host: ControlsHost) {
    this.#host = host
  }

  /** The connection begins. */
  start(connection: Connection): void {
    this.#connection = connection
    connection.configure(this.#pending, this.#host.driver.now())
  }

  /** Asks the peer for a sign of life; fulfils with the ms that it took. */
  async ping(options: Abortable): Promise<number> {
    checkAbortable(options)
    const { signal } = options
    signal?.throwIfAborted()
    const connection = await abortable(this.#host.started.promise, signal)
    if (connection.closeReason !== undefined) throw endError(connection)
    const id = connection.ping()
    const pong = deferred<number>()
    this.#pings ??= new Map()
    this.#pings.set(id, pong)
    this.#host.driver.wake(connection)
    return abortable(pong.promise, signal, () => {
      this.#pings?.delete(id)
      connection.cancelPing(id)
    })
  }

  /** The peer has answered. */
  onPong(id: number, rtt: number): void {
    this.#pings?.get(id)?.resolve(rtt)
    this.#pings?.delete(id)
  }

  /** Begins a key update; fulfils when it is confirmed. */
  async updateKeys(options: Abortable): Promise<void> {
    checkAbortable(options)
    const { signal } = options
    signal?.throwIfAborted()
    const connection = this.#connection
    if (connection?.closeReason !== undefined) throw endError(connection)
    if (connection?.updateKeys(this.#host.driver.now()) !== true) {
      throw new DOMException('Keys cannot be updated before those in use are confirmed', 'InvalidStateError')
    }
    const confirmed = deferred<void>()
    this.#keyUpdates.push(confirmed)
    this.#host.driver.wake(connection)
    return abortable(confirmed.promise, signal)
  }

  /** The keys in use are confirmed. */
  onKeysUpdated(): void {
    for (const each of this.#keyUpdates) each.resolve()
    this.#keyUpdates = []
  }

  /** @throws TypeError, RangeError, and then nothing was changed */
  configure(options: ConfigureOptions): void {
    checkKeys(options, KEYS)
    const { congestionControl } = options
    const changes: Reconfiguration = {
      ...options,
      congestionControl: congestionControl === undefined ? undefined : controllerOf(congestionControl),
    }
    checkReconfiguration(changes, this.#host.config)
    const connection = this.#connection
    const { datagrams, driver } = this.#host
    if (connection !== undefined) {
      connection.configure(changes, driver.now())
      return driver.wake(connection)
    }
    if (changes.datagrams !== undefined) datagrams.configure(changes.datagrams)
    const given = Object.entries(changes).filter(([key, value]) => key !== 'datagrams' && value !== undefined)
    this.#pending = { ...this.#pending, ...Object.fromEntries(given) }
  }

  get congestionControl(): CongestionControl {
    const { config } = this.#host
    return nameOf(this.#connection?.congestionControl ?? this.#pending.congestionControl ?? config.congestionControl)
  }

  /** The connection is over. */
  end(end: ConnectionEnd): void {
    for (const each of this.#pings?.values() ?? []) each.reject(end.error)
    this.#pings = undefined
    for (const each of this.#keyUpdates) each.reject(end.error)
    this.#keyUpdates = []
  }
}

const KEYS: readonly (keyof ConfigureOptions)[] = [
  'keepAlive',
  'maxIdleTimeout',
  'maxIncomingBidirectionalStreams',
  'maxIncomingUnidirectionalStreams',
  'maxReceiveWindow',
  'congestionControl',
  'pacing',
  'datagrams',
]
