/** The factory of qlog writers that the option `observer` of `connect` and `listen` takes. */
import type { ObserverFactory } from '../wire/observer.ts'
import type { QlogTraceInfo } from './schema.ts'
import { type QlogSink, safeSink } from './sink.ts'
import { QlogWriter, type QlogWriterOptions } from './writer.ts'

/** Options of {@link qlogTo}. */
export interface QlogOptions extends QlogWriterOptions {
  /** Hears, once for each trace, why its log ended before its connection. Must not throw. */
  readonly onError?: ((error: unknown, trace: QlogTraceInfo) => void) | undefined
}

/**
 * Logs connections: `open` says where the trace of each goes; `undefined`: nowhere. A log that fails never disturbs the
 * connection: it ends, and `onError` is told. A stream too slow for its connection loses events, and the trace says how many.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { qlogTo } from 'isoquic/qlog'
 *
 * const records: string[] = []
 * const observer = qlogTo(() => (record) => records.push(record))
 * const connection = await connect(transport, { address: 'example.org:4433', alpn: ['echo'], observer })
 * ```
 */
export function qlogTo(
  open: (trace: QlogTraceInfo) => QlogSink | undefined,
  options: QlogOptions = {},
): ObserverFactory {
  return (originalDestination, role) => {
    const id = originalDestination.toString()
    const trace: QlogTraceInfo = { originalDestination: id, role, fileName: `${id}_${role}.sqlog` }
    const onError = (error: unknown): void => options.onError?.(error, trace)
    try {
      const sink = open(trace)
      return sink === undefined ? undefined : new QlogWriter(safeSink(sink, onError), trace, options)
    } catch (error) {
      onError(error)
      return undefined
    }
  }
}
