/** Plain requests on connections that another layer has, such as WebTransport: answered as `serve` answers them. */
import type { Environment } from '../../environment.ts'
import type { Http3Event } from '../../http3/events.ts'
import type { QuicError } from '../errors.ts'
import { type Deferred, deferred } from '../signal.ts'
import { DateField } from './date-field.ts'
import { type ExchangeSession, Exchanges } from './exchanges.ts'
import type { Handler, ServeOptions } from './serve-options.ts'
import { ServerExchange } from './server-exchange.ts'

/** A handler, and what it has under way. */
export class RequestsBeside {
  readonly #handler: Handler
  readonly #onError: ServeOptions['onError']
  readonly #date: DateField
  readonly #exchanges = new Map<ExchangeSession, Exchanges>()
  readonly #tasks = new Set<Promise<unknown>>()
  #idle: Deferred<void> | undefined

  constructor(handler: Handler, onError: ServeOptions['onError'], environment: Environment) {
    this.#handler = handler
    this.#onError = onError
    this.#date = new DateField(() => environment.wallClock())
  }

  /** Requests under way. */
  get size(): number {
    let sum = 0
    for (const { size } of this.#exchanges.values()) sum += size
    return sum
  }

  /** Takes an event of HTTP/3 that is of no concern to the layer. */
  onHttp3Event(event: Http3Event, session: ExchangeSession): void {
    const exchanges = this.#of(session)
    if (exchanges.tell(event)) return this.#settle()
    if (event.type !== 'request') return
    const exchange = new ServerExchange(event.stream, event.head, session, {
      handler: this.#handler,
      options: { onError: this.#onError },
      date: () => this.#date.value,
      waitUntil: (task) => this.#waitUntil(task),
    })
    exchanges.adopt(event.stream, exchange)
    exchange.begin()
  }

  /** The connection is over. */
  onEnd(session: ExchangeSession, error: QuicError): void {
    this.#exchanges.get(session)?.end(error)
    this.#exchanges.delete(session)
    this.#settle()
  }

  /** Fulfils when all answers have arrived, and what `waitUntil` was given is over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#tasks)
    if (this.size === 0) return
    this.#idle ??= deferred<void>()
    await this.#idle.promise
  }

  #settle(): void {
    if (this.size > 0) return
    this.#idle?.resolve()
    this.#idle = undefined
  }

  #of(session: ExchangeSession): Exchanges {
    const known = this.#exchanges.get(session)
    if (known !== undefined) return known
    const made = new Exchanges()
    this.#exchanges.set(session, made)
    return made
  }

  #waitUntil(task: Promise<unknown>): void {
    this.#tasks.add(task)
    const forget = (): void => void this.#tasks.delete(task)
    task.then(forget, forget)
  }
}
