/** How a connection ended, for all parts of it. */
import type { CloseReason } from '../connection/events.ts'
import { errorOf, type QuicCloseInfo, QuicError } from './errors.ts'

/** The end of a connection. */
export class ConnectionEnd {
  /** Of a clean end. */
  readonly info: QuicCloseInfo | undefined
  #why: CloseReason | QuicError

  /** @param why the error, or what it shall be made of. */
  constructor(why: CloseReason | QuicError, info: QuicCloseInfo | undefined) {
    this.#why = why
    this.info = info
  }

  get isClean(): boolean {
    return this.info !== undefined
  }

  /** The same for all. Made for the first who asks, as its stack trace costs more than all else at the end of a connection. */
  get error(): QuicError {
    if (!(this.#why instanceof QuicError)) this.#why = errorOf(this.#why)
    return this.#why
  }
}
