/** How requests fail. */

/** What one attempt at a request came to. */
export class AttemptError extends Error {
  override readonly name = 'AttemptError'
  override readonly cause: unknown
  /** Whether the server has surely done nothing for it, so that it may be sent again (RFC 9110 §9.2.2). */
  readonly isUnprocessed: boolean
  /** Whether the connection died that had served others before: safe requests may be sent again. */
  readonly isStale: boolean
  /** Whether there was a connection, so that another one may do better. */
  readonly hadConnection: boolean

  constructor(cause: unknown, isUnprocessed: boolean, isStale = false, hadConnection = true) {
    super('The attempt failed')
    this.hadConnection = hadConnection
    this.cause = cause
    this.isUnprocessed = isUnprocessed
    this.isStale = isStale
  }
}

/** What `fetch` rejects with where the network or the server is at fault: a TypeError, as by the Fetch standard, whose cause says more. */
export function fetchError(cause: unknown): TypeError {
  const words = cause instanceof Error ? `: ${cause.message}` : ''
  return new TypeError(`The request failed${words}`, { cause })
}

/** What a body fails with that was cut short. */
export function bodyError(cause: unknown): TypeError {
  const words = cause instanceof Error ? `: ${cause.message}` : ''
  return new TypeError(`The body was cut short${words}`, { cause })
}
