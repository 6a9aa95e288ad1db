/**
 * Reads whole qlog files, and streams of them: JSON text sequences and JSON, of the current drafts and of their forerunners.
 * What it does not know it hands on as it is; records that are cut or damaged are counted and passed over (main-schema §13).
 */
import { QlogDecoder, type QlogDecoderOptions, type QlogPart } from './decoder.ts'
import type { QlogWarning } from './read-error.ts'
import type { QlogEvent } from './schema.ts'
import type { QlogTraceHead } from './trace-reader.ts'

/** A trace with its events. */
export interface QlogTrace extends QlogTraceHead {
  /** In the order of the file; `time` in ms since the trace's reference, whatever the file's `time_format`. */
  readonly events: readonly QlogEvent[]
}

/** What a file holds. */
export interface QlogFile {
  /** The file schema's URI, or the number of an older version, such as `0.3`. */
  readonly schema: string
  readonly title: string | undefined
  readonly traces: readonly QlogTrace[]
  /** Records, events and traces that could not be read. */
  readonly skipped: number
  /** Why, and where: the first hundred. */
  readonly warnings: readonly QlogWarning[]
}

const MAX_WARNINGS = 100

/**
 * Reads a whole file; bytes are taken as UTF-8. For files too large to be held there are {@link QlogDecoder} and
 * {@link qlogDecoderStream}.
 * @throws QlogError where it does not begin as a qlog file does
 */
export function readQlog(file: string | Uint8Array): QlogFile {
  const decoder = new QlogDecoder()
  const parts = [...decoder.decode(file), ...decoder.finish()]
  const traces: QlogTrace[] = []
  const warnings: QlogWarning[] = []
  let events: QlogEvent[] = []
  let schema = ''
  let title: string | undefined
  let skipped = 0
  for (const part of parts) {
    if (part.kind === 'file') ({ schema, title } = part)
    else if (part.kind === 'trace') events = []
    else if (part.kind === 'event') events.push(part.event)
    else if (part.kind === 'trace-end') traces.push({ ...part.trace, events })
    else {
      skipped += 1
      if (warnings.length < MAX_WARNINGS) warnings.push(part.warning)
    }
  }
  return { schema, title, traces, skipped, warnings }
}

/**
 * The same as a stream: bytes in, parts out, at the pace of whoever reads them. A file that is no qlog errors it with a
 * {@link QlogError}.
 *
 * @example
 * ```ts
 * import { qlogDecoderStream } from 'isoquic/qlog'
 *
 * async function names(file: Blob): Promise<Set<string>> {
 *   const seen = new Set<string>()
 *   for await (const part of file.stream().pipeThrough(qlogDecoderStream())) {
 *     if (part.kind === 'event') seen.add(part.event.name)
 *   }
 *   return seen
 * }
 * ```
 */
export function qlogDecoderStream(options?: QlogDecoderOptions): TransformStream<Uint8Array, QlogPart> {
  const decoder = new QlogDecoder(options)
  return new TransformStream<Uint8Array, QlogPart>({
    transform(chunk, controller) {
      for (const part of decoder.decode(chunk)) controller.enqueue(part)
    },
    flush(controller) {
      for (const part of decoder.finish()) controller.enqueue(part)
    },
  })
}
