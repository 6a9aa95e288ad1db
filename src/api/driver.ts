/**
 * Drives an endpoint on real transports in a real environment: datagrams in, flights out, one timer, one flush for each
 * burst. All that is asynchronous in the stack happens here and in the classes above it. It knows no streams.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
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

/**
 * The part of a timer's lateness that is made up for by turns of the event loop. Longer waits are a timer's: acknowledgements
 * come meanwhile and let out what the pacer has earned, and it keeps what a timer is late for.
 */
const SPIN_SHARE = 1 / 8

/** ms of lateness of which that is so; a hidden page's is not worth the heat. */
const MAX_SPIN = 10

/** Flights after which it does so where the clock stands still. */
const MAX_FLIGHTS = 8

/** ms by which a timer is late where the host slept: a frozen page, one hidden for long, a computer with its lid closed. */
const SLEEP = 1_000

/** A flight that a transport did not take whole; its bytes are left alone until the transport drains. */
interface Rest {
  readonly flight: OutgoingDatagram
  /** Where the next datagram begins. */
  at: number
}

/** An endpoint at work. */
export class Driver {
  readonly endpoint: Endpoint
  readonly environment: Environment
  /** With those who use each. */
  readonly #transports = new Map<DatagramTransport, Set<object>>()
  readonly #listeners = new WeakMap<Connection, ConnectionListener>()
  /** Called for each connection that a client asks for. */
  onIncoming: (incoming: IncomingConnection) => void = () => {}
  /** Called when a transport is gone. */
  onClosed: (transport: DatagramTransport) => void = () => {}
  #now: Time
  #flushQueued = false
  /** Datagrams have come since the last flush: those that were there by then have the time of the first. */
  #isInBurst = false
  #cancelTimer: (() => void) | undefined
  #timerAt: Time = NEVER
  #timerGranularity: Duration
  #isAwake = true
  /** The time at which a turn was last spent in place of a timer. */
  #spunAt: Time = -Infinity
  /** The transports that are full, each with what is left of the flight that filled it. */
  readonly #full = new Map<DatagramTransport, Rest | undefined>()
  readonly #flushListeners = new Set<() => boolean>()
  readonly #flush = (): void => this.#onFlush()
  readonly #fire = (): void => this.#onTimer()

  constructor(endpoint: Endpoint, environment: Environment) {
    this.endpoint = endpoint
    this.environment = environment
    this.#now = environment.now()
    this.#timerGranularity = environment.timerGranularity
    // Named first, for the sake of garbage collection (`connection/restartable-tls.ts`).
    const onProgress = (): void => this.schedule()
    endpoint.onProgress = onProgress
  }

  /** The time, which never goes back. */
  now(): Time {
    this.#now = Math.max(this.#now, this.environment.now())
    return this.#now
  }

  /**
   * Receives from `transport` and sends to it from now on, for `user`; one that is attached already has one user more.
   * @throws where it has another receiver, or is closed
   */
  adopt(transport: DatagramTransport, user: object): void {
    const users = this.#transports.get(transport)
    if (users !== undefined) return void users.add(user)
    this.#transports.set(transport, new Set([user]))
    try {
      transport.open({
        datagram: (bytes, from, ecn, segmentSize) => this.#receive(transport, bytes, from, ecn ?? 0, segmentSize),
        drain: () => this.#onDrain(transport),
        closed: (error) => this.#onTransportClosed(transport, error),
      })
    } catch (error) {
      this.#transports.delete(transport)
      throw error
    }
  }

  /** `user` has no more use for it: with the last user it is closed. Harmless for what `user` did not adopt. */
  release(transport: DatagramTransport, user: object): void {
    const users = this.#transports.get(transport)
    if (users?.delete(user) !== true || users.size > 0) return
    // What is on its way out, such as the last word of the path, leaves before; unless somebody has found a use for it.
    this.afterFlush(() => {
      if (this.#transports.get(transport)?.size === 0) transport.close()
    })
  }

  #onTransportClosed(transport: DatagramTransport, error: Error | undefined): void {
    this.#transports.delete(transport)
    this.#full.delete(transport)
    const now = this.now()
    // Whose time was up before, ended for that reason: at two ends of a pipe it is up at the same moment.
    if (this.endpoint.nextTimeout() <= now) this.endpoint.onTimeout(now)
    this.endpoint.onCarrierClosed(transport, now, error)
    this.onClosed(transport)
    this.schedule()
  }

  #onDrain(transport: DatagramTransport): void {
    const rest = this.#full.get(transport)
    if (!this.#full.has(transport)) return
    if (rest !== undefined) {
      const sent = sendFrom(transport, rest.flight, rest.at)
      rest.at = sent < 0 ? rest.flight.bytes.length : sent
      if (sent >= 0) return
    }
    this.#full.delete(transport)
    this.endpoint.onCarrierDrained(transport)
    this.schedule()
  }

  /** Whether the transport is open. */
  has(transport: DatagramTransport): boolean {
    return this.#transports.has(transport)
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
      if (this.#flushQueued && this.#full.size === 0) return true
      task()
      return false
    })
    this.schedule()
  }

  /** Closes the transports. What lived on them ends with `carrier-closed`. */
  close(): void {
    for (const transport of [...this.#transports.keys()]) transport.close()
  }

  #receive(transport: DatagramTransport, bytes: Uint8Array, from: PathAddress, ecn: Ecn, segmentSize?: number): void {
    const now = this.#isInBurst ? this.#now : this.now()
    this.#isInBurst = true
    if (segmentSize === undefined || bytes.length <= segmentSize) {
      this.endpoint.receiveDatagram(bytes, from, transport, ecn, now)
    } else if (!this.endpoint.receiveTrain(bytes, segmentSize, from, transport, ecn, now)) {
      for (let at = 0; at < bytes.length; at += segmentSize) {
        this.endpoint.receiveDatagram(bytes.subarray(at, at + segmentSize), from, transport, ecn, now)
      }
    }
    this.schedule()
  }

  #onFlush(): void {
    this.#flushQueued = false
    this.#isInBurst = false
    const start = this.now()
    this.#followHost(start)
    // What has arrived is processed before a timer that is due; a flush may be the first to see that one is.
    if (this.endpoint.nextTimeout() <= start) this.endpoint.onTimeout(start)
    for (let flights = 0; ; flights++) {
      if (!this.#sendNext(this.now())) break
      if (flights === MAX_FLIGHTS || this.now() - start > MAX_FLUSH_TIME) {
        this.schedule()
        break
      }
    }
    try {
      this.#tell()
      for (const listener of this.#flushListeners) if (!listener()) this.#flushListeners.delete(listener)
    } finally {
      this.#arm()
    }
  }

  /** Tells the connections what the host's timers have come to: coarser, as those of a hidden page, or late by a sleep. */
  #followHost(now: Time): void {
    const { timerGranularity } = this.environment
    if (timerGranularity === this.#timerGranularity && this.#isAwake) return
    for (const connection of this.endpoint.connections()) {
      connection.setTimerGranularity(timerGranularity)
      if (!this.#isAwake) connection.onAwake(now)
      this.endpoint.wake(connection)
    }
    this.#timerGranularity = timerGranularity
    this.#isAwake = true
  }

  /** Sends one flight; `false`: there is none. */
  #sendNext(now: Time): boolean {
    const flight = this.endpoint.pollDatagram(now)
    if (flight === undefined) return false
    const transport = flight.via as DatagramTransport
    if (this.#transports.has(transport)) this.#send(transport, flight)
    return true
  }

  #send(transport: DatagramTransport, flight: OutgoingDatagram): void {
    const { bytes, segmentSize, to, ecn } = flight
    if (bytes.length <= segmentSize) {
      if (transport.send(bytes, to, ecn)) return
      this.#full.set(transport, undefined)
    } else if (transport.sendBatch !== undefined) {
      if (transport.sendBatch(bytes, segmentSize, to, ecn)) return
      this.#full.set(transport, undefined)
    } else {
      const sent = sendFrom(transport, flight, 0)
      if (sent < 0) return
      this.#full.set(transport, sent < bytes.length ? { flight: { ...flight }, at: sent } : undefined)
    }
    this.endpoint.onCarrierFull()
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
    this.#isAwake &&= this.now() - this.#timerAt <= SLEEP
    this.#timerAt = NEVER
    // The flush comes after the datagrams that wait in the same turn: they are heard before a timer is believed.
    this.schedule()
  }

  /** One host timer for all. A timer that fires too early costs less than setting it anew for every packet. */
  #arm(): void {
    const next = this.endpoint.nextTimeout()
    // A timer that nobody waits for would keep a process alive.
    if (next === NEVER) return this.#disarm()
    const now = this.now()
    // One that is overdue may be lost, with the request of a Worker that set it.
    if (next >= this.#timerAt && now <= this.#timerAt) return
    // A wait far too short for a timer, as the pacer's, is spent in turns, as long as the clock moves.
    const wait = Math.min(this.environment.timerGranularity, MAX_SPIN) * SPIN_SHARE
    if (next <= now + wait && now !== this.#spunAt) {
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

/** Sends the datagrams of a flight from `at` on; -1: all of them, else where the next one begins once the transport drains. */
function sendFrom(transport: DatagramTransport, { bytes, segmentSize, to, ecn }: OutgoingDatagram, at: number): number {
  for (let start = at; start < bytes.length; start += segmentSize) {
    const end = Math.min(start + segmentSize, bytes.length)
    if (!transport.send(bytes.subarray(start, end), to, ecn)) return end
  }
  return -1
}
