/**
 * On which terms a server's tickets are given out and taken back (RFC 9001 §4.6.3): they carry the version and the transport
 * parameters of their connection, and 0-RTT is refused where these do not hold any more.
 */
import { EMPTY, equalBytes } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import type { Eventually } from '../crypto/eventually.ts'
import { readBytes, writeBytes } from '../tls/resumption.ts'
import type { EarlyDataAttempt, TicketPolicy, TicketSealer } from '../tls/tickets.ts'
import { decodeTransportParameters, encodeTransportParameters } from '../wire/transport-parameters.ts'
import { reducedParameter, rememberedParameters } from './stored-session.ts'

/** What a server says of tickets, once for all its connections. */
export interface TicketTerms {
  readonly sealer: TicketSealer
  /** Tickets that a client gets after each handshake. */
  readonly count: number
  /** Seconds for which a ticket is good, at most seven days. */
  readonly lifetime: number
  /**
   * Whether 0-RTT data may be accepted once more, for this ticket and this client; see {@link TicketPolicy.acceptEarlyData}.
   * Left out, none is.
   */
  readonly acceptEarlyData?: ((attempt: Omit<EarlyDataAttempt, 'context'>) => Eventually<boolean>) | undefined
  /** What the application relies on, such as its own settings: 0-RTT is refused to tickets that were given out under another. */
  readonly applicationState?: Uint8Array | undefined
}

/** What is known of the connection that a policy is for. */
export interface TicketScope {
  /** Of the client's first packet: a ticket of another version is none (RFC 9369 §5). */
  readonly originalVersion: number
  /** The version in use now. */
  version(): number
  /** Our transport parameters, encoded; known when the client's are. */
  parameters(): Uint8Array
}

/** The policy of one connection, for TLS. */
export function ticketPolicy(terms: TicketTerms, scope: TicketScope): TicketPolicy {
  const { acceptEarlyData, applicationState = EMPTY } = terms
  return {
    sealer: terms.sealer,
    count: terms.count,
    lifetime: terms.lifetime,
    context: () => encodeContext(scope.version(), scope.parameters(), applicationState),
    isUsable: (context) => new Reader(context).uint32() === scope.originalVersion,
    acceptEarlyData:
      acceptEarlyData === undefined
        ? undefined
        : ({ context, ...attempt }) => holds(context, scope.parameters(), applicationState) && acceptEarlyData(attempt),
  }
}

function encodeContext(version: number, own: Uint8Array, applicationState: Uint8Array): Uint8Array {
  const writer = new Writer(128)
  writer.uint32(version)
  const parameters = rememberedParameters(decodeTransportParameters(own, 'server'))
  writeBytes(writer, encodeTransportParameters(parameters, 'server'))
  writeBytes(writer, applicationState)
  return writer.finish()
}

/** RFC 9000 §7.4.1: whether all that the client may rely on is granted now as well. */
function holds(context: Uint8Array, own: Uint8Array, applicationState: Uint8Array): boolean {
  const reader = new Reader(context)
  reader.uint32()
  const remembered = decodeTransportParameters(readBytes(reader), 'server')
  if (!equalBytes(readBytes(reader), applicationState)) return false
  const now = decodeTransportParameters(own, 'server')
  // Packets of the old size would be lost.
  return reducedParameter(remembered, now) === undefined && now.maxUdpPayloadSize >= remembered.maxUdpPayloadSize
}
