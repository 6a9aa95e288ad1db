/**
 * The options of a connection: names, units, defaults, bounds. Validated once, at the public edge; what comes out is
 * complete and is never looked at twice. It holds no option of TLS (those are `tls/config.ts`) nor of the endpoint.
 */
import type { Duration } from '../base/time.ts'
import type { CongestionAlgorithm } from '../recovery/congestion/controller.ts'
import { type DatagramOptions, datagramSettings } from '../streams/datagram-settings.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { Role } from '../wire/stream-id.ts'
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  type PreferredAddress,
  type TransportParameters,
  type VersionInformation,
} from '../wire/transport-parameters.ts'
import { isSupportedVersion, SUPPORTED_VERSIONS, VERSION_1 } from '../wire/version.ts'

/** Options of path MTU discovery (RFC 8899). */
export interface MtuOptions {
  /** The largest UDP payload to search for, bytes, 1200 to 65527; 1200 turns the search off. */
  readonly max: number
}

/** Everything that a connection is told at its start. */
export interface ConnectionConfig {
  /** The version of a client's first Initial packet (RFC 9000 §15). Default: version 1. */
  readonly version: number
  /** The versions that are spoken, best first: what a client offers and a server takes (RFC 9368 §3). Default: 1 and 2. */
  readonly versions: readonly number[]
  /** Server: versions to change to where the client offers them, best first (RFC 9368 §2.3). Default: none. */
  readonly preferredVersions: readonly number[]
  /** Lets the peer clear the QUIC bit, and clears it for a peer that lets us, at random (RFC 9287). Default `true`. */
  readonly greaseQuicBit: boolean
  /** ms, 0: none. Default 30,000 (RFC 9000 §10.1). */
  readonly maxIdleTimeout: Duration
  /** ms from the start until the handshake must be complete. Default 10,000. */
  readonly handshakeTimeout: Duration
  /** ms without a packet after which a PING is sent; `'auto'`: a third of the idle timeout. Default `false`: none. */
  readonly keepAlive: 'auto' | Duration | false
  /** Bytes that the peer may send on the whole connection at first. Default 1 MiB. */
  readonly initialMaxData: number
  /** Bytes that the peer may send at first on a bidirectional stream that we open. Default 512 KiB. */
  readonly initialMaxStreamDataBidiLocal: number
  /** Bytes that the peer may send at first on a bidirectional stream that it opens. Default 512 KiB. */
  readonly initialMaxStreamDataBidiRemote: number
  /** Bytes that the peer may send at first on a unidirectional stream. Default 512 KiB. */
  readonly initialMaxStreamDataUni: number
  /** Bytes up to which windows grow by themselves. Default 16 MiB. */
  readonly maxReceiveWindow: number
  /** Bidirectional streams that the peer may have open. Default 100. */
  readonly maxIncomingBidirectionalStreams: number
  /** Unidirectional streams that the peer may have open. Default 100. */
  readonly maxIncomingUnidirectionalStreams: number
  /** Bytes of one stream accepted and not yet sent beyond which a writer waits. Default 256 KiB. */
  readonly maxStreamSendBuffer: number
  /** Bytes of all streams accepted and not yet sent beyond which a writer waits. Default 4 MiB. */
  readonly maxSendBuffer: number
  /** Congestion windows of queued bytes from which the connection is called congested. Default 2. */
  readonly congestionThreshold: number
  /** Ids of the peer that are kept at a time, 2 to 16. Default 4 (RFC 9000 §18.2). */
  readonly activeConnectionIdLimit: number
  /** ms by which our acknowledgements may be late, less than 2^14. Default 25 (RFC 9000 §18.2). */
  readonly maxAckDelay: Duration
  /** Delays in our ACK frames are multiples of 2 to this power, in µs; 0 to 20. Default 3 (RFC 9000 §18.2). */
  readonly ackDelayExponent: number
  /**
   * Lets the peer say when it wants acknowledgements, and tells it in bulk transfers that fewer will do
   * (draft-ietf-quic-ack-frequency). Default `true`.
   */
  readonly ackFrequency: boolean
  /** Default `'cubic'`. */
  readonly congestionControl: CongestionAlgorithm
  /** Default `true`. */
  readonly pacing: boolean
  /** Bytes. Default: ten datagrams, at most the larger of 14,720 and two datagrams (RFC 9002 §7.2). */
  readonly initialWindow: number | undefined
  /** Bytes. Default: two datagrams (RFC 9002 §7.2). */
  readonly minimumWindow: number | undefined
  /** ms, before the first sample. Default 333 (RFC 9002 §6.2.2). */
  readonly initialRtt: Duration
  /** Default: up to 1,452 bytes, a 1,500-byte link under IPv6. */
  readonly mtu: MtuOptions
  /** Asks the peer not to migrate on purpose; a rebound address is followed all the same. Default `false`. */
  readonly disableActiveMigration: boolean
  /** Client: whether to move to the address that the server would rather be reached at (RFC 9000 §9.6). Default `'use'`. */
  readonly preferredAddressPolicy: 'use' | 'ignore'
  /** Default `true`: the latency spin bit spins, on fifteen paths of sixteen (RFC 9000 §17.4). */
  readonly spinBit: boolean
  /** Takes RESET_STREAM_AT, and so lets the peer send it (draft-ietf-quic-reliable-stream-reset). Default `true`. */
  readonly resetStreamAt: boolean
  /** Bytes of a whole DATAGRAM frame that the peer may send, 0: none (RFC 9221 §3). Default 65,535: as long as packets are. */
  readonly maxDatagramFrameSize: number
  /** How many datagrams wait, and how long. */
  readonly datagrams: DatagramOptions
}

/** A {@link ConnectionConfig} of which everything may be left out. */
export type ConnectionOptions = { readonly [K in keyof ConnectionConfig]?: ConnectionConfig[K] | undefined }

/** What transport parameters say beside the options, the connection ids of the handshake above all (RFC 9000 §7.3). */
export interface HandshakeIds {
  /** The Source Connection ID of our first Initial packet. */
  readonly initialSource: ConnectionId
  /** Server: the destination id of the client's very first Initial packet. */
  readonly originalDestination?: ConnectionId | undefined
  /** Server: the source id of the Retry packet, if one was sent. */
  readonly retrySource?: ConnectionId | undefined
  /** Server: the stateless reset token of `initialSource`, 16 bytes. */
  readonly statelessResetToken?: Uint8Array | undefined
  /** ms, of draft-ietf-quic-ack-frequency §3; absent: the peer has no say in when we acknowledge. */
  readonly minAckDelay?: Duration | undefined
  /** Server: where it would rather be reached. */
  readonly preferredAddress?: PreferredAddress | undefined
  /** RFC 9368 §3. */
  readonly versions?: VersionInformation | undefined
  /** Parameters that mean nothing, to keep the field open (RFC 9000 §18.1). */
  readonly reserved?: ReadonlyMap<bigint, Uint8Array> | undefined
}

/** The largest UDP payload there is, bytes (RFC 9000 §18.2). */
export const MAX_UDP_PAYLOAD = 65_527

const DEFAULTS: ConnectionConfig = {
  version: VERSION_1,
  versions: SUPPORTED_VERSIONS,
  preferredVersions: [],
  greaseQuicBit: true,
  maxIdleTimeout: 30_000,
  handshakeTimeout: 10_000,
  keepAlive: false,
  initialMaxData: 1_048_576,
  initialMaxStreamDataBidiLocal: 524_288,
  initialMaxStreamDataBidiRemote: 524_288,
  initialMaxStreamDataUni: 524_288,
  maxReceiveWindow: 16_777_216,
  maxIncomingBidirectionalStreams: 100,
  maxIncomingUnidirectionalStreams: 100,
  maxStreamSendBuffer: 262_144,
  maxSendBuffer: 4_194_304,
  congestionThreshold: 2,
  activeConnectionIdLimit: 4,
  maxAckDelay: 25,
  ackDelayExponent: 3,
  ackFrequency: true,
  congestionControl: 'cubic',
  pacing: true,
  initialWindow: undefined,
  minimumWindow: undefined,
  initialRtt: 333,
  mtu: { max: 1452 },
  disableActiveMigration: false,
  preferredAddressPolicy: 'use',
  spinBit: true,
  resetStreamAt: true,
  maxDatagramFrameSize: 65_535,
  datagrams: {},
}

/** The largest number that is one of ours. */
const MAX = Number.MAX_SAFE_INTEGER

/** The options that are integers, with the least and the most. */
const INTEGERS: { readonly [K in keyof ConnectionConfig]?: readonly [least: number, most: number] } = {
  version: [1, 0xffff_ffff],
  maxIdleTimeout: [0, MAX],
  handshakeTimeout: [1, MAX],
  initialMaxData: [0, MAX],
  initialMaxStreamDataBidiLocal: [0, MAX],
  initialMaxStreamDataBidiRemote: [0, MAX],
  initialMaxStreamDataUni: [0, MAX],
  maxReceiveWindow: [1, MAX],
  maxIncomingBidirectionalStreams: [0, MAX],
  maxIncomingUnidirectionalStreams: [0, MAX],
  maxStreamSendBuffer: [1, MAX],
  maxSendBuffer: [1, MAX],
  activeConnectionIdLimit: [2, 16],
  maxAckDelay: [0, 16_383],
  ackDelayExponent: [0, 20],
  initialWindow: [2400, MAX],
  minimumWindow: [2400, MAX],
  maxDatagramFrameSize: [0, 65_535],
}

/** Whether it is the name of an option of connections. */
export function isConnectionOption(name: string): boolean {
  return Object.hasOwn(DEFAULTS, name)
}

/**
 * The complete configuration that `options` asks for; what they leave out, or give as `undefined`, is the default.
 *
 * @throws TypeError for a key that is not known or a value of the wrong type, RangeError for a value out of bounds.
 */
export function validateConnectionConfig(options: ConnectionOptions = {}): ConnectionConfig {
  const given: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, key)) throw new TypeError(`Unknown connection option ${key}`)
    if (value === undefined) continue
    checkConnectionOption(key as keyof ConnectionConfig, value)
    given[key] = value
  }
  const config: ConnectionConfig = { ...DEFAULTS, ...given }
  if (config.initialWindow !== undefined && config.initialWindow < (config.minimumWindow ?? 0)) {
    throw new RangeError(
      `initialWindow must be at least minimumWindow (${config.minimumWindow}), got ${config.initialWindow}`,
    )
  }
  const strange = config.preferredVersions.find((version) => !config.versions.includes(version))
  if (strange !== undefined) {
    throw new RangeError(`preferredVersions must be among versions, got 0x${strange.toString(16)}`)
  }
  return config
}

/** The transport parameters that an endpoint of this `role` sends (RFC 9000 §18.2). */
export function transportParametersOf(config: ConnectionConfig, role: Role, ids: HandshakeIds): TransportParameters {
  const parameters: TransportParameters = {
    ...DEFAULT_TRANSPORT_PARAMETERS,
    maxIdleTimeout: config.maxIdleTimeout,
    initialMaxData: config.initialMaxData,
    initialMaxStreamDataBidiLocal: config.initialMaxStreamDataBidiLocal,
    initialMaxStreamDataBidiRemote: config.initialMaxStreamDataBidiRemote,
    initialMaxStreamDataUni: config.initialMaxStreamDataUni,
    initialMaxStreamsBidi: config.maxIncomingBidirectionalStreams,
    initialMaxStreamsUni: config.maxIncomingUnidirectionalStreams,
    ackDelayExponent: config.ackDelayExponent,
    maxAckDelay: config.maxAckDelay,
    disableActiveMigration: config.disableActiveMigration,
    activeConnectionIdLimit: config.activeConnectionIdLimit,
    maxDatagramFrameSize: config.maxDatagramFrameSize,
    resetStreamAt: config.resetStreamAt,
    greaseQuicBit: config.greaseQuicBit,
    versionInformation: ids.versions,
    unknown: ids.reserved ?? DEFAULT_TRANSPORT_PARAMETERS.unknown,
    minAckDelay: ids.minAckDelay,
    initialSourceConnectionId: ids.initialSource,
  }
  if (role === 'client') return parameters
  return {
    ...parameters,
    originalDestinationConnectionId: ids.originalDestination,
    retrySourceConnectionId: ids.retrySource,
    statelessResetToken: ids.statelessResetToken,
    preferredAddress: ids.preferredAddress,
  }
}

/** @throws TypeError, RangeError for a value that the option `key` does not take. */
export function checkConnectionOption(key: keyof ConnectionConfig, value: unknown): void {
  const bounds = INTEGERS[key]
  if (bounds !== undefined) return checkInteger(value, key, bounds[0], bounds[1])
  switch (key) {
    case 'ackFrequency':
    case 'pacing':
    case 'disableActiveMigration':
    case 'spinBit':
    case 'greaseQuicBit':
    case 'resetStreamAt':
      return checkFlag(value, key)
    case 'congestionThreshold':
    case 'initialRtt':
      return checkPositive(value, key)
    case 'versions':
      return checkVersions(value, key, 1)
    case 'preferredVersions':
      return checkVersions(value, key, 0)
    case 'keepAlive':
      return checkKeepAlive(value, key)
    case 'preferredAddressPolicy':
      if (value === 'use' || value === 'ignore') return
      throw new TypeError(`${key} must be 'use' or 'ignore', got ${describe(value)}`)
    case 'congestionControl':
      return checkCongestionControl(value, key)
    case 'mtu':
      return checkMtu(value, key)
    case 'datagrams':
      return void datagramSettings(value as DatagramOptions)
  }
}

function checkInteger(value: unknown, key: string, least: number, most: number): void {
  if (typeof value !== 'number') throw new TypeError(`${key} must be a number, got ${describe(value)}`)
  if (!(Number.isInteger(value) && value >= least && value <= most)) {
    throw new RangeError(`${key} must be an integer from ${least} to ${most}, got ${value}`)
  }
}

function checkPositive(value: unknown, key: string): void {
  if (typeof value !== 'number') throw new TypeError(`${key} must be a number, got ${describe(value)}`)
  if (!(value > 0 && value < Infinity)) throw new RangeError(`${key} must be positive and finite, got ${value}`)
}

function checkFlag(value: unknown, key: string): void {
  if (typeof value !== 'boolean') throw new TypeError(`${key} must be a boolean, got ${describe(value)}`)
}

function checkVersions(value: unknown, key: string, least: number): void {
  if (!Array.isArray(value)) throw new TypeError(`${key} must be an array, got ${describe(value)}`)
  if (value.length < least) throw new RangeError(`${key} must name at least one version`)
  for (const version of value) {
    if (typeof version !== 'number') throw new TypeError(`${key} must hold numbers, got ${describe(version)}`)
    if (!isSupportedVersion(version)) throw new RangeError(`${key} names the unknown version 0x${version.toString(16)}`)
  }
}

function checkKeepAlive(value: unknown, key: string): void {
  if (value === false || value === 'auto') return
  if (typeof value !== 'number') throw new TypeError(`${key} must be 'auto', a number or false, got ${describe(value)}`)
  checkPositive(value, key)
}

function checkCongestionControl(value: unknown, key: string): void {
  if (typeof value === 'function' || value === 'newreno' || value === 'cubic') return
  throw new TypeError(`${key} must be 'newreno', 'cubic' or a function, got ${describe(value)}`)
}

function checkMtu(value: unknown, key: string): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`${key} must be an object, got ${describe(value)}`)
  for (const name of Object.keys(value)) {
    if (name !== 'max') throw new TypeError(`Unknown connection option ${key}.${name}`)
  }
  checkInteger((value as Partial<MtuOptions>).max, `${key}.max`, 1200, MAX_UDP_PAYLOAD)
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? 'an array' : String(value)
}
