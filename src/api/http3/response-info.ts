/** What is known of a response beside what the Fetch standard has. */
import type { RequestStream } from '../../http3/request-stream.ts'
import type { StreamPriority } from '../../streams/scheduler.ts'
import type { QuicConnection } from '../connection.ts'
import { AwaitedTrailers } from './awaited-trailers.ts'

/** Facts about a response of our `fetch`. */
export class ResponseInfo {
  /** The connection that it came on. Its streams belong to HTTP/3. */
  readonly connection: QuicConnection
  /** Whether the request was sent in early data. */
  readonly isEarly: boolean
  readonly #stream: RequestStream
  readonly #touch: () => void
  /** @internal */
  readonly awaitedTrailers: AwaitedTrailers = new AwaitedTrailers()

  /** @internal */
  constructor(stream: RequestStream, connection: QuicConnection, isEarly: boolean, touch: () => void) {
    this.#stream = stream
    this.connection = connection
    this.isEarly = isEarly
    this.#touch = touch
  }

  /** The number of the stream, as logs have it. */
  get streamId(): number {
    return this.#stream.id
  }

  /** The trailers, empty where there are none; once the body was read. Rejects if that comes to nothing. */
  get trailers(): Promise<Headers> {
    return this.awaitedTrailers.promise
  }

  /** How it competes with other responses (RFC 9218); the server is told of what is set. */
  get priority(): StreamPriority {
    return this.#stream.priority
  }

  /** @throws RangeError for an urgency that is no integer from 0 to 7 */
  set priority(priority: StreamPriority) {
    this.#stream.priority = priority
    this.#touch()
  }
}

const INFOS = /* @__PURE__ */ new WeakMap<Response, ResponseInfo>()

/** What is known of a response of our `fetch`; `undefined` for any other. */
export function responseInfo(response: Response): ResponseInfo | undefined {
  return INFOS.get(response)
}

/** @internal */
export function keepResponseInfo(response: Response, info: ResponseInfo): void {
  INFOS.set(response, info)
}
