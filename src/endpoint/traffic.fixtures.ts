/**
 * Applications for both ends of a {@link Pair}: streams whose bytes tell where they belong, so that a byte that is lost,
 * doubled, moved or changed is found; and runs of virtual time after each step of which the books must balance.
 */
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { Stream } from '../streams/stream.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import type { Endpoint } from './endpoint.ts'
import type { Pair, Side } from './test-pair.fixtures.ts'

/** Bytes at the beginning of a stream that say how many bytes the answer is to have. */
const HEADER = 4

/** Bytes of one call of `write`. */
const CHUNK = 16_384

/** One direction of one stream, at its receiver. */
export interface Arrival {
  readonly stream: Stream
  /** Bytes that were right. */
  length: number
  /** Bytes that the sender announced for the answer. */
  answer: number
  isComplete: boolean
  resetCode: bigint | undefined
}

interface Departure {
  readonly stream: Stream
  readonly connection: Connection
  readonly total: number
  readonly answer: number
  written: number
}

/** The byte at `offset` of the stream `id`, sent by the side whose `salt` it is. */
export function patternAt(id: number, offset: number, salt: number): number {
  return (offset * 31 + (offset >> 8) * 17 + (offset >> 16) * 7 + id * 13 + salt) & 0xff
}

/** What is needed of an end of a pair, whichever kind of pair it is. */
interface TrafficSide {
  readonly name: 'client' | 'server'
  readonly endpoint: Pick<Endpoint, 'wake'>
  readonly connections: readonly Connection[]
}

/** What is needed of a pair. */
interface TrafficPair {
  readonly client: TrafficSide
  readonly server: TrafficSide
  onEvent(side: TrafficSide, connection: Connection, event: ConnectionEvent): void
}

/** What applications at both ends send and receive. */
export class Traffic {
  readonly pair: TrafficPair
  /** By side, then in the order of arrival. */
  readonly arrivals: Record<Side['name'], Map<Stream, Arrival>> = { client: new Map(), server: new Map() }
  /** `false`: what arrives stays unread. */
  reads = true
  /** Bytes of one call of `read`. */
  readSize = 16_384
  readonly #departures = new Map<Stream, Departure>()
  readonly #chunk = new Uint8Array(CHUNK)
  #into = new Uint8Array(0)

  constructor(pair: TrafficPair) {
    this.pair = pair
    pair.onEvent = (side, connection, event) => this.#onEvent(side, connection, event)
  }

  /**
   * Sends `total` bytes from the end of `connection`, and has the other end answer with `answer` bytes (on a stream for both
   * directions). `undefined`: the peer's limit does not allow another stream.
   */
  send(connection: Connection, direction: StreamDirection, total: number, answer = 0): Stream | undefined {
    const stream = connection.streams.open(direction)
    if (stream === undefined) return undefined
    this.#depart(connection, stream, Math.max(total, HEADER), answer)
    this.pair[connection.role].endpoint.wake(connection)
    return stream
  }

  /** Reads what was left unread. */
  readAll(name: Side['name']): void {
    this.reads = true
    const side = this.pair[name]
    for (const connection of side.connections) {
      for (const stream of [...connection.streams.values()]) this.#read(side, connection, stream)
      side.endpoint.wake(connection)
    }
  }

  /** Bytes that arrived at one end, on all streams. */
  received(name: Side['name']): number {
    let bytes = 0
    for (const { length } of this.arrivals[name].values()) bytes += length
    return bytes
  }

  /** Streams that arrived at one end whole. */
  completed(name: Side['name']): number {
    let count = 0
    for (const { isComplete } of this.arrivals[name].values()) if (isComplete) count += 1
    return count
  }

  #onEvent(side: TrafficSide, connection: Connection, event: ConnectionEvent): void {
    if (event.type === 'stream-opened') this.#arrivalOf(side, event.stream)
    if (event.type === 'stream-writable') this.#write(event.stream)
    if (event.type === 'stream-reset') this.#arrivalOf(side, event.stream).resetCode = event.code
    if (event.type === 'stream-readable' && this.reads) this.#read(side, connection, event.stream)
  }

  #arrivalOf(side: TrafficSide, stream: Stream): Arrival {
    const arrivals = this.arrivals[side.name]
    const known = arrivals.get(stream)
    if (known !== undefined) return known
    const arrival: Arrival = { stream, length: 0, answer: 0, isComplete: false, resetCode: undefined }
    arrivals.set(stream, arrival)
    return arrival
  }

  #depart(connection: Connection, stream: Stream, total: number, answer: number): void {
    this.#departures.set(stream, { stream, connection, total, answer, written: 0 })
    this.#write(stream)
  }

  #write(stream: Stream): void {
    const departure = this.#departures.get(stream)
    if (departure === undefined || stream.send === undefined) return
    if (!stream.send.isWritable) return void this.#departures.delete(stream)
    const salt = departure.connection.role === 'client' ? 1 : 2
    while (departure.written < departure.total) {
      const length = Math.min(CHUNK, departure.total - departure.written)
      for (let at = 0; at < length; at++) {
        const offset = departure.written + at
        this.#chunk[at] =
          offset < HEADER ? (departure.answer >>> (24 - 8 * offset)) & 0xff : patternAt(stream.id, offset, salt)
      }
      const taken = stream.send.write(this.#chunk.subarray(0, length))
      departure.written += taken
      if (taken < length) return
    }
    stream.send.finish()
    this.#departures.delete(stream)
  }

  #read(side: TrafficSide, connection: Connection, stream: Stream): void {
    const { receive } = stream
    if (receive === undefined || receive.resetCode !== undefined || receive.isStopped) return
    if (this.#into.length !== this.readSize) this.#into = new Uint8Array(this.readSize)
    const arrival = this.#arrivalOf(side, stream)
    for (let count = receive.read(this.#into); count !== 0; count = receive.read(this.#into)) {
      if (count < 0) {
        arrival.isComplete = true
        if (stream.isLocal || stream.send === undefined) return
        return this.#depart(connection, stream, Math.max(arrival.answer, HEADER), 0)
      }
      this.#check(arrival, this.#into.subarray(0, count), connection.role === 'client' ? 2 : 1)
    }
  }

  #check(arrival: Arrival, bytes: Uint8Array, salt: number): void {
    const { id } = arrival.stream
    for (let at = 0; at < bytes.length; at++) {
      const offset = arrival.length + at
      const byte = bytes[at] ?? 0
      if (offset < HEADER) arrival.answer = arrival.answer * 256 + byte
      else if (byte !== patternAt(id, offset, salt)) throw new Error(`Stream ${id} has a wrong byte at ${offset}`)
    }
    arrival.length += bytes.length
  }
}

/**
 * Runs the pair like {@link Pair.run}, and checks every connection after every step; `done` may call into connections that it
 * wakes. Whether `done` came true.
 */
export function runChecked(pair: Pair, done: () => boolean = () => false, limit = 600_000): boolean {
  let isDone = false
  pair.run(() => {
    checkAll(pair)
    isDone = done()
    if (!isDone) pair.settle()
    return isDone
  }, limit)
  return isDone || done()
}

/** @throws Error where the books of a connection do not balance */
export function checkAll(pair: Pair): void {
  for (const side of [pair.client, pair.server]) {
    for (const connection of side.endpoint.connections()) connection.checkInvariants()
  }
}

/**
 * The seeds of one test: `count` of them, or as many as the environment variable ISOQUIC_SEEDS says where there are such
 * variables; ISOQUIC_SEED is the only one to run.
 */
export function seeds(count: number): readonly number[] {
  const host = globalThis as { readonly process?: { readonly env?: Readonly<Record<string, string | undefined>> } }
  const variables = host.process?.env ?? {}
  const one = variables['ISOQUIC_SEED']
  if (one !== undefined) return [Number(one)]
  const wanted = Number(variables['ISOQUIC_SEEDS'] ?? count)
  return Array.from({ length: wanted }, (_, index) => index + 1)
}

/** Runs `body` for each seed; a failure names its seed. */
export function forSeeds(count: number, body: (seed: number) => void): void {
  for (const seed of seeds(count)) {
    try {
      body(seed)
    } catch (error) {
      throw new Error(`With ISOQUIC_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      })
    }
  }
}
