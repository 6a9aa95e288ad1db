/**
 * Datagrams over a WebSocket: to a gateway that speaks UDP with the target, or to a peer at the other end. In pages,
 * Workers (either end of a `WebSocketPair` too) and Node. Messages hold capsules, as many as are ready, or one datagram
 * each; `docs/connect-udp-over-websocket.md` says how.
 */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { CapsuleBatch } from './capsule-batch.ts'
import { targetParts, targetUrl, udpCapsules } from './connect-udp.ts'
import { SinkHolder } from './sink-holder.ts'
import { WebSocketCloseError, type WebSocketConstructor, type WebSocketLike } from './websocket-like.ts'
import { namedLimit } from './worker-limit.ts'

/** Messages of capsules (RFC 9297, RFC 9298), the framing that is preferred. */
export const CAPSULE_PROTOCOL = 'isoquic.connect-udp.v1'

/** A message is a datagram. */
export const RAW_PROTOCOL = 'isoquic.raw.v1'

/** Before a token, in the list of subprotocols: URLs end up in logs, this does not. */
export const TOKEN_PREFIX = 'isoquic.token.'

/** Which WebSocket, and what is at its other end. One of `gateway`, `url` and `socket` must be given. */
export interface WebSocketOptions {
  /**
   * A gateway that forwards to UDP: its origin (`wss://gateway.example`), or a URI template with `{target_host}` and
   * `{target_port}` (RFC 9298 §2). The target is `target`, or the address that the first connection names.
   */
  readonly gateway?: string
  /** `host:port` that the gateway forwards to; resolved by the gateway. */
  readonly target?: string
  /** Shown to the gateway, in the list of subprotocols: base64url without padding, and `.`. */
  readonly token?: string
  /** A WebSocket server that is the QUIC peer, or hands datagrams to it. */
  readonly url?: string
  /** A WebSocket that exists: accepted by a server, or still connecting. */
  readonly socket?: WebSocketLike
  /** By default what the two ends agreed on; where they agreed on nothing, capsules. */
  readonly framing?: 'capsules' | 'raw'
  /** The WebSocket ends in the QUIC peer, with no UDP behind it: reliable, ordered, and to be yielded to. By default `false`. */
  readonly endToEnd?: boolean
  /** Bytes; by default 1,500, and 65,527 end to end. */
  readonly maxDatagramSize?: number
  /** Bytes that may wait in the socket before `send` says that it is full; by default 256 KiB. */
  readonly highWaterMark?: number
  /** Datagrams in one message of capsules at most; by default as many as fit into 64 KiB. A message costs far more than a datagram in it. */
  readonly datagramsPerMessage?: number
  /** By default the global one. `ws` exports one for hosts without. */
  readonly WebSocket?: WebSocketConstructor
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** The longest message that is taken, bytes. */
const MAX_MESSAGE = 1 << 20

/** ms between two looks at a socket that was full: there is no event that tells. */
const POLL_INTERVAL = 2

const OPEN = 1
const CLOSED = 3

/**
 * A transport over a WebSocket, once it is open; over a gateway that learns its target from `connect`, at once.
 *
 * @throws TypeError for options that contradict each other; (as a rejection) {@link WebSocketCloseError} where the socket does not open.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { websocket } from 'isoquic/transports/websocket'
 *
 * const transport = await websocket({ gateway: 'wss://gateway.example' })
 * const connection = await connect(transport, { address: 'quic.example:443', alpn: ['echo'] })
 * ```
 */
export async function websocket(options: WebSocketOptions): Promise<WebSocketTransport> {
  const { gateway, target, url, socket } = options
  if ([gateway, url, socket].filter((each) => each !== undefined).length !== 1) {
    throw new TypeError('One of gateway, url and socket must be given')
  }
  if (target !== undefined && gateway === undefined) throw new TypeError('target is for a gateway, and there is none')
  const transport = new WebSocketTransport(options)
  if (socket !== undefined) await transport.attach(socket)
  else if (url !== undefined) await transport.dial(new URL(url))
  else if (target !== undefined) await transport.dialTarget(target)
  return transport
}

/** One WebSocket as a transport. Made by {@link websocket}. */
export class WebSocketTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress = ''
  readonly properties: TransportProperties
  /** Names the target to the gateway, which resolves it. There once; absent where the socket has its peer already. */
  resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  readonly #options: WebSocketOptions
  readonly #highWaterMark: number
  readonly #holder: SinkHolder
  readonly #batch: CapsuleBatch
  #socket: WebSocketLike | undefined
  #isRaw = false
  #hasOpened = false
  /** What `connect` resolved, so that datagrams come from where they are sent to. */
  #peer: PathAddress = ''
  #poll: ReturnType<typeof setTimeout> | undefined

  constructor(options: WebSocketOptions) {
    const { endToEnd = false, maxDatagramSize = endToEnd ? 65_527 : 1500, highWaterMark = 262_144 } = options
    if (!(maxDatagramSize >= 1200 && maxDatagramSize <= 65_527)) {
      throw new RangeError(`maxDatagramSize must be from 1200 to 65527, got ${maxDatagramSize}`)
    }
    if (!(highWaterMark > 0)) throw new RangeError(`highWaterMark must be positive, got ${highWaterMark}`)
    const { datagramsPerMessage = Infinity } = options
    if (!(datagramsPerMessage >= 1)) {
      throw new RangeError(`datagramsPerMessage must be at least 1, got ${datagramsPerMessage}`)
    }
    this.#batch = new CapsuleBatch(
      (message) => this.#post(message),
      (task) => queueMicrotask(task),
      datagramsPerMessage,
    )
    this.#options = options
    this.#highWaterMark = highWaterMark
    this.maxDatagramSize = maxDatagramSize
    this.properties = {
      reliable: endToEnd,
      ordered: endToEnd,
      congestionControlled: endToEnd,
      addressValidated: endToEnd,
      ecn: false,
    }
    this.#holder = new SinkHolder('WebSocket', options.onError)
    const { gateway, target } = options
    if (gateway !== undefined && target === undefined) {
      targetUrl(gateway, 'target.example', 443)
      this.resolve = (host, port) => this.#resolve(host, port)
    }
  }

  /** Opens a WebSocket to `url`. @internal */
  async dial(url: URL): Promise<void> {
    const Constructor = this.#options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket
    if (Constructor === undefined) {
      throw new TypeError(
        'This host has no WebSocket; pass one as the option WebSocket, such as that of the package ws',
      )
    }
    const protocols = this.#options.framing === 'raw' ? [RAW_PROTOCOL] : [CAPSULE_PROTOCOL, RAW_PROTOCOL]
    const { token } = this.#options
    if (token !== undefined) protocols.push(TOKEN_PREFIX + token)
    await this.attach(new Constructor(url.href, protocols))
  }

  /** Opens a WebSocket to the gateway for `host:port`. @internal */
  async dialTarget(target: string): Promise<void> {
    const { host, port } = targetParts(target)
    await this.dial(targetUrl(this.#options.gateway ?? '', host, port))
  }

  /** Takes over `socket`; fulfils when it is open. @internal */
  attach(socket: WebSocketLike): Promise<void> {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    return new Promise((resolve, reject) => {
      const opened = (): void => {
        this.#hasOpened = true
        this.#isRaw = (this.#options.framing ?? (socket.protocol === RAW_PROTOCOL ? 'raw' : 'capsules')) === 'raw'
        resolve()
      }
      socket.addEventListener('message', ({ data }) => this.#onMessage(data))
      socket.addEventListener('close', ({ code, reason }) => {
        const error = new WebSocketCloseError(code ?? 1006, reason ?? '')
        reject(error)
        this.#end(error)
      })
      // What goes wrong is followed by 'close', which says more where more is to be said; in Node 22 not before the socket is open.
      socket.addEventListener('error', () => {
        if (this.#hasOpened) return
        setTimeout(() => {
          const error = new WebSocketCloseError(1006, '')
          reject(error)
          this.#end(error)
        }, 0)
      })
      if (socket.readyState === OPEN) opened()
      else if (socket.readyState >= CLOSED) reject(new WebSocketCloseError(1006, ''))
      else socket.addEventListener('open', opened)
    })
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, _to: PathAddress, _ecn: Ecn): boolean {
    if (!this.#isSending || bytes.length > this.maxDatagramSize || bytes.length === 0) return true
    this.#write(bytes)
    return this.#hasRoom()
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, _to: PathAddress, _ecn: Ecn): boolean {
    if (!this.#isSending || segmentSize > this.maxDatagramSize || !(segmentSize > 0)) return true
    for (let start = 0; start < bytes.length; start += segmentSize) {
      this.#write(bytes.subarray(start, start + segmentSize))
    }
    return this.#hasRoom()
  }

  close(): void {
    if (!this.#holder.close()) return
    this.#batch.flush()
    this.#stopPolling()
    this.#socket?.close(1000)
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  async #resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    if (this.#socket !== undefined && address !== this.#peer) {
      throw new Error(`This WebSocket leads to ${this.#peer}; open another one for ${address}`)
    }
    if (this.#socket === undefined) {
      this.#peer = address
      await this.dial(targetUrl(this.#options.gateway ?? '', host, port))
    }
    return [address]
  }

  get #isSending(): boolean {
    return this.#socket?.readyState === OPEN && !this.#holder.isClosed
  }

  /** Adds a datagram to the message that leaves at the end of this task. */
  #write(payload: Uint8Array): void {
    if (this.#isRaw) this.#post(payload.slice())
    else this.#batch.add(payload)
  }

  #post(message: Uint8Array<ArrayBuffer>): void {
    if (this.#socket?.readyState !== OPEN) return
    try {
      this.#socket.send(message)
    } catch (error) {
      // A Worker may not use the socket of another request.
      const named = namedLimit(error)
      this.#end(named instanceof Error ? named : new Error(String(named)))
    }
  }

  #hasRoom(): boolean {
    if (this.#buffered() <= this.#highWaterMark) return true
    this.#poll ??= setTimeout(() => this.#look(), POLL_INTERVAL)
    return false
  }

  #look(): void {
    this.#poll = undefined
    if (this.#holder.isClosed) return
    if (this.#buffered() > this.#highWaterMark / 2) this.#poll = setTimeout(() => this.#look(), POLL_INTERVAL)
    else this.#holder.drain()
  }

  #buffered(): number {
    // Workers have no such count: there the runtime alone knows.
    return (this.#socket?.bufferedAmount ?? 0) + this.#batch.length
  }

  #stopPolling(): void {
    if (this.#poll !== undefined) clearTimeout(this.#poll)
    this.#poll = undefined
  }

  #onMessage(data: unknown): void {
    if (this.#holder.isClosed) return
    const bytes = bytesOf(data)
    if (bytes === undefined || (bytes.length === 0 && !this.#isRaw)) {
      return this.#fail(1003, bytes === undefined ? 'a text message' : 'an empty message')
    }
    if (bytes.length > MAX_MESSAGE) return this.#fail(1009, `a message of ${bytes.length} bytes`)
    if (this.#isRaw) return this.#deliver(bytes)
    const capsules = udpCapsules((payload) => this.#deliver(payload))
    try {
      capsules.receive(bytes)
    } catch (error) {
      return this.#fail(1002, error instanceof Error ? error.message : String(error))
    }
    if (!capsules.isAtBoundary) this.#fail(1002, 'a message that ends within a capsule')
  }

  #deliver(payload: Uint8Array): void {
    if (!this.#holder.isClosed) this.#holder.datagram(payload, this.#peer)
  }

  /** The other end broke the rules of the framing. */
  #fail(code: number, what: string): void {
    this.#socket?.close(code === 1002 || code === 1003 || code === 1009 ? 4002 : code, what.slice(0, 100))
    this.#end(new WebSocketCloseError(code, `The other end sent ${what}`))
  }

  #end(error: Error): void {
    this.#stopPolling()
    const isOurs = !this.#holder.close()
    this.#holder.tellClosed(isOurs ? undefined : error)
  }
}

/** The bytes of a binary message; `undefined` for a text. */
function bytesOf(data: unknown): Uint8Array | undefined {
  if (data instanceof ArrayBuffer) return new Uint8Array(data)
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return undefined
}
