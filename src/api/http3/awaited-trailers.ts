/** The trailers of a message that is on its way. Few ask for them: a promise is made for those who do. */
import type { Field } from '../../http3/field.ts'
import { type Deferred, deferred } from '../signal.ts'
import { headersOf } from './headers.ts'

/** What came of them. */
type Outcome = { readonly fields: readonly Field[] } | { readonly error: unknown }

/** Trailers that come, or will never come. The first word about them counts. */
export class AwaitedTrailers {
  #deferred: Deferred<Headers> | undefined
  #outcome: Outcome | undefined

  /** Always the same. Ignoring it never makes an unhandled rejection. */
  get promise(): Promise<Headers> {
    if (this.#deferred === undefined) {
      this.#deferred = deferred<Headers>()
      this.#tell()
    }
    return this.#deferred.promise
  }

  /** The message was read; it had these, or none. */
  resolve(fields: readonly Field[] | undefined): void {
    this.#settle({ fields: fields ?? [] })
  }

  /** There will be none. */
  reject(error: unknown): void {
    this.#settle({ error })
  }

  #settle(outcome: Outcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#tell()
  }

  #tell(): void {
    if (this.#outcome === undefined || this.#deferred === undefined) return
    if ('fields' in this.#outcome) this.#deferred.resolve(headersOf(this.#outcome.fields))
    else this.#deferred.reject(this.#outcome.error)
  }
}
