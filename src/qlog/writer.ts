/**
 * The observer that writes a qlog trace (draft-ietf-quic-qlog-main-schema-14, draft-ietf-quic-qlog-quic-events-13, draft-ietf-quic-qlog-h3-events-13) as JSON text
 * sequences. It never throws, holds a bounded state, and depends on nothing but what it is told: the same connection gives
 * the same bytes.
 */
import type { Time } from '../base/time.ts'
import type { PathAddress } from '../transport.ts'
import type { Frame } from '../wire/frame.ts'
import type {
  CongestionState,
  DropReason,
  EcnState,
  ObservedClose,
  ObservedLoss,
  ObservedMetrics,
  ObservedPacket,
  ObservedPath,
  ObservedRecovery,
  ObservedStart,
  ObservedState,
  ObservedVersions,
  Observer,
} from '../wire/observer.ts'
import type { PathId } from '../wire/packet-content.ts'
import { EncryptionLevel, PacketSpace, PacketType, packetTypeName } from '../wire/packet-type.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import {
  closeData,
  dropTrigger,
  endpointInfo,
  keyType,
  metricsData,
  packetHeader,
  parametersData,
  recoveryData,
  restoredData,
  versionData,
} from './events.ts'
import { frameData } from './frames.ts'
import { legacyEvent, legacyHeader } from './legacy.ts'
import { header, milliseconds, type QlogEvent, type QlogObject, type QlogTraceInfo, record } from './schema.ts'
import type { SafeSink } from './sink.ts'

/** How a trace is written. */
export interface QlogWriterOptions {
  /** Unix ms at the start of the trace, for people who compare it with other logs. Default: not told. */
  readonly wallClock?: (() => number) | undefined
  /** `'0.3'`: names and header of the version of 2022, which older tools such as qvis read. Default: the current drafts. */
  readonly version?: 'current' | '0.3' | undefined
}

/** Paths whose addresses are remembered; an attacker can make a peer seem to come from any number of them. */
const MAX_PATHS = 16

/** RFC 9000 §18.2: in Initial and Handshake packets, and until the parameters are known. */
const DEFAULT_EXPONENT = 3

interface Addresses {
  readonly local: PathAddress
  readonly remote: PathAddress
}

/** Writes the trace of one connection. */
export class QlogWriter implements Observer {
  readonly #sink: SafeSink
  readonly #role: 'client' | 'server'
  readonly #peer: 'client' | 'server'
  readonly #isLegacy: boolean
  readonly #paths = new Map<PathId, Addresses>()
  readonly #exponents = { local: DEFAULT_EXPONENT, remote: DEFAULT_EXPONENT }
  #start: Time | undefined = undefined
  /** ms, of the last event. */
  #time = 0
  #state: string | undefined = undefined
  #mtu: number | undefined = undefined
  #metricsPath: PathId = -1
  #metrics: { readonly [name: string]: number | undefined } = {}
  #congestionState: CongestionState | undefined = undefined
  /** The last number of a 0-RTT packet: those of 1-RTT packets are larger (RFC 9001 §5.6). */
  #lastEarly = -1
  #dropped = 0
  #isClosed = false

  /** Writes the header. */
  constructor(sink: SafeSink, trace: QlogTraceInfo, options: QlogWriterOptions = {}) {
    this.#sink = sink
    this.#role = trace.role
    this.#peer = trace.role === 'client' ? 'server' : 'client'
    this.#isLegacy = options.version === '0.3'
    const wallClock = options.wallClock?.()
    sink.write(record(this.#isLegacy ? legacyHeader(trace, wallClock) : header(trace, wallClock)))
  }

  connectionStarted({ localAddress, localId, remoteAddress, remoteId }: ObservedStart, now: Time): void {
    this.#paths.set(0, { local: localAddress, remote: remoteAddress })
    this.#write(
      'connection_started',
      { local: endpointInfo(localAddress, localId), remote: endpointInfo(remoteAddress, remoteId) },
      now,
    )
  }

  versionInformation(versions: ObservedVersions, now: Time): void {
    this.#write('version_information', versionData(versions), now)
  }

  recoveryParameters(parameters: ObservedRecovery, now: Time): void {
    this.#mtu = parameters.maxDatagramSize
    this.#write('recovery_parameters_set', recoveryData(parameters), now)
  }

  parametersSet(side: 'local' | 'remote', parameters: TransportParameters, now: Time): void {
    this.#exponents[side] = parameters.ackDelayExponent
    this.#write('parameters_set', parametersData(side, parameters), now)
  }

  parametersRestored(parameters: TransportParameters, now: Time): void {
    this.#write('parameters_restored', restoredData(parameters), now)
  }

  alpnChosen(alpn: string, now: Time): void {
    this.#write('alpn_information', { chosen_alpn: { string_value: alpn } }, now)
  }

  cipherChosen(suite: string, now: Time): void {
    this.#write('parameters_set', { tls_cipher: suite.replace(/^TLS_/, '') }, now)
  }

  packetSent(packet: ObservedPacket, frames: readonly Frame[], padding: number, now: Time): void {
    if (packet.type === PacketType.zeroRtt) this.#lastEarly = packet.packetNumber
    const shown = this.#frames(packet.type, frames, 'local')
    if (padding > 0) shown.push({ frame_type: 'padding', raw: { length: padding } })
    const data = {
      header: packetHeader(packet),
      frames: shown,
      raw: { length: packet.size },
      is_mtu_probe_packet: packet.isMtuProbe === true ? true : undefined,
      trigger: packet.isPtoProbe === true ? 'pto_probe' : undefined,
    }
    this.#write('packet_sent', data, now, this.#tupleOf(packet.path, now))
    this.#onPacket(packet.type, now)
  }

  packetReceived(packet: ObservedPacket, frames: readonly Frame[], now: Time): void {
    const data = {
      header: packetHeader(packet),
      frames: packet.packetNumber < 0 ? undefined : this.#frames(packet.type, frames, 'remote'),
      raw: { length: packet.size },
    }
    this.#write('packet_received', data, now, this.#tupleOf(packet.path, now))
    this.#onPacket(packet.type, now)
  }

  packetDropped(reason: DropReason, size: number, type: PacketType | undefined, now: Time): void {
    const data = {
      header: { packet_type: type === undefined ? 'unknown' : packetTypeName(type) },
      raw: { length: size },
      details: { reason },
      trigger: dropTrigger(reason),
    }
    this.#write('packet_dropped', data, now)
  }

  packetBuffered(type: PacketType, size: number, now: Time): void {
    const data = { header: { packet_type: packetTypeName(type) }, raw: { length: size }, trigger: 'keys_unavailable' }
    this.#write('packet_buffered', data, now)
  }

  packetLost(loss: ObservedLoss, now: Time): void {
    const isEarly = loss.space === PacketSpace.application && loss.packetNumber <= this.#lastEarly
    const type = isEarly ? PacketType.zeroRtt : LOST_TYPES[loss.space]
    const data = {
      header: { packet_type: packetTypeName(type), packet_number: loss.packetNumber },
      frames: this.#frames(type, loss.frames, 'local'),
      is_mtu_probe_packet: loss.isMtuProbe ? true : undefined,
      trigger: loss.trigger,
    }
    this.#write('packet_lost', data, now, tupleId(loss.path))
  }

  packetsAcked(space: PacketSpace, packetNumbers: readonly number[], now: Time): void {
    this.#write('packets_acked', { packet_number_space: SPACE_NAMES[space], packet_numbers: packetNumbers }, now)
  }

  metricsUpdated(metrics: ObservedMetrics, now: Time): void {
    const data = metricsData(metrics)
    const before = metrics.path === this.#metricsPath ? this.#metrics : {}
    const changes: Record<string, number> = {}
    let count = 0
    for (const [name, value] of Object.entries(data)) {
      if (value === undefined || !Number.isFinite(value) || value === before[name]) continue
      changes[name] = value
      count += 1
    }
    this.#metricsPath = metrics.path
    this.#metrics = data
    if (count > 0) this.#write('recovery_metrics_updated', changes, now, tupleId(metrics.path))
    const old = this.#congestionState
    if (metrics.congestionState === old) return
    this.#congestionState = metrics.congestionState
    this.#write('congestion_state_updated', { old, new: metrics.congestionState }, now, tupleId(metrics.path))
  }

  keyUpdated(
    level: EncryptionLevel,
    direction: 'read' | 'write',
    generation: number,
    trigger: 'tls' | 'local_update' | 'remote_update',
    now: Time,
  ): void {
    const data = {
      key_type: keyType(level, direction === 'write' ? this.#role : this.#peer),
      key_phase: level === EncryptionLevel.oneRtt ? generation : undefined,
      trigger,
    }
    this.#write('key_updated', data, now)
  }

  keysDiscarded(level: EncryptionLevel, now: Time): void {
    for (const sender of ['client', 'server'] as const) {
      this.#write('key_discarded', { key_type: keyType(level, sender) }, now)
    }
  }

  connectionState(state: ObservedState, now: Time): void {
    this.#enter(state, now)
    if (state === 'closed') this.#close(now)
  }

  connectionClosed(close: ObservedClose, now: Time): void {
    this.#write('connection_closed', closeData(close), now)
  }

  pathProbed(
    outcome: 'started' | 'successful' | 'abandoned',
    path: PathId,
    local: PathAddress,
    remote: PathAddress,
    now: Time,
  ): void {
    const id = this.#introduce(path, { local, remote }, now) ?? ''
    this.#write('migration_state_updated', { new: `probing_${outcome}`, tuple_id: id }, now)
  }

  pathChanged(local: PathAddress, remote: PathAddress, now: Time): void {
    let id: PathId | undefined
    for (const [path, known] of this.#paths) if (known.local === local && known.remote === remote) id = path
    const ends = { tuple_remote: endpointInfo(remote), tuple_local: endpointInfo(local) }
    const tuple = id === undefined ? undefined : (tupleId(id) ?? '')
    this.#write('migration_state_updated', { new: 'migration_complete', tuple_id: tuple, ...ends }, now)
  }

  ecnStateUpdated(path: PathId, old: EcnState, state: EcnState, now: Time): void {
    this.#write('ecn_state_updated', { old, new: state }, now, tupleId(path))
  }

  mtuUpdated(mtu: number, now: Time): void {
    this.#write('mtu_updated', { old: this.#mtu, new: mtu }, now)
    this.#mtu = mtu
  }

  applicationEvent(namespace: string, type: string, data: QlogObject, now: Time): void {
    this.#write(type, data, now, undefined, namespace)
  }

  /** The first Initial and Handshake packets are milestones (§4.6). */
  #onPacket(type: PacketType, now: Time): void {
    if (type === PacketType.initial && this.#state === undefined) this.#enter('attempted', now)
    else if (type === PacketType.handshake && this.#state === 'attempted') this.#enter('handshake_started', now)
  }

  #enter(state: string, now: Time): void {
    const old = this.#state
    if (state === old) return
    this.#state = state
    this.#write('connection_state_updated', { old, new: state }, now)
  }

  #frames(type: PacketType, frames: readonly Frame[], sender: 'local' | 'remote'): QlogObject[] {
    const exponent = type === PacketType.oneRtt ? this.#exponents[sender] : DEFAULT_EXPONENT
    return frames.map((frame) => frameData(frame, exponent))
  }

  /** The id of a packet's path; a path that is new is introduced (§4.7). */
  #tupleOf(path: ObservedPath, now: Time): string | undefined {
    // Objects are made for new paths alone.
    if (this.#paths.has(path.id)) return tupleId(path.id)
    return this.#introduce(path.id, { local: path.carrier.localAddress, remote: path.remoteAddress }, now)
  }

  #introduce(path: PathId, addresses: Addresses, now: Time): string | undefined {
    const id = tupleId(path)
    if (id === undefined || this.#paths.has(path)) return id
    for (const oldest of this.#paths.keys()) {
      if (this.#paths.size < MAX_PATHS) break
      this.#paths.delete(oldest)
    }
    this.#paths.set(path, addresses)
    const ends = { tuple_remote: endpointInfo(addresses.remote), tuple_local: endpointInfo(addresses.local) }
    this.#write('tuple_assigned', { tuple_id: id, ...ends }, now)
    return id
  }

  #close(now: Time): void {
    this.#admitLoss(now)
    this.#isClosed = true
    this.#sink.close()
  }

  #write(type: string, data: QlogObject, now: Time, tuple?: string, namespace = 'quic'): void {
    if (this.#isClosed) return
    if (this.#dropped > 0) this.#admitLoss(now)
    if (this.#dropped > 0 || !this.#put({ time: this.#timeOf(now), tuple, name: `${namespace}:${type}`, data }))
      this.#dropped += 1
  }

  /** Says how many events are missing here, as soon as there is room for it. */
  #admitLoss(now: Time): void {
    if (this.#dropped === 0) return
    const message = `${this.#dropped} events are missing here: the log was slower than the connection`
    if (this.#put({ time: this.#timeOf(now), name: 'loglevel:warning', data: { message } })) this.#dropped = 0
  }

  #put(event: QlogEvent): boolean {
    return this.#sink.write(record(this.#isLegacy ? legacyEvent(event) : event))
  }

  /** ms since the first event; never less than before, though packets are told of with the time of their receipt. */
  #timeOf(now: Time): number {
    this.#start ??= now
    this.#time = Math.max(this.#time, milliseconds(now - this.#start) ?? 0)
    return this.#time
  }
}

const SPACE_NAMES: Readonly<Record<PacketSpace, string>> = {
  [PacketSpace.initial]: 'initial',
  [PacketSpace.handshake]: 'handshake',
  [PacketSpace.application]: 'application_data',
}

/** What a space's packets are, those of 0-RTT aside. */
const LOST_TYPES: Readonly<Record<PacketSpace, PacketType>> = {
  [PacketSpace.initial]: PacketType.initial,
  [PacketSpace.handshake]: PacketType.handshake,
  [PacketSpace.application]: PacketType.oneRtt,
}

/** The first path is the default, which needs no name (quic-events §4.7). */
function tupleId(path: PathId): string | undefined {
  return path === 0 ? undefined : String(path)
}
