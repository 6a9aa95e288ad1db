/** `connect`: one connection on a transport of its own. */

import type { Eventually } from '../crypto/eventually.ts'
import type { DatagramTransport } from '../transport.ts'
import { checkTransport } from './checks.ts'
import type { QuicConnection } from './connection.ts'
import { type ConnectOptions, EndpointCore, whenReady } from './endpoint-core.ts'
import { type Handshake, handshake } from './handshake.ts'
import { giveEngine, takeEngine } from './spare-engines.ts'

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
export function connect(transport: DatagramTransport, options: ConnectOptions): Promise<QuicConnection> {
  return connectBy(() => handshake, transport, options)
}

/** The connection of {@link connect} before its handshake is complete. @throws TypeError, RangeError for wrong options */
export function connectAtOnce(transport: DatagramTransport, options: ConnectOptions): QuicConnection {
  return connectAtOnceBy(() => handshake, transport, options)
}

/** {@link connectAtOnce} with a handshake from elsewhere. */
export function connectAtOnceBy(
  loadHandshake: () => Eventually<Handshake>,
  transport: DatagramTransport,
  options: ConnectOptions,
): QuicConnection {
  return begin(loadHandshake, transport, options).connection
}

/** {@link connect} with a handshake from elsewhere. */
export async function connectBy(
  loadHandshake: () => Eventually<Handshake>,
  transport: DatagramTransport,
  options: ConnectOptions,
): Promise<QuicConnection> {
  const { core, connection } = begin(loadHandshake, transport, options)
  const close = (): void => transport.close()
  try {
    return await whenReady(connection, options.signal)
  } catch (error) {
    // RFC 9000 §10.2: with the socket gone no late packet can draw an answer, so the closing period may end when
    // CONNECTION_CLOSE has been sent.
    core.driver.afterFlush(close)
    throw error
  }
}

function begin(
  loadHandshake: () => Eventually<Handshake>,
  transport: DatagramTransport,
  options: ConnectOptions,
): { readonly core: EndpointCore; readonly connection: QuicConnection } {
  checkTransport(transport)
  try {
    const core = new EndpointCore(transport, options, takeEngine)
    const connection = core.connect(options, loadHandshake)
    // A connection that has moved elsewhere lets go of it.
    core.driver.adopt(transport, connection)
    core.driver.release(transport, core)
    const close = (): void => {
      transport.close()
      core.driver.listenForFlushes(() => !retire(core))
      core.driver.schedule()
    }
    connection.gone.then(close, close)
    return { core, connection }
  } catch (error) {
    transport.close()
    throw error
  }
}

/** Gives the engine back once the connection is closed: an endpoint without one has no use for it. `false`: not yet. */
function retire({ crypto, driver, engine }: EndpointCore): boolean {
  if (!driver.endpoint.isAtRest) return false
  giveEngine(crypto, engine)
  return true
}
