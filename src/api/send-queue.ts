/** What waits in front of the network, and the wait until it is less (`contract.md` §3). */
import type { Connection } from '../connection/connection.ts'
import { checkAbortable } from './checks.ts'
import type { ConnectionEnd } from './connection-end.ts'
import type { Driver } from './driver.ts'
import { type Abortable, abortable, type Deferred, deferred } from './signal.ts'

/** What waits in front of the network. A record of its moment. */
export interface SendQueue {
  /** Stream bytes accepted and not yet put into a packet. */
  readonly queuedBytes: number
  /** bytes */
  readonly congestionWindow: number
  readonly bytesInFlight: number
  readonly inRecovery: boolean
  /** More waits than `congestionThreshold` windows; in recovery, more than one. */
  readonly congested: boolean
}

const EMPTY: SendQueue = { queuedBytes: 0, congestionWindow: 0, bytesInFlight: 0, inRecovery: false, congested: false }

/** The send queue of one connection. */
export class SendQueueWatch {
  readonly #driver: Driver
  readonly #threshold: number
  /** Those who wait, and only while there are some. */
  #waiting: Set<Deferred<void>> | undefined
  #connection: Connection | undefined

  /** @param threshold congestion windows of queued bytes. */
  constructor(driver: Driver, threshold: number) {
    this.#driver = driver
    this.#threshold = threshold
  }

  /** The connection begins. */
  start(connection: Connection): void {
    this.#connection = connection
  }

  /** The queue of this moment. */
  get snapshot(): SendQueue {
    const connection = this.#connection
    if (connection === undefined) return EMPTY
    const { queuedBytes } = connection.streams
    const { congestionWindow, bytesInFlight, isInRecovery: inRecovery } = connection.paths.active.recovery
    const congested = queuedBytes > congestionWindow * this.#threshold || (inRecovery && queuedBytes > congestionWindow)
    return { queuedBytes, congestionWindow, bytesInFlight, inRecovery, congested }
  }

  /** Fulfils when it is not congested. */
  drained(options: Abortable): Promise<void> {
    checkAbortable(options)
    if (!this.snapshot.congested) return abortable(Promise.resolve(), options.signal)
    const waiting = deferred<void>()
    if (this.#waiting === undefined) {
      this.#waiting = new Set()
      this.#driver.listenForFlushes(() => this.#onFlushed())
    }
    this.#waiting.add(waiting)
    return abortable(waiting.promise, options.signal, () => this.#waiting?.delete(waiting))
  }

  /** The connection is over. */
  end(end: ConnectionEnd): void {
    for (const each of this.#waiting ?? []) each.reject(end.error)
    this.#waiting?.clear()
  }

  /** `false`: nobody waits any more. */
  #onFlushed(): boolean {
    if (!this.snapshot.congested) for (const each of this.#waiting ?? []) each.resolve()
    else if (this.#waiting !== undefined && this.#waiting.size > 0) return true
    this.#waiting = undefined
    return false
  }
}
