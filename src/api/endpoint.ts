/** An endpoint of one's own: several connections, and both roles, on one transport. */
import type { EndpointStats } from '../endpoint/endpoint-stats.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { checkKey, checkTransport } from './checks.ts'
import type { QuicConnection } from './connection.ts'
import { type ConnectOptions, EndpointCore, type EndpointCoreOptions } from './endpoint-core.ts'
import { handshake } from './handshake.ts'
import { type ListenOptions, listenOn, type QuicServer } from './server.ts'

/**
 * Both roles on one transport.
 *
 * @example
 * ```ts run
 * import { QuicEndpoint } from 'isoquic'
 * import { devCertificate } from 'isoquic/dev'
 * import { udp } from 'isoquic/transports/udp'
 *
 * const certificate = await devCertificate()
 * const one = new QuicEndpoint(await udp({ host: '127.0.0.1' }))
 * const other = new QuicEndpoint(await udp({ host: '127.0.0.1' }))
 * const server = await other.listen({ alpn: ['demo'], certificate })
 *
 * const connection = one.connect(server.address, { alpn: ['demo'], serverCertificateHashes: [certificate.hash] })
 * console.log(connection.state) // connecting
 * const { alpn } = await connection.ready
 * console.log(connection.state, alpn) // connected demo
 *
 * await connection.close({ reason: 'that was all' })
 * one.close()
 * await server.close()
 * other.close()
 * ```
 */
export class QuicEndpoint {
  readonly #core: EndpointCore

  /** @param transport belongs to the endpoint from now on. */
  constructor(transport: DatagramTransport, options: EndpointCoreOptions = {}) {
    checkTransport(transport)
    this.#core = new EndpointCore(transport, options)
  }

  /** `host:port` of the transport. */
  get address(): PathAddress {
    return this.#core.transport.localAddress
  }

  /** Begins a connection and returns it at once; its `ready` rejects if the address cannot be used. */
  connect(address: string, options: Omit<ConnectOptions, 'address'>): QuicConnection {
    return this.#core.connect({ ...options, address }, () => handshake)
  }

  /** Takes connections on the same transport, which stays open when the server is closed. */
  listen(options: ListenOptions): Promise<QuicServer> {
    return listenOn(this.#core, options)
  }

  /** Numbers of this moment, of all that happens on the transport. */
  stats(): EndpointStats {
    return this.#core.driver.endpoint.stats()
  }

  /** As of a server: another key for stateless resets; that which is replaced still serves connections from before. @throws RangeError below 16 bytes */
  rotateResetKey(key: Uint8Array): void {
    checkKey(key, 16)
    this.#core.driver.endpoint.rotateResetKey(key)
  }

  /** As of a server: another key for address tokens; that which is replaced is still taken. @throws RangeError below 32 bytes */
  rotateTokenKey(key: Uint8Array): void {
    checkKey(key, 32)
    this.#core.driver.endpoint.rotateTokenKey(key)
  }

  /** Closes the transport; every connection on it ends with a `QuicCarrierError`. */
  close(): void {
    this.#core.driver.close()
  }
}
