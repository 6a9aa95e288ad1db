/** The preferred address of a server's connection, and the connection id that comes with it (RFC 9000 §9.6.1, §18.2). */
import type { ConnectionInit } from '../connection/init.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { AcceptParameters } from './endpoint-options.ts'

/**
 * The preferred address that `parameters` ask for, with an id for it.
 * @param taken the id that the connection has already.
 * @param freshId another with each call.
 * @throws RangeError where ids have no length
 */
export function preferredOf(
  { preferredAddress }: AcceptParameters,
  taken: ConnectionId,
  freshId: () => ConnectionId,
): ConnectionInit['preferred'] {
  if (preferredAddress === undefined) return undefined
  // RFC 9000 §18.2.
  if (taken.length === 0) throw new RangeError('A preferred address takes connection ids of a byte or more')
  let connectionId = freshId()
  while (connectionId.equals(taken)) connectionId = freshId()
  return { ipv4: preferredAddress.ipv4, ipv6: preferredAddress.ipv6, connectionId }
}
