/** What the core tells an observer, as the data of qlog events (draft-ietf-quic-qlog-quic-events-13 §4 to §8). */
import { toHex } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import type { PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type {
  DropReason,
  ObservedClose,
  ObservedMetrics,
  ObservedPacket,
  ObservedRecovery,
  ObservedVersions,
} from '../wire/observer.ts'
import { EncryptionLevel, PacketType, packetTypeName } from '../wire/packet-type.ts'
import { splitAddress } from '../wire/path-address.ts'
import type { PreferredAddress, TransportParameters } from '../wire/transport-parameters.ts'
import { transportError } from './frames.ts'
import { milliseconds, type QlogObject, uint64 } from './schema.ts'

/** The transport parameter of draft-ietf-quic-ack-frequency §3. */
const MIN_ACK_DELAY = 0xff04de1b

/** The header of a packet (§8.8). */
export function packetHeader(packet: ObservedPacket): QlogObject {
  const { destination, source, tokenLength = 0, version } = packet
  return {
    packet_type: packetTypeName(packet.type),
    key_phase: packet.keyGeneration,
    packet_number: packet.packetNumber < 0 ? undefined : packet.packetNumber,
    token:
      tokenLength === 0
        ? undefined
        : { type: packet.type === PacketType.retry ? 'retry' : undefined, raw: { length: tokenLength } },
    version: version === undefined ? undefined : versionText(version),
    scil: source?.length,
    dcil: source === undefined ? undefined : destination.length,
    scid: source?.toString(),
    dcid: destination.toString(),
  }
}

/** One end of a path (§8.5); empty where the transport has no addresses. */
export function endpointInfo(address: PathAddress, id?: ConnectionId): QlogObject {
  const parts = splitAddress(address)
  const ids = id === undefined ? {} : { connection_ids: [id.toString()] }
  if (parts === undefined) return ids
  return parts.host.includes(':')
    ? { ip_v6: parts.host, port_v6: parts.port, ...ids }
    : { ip_v4: parts.host, port_v4: parts.port, ...ids }
}

/** §5.1. */
export function versionData({ chosen, client, server }: ObservedVersions): QlogObject {
  return {
    server_versions: server?.length === 0 ? undefined : server?.map(versionText),
    client_versions: client?.length === 0 ? undefined : client?.map(versionText),
    chosen_version: chosen === undefined ? undefined : versionText(chosen),
  }
}

/** §5.3. */
export function parametersData(side: 'local' | 'remote', parameters: TransportParameters): QlogObject {
  const { preferredAddress } = parameters
  return {
    initiator: side,
    original_destination_connection_id: parameters.originalDestinationConnectionId?.toString(),
    initial_source_connection_id: parameters.initialSourceConnectionId?.toString(),
    retry_source_connection_id: parameters.retrySourceConnectionId?.toString(),
    disable_active_migration: parameters.disableActiveMigration,
    max_idle_timeout: parameters.maxIdleTimeout,
    max_udp_payload_size: parameters.maxUdpPayloadSize,
    ack_delay_exponent: parameters.ackDelayExponent,
    max_ack_delay: parameters.maxAckDelay,
    active_connection_id_limit: parameters.activeConnectionIdLimit,
    initial_max_data: parameters.initialMaxData,
    initial_max_stream_data_bidi_local: parameters.initialMaxStreamDataBidiLocal,
    initial_max_stream_data_bidi_remote: parameters.initialMaxStreamDataBidiRemote,
    initial_max_stream_data_uni: parameters.initialMaxStreamDataUni,
    initial_max_streams_bidi: parameters.initialMaxStreamsBidi,
    initial_max_streams_uni: parameters.initialMaxStreamsUni,
    preferred_address: preferredAddress === undefined ? undefined : preferredAddressData(preferredAddress),
    unknown_parameters: unknownParameters(parameters),
    max_datagram_frame_size: parameters.maxDatagramFrameSize,
    grease_quic_bit: parameters.greaseQuicBit,
    reset_stream_at: parameters.resetStreamAt,
  }
}

/** §5.4, which has no name for the support of RESET_STREAM_AT. */
export function restoredData(parameters: TransportParameters): QlogObject {
  return {
    disable_active_migration: parameters.disableActiveMigration,
    max_idle_timeout: parameters.maxIdleTimeout,
    max_udp_payload_size: parameters.maxUdpPayloadSize,
    active_connection_id_limit: parameters.activeConnectionIdLimit,
    initial_max_data: parameters.initialMaxData,
    initial_max_stream_data_bidi_local: parameters.initialMaxStreamDataBidiLocal,
    initial_max_stream_data_bidi_remote: parameters.initialMaxStreamDataBidiRemote,
    initial_max_stream_data_uni: parameters.initialMaxStreamDataUni,
    initial_max_streams_bidi: parameters.initialMaxStreamsBidi,
    initial_max_streams_uni: parameters.initialMaxStreamsUni,
    max_datagram_frame_size: parameters.maxDatagramFrameSize,
  }
}

/** §7.1. */
export function recoveryData(recovery: ObservedRecovery): QlogObject {
  return {
    reordering_threshold: recovery.reorderingThreshold,
    time_threshold: recovery.timeThreshold,
    timer_granularity: recovery.granularity,
    initial_rtt: milliseconds(recovery.initialRtt),
    max_datagram_size: recovery.maxDatagramSize,
    initial_congestion_window: recovery.initialWindow,
    minimum_congestion_window: recovery.minimumWindow,
    persistent_congestion_threshold: recovery.persistentCongestionThreshold,
  }
}

/** §7.2. What is not known yet is absent, or not finite. */
export function metricsData(metrics: ObservedMetrics): { readonly [name: string]: number | undefined } {
  const { latestRtt, minRtt, pacingRate, slowStartThreshold } = metrics
  return {
    min_rtt: minRtt > 0 ? milliseconds(minRtt) : undefined,
    smoothed_rtt: milliseconds(metrics.smoothedRtt),
    latest_rtt: latestRtt > 0 ? milliseconds(latestRtt) : undefined,
    rtt_variance: milliseconds(metrics.rttVariance),
    pto_count: metrics.ptoCount,
    congestion_window: Math.floor(metrics.congestionWindow),
    bytes_in_flight: metrics.bytesInFlight,
    ssthresh: Math.floor(slowStartThreshold),
    pacing_rate: pacingRate === undefined ? undefined : Math.floor(pacingRate * 8000),
  }
}

/** §4.3. */
export function closeData(close: ObservedClose): QlogObject {
  const { code, space } = close
  const transport = space === 'transport' ? transportError(code) : undefined
  return {
    initiator: close.initiator,
    connection_error: transport?.error,
    application_error: space === 'application' ? 'unknown' : undefined,
    error_code: space === 'application' ? uint64(code) : transport?.error_code,
    reason: close.reason === '' ? undefined : close.reason,
    trigger: close.trigger,
  }
}

/** The trigger of `packet_dropped` (§5.7). */
export function dropTrigger(reason: DropReason): string {
  return DROP_TRIGGERS[reason]
}

/** Secrets of whose packets of which level (§8.11). */
export function keyType(level: EncryptionLevel, sender: 'client' | 'server'): string {
  return `${sender}_${LEVEL_NAMES[level]}_secret`
}

const DROP_TRIGGERS: Readonly<Record<DropReason, string>> = {
  unknown_path: 'rejected',
  no_buffer: 'internal_error',
  header_parse_error: 'invalid',
  unexpected_version: 'unsupported',
  unexpected_source: 'rejected',
  unknown_connection_id: 'connection_unknown',
  key_unavailable: 'key_unavailable',
  payload_decrypt_error: 'decryption_failure',
  duplicate: 'duplicate',
  unbelievable: 'rejected',
}

const LEVEL_NAMES: Readonly<Record<EncryptionLevel, string>> = {
  [EncryptionLevel.initial]: 'initial',
  [EncryptionLevel.zeroRtt]: '0rtt',
  [EncryptionLevel.handshake]: 'handshake',
  [EncryptionLevel.oneRtt]: '1rtt',
}

/** Those that nobody here knows, and one that the drafts have no name for. */
function unknownParameters({ minAckDelay, unknown }: TransportParameters): readonly QlogObject[] | undefined {
  const shown: QlogObject[] = []
  if (minAckDelay !== undefined) {
    const writer = new Writer(8)
    writer.varint(Math.round(minAckDelay * 1000))
    shown.push({ id: MIN_ACK_DELAY, value: toHex(writer.finish()) })
  }
  for (const [id, value] of unknown) shown.push({ id: uint64(id), value: toHex(value) })
  return shown.length === 0 ? undefined : shown
}

function preferredAddressData(preferred: PreferredAddress): QlogObject {
  const ipv4 = preferred.ipv4 === undefined ? undefined : splitAddress(preferred.ipv4)
  const ipv6 = preferred.ipv6 === undefined ? undefined : splitAddress(preferred.ipv6)
  return {
    ip_v4: ipv4?.host,
    port_v4: ipv4?.port,
    ip_v6: ipv6?.host,
    port_v6: ipv6?.port,
    connection_id: preferred.connectionId.toString(),
    stateless_reset_token: toHex(preferred.statelessResetToken),
  }
}

function versionText(version: number): string {
  return version.toString(16).padStart(8, '0')
}
