/** An endpoint of one's own: several connections, and both roles, on one transport. */
import type { DatagramTransport, PathAddress } from '../transport.ts'
import type { QuicConnection } from './connection.ts'
import { type ConnectOptions, EndpointCore, type EndpointCoreOptions } from './endpoint-core.ts'
import { type ListenOptions, listenOn, type QuicServer } from './server.ts'

/** Both roles on one transport. */
export class QuicEndpoint {
  readonly #core: EndpointCore

  /** @param transport belongs to the endpoint from now on. */
  constructor(transport: DatagramTransport, options: EndpointCoreOptions = {}) {
    this.#core = new EndpointCore(transport, options)
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.#core.transport.localAddress
  }

  /** Begins a connection and returns it at once; its `ready` rejects if the address cannot be used. */
  connect(address: string, options: Omit<ConnectOptions, 'address'>): QuicConnection {
    return this.#core.connect({ ...options, address })
  }

  /** Takes connections on the same transport. */
  listen(options: ListenOptions): Promise<QuicServer> {
    return listenOn(this.#core, options)
  }

  /** Closes the transport; every connection on it ends with a `QuicCarrierError`. */
  close(): void {
    this.#core.driver.close()
  }
}
