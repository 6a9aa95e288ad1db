/** Where the lines of a key log go: the same sinks as those of a qlog, with the same patience. */
import { type QlogSink, safeSink } from './sink.ts'

/** What the option `keyLog` of `connect` and `listen` takes. */
export interface KeyLogger {
  /** Takes a line without its end. */
  (line: string): void
  /** No line follows: a stream is closed when all have been written. */
  close(): void
}

/** Options of {@link keyLogTo}. */
export interface KeyLogOptions {
  /** Hears once why the log ended. Must not throw. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/**
 * Hands the lines of any number of connections to `sink`, each with a line feed: to a function, to an object with `write` and
 * `close`, or to a stream of bytes. A log that fails never disturbs a connection: it ends, and `onError` is told. Whoever has
 * the lines can read the connections.
 * @throws TypeError for a stream that is locked
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { keyLogTo } from 'isoquic/qlog'
 *
 * const lines: string[] = []
 * const keyLog = keyLogTo((line) => lines.push(line))
 * const connection = await connect(transport, { address: 'example.org:4433', alpn: ['echo'], keyLog })
 * ```
 */
export function keyLogTo(sink: QlogSink, options: KeyLogOptions = {}): KeyLogger {
  const safe = safeSink(sink, (error) => options.onError?.(error))
  const write = (line: string): void => void safe.write(`${line}\n`)
  return Object.assign(write, { close: () => safe.close() })
}
