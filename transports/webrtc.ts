/**
 * Datagrams over a WebRTC data channel, between pages, or between a page and whoever speaks WebRTC; in a dedicated worker
 * as well, to which a channel can be handed before it opens. Signalling is the application's: what is needed is a channel
 * made with `{ ordered: false, maxRetransmits: 0 }`.
 */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { SinkHolder } from './sink-holder.ts'

/** `RTCDataChannel` (W3C), as far as it is used: a browser's, or that of a package. */
export interface DataChannelLike {
  binaryType: string
  bufferedAmountLowThreshold: number
  readonly bufferedAmount: number
  readonly readyState: string
  readonly ordered?: boolean
  readonly maxRetransmits?: number | null
  readonly maxPacketLifeTime?: number | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(): void
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void
}

/** How a channel is used. */
export interface WebRtcOptions {
  /** Bytes; longer 1-RTT packets would be cut in two by SCTP, either of which can be lost. Default 1,150. */
  readonly preferredDatagramSize?: number
  /** Bytes that may wait in the channel before `send` says that it is full; default 128 KiB, at most 1 MiB. */
  readonly highWaterMark?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** Bytes; Initial packets of 1,200 pass, though in two pieces. */
const MAX_DATAGRAM = 1500

/** Above this browsers fail: 16 MiB is the end of the queue, and long before it everything is late. */
const MAX_HIGH_WATER_MARK = 1 << 20

/**
 * A transport over `channel`, once it is open. Its `RTCPeerConnection` is the application's to hold: Firefox collects one that nobody
 * holds before it is connected, whatever listens to it, and both ends then wait in vain. A channel whose ICE comes to nothing stays
 * `connecting`, and this waits with it: whoever has waited enough closes the channel.
 *
 * @throws RangeError for sizes out of bounds; (as a rejection) Error where the channel closes before it has opened.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { webrtc } from 'isoquic/transports/webrtc'
 *
 * const peer = new RTCPeerConnection()
 * const channel = peer.createDataChannel('quic', { ordered: false, maxRetransmits: 0, protocol: 'isoquic.raw.v1' })
 * // … the application's signalling …
 * const connection = await connect(await webrtc(channel), { alpn: ['chat'], serverName: 'localhost' })
 * ```
 */
export async function webrtc(channel: DataChannelLike, options: WebRtcOptions = {}): Promise<DatagramTransport> {
  const transport = new DataChannelTransport(channel, options)
  await new Promise<void>((resolve, reject) => {
    const refuse = (): void => reject(new Error('The data channel was closed before it opened'))
    channel.addEventListener('open', () => resolve())
    channel.addEventListener('close', refuse)
    // One look: in packages with threads of their own a second may see another state.
    const { readyState } = channel
    if (readyState === 'open') resolve()
    else if (readyState !== 'connecting') refuse()
  })
  return transport
}

class DataChannelTransport implements DatagramTransport {
  readonly maxDatagramSize: number = MAX_DATAGRAM
  readonly preferredDatagramSize: number
  readonly localAddress: PathAddress = ''
  readonly properties: TransportProperties
  readonly #channel: DataChannelLike
  readonly #holder: SinkHolder
  readonly #highWaterMark: number
  #isFull = false

  constructor(channel: DataChannelLike, options: WebRtcOptions) {
    const { highWaterMark = 131_072, preferredDatagramSize = 1150 } = options
    if (!(highWaterMark > 0 && highWaterMark <= MAX_HIGH_WATER_MARK)) {
      throw new RangeError(`highWaterMark must be from 1 to ${MAX_HIGH_WATER_MARK}, got ${highWaterMark}`)
    }
    if (!(preferredDatagramSize >= 500 && preferredDatagramSize <= MAX_DATAGRAM)) {
      throw new RangeError(`preferredDatagramSize must be from 500 to ${MAX_DATAGRAM}, got ${preferredDatagramSize}`)
    }
    // Without either limit a message is sent again until it has arrived.
    const isReliable = isAbsent(channel.maxRetransmits) && isAbsent(channel.maxPacketLifeTime)
    this.preferredDatagramSize = preferredDatagramSize
    this.properties = {
      reliable: isReliable,
      ordered: channel.ordered ?? true,
      // SCTP has a window of its own, and ICE has asked the peer whether it wants to hear from us.
      congestionControlled: true,
      addressValidated: true,
      ecn: false,
    }
    this.#channel = channel
    this.#highWaterMark = highWaterMark
    this.#holder = new SinkHolder('data channel', options.onError)
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = highWaterMark / 2
    channel.addEventListener('message', ({ data }) => this.#onMessage(data))
    channel.addEventListener('bufferedamountlow', () => this.#onLow())
    channel.addEventListener('error', () => undefined)
    channel.addEventListener('close', () => this.#onClose())
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, _to: PathAddress, _ecn: Ecn): boolean {
    const channel = this.#channel
    if (this.#holder.isClosed || channel.readyState !== 'open') return true
    if (bytes.length === 0 || bytes.length > MAX_DATAGRAM) return true
    if (this.#isFull) return false
    try {
      // An arena in shared memory is nobody's but the endpoint's: channels copy.
      channel.send(bytes as Uint8Array<ArrayBuffer>)
    } catch {
      // The queue is full, against our counting: the datagram is lost, and there is room when the event says so.
      this.#isFull = channel.bufferedAmount > channel.bufferedAmountLowThreshold
      return !this.#isFull
    }
    this.#isFull = channel.bufferedAmount > this.#highWaterMark
    return !this.#isFull
  }

  close(): void {
    if (!this.#holder.close()) return
    this.#closeWhenSent()
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  /** `close` of a channel may drop what waits in it (the last datagram is CONNECTION_CLOSE). */
  #closeWhenSent(): void {
    const channel = this.#channel
    if (channel.bufferedAmount === 0 || channel.readyState !== 'open') return channel.close()
    channel.bufferedAmountLowThreshold = 0
    channel.addEventListener('bufferedamountlow', () => channel.close())
  }

  #onLow(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.#holder.drain()
  }

  #onMessage(data: unknown): void {
    // A text is nothing that this transport sends; it is dropped, as a forged datagram is.
    if (this.#holder.isClosed || !(data instanceof ArrayBuffer || ArrayBuffer.isView(data))) return
    const bytes =
      data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    this.#holder.datagram(bytes, '')
  }

  #onClose(): void {
    if (this.#holder.close()) this.#holder.tellClosed(new Error('The data channel was closed by the other end'))
  }
}

function isAbsent(limit: number | null | undefined): boolean {
  return limit === undefined || limit === null
}
