/** `fetch` over HTTP/3. */
import { Http3Client } from './client.ts'
import type { Http3ClientOptions } from './client-options.ts'
import type { FetchInit, FetchInput } from './outgoing-request.ts'

/** `fetch` with connections of its own. */
export interface Http3Fetch extends AsyncDisposable {
  (input: FetchInput, init?: FetchInit): Promise<Response>
  /** Its connections, and what else it knows. */
  readonly client: Http3Client
  /** Closes the connections, so that a process can end; what is under way fails. */
  close(): Promise<void>
}

/**
 * Makes a `fetch` with options and connections of its own.
 *
 * @throws TypeError, RangeError for wrong options
 * @example
 * ```ts
 * import { createFetch } from 'isoquic/http3'
 *
 * await using fetch = createFetch({ maxIdleTimeout: 5_000 })
 * const response = await fetch('https://cloudflare-quic.com/')
 * console.log(response.status, await response.text())
 * ```
 */
export function createFetch(options: Http3ClientOptions = {}): Http3Fetch {
  const client = new Http3Client(options)
  const close = (): Promise<void> => client.close()
  const call = (input: FetchInput, init?: FetchInit): Promise<Response> => client.fetch(input, init)
  return Object.assign(call, { client, close, [Symbol.asyncDispose]: close })
}

let shared: Http3Client | undefined

/** The client of {@link fetch}, made when it is first asked for. `close` ends its connections, so that a process can end; the next call makes another. */
export function sharedClient(): Http3Client {
  if (shared === undefined || shared.isClosed) shared = new Http3Client()
  return shared
}

/**
 * As `fetch` of the Fetch standard, over HTTP/3 and UDP. Connections are kept for ten seconds after the last request.
 *
 * @throws (rejects with) `TypeError`, whose `cause` is a `QuicError` where the network or the server is at fault; the signal's reason.
 * @example
 * ```ts
 * import { fetch } from 'isoquic/http3'
 *
 * const response = await fetch('https://cloudflare-quic.com/')
 * console.log(response.status, await response.text())
 * ```
 */
export function fetch(input: FetchInput, init?: FetchInit): Promise<Response> {
  return sharedClient().fetch(input, init)
}
