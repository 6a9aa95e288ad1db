/** What a page loads when it connects: endpoint, connection, streams, recovery, packet protection. */
import type { Eventually } from '../crypto/eventually.ts'
import type { DatagramTransport } from '../transport.ts'
import { connectBy } from './client.ts'
import type { QuicConnection } from './connection.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import type { Handshake } from './handshake.ts'

/** `connect` of `client.ts`, whose own handshake stays behind: pages load another one. */
export function connectPage(
  loadHandshake: () => Eventually<Handshake>,
  transport: DatagramTransport,
  options: ConnectOptions,
): Promise<QuicConnection> {
  return connectBy(loadHandshake, transport, options)
}
