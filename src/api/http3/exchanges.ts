/** The request streams of one connection that somebody has, and the way of each event to them. */
import type { Http3Event } from '../../http3/events.ts'
import type { RequestStream } from '../../http3/request-stream.ts'
import type { QuicConnection } from '../connection.ts'
import type { QuicError } from '../errors.ts'
import type { TakenConnection } from '../takeover.ts'

/** An event about one request stream. */
export type StreamFact = Extract<Http3Event, { stream: RequestStream }>

/** Has a request stream. */
export interface Exchange {
  onFact(fact: StreamFact): void
  /** The connection is over, before the stream was. */
  onEnd(error: QuicError): void
}

/** What an exchange needs of the HTTP/3 below it. */
export interface ExchangeSession {
  readonly connection: QuicConnection
  /** The layer below; `undefined` until the address is known. */
  readonly taken: TakenConnection | undefined
  /** The application has called into the core: what it left is sent, and what it has to tell is told. */
  touch(): void
}

/** Exchanges by their streams. */
export class Exchanges {
  readonly #exchanges = new Map<RequestStream, Exchange>()

  /** Streams that have an exchange. */
  get size(): number {
    return this.#exchanges.size
  }

  /** Events of the stream go to `exchange` from now on, until both halves are over. */
  adopt(stream: RequestStream, exchange: Exchange): void {
    if (!stream.hasEnded) this.#exchanges.set(stream, exchange)
  }

  /** Tells whoever has the stream of the event; `false`: nobody has. */
  tell(event: Http3Event): boolean {
    if (!('stream' in event) || event.type === 'session-stream') return false
    const exchange = this.#exchanges.get(event.stream)
    if (exchange === undefined) return false
    exchange.onFact(event)
    if (event.type === 'ended') this.#exchanges.delete(event.stream)
    return true
  }

  /** The connection is over. */
  end(error: QuicError): void {
    const exchanges = [...this.#exchanges.values()]
    this.#exchanges.clear()
    for (const exchange of exchanges) exchange.onEnd(error)
  }
}
