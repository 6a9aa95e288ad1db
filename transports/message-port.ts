/**
 * Datagrams over a `MessagePort`: between a page and its worker, two frames, two threads of Node. Ports do not say how much
 * waits in them, so each end tells the other what it has taken.
 */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'
import { SinkHolder } from './sink-holder.ts'

/** `MessagePort`, as far as it is used: a browser's, a Worker's, or Node's. */
export interface MessagePortLike {
  postMessage(message: unknown, options?: { transfer?: ArrayBuffer[] }): void
  start?(): void
  close(): void
  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void
}

/** How a port is used. */
export interface MessagePortOptions {
  /** Bytes, 1200 to 65,527; by default 16,384. */
  readonly maxDatagramSize?: number
  /** Messages that the other end may not have taken yet before `send` says that it is full; by default 64. */
  readonly queueLength?: number
  /** Hears what a sink threw, which sinks should not. */
  readonly onError?: (error: unknown) => void
}

/** What crosses the port: datagrams back to back, how many messages were taken, or the end. */
type PortMessage =
  | { readonly bytes: Uint8Array; readonly segmentSize: number }
  | { readonly taken: number }
  | { readonly closed: true }

/** ms that the other end has to answer a close. */
const CLOSE_TIMEOUT = 500

/**
 * A transport over one end of a `MessageChannel`; the other end gets one as well. The port belongs to the transport.
 *
 * @throws RangeError for sizes out of bounds
 *
 * @example
 * ```ts
 * import { messagePort } from 'isoquic/transports/message-port'
 *
 * const { port1, port2 } = new MessageChannel()
 * const [near, far] = [messagePort(port1), messagePort(port2)]
 * ```
 */
export function messagePort(port: MessagePortLike, options: MessagePortOptions = {}): DatagramTransport {
  return new MessagePortTransport(port, options)
}

class MessagePortTransport implements DatagramTransport {
  readonly maxDatagramSize: number
  readonly localAddress: PathAddress = ''
  readonly properties: TransportProperties = {
    reliable: true,
    ordered: true,
    congestionControlled: true,
    addressValidated: true,
    ecn: false,
  }
  readonly #port: MessagePortLike
  readonly #holder: SinkHolder
  readonly #queueLength: number
  /** Messages that the other end has not taken. */
  #outstanding = 0
  #isFull = false
  #canTransfer = true
  #closing: ReturnType<typeof setTimeout> | undefined

  constructor(port: MessagePortLike, options: MessagePortOptions) {
    const { maxDatagramSize = 16_384, queueLength = 64 } = options
    if (!(maxDatagramSize >= 1200 && maxDatagramSize <= 65_527)) {
      throw new RangeError(`maxDatagramSize must be from 1200 to 65527, got ${maxDatagramSize}`)
    }
    if (!(queueLength >= 1)) throw new RangeError(`queueLength must be at least 1, got ${queueLength}`)
    this.maxDatagramSize = maxDatagramSize
    this.#port = port
    this.#queueLength = queueLength
    this.#holder = new SinkHolder('port', options.onError)
    port.addEventListener('message', ({ data }) => this.#onMessage(data))
    port.addEventListener('close', () => this.#end())
    port.start?.()
  }

  open(sink: DatagramSink): void {
    this.#holder.open(sink)
  }

  send(bytes: Uint8Array, _to: PathAddress, _ecn: Ecn): boolean {
    return this.#post(bytes, bytes.length)
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, _to: PathAddress, _ecn: Ecn): boolean {
    return this.#post(bytes, segmentSize)
  }

  close(): void {
    if (!this.#holder.close()) return
    this.#port.postMessage({ closed: true } satisfies PortMessage)
    // A port that closes may drop what is under way, so the other end answers first, if there is one.
    this.#closing = setTimeout(() => this.#port.close(), CLOSE_TIMEOUT)
    queueMicrotask(() => this.#holder.tellClosed(undefined))
  }

  #post(bytes: Uint8Array, segmentSize: number): boolean {
    if (this.#holder.isClosed || bytes.length === 0 || !(segmentSize > 0 && segmentSize <= this.maxDatagramSize))
      return true
    if (this.#outstanding < this.#queueLength) {
      this.#outstanding += 1
      this.#hand({ bytes: Uint8Array.from(bytes), segmentSize })
    }
    this.#isFull = this.#outstanding >= this.#queueLength
    return !this.#isFull
  }

  #hand(message: { readonly bytes: Uint8Array<ArrayBuffer>; readonly segmentSize: number }): void {
    if (this.#canTransfer) {
      try {
        return this.#port.postMessage(message satisfies PortMessage, { transfer: [message.bytes.buffer] })
      } catch {
        // Workers copy what others hand over.
        this.#canTransfer = false
      }
    }
    this.#port.postMessage(message)
  }

  #onMessage(data: unknown): void {
    if (typeof data !== 'object' || data === null) return
    const message = data as Partial<Record<string, unknown>>
    if (message['closed'] === true) return this.#onCloseMessage()
    if (this.#holder.isClosed) return
    const { bytes, segmentSize, taken } = message
    if (bytes instanceof Uint8Array && typeof segmentSize === 'number' && segmentSize > 0) {
      this.#port.postMessage({ taken: 1 } satisfies PortMessage)
      if (segmentSize >= bytes.length) this.#holder.datagram(bytes, '')
      else this.#holder.datagram(bytes, '', 0, segmentSize)
    } else if (typeof taken === 'number') {
      this.#onTaken(taken)
    }
  }

  #onCloseMessage(): void {
    if (this.#closing === undefined) {
      this.#port.postMessage({ closed: true } satisfies PortMessage)
      return this.#end()
    }
    clearTimeout(this.#closing)
    this.#port.close()
  }

  #onTaken(count: number): void {
    this.#outstanding = Math.max(0, this.#outstanding - count)
    if (!this.#isFull || this.#outstanding > this.#queueLength / 2) return
    this.#isFull = false
    this.#holder.drain()
  }

  #end(): void {
    if (this.#holder.close()) this.#holder.tellClosed(new Error('The other end of the port was closed'))
  }
}
