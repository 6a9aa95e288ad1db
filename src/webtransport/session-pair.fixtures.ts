/** Two ends of a connection that speak WebTransport, with a network between them, in virtual time, for tests. */
import type { PairOptions } from '../endpoint/test-pair.fixtures.ts'
import { Http3Pair, type Http3Side } from '../http3/http3-pair.fixtures.ts'
import type { Http3Options } from '../http3/options.ts'
import type { SessionEvent } from './events.ts'
import { type WebTransportSettings, webTransportHttp3Options } from './negotiation.ts'
import type { Session } from './session.ts'
import type { SessionRequest } from './session-fields.ts'
import type { SessionStream } from './session-streams.ts'
import { WebTransportSessions } from './sessions.ts'

/** What a pair is made of. */
export interface SessionPairOptions {
  readonly client?: WebTransportSettings
  readonly server?: WebTransportSettings
  readonly pair?: PairOptions
  /** Beside what WebTransport asks for. */
  readonly clientHttp3?: Http3Options
  readonly serverHttp3?: Http3Options
}

/** One end, and all that it told. */
export class SessionSide {
  readonly http3: Http3Side
  readonly sessions: WebTransportSessions
  readonly events: SessionEvent[] = []

  constructor(http3: Http3Side, settings: WebTransportSettings) {
    this.http3 = http3
    this.sessions = new WebTransportSessions(http3.http3, settings)
  }

  /** The events of one type. */
  of<T extends SessionEvent['type']>(type: T): (SessionEvent & { type: T })[] {
    return this.events.filter((event): event is SessionEvent & { type: T } => event.type === type)
  }

  /** The last session that was asked for. @throws Error where there is none */
  get session(): Session {
    const request = this.of('request').at(-1)
    if (request === undefined) throw new Error('No session was asked for')
    return request.session
  }

  /** The streams that the peer has opened. */
  get streams(): SessionStream[] {
    return this.of('stream').map(({ stream }) => stream)
  }
}

/** Two ends. */
export class SessionPair {
  readonly http3: Http3Pair
  readonly client: SessionSide
  #server: SessionSide | undefined
  readonly #serverSettings: WebTransportSettings
  /** Called for each event; for applications that answer at once. */
  onEvent: (side: SessionSide, event: SessionEvent) => void = () => {}

  constructor(options: SessionPairOptions = {}) {
    const { client = {}, server = {}, pair, clientHttp3, serverHttp3 } = options
    this.#serverSettings = server
    this.http3 = new Http3Pair({
      ...(pair && { pair }),
      client: { ...webTransportHttp3Options('client', client), grease: false, ...clientHttp3 },
      server: { ...webTransportHttp3Options('server', server), grease: false, ...serverHttp3 },
    })
    this.client = new SessionSide(this.http3.client, client)
    const { pair: below } = this.http3
    const { onEvent } = below
    below.onEvent = (side, connection, event) => {
      onEvent(side, connection, event)
      const here = side.name === 'client' ? this.client : this.server
      here.sessions.receiveConnectionEvent(event, this.now)
      this.#tell(here)
    }
    this.http3.onEvent = (side, event) => {
      const here = side === this.http3.client ? this.client : this.server
      here.sessions.receiveEvent(event, this.now)
      this.#tell(here)
    }
  }

  /** Whether the server has heard of the client. */
  get hasServer(): boolean {
    return this.#server !== undefined
  }

  get now(): number {
    return this.http3.pair.now
  }

  /** @throws Error before the server has heard of the client */
  get server(): SessionSide {
    this.#server ??= new SessionSide(this.http3.server, this.#serverSettings)
    return this.#server
  }

  /** Runs until both sides know which draft they speak. */
  ready(): this {
    this.run(() => this.client.sessions.draft !== undefined && this.server.sessions.draft !== undefined)
    return this
  }

  /** Runs until `done`, or until nothing is left to happen, or for `limit` ms of virtual time. */
  run(done: () => boolean = () => false, limit = 5000): void {
    this.#flush()
    this.http3.run(() => {
      this.#flush()
      return done()
    }, limit)
    this.#flush()
  }

  /** Lets `ms` pass, in which timers fall due. */
  pass(ms: number): void {
    const end = this.now + ms
    this.run(() => this.now >= end, ms)
    this.http3.pair.now = Math.max(this.now, end)
    this.#flush()
    this.run(undefined, 200)
  }

  /** A session that is open on both sides. */
  open(request: Partial<SessionRequest> = {}): { readonly client: Session; readonly server: Session } {
    const client = this.client.sessions.open({ authority: 'localhost', path: '/', ...request }, this.now)
    const asked = this.server.of('request').length
    this.run(() => this.server.of('request').length > asked || client.state === 'closed')
    if (client.end !== undefined) throw new Error(`No session: ${stringify(client.end)}`)
    const { session: server } = this.server
    server.accept({}, this.now)
    this.run(() => client.state !== 'connecting')
    return { client, server }
  }

  #flush(): void {
    for (const side of this.#server === undefined ? [this.client] : [this.client, this.#server]) {
      if (side.sessions.nextTimeout() <= this.now) side.sessions.onTimeout(this.now)
      this.#tell(side)
    }
  }

  #tell(side: SessionSide): void {
    for (let event = side.sessions.pollEvent(); event !== undefined; event = side.sessions.pollEvent()) {
      side.events.push(event)
      this.onEvent(side, event)
    }
  }
}

/** Opens a stream. @throws Error at a limit */
export function openStream(
  session: Session,
  direction: 'bidirectional' | 'unidirectional',
  now: number,
): SessionStream {
  const stream = session.openStream(direction, now)
  if (stream === undefined) throw new Error('No stream for now')
  return stream
}

/** All that can be read of a stream now; and whether that was its end. */
export function readAll(stream: SessionStream | undefined): { readonly bytes: number[]; readonly isEnd: boolean } {
  const bytes: number[] = []
  const chunk = new Uint8Array(65_536)
  for (;;) {
    const length = stream?.receive?.read(chunk) ?? 0
    if (length <= 0) return { bytes, isEnd: length < 0 }
    for (const byte of chunk.subarray(0, length)) bytes.push(byte)
  }
}

function stringify(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `0x${each.toString(16)}` : each))
}
