/** The door to TLS for servers. Separate from the client's, so that a page does not carry a server. */
import { checkServerConfig, type TlsServerConfig } from './config.ts'
import { HandshakeContext } from './context.ts'
import { HandshakeMachine } from './machine.ts'
import { WaitClientHello } from './server-hello-states.ts'
import type { TlsSession } from './session.ts'

/**
 * A server's session for one client.
 * @throws RangeError for a configuration that cannot work.
 */
export function createServerSession(config: TlsServerConfig): TlsSession {
  checkServerConfig(config)
  const context = new HandshakeContext(config)
  return new HandshakeMachine(context, new WaitClientHello(config, context))
}
