/** How something will end, for those who may ask: without a promise for those who never do. */
import { type Deferred, deferred } from './signal.ts'

/** A {@link Deferred} whose promise is made when it is first asked for. */
export class Outcome<T extends object | boolean | undefined> {
  #state: 'pending' | 'fulfilled' | 'rejected' = 'pending'
  /** What it was fulfilled with, or what holds the error that it was rejected with. */
  #result: unknown
  /** While it is pending and somebody waits. */
  #awaited: Deferred<T> | undefined
  #promise: Promise<T> | undefined

  /** The same promise each time. Ignoring it never makes an unhandled rejection. */
  get promise(): Promise<T> {
    this.#promise ??= this.#createPromise()
    return this.#promise
  }

  /** The first of the two calls counts. */
  resolve(value: T): void {
    if (this.#state !== 'pending') return
    this.#awaited?.resolve(value)
    this.#settle('fulfilled', value)
  }

  /** The first of the two calls counts. The error is asked for when there is a promise to reject with it. */
  reject(end: { readonly error: unknown }): void {
    if (this.#state !== 'pending') return
    this.#awaited?.reject(end.error)
    this.#settle('rejected', end)
  }

  #settle(state: 'fulfilled' | 'rejected', result: unknown): void {
    this.#state = state
    this.#result = result
    this.#awaited = undefined
  }

  #createPromise(): Promise<T> {
    const own = deferred<T>()
    if (this.#state === 'pending') this.#awaited = own
    else if (this.#state === 'fulfilled') own.resolve(this.#result as T)
    else own.reject((this.#result as { readonly error: unknown }).error)
    return own.promise
  }
}
