/**
 * The peer's transport parameters against what was seen on the wire (RFC 9000 §7.3): they prove the connection ids of the
 * handshake, which travelled unprotected. What a parameter may be by itself was checked when it was decoded.
 */
import type { ConnectionId } from '../wire/connection-id.ts'
import type { Role } from '../wire/stream-id.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'

/** The ids that were really used. */
export interface ExpectedIds {
  /** The source id of the first Initial packet of the peer that was processed. */
  readonly initialSource: ConnectionId
  /** Client: the destination id of our very first Initial packet. */
  readonly originalDestination?: ConnectionId | undefined
  /** Client: the source id of the Retry packet that was accepted, if any. */
  readonly retrySource?: ConnectionId | undefined
}

/**
 * Checks what the peer of an endpoint in this `role` declared.
 *
 * @throws TransportError TRANSPORT_PARAMETER_ERROR when an id is missing, is not the one that was used, or has no business
 * being there.
 */
export function checkPeerParameters(parameters: TransportParameters, role: Role, expected: ExpectedIds): void {
  requireSame('initial_source_connection_id', parameters.initialSourceConnectionId, expected.initialSource)
  if (role === 'client') {
    const { originalDestinationConnectionId, retrySourceConnectionId, preferredAddress } = parameters
    requireSame('original_destination_connection_id', originalDestinationConnectionId, expected.originalDestination)
    requireSame('retry_source_connection_id', retrySourceConnectionId, expected.retrySource)
    // RFC 9000 §18.2: who has no ids cannot be reached at another address.
    if (preferredAddress !== undefined && expected.initialSource.length === 0) {
      throw parameterError('preferred_address from a server with connection ids of zero length')
    }
    return
  }
  // RFC 9000 §18.2: these are a server's to send.
  requireSame('original_destination_connection_id', parameters.originalDestinationConnectionId, undefined)
  requireSame('retry_source_connection_id', parameters.retrySourceConnectionId, undefined)
  if (parameters.preferredAddress !== undefined) throw parameterError('preferred_address from a client')
  if (parameters.statelessResetToken !== undefined) throw parameterError('stateless_reset_token from a client')
}

function requireSame(name: string, actual: ConnectionId | undefined, expected: ConnectionId | undefined): void {
  if (expected === undefined) {
    if (actual !== undefined) throw parameterError(`${name} is there and should not be`)
  } else if (actual === undefined) {
    throw parameterError(`${name} is missing`)
  } else if (!actual.equals(expected)) {
    throw parameterError(`${name} is ${actual.toString()}, the id used was ${expected.toString()}`)
  }
}

function parameterError(reason: string): TransportError {
  return new TransportError(TransportErrorCode.TRANSPORT_PARAMETER_ERROR, reason)
}
