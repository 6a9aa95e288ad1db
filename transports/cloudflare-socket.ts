/**
 * Datagrams out of a Worker, which has no UDP: CONNECT-UDP (RFC 9298) through a proxy, over the TCP socket of
 * `cloudflare:sockets`. `connect` is handed in, so that this file loads everywhere.
 */
import { type ByteStream, type TunnelOptions, TunnelTransport } from './byte-stream.ts'
import { namedLimit } from './worker-limit.ts'

export { type WorkerLimit, WorkerLimitError } from './worker-limit.ts'

/** The function `connect` of `cloudflare:sockets`, as far as it is used. */
export type CloudflareConnect = (
  address: { readonly hostname: string; readonly port: number },
  options: { readonly secureTransport: 'on' | 'off'; readonly allowHalfOpen: boolean },
) => ByteStream & { readonly opened?: Promise<unknown> }

/** Which proxy, and how to reach it. */
export interface CloudflareSocketOptions extends TunnelOptions {
  /** `connect` of `cloudflare:sockets`. */
  readonly connect: CloudflareConnect
}

/**
 * A transport through a CONNECT-UDP proxy. Where no `target` is given it is opened when a connection names its address.
 *
 * @throws TypeError, RangeError for wrong options; (as rejections) `ConnectUdpError` where the proxy refuses,
 * {@link WorkerLimitError} where Workers do, or the socket's own error.
 *
 * @example
 * ```js
 * import { connect as connectTcp } from 'cloudflare:sockets'
 * import { connect } from 'isoquic'
 * import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'
 *
 * const transport = await cloudflareSocket({ connect: connectTcp, proxy: 'https://proxy.example' })
 * const connection = await connect(transport, { address: 'quic.example:443', alpn: ['echo'] })
 * ```
 */
export async function cloudflareSocket(options: CloudflareSocketOptions): Promise<TunnelTransport> {
  const transport = new TunnelTransport(options, async (hostname, port, tls) => {
    try {
      const socket = options.connect({ hostname, port }, { secureTransport: tls ? 'on' : 'off', allowHalfOpen: false })
      await socket.opened
      return socket
    } catch (error) {
      throw namedLimit(error)
    }
  })
  if (options.target !== undefined) await transport.dial(options.target)
  return transport
}
