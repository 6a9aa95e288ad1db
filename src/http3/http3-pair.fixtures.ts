/** Two HTTP/3 connections with a network between them, in virtual time, for tests. */
import type { ConnectionOptions } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import { Pair, type PairOptions, type Side, TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { Http3Connection } from './connection.ts'
import type { Http3Event } from './events.ts'
import type { Field } from './field.ts'
import type { Http3Options } from './options.ts'
import type { RequestStream } from './request-stream.ts'

/** What a pair is made of. */
export interface Http3PairOptions {
  readonly pair?: PairOptions
  readonly client?: Http3Options
  readonly server?: Http3Options
  /** What the client goes on from, with early data. */
  readonly session?: StoredSession
}

const TRANSPORT: ConnectionOptions = { maxDatagramFrameSize: 65_535 }

/** The event that has this type, maybe beside others. */
export type EventOf<T extends Http3Event['type'], E extends Http3Event = Http3Event> = E extends unknown
  ? T extends E['type']
    ? E
    : never
  : never

/** One end: its connection, and all that it told. */
export class Http3Side {
  readonly http3: Http3Connection
  readonly events: Http3Event[] = []

  constructor(connection: Connection, options: Http3Options, seed: number) {
    this.http3 = new Http3Connection(connection, new TestRandom(seed), options)
  }

  /** The events of one type. */
  of<T extends Http3Event['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type)
  }
}

/** Two ends; the server's comes to be with its connection. */
export class Http3Pair {
  readonly pair: Pair
  readonly #options: Http3PairOptions
  readonly #sides = new Map<Connection, Http3Side>()
  /** Called for each event; for applications that answer at once. */
  onEvent: (side: Http3Side, event: Http3Event) => void = () => {}
  client: Http3Side
  #server: Http3Side | undefined

  constructor(options: Http3PairOptions = {}) {
    this.#options = options
    const { pair = {} } = options
    this.pair = new Pair({
      ...pair,
      client: { ...TRANSPORT, ...pair.client },
      server: { ...TRANSPORT, ...pair.server },
    })
    this.pair.onEvent = (side, connection, event) => {
      const http3 = this.#sideOf(side, connection)
      http3.http3.receiveEvent(event, this.pair.now)
      this.#tell(http3)
    }
    this.client = this.#begin(
      this.pair.connect(options.session && { session: options.session }),
      options.client ?? {},
      11,
    )
  }

  /** @throws Error before the server has heard of the client */
  get server(): Http3Side {
    if (this.#server === undefined) throw new Error('There is no server connection yet')
    return this.#server
  }

  /** Runs until both sides have the other's settings. */
  ready(): this {
    this.pair.run(() => this.client.of('settings').length > 0 && this.#server?.of('settings').length === 1)
    return this
  }

  /** Runs until `done`, or until nothing is left to happen. */
  run(done: () => boolean = () => false, limit?: number): void {
    this.#flush()
    this.pair.run(() => {
      this.#flush()
      return done()
    }, limit)
    this.#flush()
  }

  /** Asks, with no content unless there is more to come. @throws Error at the limit */
  get(path: string, fields: readonly Field[] = [], end = true): RequestStream {
    const request = this.client.http3.request([...requestTo(path), ...fields], { end })
    if (request === undefined) throw new Error('No request for now')
    return request
  }

  /** Tells what was caused by calls, and lets it be sent. */
  #flush(): void {
    for (const [connection, side] of this.#sides) {
      this.#tell(side)
      const { endpoint } = side.http3.role === 'client' ? this.pair.client : this.pair.server
      endpoint.wake(connection)
    }
    this.pair.settle()
  }

  #tell(side: Http3Side): void {
    for (let event = side.http3.pollEvent(); event !== undefined; event = side.http3.pollEvent()) {
      side.events.push(event)
      this.onEvent(side, event)
    }
  }

  #sideOf(side: Side, connection: Connection): Http3Side {
    const known = this.#sides.get(connection)
    if (known !== undefined) return known
    if (side.name === 'client') return this.#begin(connection, this.#options.client ?? {}, 11)
    this.#server = this.#begin(connection, this.#options.server ?? {}, 12)
    return this.#server
  }

  #begin(connection: Connection, options: Http3Options, seed: number): Http3Side {
    const side = new Http3Side(connection, options, seed)
    this.#sides.set(connection, side)
    side.http3.start(this.pair.now)
    return side
  }
}

/** The pseudo fields of a GET. */
export function requestTo(path: string, method = 'GET'): Field[] {
  return [
    { name: ':method', value: method },
    { name: ':scheme', value: 'https' },
    { name: ':authority', value: 'localhost' },
    { name: ':path', value: path },
  ]
}

/** Reads all that has come of the content; whether that was the end. */
export function readAll(stream: RequestStream, into: number[]): boolean {
  const chunk = new Uint8Array(1_000)
  for (let length = stream.readBody(chunk); length !== 0; length = stream.readBody(chunk)) {
    if (length < 0) return true
    for (const byte of chunk.subarray(0, length)) into.push(byte)
  }
  return false
}
