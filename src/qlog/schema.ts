/**
 * The shape of a qlog file as it is written here: JSON text sequences by draft-ietf-quic-qlog-main-schema-14, with the events
 * of draft-ietf-quic-qlog-quic-events-13.
 */

/** A JSON object. A member that is `undefined` is not written. */
export type QlogObject = { readonly [name: string]: unknown }

/** One event (main-schema §7). */
export interface QlogEvent {
  /** ms since the start of the trace, or since whatever the trace's reference time says. */
  readonly time: number
  /** Namespace and type, such as `quic:packet_sent`. */
  readonly name: string
  readonly data: QlogObject
  /** The path, where it is not the first one (main-schema §7.2). */
  readonly tuple?: string | undefined
}

/** Which trace a file is: of which connection, seen from which side. */
export interface QlogTraceInfo {
  /** The destination id of the client's first Initial packet, in hexadecimal; the same on both ends. */
  readonly originalDestination: string
  readonly role: 'client' | 'server'
  /** The recommended name of its file, such as `0123456789abcdef_client.sqlog` (quic-events §1.1). */
  readonly fileName: string
}

/** The file schema of JSON-SEQ (main-schema §5). */
export const FILE_SCHEMA_SEQUENTIAL = 'urn:ietf:params:qlog:file:sequential'

/** The media type of JSON-SEQ (main-schema §11.2). */
export const FORMAT_JSON_SEQ = 'application/qlog+json-seq'

/** The events that are written: a draft names its number (quic-events §2.1). */
export const EVENT_SCHEMAS: readonly string[] = [
  'urn:ietf:params:qlog:events:quic-13',
  'urn:ietf:params:qlog:events:http3-13',
  'urn:ietf:params:qlog:events:loglevel',
]

/** Stands before each record of a JSON text sequence (RFC 7464 §2.2). */
export const RECORD_SEPARATOR = '\u001e'

/** One record of a JSON text sequence. */
export function record(value: object): string {
  return `${RECORD_SEPARATOR}${JSON.stringify(value)}\n`
}

/** The first record of a file (main-schema §5). */
export function header(trace: QlogTraceInfo, wallClock: number | undefined): QlogObject {
  return {
    file_schema: FILE_SCHEMA_SEQUENTIAL,
    serialization_format: FORMAT_JSON_SEQ,
    trace: {
      common_fields: {
        group_id: trace.originalDestination,
        time_format: 'relative_to_epoch',
        reference_time: {
          clock_type: 'monotonic',
          epoch: 'unknown',
          wall_clock_time: wallClock === undefined ? undefined : dateTime(wallClock),
        },
      },
      vantage_point: { name: 'isoquic', type: trace.role },
      event_schemas: EVENT_SCHEMAS,
    },
  }
}

/** A number as far as JSON readers agree on it, else a decimal string (main-schema §11.3). */
export function uint64(value: number | bigint): number | string {
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
}

/** ms to the microsecond; `undefined` for what is no number of ms. */
export function milliseconds(value: number): number | undefined {
  const rounded = Math.round(value * 1000) / 1000
  return Number.isFinite(rounded) ? rounded : undefined
}

/** RFC 3339 of Unix milliseconds, in UTC. */
export function dateTime(unix: number): string {
  const days = Math.floor(unix / 86_400_000)
  const rest = Math.floor(unix - days * 86_400_000)
  const time = [Math.floor(rest / 3_600_000), Math.floor(rest / 60_000) % 60, Math.floor(rest / 1000) % 60]
  return `${date(days)}T${time.map((part) => digits(part, 2)).join(':')}.${digits(rest % 1000, 3)}Z`
}

/** The Gregorian date of a day since 1970-01-01. A year begins in March, so that the leap day is its last. */
function date(days: number): string {
  const sinceMarch0 = days + 719_468
  const era = Math.floor(sinceMarch0 / 146_097)
  const dayOfEra = sinceMarch0 - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  return `${digits(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4)}-${digits(month, 2)}-${digits(day, 2)}`
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}
