/** What the members of a trace say of its events, in any version of qlog, and events by one shape whichever they had. */
import { isObject, listOf, numberOf, objectOf, textOf } from './json-values.ts'
import type { QlogEvent, QlogObject } from './schema.ts'

/** What a trace says of itself: the events of, as a rule, one connection, seen from one side. */
export interface QlogTraceHead {
  readonly title: string | undefined
  readonly vantagePoint: 'client' | 'server' | 'network' | 'unknown'
  /** Who wrote it: as a rule the name of a QUIC implementation. */
  readonly writer: string | undefined
  /** The name of what all its events belong to: as a rule the connection's original destination id. */
  readonly groupId: string | undefined
  /** URIs of the events' schemas; none before there were any. */
  readonly eventSchemas: readonly string[]
  /** As they stand in the file. */
  readonly commonFields: QlogObject
}

/** How times are to be read, and where the parts of an event are. */
export interface EventShape {
  /** Times count from the event before. */
  readonly isDelta: boolean
  /** ms in a unit of time: 0.001 where `time_units` are µs, as they could be before 0.3. */
  readonly scale: number
  /** Names of an array's elements, in lower case, before draft 02. */
  readonly fields: readonly string[] | undefined
}

/** What `trace`, the object without its events, says of itself. */
export function traceHead(trace: QlogObject): QlogTraceHead {
  const common = objectOf(trace['common_fields'])
  const vantagePoint = objectOf(trace['vantage_point'])
  return {
    title: textOf(trace['title']),
    vantagePoint: VANTAGE_POINTS.find((point) => point === vantagePoint['type']) ?? 'unknown',
    writer: textOf(vantagePoint['name']),
    groupId: textOf(common['group_id']) ?? textOf(common['ODCID']) ?? textOf(common['odcid']),
    eventSchemas: listOf(trace['event_schemas']).filter((schema) => typeof schema === 'string'),
    commonFields: common,
  }
}

/** How the events of `trace` are to be read. */
export function eventShape(trace: QlogObject): EventShape {
  const common = objectOf(trace['common_fields'])
  const fields = trace['event_fields']
  return {
    isDelta: isDelta(common['time_format']) || (Array.isArray(fields) && fields.includes('delta_time')),
    scale: objectOf(trace['configuration'])['time_units'] === 'us' ? 0.001 : 1,
    fields: Array.isArray(fields) ? fields.map((field) => String(field).toLowerCase()) : undefined,
  }
}

/** Whether two traces' times are read alike. */
export function hasSameTimes(a: EventShape, b: EventShape): boolean {
  return a.isDelta === b.isDelta && a.scale === b.scale
}

/**
 * One event; `undefined` for what is none. Members that nobody here knows stay.
 * @param last the time of the event before, ms
 */
export function eventOf(value: unknown, shape: EventShape, last: number): QlogEvent | undefined {
  const event = Array.isArray(value) ? fromArray(value, shape.fields) : value
  if (!isObject(event)) return undefined
  const time = numberOf(event['time'] ?? event['relative_time'] ?? event['delta_time'])
  const name = nameOf(event)
  if (name === undefined || time === undefined) return undefined
  const scaled = shape.scale === 1 ? time : time * shape.scale
  const counts = shape.isDelta || isDelta(event['time_format'])
  const data = inMilliseconds(objectOf(event['data']), shape.scale)
  const tuple = textOf(event['tuple'])
  return { ...event, time: counts ? last + scaled : scaled, name, data, ...(tuple === undefined ? {} : { tuple }) }
}

const VANTAGE_POINTS = ['client', 'server', 'network', 'unknown'] as const

/** Its present name, and that of 0.3. */
function isDelta(format: unknown): boolean {
  return format === 'relative_to_previous_event' || format === 'delta'
}

function fromArray(values: readonly unknown[], fields: readonly string[] | undefined): QlogObject | undefined {
  if (fields === undefined) return undefined
  return Object.fromEntries(fields.map((field, index) => [field, values[index]]))
}

/** Namespace and type, which were two members before draft 02. */
function nameOf(event: QlogObject): string | undefined {
  const name = textOf(event['name'])
  if (name !== undefined) return name
  const category = textOf(event['category'])
  const type = textOf(event['event'] ?? event['event_type'] ?? event['type'])
  return category === undefined || type === undefined ? undefined : `${category}:${type}`.toLowerCase()
}

/** Round trips in ms as well, where the trace has another unit. */
function inMilliseconds(data: QlogObject, scale: number): QlogObject {
  if (scale === 1 || !RTTS.some((name) => name in data)) return data
  return Object.fromEntries(
    Object.entries(data).map(([name, value]) => [
      name,
      typeof value === 'number' && RTTS.includes(name) ? value * scale : value,
    ]),
  )
}

const RTTS: readonly string[] = ['latest_rtt', 'min_rtt', 'smoothed_rtt', 'rtt_variance']
