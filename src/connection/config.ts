/** The options of a connection: units, defaults, bounds. Validated once; what comes out is complete and frozen. */
import type { Duration } from '../base/time.ts'
import type { CongestionAlgorithm } from '../recovery/congestion/controller.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'

/** Options of path MTU discovery (RFC 8899). */
export interface MtuOptions {
  /** The largest UDP payload to search for, bytes, 1200 to 65527; 1200 turns the search off. */
  readonly max: number
}

/** Everything a connection can be told at its start. */
export interface ConnectionConfig {
  /** The version of a client's first Initial packet. */
  readonly version: number
  /** The versions spoken, best first. */
  readonly versions: readonly number[]
  /** ms; 0: none (RFC 9000 §10.1). */
  readonly maxIdleTimeout: Duration
  /** ms from the start until the handshake must be complete. */
  readonly handshakeTimeout: Duration
  /** ms between signs of life; `'auto'`: a third of the idle timeout. */
  readonly keepAlive: 'auto' | Duration | false
  /** bytes */
  readonly initialMaxData: number
  /** bytes, each */
  readonly initialMaxStreamDataBidiLocal: number
  readonly initialMaxStreamDataBidiRemote: number
  readonly initialMaxStreamDataUni: number
  /** bytes: how far windows may grow by themselves. */
  readonly maxReceiveWindow: number
  readonly maxIncomingBidirectionalStreams: number
  readonly maxIncomingUnidirectionalStreams: number
  /** Accepted and not yet sent bytes of one stream, and of all, above which a writer waits. */
  readonly maxStreamSendBuffer: number
  readonly maxSendBuffer: number
  /** `congested` begins at this many congestion windows of queued bytes. */
  readonly congestionThreshold: number
  /** Ids of the peer that we keep at a time, at least 2 (RFC 9000 §18.2). */
  readonly activeConnectionIdLimit: number
  /** ms (RFC 9000 §18.2) */
  readonly maxAckDelay: Duration
  readonly ackDelayExponent: number
  readonly congestionControl: CongestionAlgorithm
  readonly pacing: boolean
  /** bytes; `undefined`: RFC 9002 §7.2. */
  readonly initialWindow: number | undefined
  readonly minimumWindow: number | undefined
  /** ms (RFC 9002 §6.2.2) */
  readonly initialRtt: Duration
  readonly mtu: MtuOptions
  /** Tells the peer not to migrate on purpose (RFC 9000 §18.2). */
  readonly disableActiveMigration: boolean
  /** RFC 9000 §17.4. */
  readonly spinBit: boolean
  /** bytes of a whole DATAGRAM frame; 0: none (RFC 9221 §3). */
  readonly maxDatagramFrameSize: number
}

/** A {@link ConnectionConfig} in which everything may be left out. */
export type ConnectionOptions = Partial<ConnectionConfig>

/** The connection ids that transport parameters prove (RFC 9000 §7.3). */
export interface HandshakeIds {
  /** The Source Connection ID of our first Initial packet. */
  readonly initialSource: ConnectionId
  /** Server: the destination id of the client's very first Initial packet. */
  readonly originalDestination?: ConnectionId | undefined
  /** Server: the source id of the Retry packet, if one was sent. */
  readonly retrySource?: ConnectionId | undefined
  /** Server: the token of `initialSource`, 16 bytes. */
  readonly statelessResetToken?: Uint8Array | undefined
}

/** @throws TypeError on an unknown key or a wrong type, RangeError on a value out of bounds. */
export declare function validateConnectionConfig(options?: ConnectionOptions): ConnectionConfig

/** The parameters that `role` sends (RFC 9000 §18.2). `maxDatagramSize`: what the carrier can deliver to us, bytes. */
export declare function transportParametersOf(
  config: ConnectionConfig,
  role: Role,
  ids: HandshakeIds,
): TransportParameters
