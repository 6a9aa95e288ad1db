/** Datagrams where UDP is blocked: CONNECT-UDP (RFC 9298) through a proxy, over TCP or TLS, in Node, Deno and Bun. */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { type ByteStream, type TunnelOptions, TunnelTransport } from './byte-stream.ts'

/** Which proxy, and whom to trust. */
export interface TcpOptions extends TunnelOptions {
  /** PEM of the authorities that the proxy's certificate is checked against; by default those of Node. */
  readonly ca?: string
}

/**
 * A transport through a CONNECT-UDP proxy. Where no `target` is given it is opened when a connection names its address.
 *
 * @throws TypeError, RangeError for wrong options; (as rejections) `ConnectUdpError` where the proxy refuses, or the system's error.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { tcp } from 'isoquic/transports/tcp'
 *
 * const transport = await tcp({ proxy: 'https://proxy.example' })
 * const connection = await connect(transport, { address: 'quic.example:443', alpn: ['echo'] })
 * ```
 */
export async function tcp(options: TcpOptions): Promise<TunnelTransport> {
  const transport = new TunnelTransport(options, (host, port, tls) => openSocket(host, port, tls, options.ca))
  if (options.target !== undefined) await transport.dial(options.target)
  return transport
}

async function openSocket(host: string, port: number, tls: boolean, ca: string | undefined): Promise<ByteStream> {
  const socket: Socket = tls
    ? connectTls({
        host,
        port,
        servername: isIP(host) === 0 ? host : '',
        ALPNProtocols: ['http/1.1'],
        ...(ca !== undefined && { ca }),
      })
    : connectTcp({ host, port })
  socket.setNoDelay(true)
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      socket.off('error', reject)
      resolve()
    })
  })
  // What goes wrong from here on ends the streams, too.
  socket.on('error', () => undefined)
  const { readable, writable } = Duplex.toWeb(socket)
  return {
    readable: readable as ReadableStream<Uint8Array>,
    writable: writable as WritableStream<Uint8Array>,
    close: () => socket.destroySoon(),
  }
}
