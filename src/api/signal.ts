/** Promises that an `AbortSignal` can end, and promises that nobody must handle. */

/** A promise with its two ends. Ignoring it never makes an unhandled rejection. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

/** A {@link Deferred}. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue
    reject = onReason
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

/** Options of every call that returns a promise. */
export interface Abortable {
  /** Ends the wait; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * `promise`, or a rejection with the signal's reason, whichever comes first. `onAbort` undoes what was begun.
 */
export function abortable<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => void = () => {},
): Promise<T> {
  if (signal === undefined) return promise
  const { promise: result, resolve, reject } = deferred<T>()
  const abort = (): void => {
    onAbort()
    reject(signal.reason)
  }
  if (signal.aborted) {
    promise.catch(() => {})
    abort()
    return result
  }
  signal.addEventListener('abort', abort, { once: true })
  promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  return result
}
