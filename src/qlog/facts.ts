/**
 * One vocabulary for what different stacks and versions call by different names: events by the names of the current drafts
 * without their namespace, packets, frames, recovery figures and addresses with the same members whoever wrote them.
 */
import { listOf, numberOf, objectOf, textOf } from './json-values.ts'
import type { QlogObject } from './schema.ts'

/** A frame, as far as logs of all stacks tell. */
export interface QlogFrame {
  /** Such as `stream` or `max_data`. */
  readonly type: string
  readonly streamId: number | undefined
  readonly offset: number | undefined
  /** Bytes of its payload. */
  readonly length: number | undefined
  readonly isFin: boolean
  /** As it stands in the file. */
  readonly raw: QlogObject
}

/** A packet, as far as logs of all stacks tell. */
export interface QlogPacket {
  /** Such as `initial` or `1RTT`. */
  readonly type: string
  /** `undefined` for packets without a number. */
  readonly space: 'initial' | 'handshake' | 'application' | undefined
  readonly number: number | undefined
  /** Bytes. */
  readonly size: number | undefined
  readonly frames: readonly QlogFrame[]
  readonly header: QlogObject
  readonly trigger: string | undefined
}

/** Recovery figures, in ms and bytes; absent where the event does not tell. */
export interface QlogMetrics {
  readonly latestRtt: number | undefined
  readonly minRtt: number | undefined
  readonly smoothedRtt: number | undefined
  readonly rttVariance: number | undefined
  readonly congestionWindow: number | undefined
  readonly bytesInFlight: number | undefined
  readonly slowStartThreshold: number | undefined
  readonly ptoCount: number | undefined
}

/**
 * The type of a QUIC event by the current drafts, such as `packet_sent` for `transport:packet_sent`; `undefined` for events of
 * other protocols.
 */
export function quicEventType(name: string): string | undefined {
  const at = name.indexOf(':')
  if (!NAMESPACES.has(name.slice(0, at))) return undefined
  const type = name.slice(at + 1)
  // Of transport parameters there is an event of the same name.
  if (type === 'parameters_set' && name.startsWith('recovery')) return 'recovery_parameters_set'
  return PRESENT_NAMES[type] ?? type
}

/** The packet of an event such as `packet_sent` or `packet_lost`. */
export function packetOf(data: QlogObject): QlogPacket {
  const header = objectOf(data['header'])
  const raw = objectOf(data['raw'])
  const type = textOf(header['packet_type'] ?? data['packet_type'] ?? data['type']) ?? 'unknown'
  return {
    type,
    space: SPACES[type],
    number: numberOf(header['packet_number'] ?? data['packet_number']),
    size: numberOf(raw['length'] ?? header['packet_size'] ?? header['length'] ?? data['packet_size']),
    frames: listOf(data['frames']).map((frame) => frameOf(objectOf(frame))),
    header,
    trigger: textOf(data['trigger']),
  }
}

/** The figures of an event `recovery_metrics_updated`. */
export function metricsOf(data: QlogObject): QlogMetrics {
  return {
    latestRtt: numberOf(data['latest_rtt']),
    minRtt: numberOf(data['min_rtt']),
    smoothedRtt: numberOf(data['smoothed_rtt']),
    rttVariance: numberOf(data['rtt_variance']),
    congestionWindow: numberOf(data['congestion_window'] ?? data['cwnd']),
    bytesInFlight: numberOf(data['bytes_in_flight']),
    slowStartThreshold: numberOf(data['ssthresh']),
    ptoCount: numberOf(data['pto_count']),
  }
}

/** `host:port` of one end, in any of the shapes that stacks write; `undefined` where it has no address. */
export function addressOf(end: unknown, prefix: 'src' | 'dst' = 'src'): string | undefined {
  const data = objectOf(end)
  const v4 = objectOf(data['address_v4'])
  const v6 = objectOf(data['address_v6'])
  const host4 = textOf(data['ip_v4'] ?? v4['ip'])
  const host = textOf(data[`${prefix}_ip`]) ?? host4 ?? textOf(data['ip_v6'] ?? v6['ip'])
  if (host === undefined || host === '') return undefined
  const own = host4 === undefined ? (data['port_v6'] ?? v6['port']) : (data['port_v4'] ?? v4['port'])
  const port = numberOf(data[`${prefix}_port`] ?? own)
  const shown = host.includes(':') ? `[${host}]` : host
  return port === undefined ? shown : `${shown}:${port}`
}

/** A version's number: some write it in decimal, most in hexadecimal. */
export function versionOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^(0x)?[0-9a-f]{1,8}$/i.test(value)) return undefined
  return Number.parseInt(value.replace(/^0x/i, ''), 16)
}

/** Those of the current drafts, and of all before. */
const NAMESPACES: ReadonlySet<string> = new Set(['quic', 'transport', 'recovery', 'connectivity', 'security'])

const PRESENT_NAMES: Readonly<Record<string, string>> = {
  metrics_updated: 'recovery_metrics_updated',
  path_assigned: 'tuple_assigned',
  key_retired: 'key_discarded',
}

const SPACES: Readonly<Record<string, QlogPacket['space']>> = {
  initial: 'initial',
  handshake: 'handshake',
  '0RTT': 'application',
  '1RTT': 'application',
}

function frameOf(frame: QlogObject): QlogFrame {
  const raw = objectOf(frame['raw'])
  return {
    type: textOf(frame['frame_type']) ?? 'unknown',
    streamId: numberOf(frame['stream_id'] ?? frame['id']),
    offset: numberOf(frame['offset']),
    length: numberOf(frame['length'] ?? raw['payload_length'] ?? raw['length']),
    isFin: frame['fin'] === true,
    raw: frame,
  }
}
