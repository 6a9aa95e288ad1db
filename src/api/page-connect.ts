/** `connect` for pages: small until it is called. */
import type { DatagramTransport } from '../transport.ts'
import type { QuicConnection } from './connection.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import { QuicCarrierError } from './errors.ts'
import type { Handshake } from './handshake.ts'

/**
 * As `connect` of `isoquic`. The stack is loaded when it is called, its handshake beside it and while the name is resolved, and
 * the validation of chains where `ca` asks for it.
 *
 * @throws (rejects with) what `connect` does; `QuicCarrierError` if the stack, `QuicAddressError` if the handshake cannot be
 * loaded, the latter within `handshakeTimeout`.
 */
export async function connect(transport: DatagramTransport, options: ConnectOptions): Promise<QuicConnection> {
  const handshake = loadHandshake()
  // Whoever waits for it hears of its failure.
  handshake.catch(() => {})
  const core = await import('./page-core.ts').catch((cause: unknown) => {
    transport.close()
    throw new QuicCarrierError('The code of the stack could not be loaded: check the files beside the page client', {
      side: 'local',
      cause,
    })
  })
  return core.connectPage(() => handshake, transport, options)
}

async function loadHandshake(): Promise<Handshake> {
  const { pageHandshake } = await import('./page-handshake.ts')
  return pageHandshake
}
