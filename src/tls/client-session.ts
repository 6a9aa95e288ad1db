/** The door to TLS for clients. Separate from the server's, so that a page does not carry a server. */
import { andThen } from '../crypto/eventually.ts'
import { WaitServerHello } from './client-hello-states.ts'
import { checkClientConfig, makeOffer } from './client-start.ts'
import type { TlsClientConfig } from './config.ts'
import { HandshakeContext } from './context.ts'
import { HandshakeMachine } from './machine.ts'
import type { TlsSession } from './session.ts'

/**
 * A client's session. Its ClientHello can be polled at once, or after the first `onProgress` where the provider takes
 * time for a key share.
 * @throws RangeError for a configuration that cannot work; what `parameters` throws.
 */
export function createClientSession(config: TlsClientConfig): TlsSession {
  checkClientConfig(config)
  const context = new HandshakeContext(config)
  return new HandshakeMachine(
    context,
    andThen(makeOffer(config, context), (offer) => new WaitServerHello(offer)),
  )
}
