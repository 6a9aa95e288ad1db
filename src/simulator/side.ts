/** One end of a {@link Pair}: an endpoint without promises, its ports, and what it told. */
import { NEVER, type Time } from '../base/time.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { Endpoint } from '../endpoint/endpoint.ts'
import type { IncomingConnection } from '../endpoint/incoming-connection.ts'
import type { Ecn, PathAddress } from '../transport.ts'
import type { Role } from '../wire/stream-id.ts'
import type { Port, PortSink } from './port.ts'

/** Who hears what an end tells. */
export interface SideListener {
  onIncoming(side: Side, incoming: IncomingConnection): void
  onConnectionEvent(side: Side, connection: Connection, event: ConnectionEvent): void
}

/** What an event looked like. */
export interface RecordedEvent {
  readonly connection: Connection
  readonly event: ConnectionEvent
}

/** One end of a pair. */
export class Side implements PortSink {
  readonly name: Role
  readonly endpoint: Endpoint
  /** The first is used unless something else is said. */
  readonly ports: Port[] = []
  /** Everything that the endpoint told, in order, while {@link records}. */
  readonly events: RecordedEvent[] = []
  readonly connections: Connection[] = []
  /** Whether events are kept. */
  records = true
  /** ms: timers fire at multiples of it, as in a hidden page; 0: in time. */
  timerGrid = 0
  /** ms: the clock of this end shows multiples of it and stands still between them; 0: it runs. */
  clockGrid = 0
  readonly #listener: SideListener
  #isBusy = true
  readonly #blocked = new Set<Port>()

  constructor(name: Role, endpoint: Endpoint, listener: SideListener) {
    this.name = name
    this.endpoint = endpoint
    this.#listener = listener
  }

  /** The port that is used unless something else is said. */
  get port(): Port {
    const [first] = this.ports
    if (first === undefined) throw new Error(`The ${this.name} has no port`)
    return first
  }

  /** The address under which the world knows this end. */
  get address(): PathAddress {
    return this.port.address
  }

  /** The events of one type, of all connections. */
  of<T extends ConnectionEvent['type']>(type: T): Extract<ConnectionEvent, { type: T }>[] {
    const found: Extract<ConnectionEvent, { type: T }>[] = []
    for (const { event } of this.events) {
      if (event.type === type) found.push(event as Extract<ConnectionEvent, { type: T }>)
    }
    return found
  }

  /** When a timer of this end fires. */
  nextTimeout(): Time {
    const next = this.endpoint.nextTimeout()
    return next === NEVER ? next : nextOn(this.clockGrid, nextOn(this.timerGrid, next))
  }

  /** What the clock of this end shows at `now`. */
  clockAt(now: Time): Time {
    return this.clockGrid === 0 ? now : Math.floor(now / this.clockGrid) * this.clockGrid
  }

  /** Runs the timers that are due. */
  runTimers(now: Time): void {
    if (this.nextTimeout() > now) return
    this.#isBusy = true
    this.endpoint.onTimeout(this.clockAt(now))
  }

  /** Something has happened to this end: it wants to be polled. */
  wake(connection?: Connection): void {
    this.#isBusy = true
    if (connection !== undefined) this.endpoint.wake(connection)
  }

  /** Sends what there is to send and tells what there is to tell. Whether there was any. */
  drain(at: Time): boolean {
    if (!this.#isBusy) return false
    const now = this.clockAt(at)
    this.#isBusy = false
    const { endpoint } = this
    let isActive = false
    while (this.#blocked.size === 0) {
      const flight = endpoint.pollDatagram(now)
      if (flight === undefined) break
      isActive = true
      const { bytes, segmentSize, to, ecn } = flight
      const port = flight.via as Port
      let hasRoom = true
      for (let at = 0; at < bytes.length; at += segmentSize) {
        const isWhole = at === 0 && bytes.length <= segmentSize
        const datagram = isWhole ? bytes : bytes.subarray(at, Math.min(at + segmentSize, bytes.length))
        hasRoom = port.send(datagram, to, ecn)
      }
      if (!hasRoom) this.#blocked.add(port)
    }
    if (this.#blocked.size > 0) endpoint.processReceived(now)
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      isActive = true
      this.#isBusy = true
      if (event.type === 'incoming') {
        this.#listener.onIncoming(this, event.incoming)
        continue
      }
      if (this.records) this.events.push(event)
      this.#listener.onConnectionEvent(this, event.connection, event.event)
      endpoint.wake(event.connection)
    }
    return isActive
  }

  onDatagram(port: Port, bytes: Uint8Array, from: PathAddress, ecn: Ecn, now: Time): void {
    this.#isBusy = true
    this.endpoint.receiveDatagram(bytes, from, port, ecn, this.clockAt(now))
  }

  onDrain(port: Port): void {
    this.#blocked.delete(port)
    this.#isBusy = true
  }

  /** The carrier at `port` is gone, and what lived on it. */
  closePort(port: Port, now: Time, cause?: unknown): void {
    const at = this.ports.indexOf(port)
    if (at >= 0) this.ports.splice(at, 1)
    this.#blocked.delete(port)
    port.close()
    this.#isBusy = true
    this.endpoint.onCarrierClosed(port, this.clockAt(now), cause)
  }
}

/** The first point of a grid that is not before `time`. */
function nextOn(grid: number, time: Time): Time {
  return grid === 0 ? time : Math.ceil(time / grid) * grid
}
