/**
 * Datagrams through a CONNECT-UDP proxy over HTTP/3 (RFC 9298): UDP payloads in HTTP datagrams (RFC 9297), which are lost and
 * overtake each other as on the way behind the proxy. What is too large for a datagram of the outer connection, as a first
 * Initial packet often is until that knows its MTU, goes in a capsule on the stream.
 */
import { Writer } from '../src/base/writer.ts'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { ConnectUdpError } from './byte-stream.ts'
import { LIKE_UDP, targetParts, targetUrl, udpCapsules, writeUdpCapsule } from './connect-udp.ts'
import { invalidState, SinkHolder } from './sink-holder.ts'

/** A tunnel of HTTP/3: `Http3Tunnel` of `isoquic/http3` is one. */
export interface MasqueTunnel {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly datagrams: {
    /** bytes; 0: the proxy takes none */
    readonly maxDatagramSize: number
    send(bytes: Uint8Array): unknown
    serve(consumer: (bytes: Uint8Array) => void): void
  }
  readonly closed: Promise<void>
  abort(): void
}

/** A client of HTTP/3: `Http3Client` of `isoquic/http3` is one. */
export interface MasqueClient {
  connect(
    url: URL,
    init: { readonly protocol: string; readonly headers: Readonly<Record<string, string>> },
  ): Promise<MasqueTunnel>
}

/** Which proxy, and by which client. */
export interface MasqueOptions {
  /** The proxy: its origin (`https://proxy.example`), or a URI template with `{target_host}` and `{target_port}` (RFC 9298 §2). */
  readonly proxy: string
  /** Whose connection to the proxy is used. It stays the caller's. */
  readonly client: MasqueClient
  /** `host:port`; by default what the first connection names. */
  readonly target?: string
  /** Shown as `Proxy-Authorization: Bearer …`. */
  readonly token?: string
  /** bytes; by default 1,500 */
  readonly maxDatagramSize?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** The context whose datagrams are UDP payloads (RFC 9298 §4). */
const UDP_CONTEXT = 0

/** Bytes of capsules that may wait for the proxy; more are lost, as in a network. */
const MAX_WAITING = 262_144

/** Bytes in front of a payload in a datagram. */
const OVERHEAD = 1

/**
 * A transport through a CONNECT-UDP proxy that speaks HTTP/3. Where no `target` is given, it is opened when a connection names its
 * address.
 *
 * @throws TypeError, RangeError for wrong options; (as rejections) `ConnectUdpError` where the proxy refuses, or what the client says.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { Http3Client } from 'isoquic/http3'
 * import { masque } from 'isoquic/transports/masque'
 *
 * const client = new Http3Client()
 * const transport = await masque({ proxy: 'https://proxy.example', client })
 * const connection = await connect(transport, { address: 'quic.example:443', alpn: ['echo'] })
 * ```
 */
export async function masque(options: MasqueOptions): Promise<MasqueTransport> {
  const transport = new MasqueTransport(options)
  if (options.target !== undefined) await transport.dial(options.target)
  return transport
}

/** Datagrams through one tunnel. */
export class MasqueTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress = ''
  /** Of the way to the target, which has UDP behind the proxy. */
  readonly properties: TransportProperties = LIKE_UDP
  /** Names the target to the proxy, which resolves it. There once; absent where the target is known. */
  resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  readonly #options: MasqueOptions
  readonly #holder: SinkHolder
  readonly #writer = new Writer(2048)
  #tunnel: MasqueTunnel | undefined
  #stream: WritableStreamDefaultWriter<Uint8Array> | undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #peer: PathAddress = ''
  #waiting = 0

  /** @internal Made by {@link masque}. */
  constructor(options: MasqueOptions) {
    const { maxDatagramSize = 1500, proxy, target, client } = options
    if (!(maxDatagramSize >= 1200 && maxDatagramSize <= 65_527)) {
      throw new RangeError(`maxDatagramSize must be from 1200 to 65527, got ${maxDatagramSize}`)
    }
    if (targetUrl(proxy, 'target.example', 443).protocol !== 'https:') {
      throw new TypeError(`proxy must begin with https:, got ${proxy}`)
    }
    if (typeof client?.connect !== 'function') throw new TypeError('client must be a client of HTTP/3')
    this.#options = options
    this.maxDatagramSize = maxDatagramSize
    this.#holder = new SinkHolder('tunnel', options.onError)
    if (target === undefined) this.resolve = (host, port) => this.#resolve(host, port)
  }

  /** What fits into a datagram of the outer connection: packets of data stay at or below it. */
  get preferredDatagramSize(): number {
    const room = (this.#tunnel?.datagrams.maxDatagramSize ?? 0) - OVERHEAD
    return Math.max(MIN_PREFERRED, Math.min(room, this.maxDatagramSize))
  }

  /** Opens the tunnel to `target`, `host:port`. Rejects with a `ConnectUdpError` where the proxy refuses. @internal */
  async dial(target: string): Promise<void> {
    const { host, port } = targetParts(target)
    const { client, proxy, token } = this.#options
    const headers = {
      'capsule-protocol': '?1',
      ...(token !== undefined && { 'proxy-authorization': `Bearer ${token}` }),
    }
    const url = targetUrl(proxy, host, port)
    const tunnel = await client.connect(url, { protocol: 'connect-udp', headers }).catch((error: unknown) => {
      throw refusalOf(error)
    })
    if (this.#holder.isClosed) {
      tunnel.abort()
      throw new ConnectUdpError('The tunnel was closed before it was open', 0)
    }
    this.#attach(tunnel)
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, _to: PathAddress, _ecn: Ecn): boolean {
    const tunnel = this.#tunnel
    if (tunnel === undefined || this.#holder.isClosed || bytes.length > this.maxDatagramSize || bytes.length === 0) {
      return true
    }
    if (bytes.length + OVERHEAD > tunnel.datagrams.maxDatagramSize) this.#sendCapsule(bytes)
    else {
      const datagram = new Uint8Array(OVERHEAD + bytes.length)
      datagram[0] = UDP_CONTEXT
      datagram.set(bytes, OVERHEAD)
      tunnel.datagrams.send(datagram)
    }
    return true
  }

  close(): void {
    if (!this.#holder.close()) return
    // RFC 9298 §3.1: the end of the stream is the end of the flow. What was written leaves before it.
    this.#stream?.close().catch(() => undefined)
    this.#reader?.cancel().catch(() => undefined)
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  #sendCapsule(bytes: Uint8Array): void {
    if (this.#waiting > MAX_WAITING) return
    this.#writer.clear()
    writeUdpCapsule(this.#writer, bytes)
    const capsule = this.#writer.finish()
    this.#waiting += capsule.length
    const done = (): void => {
      this.#waiting -= capsule.length
    }
    this.#stream?.write(capsule).then(done, done)
  }

  #attach(tunnel: MasqueTunnel): void {
    this.#tunnel = tunnel
    this.#stream = tunnel.writable.getWriter()
    this.#stream.closed.catch(() => undefined)
    tunnel.datagrams.serve((bytes) => this.#onDatagram(bytes))
    this.#reader = tunnel.readable.getReader()
    tunnel.closed.catch(() => undefined)
    this.#read(this.#reader).then(
      () => this.#end(new ConnectUdpError('The proxy ended the tunnel', 200)),
      (error: unknown) => this.#end(error),
    )
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const capsules = udpCapsules((payload) => this.#deliver(payload))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      capsules.receive(value)
    }
  }

  /** RFC 9298 §4: what is of no context that we know is dropped. */
  #onDatagram(bytes: Uint8Array): void {
    if (bytes.length > OVERHEAD && bytes[0] === UDP_CONTEXT) this.#deliver(bytes.subarray(OVERHEAD))
  }

  #deliver(payload: Uint8Array): void {
    if (!this.#holder.isClosed) this.#holder.datagram(payload, this.#peer)
  }

  #end(cause: unknown): void {
    if (this.#holder.isClosed) return
    this.#tunnel?.abort()
    this.#holder.tellClosed(cause instanceof Error ? cause : new Error(String(cause)))
  }

  async #resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    if (this.#holder.isClosed) throw invalidState('The tunnel is closed')
    delete this.resolve
    this.#peer = `${host.includes(':') ? `[${host}]` : host}:${port}`
    await this.dial(this.#peer)
    return [this.#peer]
  }
}

/** Bytes; below it packets are not worth their headers, and a path that promises less is not believed. */
const MIN_PREFERRED = 1_000

/** A refusal in the words of all tunnels; anything else as it is. */
function refusalOf(error: unknown): unknown {
  const { name, status, headers } = error as { name?: string; status?: number; headers?: Headers }
  if (name !== 'Http3ConnectError' || status === undefined) return error
  const why = headers?.get('proxy-status') ?? undefined
  const details = why === undefined ? '' : `: ${why}`
  return new ConnectUdpError(`The proxy answered with ${status}${details}`, status, why)
}
