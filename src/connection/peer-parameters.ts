import type { ConnectionId } from '../wire/connection-id.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'

/** The ids that were really used, to be proven by the peer's parameters. */
export interface ExpectedIds {
  /** The source id of the peer's first Initial packet. */
  readonly initialSource: ConnectionId
  /** Client: the destination id of our very first Initial packet. */
  readonly originalDestination?: ConnectionId | undefined
  /** Client: the source id of the Retry packet that was accepted, if any. */
  readonly retrySource?: ConnectionId | undefined
}

/** `role` is ours. @throws TransportError TRANSPORT_PARAMETER_ERROR (RFC 9000 §7.3, §18.2). */
export declare function checkPeerParameters(parameters: TransportParameters, role: Role, expected: ExpectedIds): void
