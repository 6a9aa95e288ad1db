/**
 * Reads qlog files: JSON text sequences and JSON, of the current drafts and of their forerunners from 0.3 on. What it does not
 * know it hands on as it is; records that are cut or damaged are counted and passed over (main-schema §13).
 */
import { decodeUtf8 } from '../base/bytes.ts'
import { type QlogEvent, type QlogObject, RECORD_SEPARATOR } from './schema.ts'

/** A trace: the events of, as a rule, one connection, seen from one side. */
export interface QlogTrace {
  readonly title: string | undefined
  readonly vantagePoint: 'client' | 'server' | 'network' | 'unknown'
  /** The name of what all its events belong to: as a rule the connection's original destination id. */
  readonly groupId: string | undefined
  /** URIs of the events' schemas; none before there were any. */
  readonly eventSchemas: readonly string[]
  /** As they stand in the file. */
  readonly commonFields: QlogObject
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
}

/**
 * Reads a whole file; bytes are taken as UTF-8.
 * @throws SyntaxError where it does not begin as a qlog file does
 */
export function readQlog(file: string | Uint8Array): QlogFile {
  const text = typeof file === 'string' ? file : decodeUtf8(file)
  const whole = text.startsWith(RECORD_SEPARATOR) ? undefined : parse(text)
  return whole === undefined ? readSequence(text) : readContained(whole)
}

/** One JSON value with all traces in it (main-schema §4). */
function readContained(file: QlogObject): QlogFile {
  const tally = { skipped: 0 }
  const traces: QlogTrace[] = []
  // A sequence whose only record is its header is a JSON value too.
  if (isObject(file['trace'])) traces.push(traceOf(file['trace'], [], tally))
  for (const trace of listOf(file['traces'])) {
    if (isObject(trace) && Array.isArray(trace['events'])) traces.push(traceOf(trace, trace['events'], tally))
    else tally.skipped += 1
  }
  return { schema: schemaOf(file), title: textOf(file['title']), traces, skipped: tally.skipped }
}

/** A header, and a record for each event (main-schema §5); or lines without separators, as some write them. */
function readSequence(text: string): QlogFile {
  const records = text
    .split(text.includes(RECORD_SEPARATOR) ? RECORD_SEPARATOR : '\n')
    .filter((part) => part.trim() !== '')
  const header = parse(records[0] ?? '')
  if (header === undefined) throw new SyntaxError(`A qlog file begins with a JSON object, got ${excerpt(text)}`)
  const schema = schemaOf(header)
  const events = records.slice(1).map(parse)
  const tally = { skipped: 0 }
  const trace = traceOf(isObject(header['trace']) ? header['trace'] : {}, events, tally)
  return { schema, title: textOf(header['title']), traces: [trace], skipped: tally.skipped }
}

function traceOf(trace: QlogObject, events: readonly unknown[], tally: { skipped: number }): QlogTrace {
  const common = isObject(trace['common_fields']) ? trace['common_fields'] : {}
  const vantagePoint = isObject(trace['vantage_point']) ? trace['vantage_point']['type'] : undefined
  return {
    title: textOf(trace['title']),
    vantagePoint: VANTAGE_POINTS.find((point) => point === vantagePoint) ?? 'unknown',
    groupId: textOf(common['group_id']) ?? textOf(common['ODCID']),
    eventSchemas: listOf(trace['event_schemas']).filter((schema) => typeof schema === 'string'),
    commonFields: common,
    events: eventsOf(events, common, tally),
  }
}

function eventsOf(records: readonly unknown[], common: QlogObject, tally: { skipped: number }): QlogEvent[] {
  const events: QlogEvent[] = []
  let last = 0
  for (const value of records) {
    const time = isObject(value) ? Number(value['time'] ?? Number.NaN) : Number.NaN
    const name = isObject(value) ? textOf(value['name']) : undefined
    if (!isObject(value) || name === undefined || !Number.isFinite(time)) {
      tally.skipped += 1
      continue
    }
    last = isDelta(value['time_format'] ?? common['time_format']) ? last + time : time
    const data = isObject(value['data']) ? value['data'] : {}
    const tuple = textOf(value['tuple'])
    events.push({ ...value, time: last, name, data, ...(tuple === undefined ? {} : { tuple }) })
  }
  return events
}

const VANTAGE_POINTS = ['client', 'server', 'network', 'unknown'] as const

/** Its present name, and that of 0.3. */
function isDelta(format: unknown): boolean {
  return format === 'relative_to_previous_event' || format === 'delta'
}

/** @throws SyntaxError */
function schemaOf(file: QlogObject): string {
  const schema = textOf(file['file_schema']) ?? textOf(file['qlog_version'])
  if (schema === undefined) {
    throw new SyntaxError(`A qlog file names its file_schema or qlog_version, got ${excerpt(JSON.stringify(file))}`)
  }
  return schema
}

function parse(text: string): QlogObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is QlogObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}
