/** HTTP/3 on a `QuicConnection`: drives the sans-IO core below, and hands what it tells to whoever has the stream. */
import type { ConnectionEvent } from '../../connection/events.ts'
import { Http3Connection } from '../../http3/connection.ts'
import type { Http3Event } from '../../http3/events.ts'
import type { Http3Options } from '../../http3/options.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { QuicConnection } from '../connection.ts'
import type { QuicCloseInfo, QuicError } from '../errors.ts'
import type { ProtocolLayer, TakenConnection } from '../takeover.ts'
import { type Exchange, type ExchangeSession, Exchanges } from './exchanges.ts'

/** Hears what no exchange hears. */
export interface SessionHost {
  /** The core is there: requests may be made, or come. */
  onStart?(session: Http3Session): void
  /** `request` of a server, to be {@link Http3Session.adopt}ed, and all that is of no stream that was. */
  onHttp3Event(event: Http3Event, session: Http3Session): void
  /** The last exchange is over. */
  onIdle?(session: Http3Session): void
  /** The connection is over; exchanges have heard. */
  onEnd(error: QuicError, info: QuicCloseInfo | undefined, session: Http3Session): void
}

/** HTTP/3 on one connection, of either role. */
export class Http3Session implements ProtocolLayer, ExchangeSession {
  readonly connection: QuicConnection
  readonly #options: Http3Options
  readonly #host: SessionHost
  readonly #exchanges = new Exchanges()
  #core: Http3Connection | undefined
  #taken: TakenConnection | undefined
  #isDraining = false
  #isOver = false

  /** Takes `connection` over. @throws InvalidStateError where somebody has */
  constructor(connection: QuicConnection, options: Http3Options, host: SessionHost) {
    this.connection = connection
    this.#options = options
    this.#host = host
    connection.takeOver(this)
  }

  /** The core; `undefined` until the address is known. */
  get core(): Http3Connection | undefined {
    return this.#core
  }

  /** The layer below; `undefined` until the address is known. */
  get taken(): TakenConnection | undefined {
    return this.#taken
  }

  /** Whether the connection is over. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Streams that have an exchange. */
  get size(): number {
    return this.#exchanges.size
  }

  /** Events of the stream go to `exchange` from now on, until both halves are over. */
  adopt(stream: RequestStream, exchange: Exchange): void {
    this.#exchanges.adopt(stream, exchange)
  }

  /** The application has called into the core: what it left is sent, and what it has to tell is told. */
  touch(): void {
    this.#taken?.wake()
    this.#drain()
  }

  onStart(taken: TakenConnection): void {
    this.#taken = taken
    this.#core = new Http3Connection(taken.connection, taken.environment.random, this.#options)
    this.#core.start(taken.now())
    this.#host.onStart?.(this)
    this.touch()
  }

  onConnectionEvent(event: ConnectionEvent): boolean {
    if (this.#core === undefined || this.#taken === undefined) return false
    const isOwn = this.#core.receiveEvent(event, this.#taken.now())
    this.touch()
    return isOwn
  }

  onEnd(error: QuicError, info: QuicCloseInfo | undefined): void {
    this.#isOver = true
    this.#exchanges.end(error)
    this.#host.onEnd(error, info, this)
  }

  #drain(): void {
    const core = this.#core
    // What an exchange does in answer is told by the loop that runs.
    if (core === undefined || this.#isDraining) return
    this.#isDraining = true
    try {
      for (let event = core.pollEvent(); event !== undefined; event = core.pollEvent()) this.#tell(event)
    } finally {
      this.#isDraining = false
    }
  }

  #tell(event: Http3Event): void {
    if (this.#isOver) return
    if (!this.#exchanges.tell(event)) return this.#host.onHttp3Event(event, this)
    if (event.type === 'ended' && this.#exchanges.size === 0) this.#host.onIdle?.(this)
  }
}
