/**
 * Values that may still be under way. Public-key work may be synchronous (noble, `node:crypto`) or a promise
 * (Web Crypto, an external signer); through this file alone TLS may be suspended by the latter.
 */

/** A value, or a promise of it. */
export type Eventually<T> = T | PromiseLike<T>

/** Whether `value` is still under way. */
export function isPending<T>(value: Eventually<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * Goes on with `next` as soon as `value` is there: at once, in the same call, if it is there already (an error that
 * `next` throws then leaves through this call); else when the promise settles. `fail` translates a rejection of
 * `value` into a value or another error; without it the rejection passes through.
 */
export function andThen<T, U>(
  value: Eventually<T>,
  next: (value: T) => Eventually<U>,
  fail?: (reason: unknown) => Eventually<U>,
): Eventually<U> {
  return isPending(value) ? value.then(next, fail) : next(value)
}
