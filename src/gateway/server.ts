/**
 * The gateway as a server of Node: WebSockets (by the package `ws`, which is the user's to install) and CONNECT-UDP over
 * HTTP/1.1 Upgrade (RFC 9298 §3.2) on one port, with TLS or behind a reverse proxy that has it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { targetOf } from '../../transports/connect-udp.ts'
import { CAPSULE_PROTOCOL, RAW_PROTOCOL, TOKEN_PREFIX } from '../../transports/websocket.ts'
import type { Http3Server } from '../api/http3/serve.ts'
import { type ServerWebSocket, streamChannel, webSocketChannel } from './channels.ts'
import { type FlowRequest, Gateway, type GatewayCounters, type GatewayOptions } from './gateway.ts'
import { embeddedIpv4, type IpRange, isInRange, parseIp, parseRange } from './ip-address.ts'
import { refusalResponse } from './refusal.ts'

/** Where a gateway listens, beside what it allows. */
export interface GatewayServerOptions extends GatewayOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string
  /** Default 8443; 0: the system chooses. */
  readonly port?: number
  /** PEM; required outside loopback, unless `insecure` is set. */
  readonly tls?: { readonly key: string; readonly certificate: string }
  /**
   * CONNECT-UDP over HTTP/3 as well (RFC 9298 §3.4), on the same port of UDP, with the certificate of `tls`; default `false`. Its
   * clients are known by the address that they come from: no reverse proxy stands in front.
   */
  readonly http3?: boolean
  /** Plain HTTP outside loopback: a reverse proxy in front has TLS. */
  readonly insecure?: boolean
  /** Addresses or ranges of reverse proxies, whose `X-Forwarded-For` tells the client's address. */
  readonly trustedProxies?: readonly string[]
}

/** A gateway that listens. */
export interface GatewayServer {
  /** `host:port`, IPv6 in brackets. */
  readonly address: string
  readonly port: number
  /** The numbers of this moment. */
  readonly counters: GatewayCounters
  /** Ends every flow and stops listening. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The longest message that is taken, bytes. */
const MAX_MESSAGE = 1 << 20

/**
 * Listens for clients without UDP.
 *
 * @throws RangeError where the options allow nothing, or would send unencrypted what should not be; Error where `ws` is not installed;
 * (all as rejections) the system's error where the port cannot be had.
 *
 * @example
 * ```ts
 * import { serveGateway } from 'isoquic/gateway'
 *
 * await using gateway = await serveGateway({ port: 8443, allow: ['localhost:4433'], origins: ['http://localhost:8080'] })
 * console.log(`ws://${gateway.address}`)
 * ```
 */
export async function serveGateway(options: GatewayServerOptions): Promise<GatewayServer> {
  const { host = '127.0.0.1', port = 8443, tls, insecure = false, http3 = false } = options
  if (http3 && tls === undefined) throw new RangeError('http3 needs tls: QUIC is always encrypted')
  if (tls === undefined && !insecure && !isLoopbackHost(host)) {
    throw new RangeError(
      `Outside loopback a gateway needs tls, or insecure behind a proxy that has it; host is ${host}`,
    )
  }
  const proxies = (options.trustedProxies ?? []).map(rangeOf)
  const gateway = new Gateway(options)
  const { WebSocketServer } = await importWs()
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE,
    handleProtocols: (offered: Set<string>) =>
      [CAPSULE_PROTOCOL, RAW_PROTOCOL].find((protocol) => offered.has(protocol)) ?? false,
  })
  const server =
    tls === undefined
      ? createServer()
      : createSecureServer({ key: tls.key, cert: tls.certificate, minVersion: 'TLSv1.2' })
  server.on('request', (_request, response) => response.writeHead(426, { Upgrade: 'websocket, connect-udp' }).end())
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    socket.on('error', () => socket.destroy())
    const upgrade = request.headers.upgrade?.toLowerCase()
    const flow = flowRequest(request, proxies)
    if (upgrade === 'connect-udp') {
      streamChannel(socket, head, (channel) => gateway.open(flow, channel))
    } else if (upgrade === 'websocket') {
      sockets.handleUpgrade(request, socket, head, (opened: ServerWebSocket & { readonly protocol: string }) =>
        webSocketChannel(opened, opened.protocol === RAW_PROTOCOL, (channel) => gateway.open(flow, channel)),
      )
    } else {
      socket.end(refusalResponse('bad_request'))
    }
  })
  const openQuic = http3 && tls !== undefined ? (at: number) => openHttp3(gateway, host, at, tls) : undefined
  const { bound, quic } = await listenOn(server, host, port, openQuic)
  const close = async (): Promise<void> => {
    gateway.close()
    await quic?.close()
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  return {
    address: bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`,
    port: bound.port,
    get counters() {
      return gateway.counters
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Tries where the system chooses the port: one that is free for TCP may be taken for UDP. */
const CHOICES = 16

interface Listening {
  readonly bound: AddressInfo
  readonly quic: Http3Server | undefined
}

/** Listens on one port for both. Where one of them cannot, neither does. */
async function listenOn(
  server: Server,
  host: string,
  port: number,
  openQuic: ((port: number) => Promise<Http3Server>) | undefined,
): Promise<Listening> {
  for (let left = port === 0 ? CHOICES : 1; ; left--) {
    server.listen(port, host)
    await once(server, 'listening')
    const bound = server.address() as AddressInfo
    try {
      return { bound, quic: await openQuic?.(bound.port) }
    } catch (error) {
      await new Promise((resolve) => server.close(resolve))
      if (left <= 1 || (error as { readonly code?: unknown }).code !== 'EADDRINUSE') throw error
    }
  }
}

/** The same gateway over HTTP/3. What is no CONNECT is told what would be. */
async function openHttp3(
  gateway: Gateway,
  host: string,
  port: number,
  { key, certificate }: NonNullable<GatewayServerOptions['tls']>,
): Promise<Http3Server> {
  const [{ serve }, { udp }, { connectUdp }] = await Promise.all([
    import('../api/http3/serve.ts'),
    import('../../transports/udp.ts'),
    import('./http3.ts'),
  ])
  const options = { certificate: { certificate, privateKey: key }, connect: connectUdp(gateway) }
  return serve(await udp({ host, port }), options, () => new Response('CONNECT-UDP is served here\n', { status: 404 }))
}

interface WsModule {
  readonly WebSocketServer: new (
    options: object,
  ) => {
    handleUpgrade(
      request: IncomingMessage,
      socket: Duplex,
      head: Uint8Array,
      opened: (socket: ServerWebSocket & { readonly protocol: string }) => void,
    ): void
  }
}

async function importWs(): Promise<WsModule> {
  try {
    return (await import('ws')) as unknown as WsModule
  } catch (cause) {
    throw new Error('A gateway needs the package ws, which is not installed: npm install ws', { cause })
  }
}

function flowRequest(request: IncomingMessage, proxies: readonly IpRange[]): FlowRequest {
  const { headers, url = '' } = request
  const { pathname } = new URL(url, 'http://gateway.invalid')
  const offered = headers['sec-websocket-protocol']?.split(',').map((each) => each.trim()) ?? []
  const bearer = /^Bearer (\S+)$/i.exec(headers['proxy-authorization'] ?? headers.authorization ?? '')?.[1]
  return {
    target: targetOf(pathname),
    client: clientOf(request, proxies),
    origin: headers.origin,
    token: offered.find((each) => each.startsWith(TOKEN_PREFIX))?.slice(TOKEN_PREFIX.length) ?? bearer,
  }
}

/** The nearest address that is not a trusted proxy's. What lies beyond it anybody can have written. */
function clientOf(request: IncomingMessage, proxies: readonly IpRange[]): string {
  const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
  const hops = forwarded.map((hop) => hop.trim()).filter((hop) => hop !== '')
  let client = plain(request.socket.remoteAddress ?? '')
  while (isTrusted(client, proxies)) {
    const next = hops.pop()
    if (next === undefined || parseIp(plain(next)) === undefined) break
    client = plain(next)
  }
  return client
}

function isTrusted(address: string, proxies: readonly IpRange[]): boolean {
  const bytes = parseIp(address)
  return bytes !== undefined && proxies.some((range) => isInRange(bytes, range))
}

/** Without zone, and an IPv4 address as such. */
function plain(address: string): string {
  const text = address.replace(/%.*$/, '').replace(/^\[(.*)\]$/, '$1')
  const bytes = parseIp(text)
  const inner = bytes === undefined || !text.toLowerCase().startsWith('::ffff:') ? undefined : embeddedIpv4(bytes)
  return inner === undefined ? text : inner.join('.')
}

/** @throws RangeError */
function rangeOf(text: string): IpRange {
  const range = parseRange(text)
  if (range === undefined) throw new RangeError(`trustedProxies must hold addresses or ranges, got ${text}`)
  return range
}

function isLoopbackHost(host: string): boolean {
  const bytes = parseIp(host)
  return host === 'localhost' || host === '::1' || (bytes?.length === 4 && bytes[0] === 127)
}
