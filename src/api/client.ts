/** `connect`: one connection on a transport of its own. */
import type { DatagramTransport } from '../transport.ts'
import type { QuicConnection } from './connection.ts'
import { type ConnectOptions, EndpointCore, whenReady } from './endpoint-core.ts'

/**
 * Connects over `transport` and fulfils when the handshake is complete. The transport belongs to the connection: it is
 * closed when the connection is over, or if there is none.
 *
 * @throws (rejects with) a `QuicError` of its own class for each way to fail; `TypeError` or `RangeError` for wrong options;
 * the signal's reason.
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { udp } from 'isoquic/transports/udp'
 *
 * await using connection = await connect(await udp(), { address: 'example.org:4433', alpn: ['echo'] })
 * ```
 */
export async function connect(transport: DatagramTransport, options: ConnectOptions): Promise<QuicConnection> {
  try {
    const core = new EndpointCore(transport, options)
    const connection = core.connect(options)
    const close = (): void => transport.close()
    // The last CONNECTION_CLOSE leaves before the transport does.
    connection.gone.then(close, close)
    return await whenReady(connection, options.signal)
  } catch (error) {
    transport.close()
    throw error
  }
}
