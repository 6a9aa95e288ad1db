/** What W3C's WebTransport fails with, and the way from reasons to codes. */

/** Whether a stream failed, or the session with all that it has. */
export type WebTransportErrorSource = 'stream' | 'session'

/** How a {@link WebTransportError} is made. */
export interface WebTransportErrorOptions {
  /** Default `'stream'`. */
  readonly source?: WebTransportErrorSource
  /** Application error code, 0 to 2^32 - 1, to which others are clamped; default `null`: none. */
  readonly streamErrorCode?: number | null
}

/**
 * An error that comes from the peer or the network, or the reason that an application gives a stream up for (W3C
 * WebTransport §13).
 */
export class WebTransportError extends DOMException {
  readonly #source: WebTransportErrorSource
  readonly #streamErrorCode: number | null

  /** @throws TypeError for a source that is none */
  constructor(message = '', options: WebTransportErrorOptions = {}) {
    super(message, 'WebTransportError')
    const { source = 'stream', streamErrorCode } = options ?? {}
    if (source !== 'stream' && source !== 'session') {
      throw new TypeError(`source must be 'stream' or 'session', got ${String(source)}`)
    }
    this.#source = source
    this.#streamErrorCode = streamErrorCode === undefined || streamErrorCode === null ? null : clamp(streamErrorCode)
  }

  /** What failed. */
  get source(): WebTransportErrorSource {
    return this.#source
  }

  /** The application error code of the stream; `null` where there is none. */
  get streamErrorCode(): number | null {
    return this.#streamErrorCode
  }
}

/** The end of a session, with what led to it. */
export function sessionError(message: string, cause?: unknown): WebTransportError {
  const error = new WebTransportError(message, { source: 'session' })
  return cause === undefined ? error : Object.assign(error, { cause })
}

/** The end of one half of a stream by the peer. @param code `undefined`: the peer's was none of an application. */
export function streamError(message: string, code: number | undefined): WebTransportError {
  return new WebTransportError(message, code === undefined ? {} : { streamErrorCode: code })
}

/** What an object cannot do in its state. */
export function invalidState(message: string): DOMException {
  return new DOMException(message, 'InvalidStateError')
}

/** The code for the reason that a stream is aborted or cancelled with: that of a WebTransportError, ours or the platform's; else 0. */
export function codeOf(reason: unknown): bigint {
  if (typeof reason !== 'object' || reason === null) return 0n
  const { name, streamErrorCode } = reason as { readonly name?: unknown; readonly streamErrorCode?: unknown }
  return name === 'WebTransportError' && typeof streamErrorCode === 'number' ? BigInt(clamp(streamErrorCode)) : 0n
}

/** As Web IDL's [Clamp]: ties go to the even number. */
function clamp(value: number): number {
  const bounded = Math.min(Math.max(Number(value), 0), 0xffff_ffff)
  if (Number.isNaN(bounded)) return 0
  const below = Math.floor(bounded)
  const rest = bounded - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}
