/** Public-key work inside a handshake: it may be under way for a while, and whatever goes wrong in it becomes an alert. */
import { andThen, type Eventually } from '../crypto/eventually.ts'
import { TlsAlert } from './alert.ts'

/**
 * Starts some work and goes on with `next` when it is done.
 * @param fail makes an alert of what `start` threw or rejected with, unless that is an alert already.
 */
export function whenDone<T, U>(
  start: () => Eventually<T>,
  next: (value: T) => Eventually<U>,
  fail: (reason: unknown) => TlsAlert,
): Eventually<U> {
  const rethrow = (reason: unknown): never => {
    throw reason instanceof TlsAlert ? reason : fail(reason)
  }
  return andThen(attempt(start, rethrow), next, rethrow)
}

/** Only `start` is guarded, so that what `next` throws passes by. */
function attempt<T>(start: () => Eventually<T>, rethrow: (reason: unknown) => never): Eventually<T> {
  try {
    return start()
  } catch (reason) {
    return rethrow(reason)
  }
}
