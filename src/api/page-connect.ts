/** `connect` for pages. */
import type { DatagramTransport } from '../transport.ts'
import { connectBy } from './client.ts'
import type { QuicConnection } from './connection.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import type { Handshake } from './handshake.ts'

/**
 * As `connect` of `isoquic`. The code of the handshake is loaded while the name is resolved, and the validation of chains where
 * `ca` asks for it.
 *
 * @throws (rejects with) what `connect` does; `QuicAddressError` if the code cannot be loaded within `handshakeTimeout`.
 */
export function connect(transport: DatagramTransport, options: ConnectOptions): Promise<QuicConnection> {
  return connectBy(loadHandshake, transport, options)
}

async function loadHandshake(): Promise<Handshake> {
  const { pageHandshake } = await import('./page-handshake.ts')
  return pageHandshake
}
