/**
 * The qlog-shaped hook of the core: absent by default, called synchronously, told facts and asked nothing. Objects are
 * valid during the call only, and are made only where there is an observer to see them. An observer that throws breaks the
 * connection it watches, so it must not.
 */
import type { Duration, Time } from '../base/time.ts'
import type { PathAddress } from '../transport.ts'
import type { ConnectionId } from './connection-id.ts'
import type { Frame } from './frame.ts'
import type { PathId } from './packet-content.ts'
import type { EncryptionLevel, PacketSpace, PacketType } from './packet-type.ts'
import type { Role } from './stream-id.ts'
import type { TransportParameters } from './transport-parameters.ts'

/**
 * Makes the observer of a connection; `undefined`: nobody watches this one.
 * @param originalDestination the destination id of the client's first Initial packet, which names the connection on both ends
 */
export type ObserverFactory = (originalDestination: ConnectionId, role: Role) => Observer | undefined

/** A path as an observer sees it. */
export interface ObservedPath {
  readonly id: PathId
  readonly carrier: { readonly localAddress: PathAddress }
  readonly remoteAddress: PathAddress
}

/** A packet as an observer sees it. */
export interface ObservedPacket {
  readonly type: PacketType
  /** -1 where the type has none. */
  readonly packetNumber: number
  /** Bytes of the whole packet, tag included. */
  readonly size: number
  readonly path: ObservedPath
  readonly destination: ConnectionId
  /** Of long headers, as `version`. */
  readonly source?: ConnectionId | undefined
  readonly version?: number | undefined
  /** Bytes of the token of an Initial or Retry packet. */
  readonly tokenLength?: number | undefined
  /** Of 1-RTT packets: the generation of their keys (RFC 9001 §6). */
  readonly keyGeneration?: number | undefined
  /** Sent: it probes the path's MTU (RFC 8899). */
  readonly isMtuProbe?: boolean | undefined
  /** Sent: a PTO asked for it (RFC 9002 §6.2.4). */
  readonly isPtoProbe?: boolean | undefined
}

/** What a connection begins with. Addresses are `''` where there is one peer. */
export interface ObservedStart {
  readonly localAddress: PathAddress
  readonly remoteAddress: PathAddress
  /** Our id, and the peer's as far as it is known: a client's first is made up. */
  readonly localId: ConnectionId
  readonly remoteId: ConnectionId
}

/** What is known of either side's versions (RFC 9000 §6). */
export interface ObservedVersions {
  readonly client?: readonly number[] | undefined
  readonly server?: readonly number[] | undefined
  /** `undefined`: there is none in common. */
  readonly chosen: number | undefined
}

/** Constants of loss recovery and congestion control, in ms, bytes and packets (RFC 9002 Appendices A.2, B.2). */
export interface ObservedRecovery {
  readonly reorderingThreshold: number
  readonly timeThreshold: number
  readonly granularity: Duration
  readonly initialRtt: Duration
  readonly maxDatagramSize: number
  readonly initialWindow: number
  readonly minimumWindow: number
  readonly persistentCongestionThreshold: number
}

/** Recovery figures of a path, in ms and bytes. */
export interface ObservedMetrics {
  readonly path: PathId
  readonly smoothedRtt: Duration
  /** 0 before the first sample, as `latestRtt`. */
  readonly minRtt: Duration
  readonly latestRtt: Duration
  readonly rttVariance: Duration
  readonly congestionWindow: number
  readonly bytesInFlight: number
  /** `Infinity` until the first congestion event. */
  readonly slowStartThreshold: number
  readonly ptoCount: number
  /** Bytes per ms, where the controller sets it. */
  readonly pacingRate: number | undefined
  readonly congestionState: CongestionState
}

/** RFC 9002 §7.3. */
export type CongestionState = 'slow_start' | 'congestion_avoidance' | 'recovery'

/** What is known of a path's treatment of ECN marks (RFC 9000 Appendix A.4). */
export type EcnState = 'testing' | 'unknown' | 'failed' | 'capable'

/** Why a packet was declared lost (RFC 9002 §6.1). */
export type LossTrigger = 'reordering_threshold' | 'time_threshold'

/** A packet that was declared lost, and what it carried. */
export interface ObservedLoss {
  readonly space: PacketSpace
  readonly packetNumber: number
  readonly path: PathId
  readonly frames: readonly Frame[]
  readonly isMtuProbe: boolean
  readonly trigger: LossTrigger
}

/** Why a packet, or a whole datagram, was dropped. */
export type DropReason =
  | 'unknown_path'
  | 'no_buffer'
  | 'header_parse_error'
  | 'unexpected_version'
  | 'unexpected_source'
  | 'unknown_connection_id'
  | 'key_unavailable'
  | 'payload_decrypt_error'
  | 'duplicate'
  | 'unbelievable'

/** Milestones of a connection (RFC 9001 §4.1, RFC 9000 §10.2). */
export type ObservedState = 'handshake_complete' | 'handshake_confirmed' | 'closing' | 'draining' | 'closed'

/** How a connection ended. */
export interface ObservedClose {
  /** `undefined` where neither side said a word. */
  readonly initiator: 'local' | 'remote' | undefined
  readonly trigger: 'application' | 'error' | 'idle_timeout' | 'version_mismatch' | 'stateless_reset' | 'aborted'
  /** Of which kind `code` is; `undefined`: there is no code. */
  readonly space: 'transport' | 'application' | undefined
  readonly code: bigint
  readonly reason: string
}

export interface Observer {
  connectionStarted?(start: ObservedStart, now: Time): void
  versionInformation?(versions: ObservedVersions, now: Time): void
  recoveryParameters?(parameters: ObservedRecovery, now: Time): void
  parametersSet?(side: 'local' | 'remote', parameters: TransportParameters, now: Time): void
  /** Client: what 0-RTT relies on of the server's parameters of an earlier connection (RFC 9000 §7.4.1). */
  parametersRestored?(parameters: TransportParameters, now: Time): void
  alpnChosen?(alpn: string, now: Time): void
  /** `suite` by its TLS name, such as `TLS_AES_128_GCM_SHA256`. */
  cipherChosen?(suite: string, now: Time): void
  /** A packet was put into a flight, with its frames. PADDING behind them, `padding` bytes of it, is not among them. */
  packetSent?(packet: ObservedPacket, frames: readonly Frame[], padding: number, now: Time): void
  /** A packet was opened, with its frames, of which none has been processed; if it is malformed, those before the fault. */
  packetReceived?(packet: ObservedPacket, frames: readonly Frame[], now: Time): void
  /** `type`: as far as it is known. */
  packetDropped?(reason: DropReason, size: number, type: PacketType | undefined, now: Time): void
  /** A packet came before its keys, and waits for them. */
  packetBuffered?(type: PacketType, size: number, now: Time): void
  packetLost?(loss: ObservedLoss, now: Time): void
  /** Acknowledged for the first time. */
  packetsAcked?(space: PacketSpace, packetNumbers: readonly number[], now: Time): void
  /** After each change by acknowledgement, loss, PTO or flight; what differs from the last time is news. */
  metricsUpdated?(metrics: ObservedMetrics, now: Time): void
  keyUpdated?(
    level: EncryptionLevel,
    direction: 'read' | 'write',
    generation: number,
    trigger: 'tls' | 'local_update' | 'remote_update',
    now: Time,
  ): void
  /** The keys of both directions are gone. */
  keysDiscarded?(level: EncryptionLevel, now: Time): void
  connectionState?(state: ObservedState, now: Time): void
  /** Once, when the connection leaves the open state. */
  connectionClosed?(close: ObservedClose, now: Time): void
  /** A client tries another path, or has tried it (RFC 9000 §9.1). */
  pathProbed?(
    outcome: 'started' | 'successful' | 'abandoned',
    path: PathId,
    localAddress: PathAddress,
    remoteAddress: PathAddress,
    now: Time,
  ): void
  /** The active path has another address (RFC 9000 §9). */
  pathChanged?(localAddress: PathAddress, remoteAddress: PathAddress, now: Time): void
  /** A path whose carrier has marks begins as `testing` (RFC 9000 Appendix A.4). */
  ecnStateUpdated?(path: PathId, old: EcnState, state: EcnState, now: Time): void
  /** The protocol on top has something to tell, in the shape of its qlog schema, such as `frame_created` of `http3`. */
  applicationEvent?(namespace: string, type: string, data: Readonly<Record<string, unknown>>, now: Time): void
  /** Bytes of UDP payload that the active path carries. */
  mtuUpdated?(mtu: number, now: Time): void
}
