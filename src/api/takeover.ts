/**
 * How a protocol layer, such as HTTP/3, takes the core of a connection over from the streams of the public API. The layer sees
 * every event first, and what it does not call its own goes the way it went before: paths, statistics, closing.
 */
import type { Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { Environment } from '../environment.ts'
import type { ConnectionEnd } from './connection-end.ts'
import type { Driver } from './driver.ts'
import type { QuicCloseInfo, QuicError } from './errors.ts'

/** What a layer is given of the connection that it takes over. */
export interface TakenConnection {
  /** The core. What has come before is in its `streams` and `datagrams`; events about that may follow all the same. */
  readonly connection: Connection
  readonly environment: Environment
  /** The time of the driver, which never goes back. */
  now(): Time
  /** Lets the connection send what the layer has for it; due after each call that may have left something. */
  wake(): void
  /** Calls `listener` after each time that all that can be sent was given to the transport, until it returns `false`. */
  listenForFlushes(listener: () => boolean): void
}

/** A protocol on a connection. */
export interface ProtocolLayer {
  /** There is a core: at once where the connection has begun, else as soon as its address is known, before its first event. Once. */
  onStart(taken: TakenConnection): void
  /** Whether it was the layer's own, so that nobody else hears of it. Many events come in one burst. */
  onConnectionEvent(event: ConnectionEvent): boolean
  /** The connection is over, or comes to nothing; `info`: a clean end. Once, at most; with or without {@link onStart} before. */
  onEnd(error: QuicError, info: QuicCloseInfo | undefined): void
}

/** The place in a connection that a layer may take. */
export class Takeover {
  readonly #driver: Driver
  #layer: ProtocolLayer | undefined
  #connection: Connection | undefined
  #end: ConnectionEnd | undefined

  constructor(driver: Driver) {
    this.#driver = driver
  }

  /** @throws InvalidStateError where there is a layer already */
  take(layer: ProtocolLayer): void {
    if (this.#layer !== undefined) {
      throw new DOMException('The connection belongs to a protocol layer already', 'InvalidStateError')
    }
    this.#layer = layer
    if (this.#connection !== undefined) this.#start(layer, this.#connection)
    if (this.#end !== undefined) layer.onEnd(this.#end.error, this.#end.info)
  }

  /** There is a core, and no event of it was told yet. */
  start(connection: Connection): void {
    this.#connection = connection
    if (this.#layer !== undefined) this.#start(this.#layer, connection)
  }

  /** Whether the layer takes the event for itself. */
  onEvent(event: ConnectionEvent): boolean {
    return this.#layer?.onConnectionEvent(event) === true
  }

  /** The connection is over. Later calls say nothing new. */
  end(end: ConnectionEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#layer?.onEnd(end.error, end.info)
  }

  #start(layer: ProtocolLayer, connection: Connection): void {
    const driver = this.#driver
    layer.onStart({
      connection,
      environment: driver.environment,
      now: () => driver.now(),
      wake: () => driver.wake(connection),
      listenForFlushes: (listener) => driver.listenForFlushes(listener),
    })
  }
}
