/**
 * Drives an endpoint on real transports in a real environment: datagrams in, flights out, one timer, one flush for each
 * burst. All that is asynchronous in the stack happens here and in the classes above it. It knows no streams.
 */
import { NEVER, type Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { OutgoingDatagram } from '../connection/transmitter.ts'
import type { Endpoint } from '../endpoint/endpoint.ts'
import type { IncomingConnection } from '../endpoint/incoming-connection.ts'
import type { Environment } from '../environment.ts'
import type { DatagramTransport, Ecn, PathAddress } from '../transport.ts'

/** Hears the events of one connection. */
export interface ConnectionListener {
  onConnectionEvent(event: ConnectionEvent): void
}

/** ms after which a flush lets other tasks run. */
const MAX_FLUSH_TIME = 5

/** Flights after which it does so where the clock stands still. */
const MAX_FLIGHTS = 8

/** An endpoint at work. */
export class Driver {
  readonly endpoint: Endpoint
  readonly environment: Environment
  readonly #transports = new Set<DatagramTransport>()
  readonly #listeners = new Map<Connection, ConnectionListener>()
  /** Called for each connection that a client asks for. */
  onIncoming: (incoming: IncomingConnection) => void = () => {}
  /** Called when a transport is gone. */
  onClosed: () => void = () => {}
  #now: Time
  #flushQueued = false
  #cancelTimer: (() => void) | undefined
  #timerAt: Time = NEVER
  /** The time at which a turn was last spent in place of a timer. */
  #spunAt: Time = -Infinity
  /** A flight whose transport was full in the middle of it, and how far it got. */
  #held: OutgoingDatagram | undefined
  #heldAt = 0
  /** The transport that is full: nothing is sent until it drains. */
  #blocked: DatagramTransport | undefined
  readonly #flushListeners = new Set<() => boolean>()
  readonly #flush = (): void => this.#onFlush()
  readonly #fire = (): void => this.#onTimer()

  constructor(endpoint: Endpoint, environment: Environment) {
    this.endpoint = endpoint
    this.environment = environment
    this.#now = environment.now()
    endpoint.onProgress = () => this.schedule()
  }

  /** The time, which never goes back. */
  now(): Time {
    this.#now = Math.max(this.#now, this.environment.now())
    return this.#now
  }

  /** Receives from `transport` and sends to it from now on. @throws where it has a receiver already */
  attach(transport: DatagramTransport): void {
    this.#transports.add(transport)
    transport.open({
      datagram: (bytes, from, ecn, segmentSize) => this.#receive(transport, bytes, from, ecn ?? 0, segmentSize),
      drain: () => this.#unblock(transport),
      closed: (error) => {
        this.#transports.delete(transport)
        if (this.#held?.via === transport) this.#held = undefined
        this.endpoint.onCarrierClosed(transport, this.now(), error)
        this.onClosed()
        this.#unblock(transport)
        this.schedule()
      },
    })
  }

  #unblock(transport: DatagramTransport): void {
    if (this.#blocked !== transport) return
    this.#blocked = undefined
    this.schedule()
  }

  /** The transports that are open. */
  get transports(): ReadonlySet<DatagramTransport> {
    return this.#transports
  }

  /** Hands the events of `connection` to `listener` from now on. */
  listen(connection: Connection, listener: ConnectionListener): void {
    this.#listeners.set(connection, listener)
    this.wake(connection)
  }

  /** The application has called into `connection`. */
  wake(connection: Connection): void {
    this.endpoint.wake(connection)
    this.schedule()
  }

  /** Polls the endpoint once the burst of events at hand is over. */
  schedule(): void {
    if (this.#flushQueued) return
    this.#flushQueued = true
    this.environment.defer(this.#flush)
  }

  /** Calls `listener` after each flush, until it returns `false`. */
  listenForFlushes(listener: () => boolean): void {
    this.#flushListeners.add(listener)
  }

  /** Calls `task` once, after a flush that left nothing to be sent, or could send nothing. */
  afterFlush(task: () => void): void {
    this.listenForFlushes(() => {
      if (this.#flushQueued && this.#blocked === undefined) return true
      task()
      return false
    })
    this.schedule()
  }

  /** Closes the transports. What lived on them ends with `carrier-closed`. */
  close(): void {
    for (const transport of [...this.#transports]) transport.close()
  }

  #receive(transport: DatagramTransport, bytes: Uint8Array, from: PathAddress, ecn: Ecn, segmentSize?: number): void {
    const now = this.now()
    if (segmentSize === undefined || bytes.length <= segmentSize) {
      this.endpoint.receiveDatagram(bytes, from, transport, ecn, now)
    } else {
      for (let at = 0; at < bytes.length; at += segmentSize) {
        this.endpoint.receiveDatagram(bytes.subarray(at, at + segmentSize), from, transport, ecn, now)
      }
    }
    this.schedule()
  }

  #onFlush(): void {
    this.#flushQueued = false
    const start = this.now()
    // What has arrived is processed before a timer that is due; a flush may be the first to see that one is.
    if (this.endpoint.nextTimeout() <= start) this.endpoint.onTimeout(start)
    for (let flights = 0; ; flights++) {
      if (!this.#sendNext(this.now())) break
      if (flights === MAX_FLIGHTS || this.now() - start > MAX_FLUSH_TIME) {
        this.schedule()
        break
      }
    }
    // Nothing can be sent, but what arrived is heard, and time goes on.
    if (this.#blocked !== undefined) this.endpoint.processReceived(this.now())
    try {
      this.#tell()
      for (const listener of this.#flushListeners) if (!listener()) this.#flushListeners.delete(listener)
    } finally {
      this.#arm()
    }
  }

  /** Sends one flight; `false`: there is none, or no room for it. */
  #sendNext(now: Time): boolean {
    if (this.#blocked !== undefined) return false
    if (this.#held === undefined) {
      this.#held = this.endpoint.pollDatagram(now)
      this.#heldAt = 0
    }
    const flight = this.#held
    if (flight === undefined) return false
    if (this.#send(flight)) {
      this.#held = undefined
      return true
    }
    return false
  }

  /** `false`: the transport is full; `drain` goes on. */
  #send(flight: OutgoingDatagram): boolean {
    const transport = flight.via as DatagramTransport
    if (!this.#transports.has(transport)) return true
    const { bytes, segmentSize, to, ecn } = flight
    if (bytes.length <= segmentSize) {
      if (!transport.send(bytes, to, ecn)) this.#blocked = transport
      return true
    }
    if (this.#heldAt === 0 && transport.sendBatch !== undefined) {
      if (!transport.sendBatch(bytes, segmentSize, to, ecn)) this.#blocked = transport
      return true
    }
    while (this.#heldAt < bytes.length) {
      const end = Math.min(this.#heldAt + segmentSize, bytes.length)
      const accepted = transport.send(bytes.subarray(this.#heldAt, end), to, ecn)
      this.#heldAt = end
      if (!accepted) {
        this.#blocked = transport
        return end === bytes.length
      }
    }
    return true
  }

  /** Hands events to those who wait for them; what they do in answer is flushed in the next turn. */
  #tell(): void {
    const { endpoint } = this
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      if (event.type === 'incoming') {
        this.onIncoming(event.incoming)
        continue
      }
      this.#listeners.get(event.connection)?.onConnectionEvent(event.event)
      if (event.event.type === 'closed') this.#listeners.delete(event.connection)
    }
  }

  #onTimer(): void {
    this.#cancelTimer = undefined
    this.#timerAt = NEVER
    // The flush comes after the datagrams that wait in the same turn: they are heard before a timer is believed.
    this.schedule()
  }

  /** One host timer for all. A timer that fires too early costs less than setting it anew for every packet. */
  #arm(): void {
    const next = this.endpoint.nextTimeout()
    // A timer that nobody waits for would keep a process alive.
    if (next === NEVER) return this.#disarm()
    if (next >= this.#timerAt) return
    const now = this.now()
    // A wait that no timer can keep, as the pacer's, is spent in turns, as long as the clock moves.
    if (next <= now + this.environment.timerGranularity / 2 && now !== this.#spunAt) {
      this.#spunAt = now
      return this.schedule()
    }
    this.#disarm()
    this.#timerAt = next
    this.#cancelTimer = this.environment.setTimer(next, this.#fire)
  }

  #disarm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#timerAt = NEVER
  }
}
