/**
 * Datagrams over a connection that carries bytes: CONNECT-UDP over HTTP/1.1 Upgrade (RFC 9298 §3.2), and the capsules that
 * follow (RFC 9297). The connection is anything with a readable and a writable side, as Workers, Deno and Node's streams
 * for the web have it; who opens it is `cloudflare-socket.ts`'s business, or `tcp.ts`'s.
 */
import { concat, decodeUtf8, EMPTY, encodeUtf8 } from '../src/base/bytes.ts'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { CapsuleBatch } from './capsule-batch.ts'
import { LIKE_UDP, targetParts, targetUrl, udpCapsules } from './connect-udp.ts'
import { SinkHolder } from './sink-holder.ts'
import { namedLimit } from './worker-limit.ts'

/** A connection of bytes. */
export interface ByteStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  /** Ends both directions. */
  close?(): unknown
}

/** A proxy refused to forward to the target, or does not speak CONNECT-UDP. */
export class ConnectUdpError extends Error {
  override readonly name = 'ConnectUdpError'
  /** The HTTP status of the refusal; 0: the answer was no HTTP. */
  readonly status: number
  /** The field `Proxy-Status` (RFC 9209), if there was one: it says why. */
  readonly proxyStatus: string | undefined

  constructor(message: string, status: number, proxyStatus?: string) {
    super(message)
    this.status = status
    this.proxyStatus = proxyStatus
  }
}

/** What a tunnel through a proxy is made of. */
export interface TunnelOptions {
  /** The proxy: its origin (`https://proxy.example`), or a URI template with `{target_host}` and `{target_port}` (RFC 9298 §2). */
  readonly proxy: string
  /** `host:port`; by default what the first connection names. */
  readonly target?: string
  /** Shown as `Proxy-Authorization: Bearer …`. */
  readonly token?: string
  /** bytes; by default 1,500 */
  readonly maxDatagramSize?: number
  /** Bytes on their way beyond which `send` says that it is full; by default 256 KiB. */
  readonly highWaterMark?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** Opens a connection of bytes to `host`; `tls`: encrypted, its certificate checked. */
export type OpenByteStream = (host: string, port: number, tls: boolean) => Promise<ByteStream> | ByteStream

/** The longest head of a response, bytes. */
const MAX_HEAD = 16_384

/** Datagrams over one connection of bytes. */
export class TunnelTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress = ''
  /** Of the way to the target, which has UDP behind the proxy. */
  readonly properties: TransportProperties = LIKE_UDP
  /** Names the target to the proxy, which resolves it. There once; absent where the target is known. */
  resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  readonly #options: TunnelOptions
  readonly #openStream: OpenByteStream
  readonly #highWaterMark: number
  readonly #holder: SinkHolder
  readonly #batch = new CapsuleBatch(
    (message) => this.#write(message),
    (task) => queueMicrotask(task),
  )
  #stream: ByteStream | undefined
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #peer: PathAddress = ''
  /** Bytes that the stream has not taken yet. */
  #outstanding = 0
  #isFull = false

  /** @internal Made by `cloudflareSocket`, `tcp` and the like. */
  constructor(options: TunnelOptions, openStream: OpenByteStream) {
    const { maxDatagramSize = 1500, highWaterMark = 262_144, proxy, target } = options
    if (!(maxDatagramSize >= 1200 && maxDatagramSize <= 65_527)) {
      throw new RangeError(`maxDatagramSize must be from 1200 to 65527, got ${maxDatagramSize}`)
    }
    if (!(highWaterMark > 0)) throw new RangeError(`highWaterMark must be positive, got ${highWaterMark}`)
    const { protocol } = targetUrl(proxy, 'target.example', 443)
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new TypeError(`proxy must begin with http: or https:, got ${proxy}`)
    }
    this.#options = options
    this.#openStream = openStream
    this.#highWaterMark = highWaterMark
    this.maxDatagramSize = maxDatagramSize
    this.#holder = new SinkHolder('tunnel', options.onError)
    if (target === undefined) this.resolve = (host, port) => this.#resolve(host, port)
  }

  /** Opens the tunnel to `target`, `host:port`. Rejects with a {@link ConnectUdpError} where the proxy refuses. @internal */
  async dial(target: string): Promise<void> {
    const { host, port: targetPort } = targetParts(target)
    const url = targetUrl(this.#options.proxy, host, targetPort)
    const isSecure = url.protocol === 'https:'
    const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
    const stream = await this.#openStream(url.hostname.replace(/^\[(.*)\]$/, '$1'), port, isSecure)
    const reader = stream.readable.getReader()
    const writer = stream.writable.getWriter()
    try {
      await writer.write(encodeUtf8(requestHead(url, this.#options.token)))
      const { head, rest } = await readHead(reader)
      checkResponse(head)
      if (this.#holder.isClosed) throw new ConnectUdpError('The tunnel was closed before it was open', 0)
      this.attach(stream, reader, writer, rest)
    } catch (error) {
      writer.abort(error).catch(() => undefined)
      reader.cancel(error).catch(() => undefined)
      stream.close?.()
      throw namedLimit(error)
    }
  }

  /** From now on `stream` is one of capsules; `rest` has come already. @internal */
  attach(
    stream: ByteStream,
    reader: ReadableStreamDefaultReader<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
    rest: Uint8Array = EMPTY,
  ): void {
    this.#stream = stream
    this.#writer = writer
    writer.closed.catch((error: unknown) => this.#end(error))
    this.#read(reader, rest).then(
      () => this.#end(new ConnectUdpError('The proxy ended the tunnel', 101)),
      (error: unknown) => this.#end(error),
    )
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, _to: PathAddress, _ecn: Ecn): boolean {
    if (!this.#isSending || bytes.length > this.maxDatagramSize || bytes.length === 0) return true
    this.#batch.add(bytes)
    return this.#hasRoom()
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, _to: PathAddress, _ecn: Ecn): boolean {
    if (!this.#isSending || segmentSize > this.maxDatagramSize || !(segmentSize > 0)) return true
    for (let start = 0; start < bytes.length; start += segmentSize) {
      this.#batch.add(bytes.subarray(start, start + segmentSize))
    }
    return this.#hasRoom()
  }

  close(): void {
    if (this.#holder.isClosed) return
    this.#batch.flush()
    this.#holder.close()
    const stream = this.#stream
    const done = this.#writer?.close() ?? Promise.resolve()
    done.catch(() => undefined).then(() => stream?.close?.())
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  async #resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    if (this.#peer !== '' && this.#peer !== address) {
      throw new Error(`This tunnel leads to ${this.#peer}; open another one for ${address}`)
    }
    if (this.#peer === '') {
      this.#peer = address
      await this.dial(address)
    }
    return [address]
  }

  get #isSending(): boolean {
    return this.#writer !== undefined && !this.#holder.isClosed
  }

  #write(message: Uint8Array): void {
    if (!this.#isSending) return
    this.#outstanding += message.length
    this.#writer?.write(message).then(
      () => this.#onTaken(message.length),
      // The stream has failed, or does not let us: nothing will leave any more.
      (error: unknown) => this.#end(error),
    )
  }

  #onTaken(length: number): void {
    this.#outstanding -= length
    if (!this.#isFull || this.#outstanding > this.#highWaterMark / 2) return
    this.#isFull = false
    this.#holder.drain()
  }

  #hasRoom(): boolean {
    if (this.#outstanding + this.#batch.length > this.#highWaterMark) {
      this.#isFull = true
      // So that something is outstanding whose end brings the drain.
      this.#batch.flush()
    }
    return !this.#isFull
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, rest: Uint8Array): Promise<void> {
    const capsules = udpCapsules((payload) => {
      if (!this.#holder.isClosed) this.#holder.datagram(payload, this.#peer)
    })
    if (rest.length > 0) capsules.receive(rest)
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (!this.#holder.isClosed) capsules.receive(value)
    }
  }

  #end(error: unknown): void {
    const isOurs = this.#holder.isClosed
    this.#holder.close()
    this.#stream?.close?.()
    const named = namedLimit(error)
    const cause = named instanceof Error ? named : new ConnectUdpError(String(named), 101)
    this.#holder.tellClosed(isOurs ? undefined : cause)
  }
}

function requestHead(url: URL, token: string | undefined): string {
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Connection: Upgrade',
    'Upgrade: connect-udp',
    'Capsule-Protocol: ?1',
  ]
  if (token !== undefined) {
    if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError('token must be visible characters of ASCII')
    lines.push(`Proxy-Authorization: Bearer ${token}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

async function readHead(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ readonly head: string; readonly rest: Uint8Array }> {
  let bytes = EMPTY
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new ConnectUdpError('The proxy closed the connection without an answer', 0)
    bytes = concat(bytes, value)
    const end = endOfHead(bytes)
    if (end > 0) return { head: decodeUtf8(bytes.subarray(0, end)), rest: bytes.subarray(end) }
    if (bytes.length > MAX_HEAD) throw new ConnectUdpError(`The proxy's answer has a head of over ${MAX_HEAD} bytes`, 0)
  }
}

/** Behind the empty line; 0 where there is none yet. */
function endOfHead(bytes: Uint8Array): number {
  for (let at = 3; at < bytes.length; at++) {
    if (bytes[at] === 10 && bytes[at - 1] === 13 && bytes[at - 2] === 10 && bytes[at - 3] === 13) return at + 1
  }
  return 0
}

/** @throws ConnectUdpError unless the connection is upgraded (RFC 9298 §3.3). */
function checkResponse(head: string): void {
  const [statusLine = '', ...lines] = head.split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1] ?? 0)
  if (status === 0) throw new ConnectUdpError(`The proxy answered no HTTP/1.1: ${statusLine.slice(0, 60)}`, 0)
  const fields = new Map(
    lines.flatMap((line) => {
      const colon = line.indexOf(':')
      return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const] : []
    }),
  )
  const proxyStatus = fields.get('proxy-status')
  if (status !== 101) {
    const why = proxyStatus === undefined ? '' : `: ${proxyStatus}`
    throw new ConnectUdpError(`The proxy refused with status ${status}${why}`, status, proxyStatus)
  }
  if (fields.get('upgrade')?.toLowerCase() !== 'connect-udp') {
    throw new ConnectUdpError(`The proxy upgraded to ${fields.get('upgrade') ?? 'nothing'}, not to connect-udp`, status)
  }
}
