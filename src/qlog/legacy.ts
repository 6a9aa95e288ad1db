/**
 * The same trace in the words of qlog 0.3 (draft-ietf-quic-qlog-main-schema-02 and the events beside it), which qvis and other
 * tools of that time read: another header, four namespaces in place of one, some members with another name.
 */
import type { QlogEvent, QlogObject, QlogTraceInfo } from './schema.ts'

/** The first record of a file. */
export function legacyHeader(trace: QlogTraceInfo, wallClock: number | undefined): QlogObject {
  return {
    qlog_version: '0.3',
    qlog_format: 'JSON-SEQ',
    title: trace.fileName,
    trace: {
      vantage_point: { name: 'isoquic', type: trace.role },
      common_fields: {
        group_id: trace.originalDestination,
        ODCID: trace.originalDestination,
        protocol_type: ['QUIC'],
        time_format: 'relative',
        reference_time: wallClock ?? 0,
      },
    },
  }
}

/** `event` under its name of then. */
export function legacyEvent(event: QlogEvent): QlogObject {
  const type = event.name.slice(event.name.indexOf(':') + 1)
  return { time: event.time, name: NAMES[type] ?? `transport:${type}`, data: legacyData(type, event.data) }
}

const NAMES: Readonly<Record<string, string>> = {
  connection_started: 'connectivity:connection_started',
  connection_closed: 'connectivity:connection_closed',
  connection_state_updated: 'connectivity:connection_state_updated',
  tuple_assigned: 'connectivity:path_assigned',
  migration_state_updated: 'connectivity:migration_state_updated',
  mtu_updated: 'connectivity:mtu_updated',
  key_updated: 'security:key_updated',
  key_discarded: 'security:key_discarded',
  recovery_parameters_set: 'recovery:parameters_set',
  recovery_metrics_updated: 'recovery:metrics_updated',
  congestion_state_updated: 'recovery:congestion_state_updated',
  packet_lost: 'recovery:packet_lost',
  warning: 'generic:warning',
}

function legacyData(type: string, data: QlogObject): QlogObject {
  switch (type) {
    case 'parameters_set':
      return renamed(data, { initiator: 'owner' })
    case 'connection_closed': {
      const { application_error, connection_error, error_code, initiator, ...rest } = data
      const code = (error: unknown): unknown => (error === 'unknown' ? error_code : error)
      return {
        owner: initiator,
        connection_code: code(connection_error),
        application_code: code(application_error),
        ...rest,
      }
    }
    case 'connection_started':
      return { ...flatEnd(data['local'], 'src'), ...flatEnd(data['remote'], 'dst') }
    case 'alpn_information':
      return { chosen_alpn: (data['chosen_alpn'] as QlogObject | undefined)?.['string_value'] }
    case 'key_updated':
    case 'key_discarded':
      return renamed(data, { key_phase: 'generation' })
    case 'packet_sent':
    case 'packet_received':
    case 'packet_lost': {
      const frames = data['frames'] as readonly QlogObject[] | undefined
      return { ...data, frames: frames?.map(legacyFrame) }
    }
    default:
      return data
  }
}

/** A frame had its length, and its error, in a member of its own. */
function legacyFrame(frame: QlogObject): QlogObject {
  const { raw, error, ...rest } = frame
  const sizes = raw as { readonly length?: number; readonly payload_length?: number } | undefined
  const length = sizes?.payload_length ?? sizes?.length
  return {
    ...rest,
    length,
    error_code: error === 'unknown' ? frame['error_code'] : error,
  }
}

function flatEnd(end: unknown, prefix: 'src' | 'dst'): QlogObject {
  const { connection_ids, ip_v4, ip_v6, port_v4, port_v6 } = end as QlogObject
  return {
    [`${prefix}_ip`]: ip_v4 ?? ip_v6,
    [`${prefix}_port`]: port_v4 ?? port_v6,
    [`${prefix}_cid`]: (connection_ids as readonly string[] | undefined)?.[0],
  }
}

function renamed(data: QlogObject, names: Readonly<Record<string, string>>): QlogObject {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [names[name] ?? name, value]))
}
