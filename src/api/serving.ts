/** Handlers of what arrives, in place of iterating over it. They can be exchanged at any time, and nothing is lost in between. */
import { checkKeys } from './known-keys.ts'
import type { QuicStream } from './stream.ts'

/** Who takes what arrives. What has no handler waits to be read, as it does without `serve`. */
export interface ServeHandlers {
  /**
   * Takes a stream that the peer opened. What it throws ends the connection, as a listener does; a promise that it returns
   * and that rejects gives up this stream alone.
   */
  readonly stream?: ((stream: QuicStream) => unknown) | undefined
  /** Takes a datagram. What it throws, or rejects with, ends the connection. */
  readonly datagram?: ((bytes: Uint8Array) => unknown) | undefined
}

/** @throws TypeError for an unknown member, or one that is no function */
export function checkHandlers(handlers: ServeHandlers): void {
  checkKeys(handlers, ['stream', 'datagram'], 'handlers')
  for (const [name, handler] of Object.entries(handlers)) {
    if (handler !== undefined && typeof handler !== 'function') {
      throw new TypeError(`${name} must be a function, got ${String(handler)}`)
    }
  }
}

/** `handler` such that nothing it does harms more than it may. @param onError hears what ends the connection. */
export function streamConsumer(
  handler: ServeHandlers['stream'],
  onError: (error: unknown) => void,
): ((stream: QuicStream) => void) | undefined {
  if (handler === undefined) return undefined
  return (stream) =>
    call(
      () => handler(stream),
      onError,
      () => stream.abort(),
    )
}

/** As {@link streamConsumer}. */
export function datagramConsumer(
  handler: ServeHandlers['datagram'],
  onError: (error: unknown) => void,
): ((bytes: Uint8Array) => void) | undefined {
  if (handler === undefined) return undefined
  return (bytes) => call(() => handler(bytes), onError, onError)
}

function call(act: () => unknown, onThrow: (error: unknown) => void, onReject: (error: unknown) => void): void {
  try {
    const result = act()
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === 'function') {
      Promise.resolve(result).catch(onReject)
    }
  } catch (error) {
    onThrow(error)
  }
}
