/**
 * A transport in memory: two ends, each of which delivers to the other. For tests, examples and whoever runs both sides in
 * one process; it needs nothing of the host but `queueMicrotask`. What it loses, it loses for want of room alone;
 * `impaired.ts` makes it worse.
 */
import { Deque } from '../src/base/deque.ts'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'

/** How a pipe behaves; the defaults are those of a UDP socket that loses nothing. */
export interface PipeOptions {
  /** Bytes; at least 1200, by default 1500. Longer datagrams are lost. */
  readonly maxDatagramSize?: number
  /** What the ends say of themselves; by default nothing is promised. With `ecn`, marks are carried. */
  readonly properties?: Partial<TransportProperties>
  /** The addresses of the two ends; by default both are `''`. A datagram to any address but the other end's or `''` is lost. */
  readonly addresses?: readonly [PathAddress, PathAddress]
  /** How many calls of `send` or `sendBatch` may wait in one direction before it is full; 256 by default. */
  readonly queueLength?: number
  /** Runs a task soon, never at once; by default `queueMicrotask`. */
  readonly defer?: (task: () => void) => void
  /** Hears what a sink threw, which sinks should not. The datagram counts as delivered. */
  readonly onError?: (error: unknown) => void
}

/** One end of a pipe. */
export interface PipeEnd extends DatagramTransport {
  /** From now on this end has another address, as after a NAT rebinding; datagrams to the old one are lost. */
  rebind(address: PathAddress): void
}

/** Datagrams under way; `segmentSize` 0 for a single one. */
interface Parcel {
  bytes: Uint8Array
  length: number
  segmentSize: number
  from: PathAddress
  ecn: Ecn
}

/** Parcels kept for use again, in each direction. */
const MAX_SPARE = 32

/**
 * Two transports that deliver to each other: in order, without loss while there is room, never within the call of `send`.
 * Closing an end delivers what it has sent, then tells the other end that it is closed as well.
 *
 * @throws RangeError for a `maxDatagramSize` below 1200 or a `queueLength` below 1.
 *
 * @example
 * ```ts run
 * import { pipe } from 'isoquic/transports/pipe'
 *
 * const [near, far] = pipe({ addresses: ['192.0.2.1:1000', '192.0.2.2:443'] })
 * console.log(near.localAddress, far.localAddress) // 192.0.2.1:1000 192.0.2.2:443
 * ```
 */
export function pipe(options: PipeOptions = {}): [PipeEnd, PipeEnd] {
  const { maxDatagramSize = 1500, queueLength = 256, addresses = ['', ''] } = options
  if (!(maxDatagramSize >= 1200)) throw new RangeError(`maxDatagramSize must be at least 1200, got ${maxDatagramSize}`)
  if (!(queueLength >= 1)) throw new RangeError(`queueLength must be at least 1, got ${queueLength}`)
  const settings: Settings = {
    maxDatagramSize,
    queueLength,
    properties: {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
      ...options.properties,
    },
    defer: options.defer ?? ((task) => queueMicrotask(task)),
    onError: options.onError ?? (() => undefined),
  }
  const near = new MemoryTransport(settings, addresses[0])
  const far = new MemoryTransport(settings, addresses[1])
  near.attach(far)
  far.attach(near)
  return [near, far]
}

type Settings = Required<Omit<PipeOptions, 'addresses' | 'properties'>> & { readonly properties: TransportProperties }

class MemoryTransport implements PipeEnd {
  readonly maxDatagramSize: number
  readonly properties: TransportProperties
  localAddress: PathAddress
  readonly #settings: Settings
  #peer: MemoryTransport | undefined
  #sink: DatagramSink | undefined
  /** What this end has sent and the other has not yet been given. */
  readonly #outgoing = new Deque<Parcel>()
  readonly #spare: Parcel[] = []
  #isScheduled = false
  /** A `send` returned false, so a `drain` is owed. */
  #isFull = false
  #isClosed = false

  constructor(settings: Settings, localAddress: PathAddress) {
    this.maxDatagramSize = settings.maxDatagramSize
    this.properties = settings.properties
    this.localAddress = localAddress
    this.#settings = settings
  }

  /** Where the other end has an address, that one address can be dialled; where it has none, there is nothing to resolve. */
  resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>

  attach(peer: MemoryTransport): void {
    this.#peer = peer
    if (peer.localAddress !== '') this.resolve = (host, port) => this.#resolve(host, port)
  }

  rebind(address: PathAddress): void {
    this.localAddress = address
  }

  open(sink: DatagramSink): void {
    if (this.#isClosed) throw invalidState('The pipe is closed')
    if (this.#sink !== undefined) throw invalidState('The pipe has a sink already')
    this.#sink = sink
    this.#peer?.schedule()
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    return this.#accept(bytes, 0, to, ecn)
  }

  sendBatch(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean {
    return this.#accept(bytes, segmentSize, to, ecn)
  }

  async #resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    if (address !== this.#peer?.localAddress) throw new Error(`Nobody has the address ${address} at this pipe`)
    return [address]
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#settings.defer(() => {
      this.#flush()
      this.#tellClosed(undefined)
      this.#peer?.closeByPeer()
    })
  }

  /** The other end was closed and has delivered what it had. */
  closeByPeer(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#tellClosed(new Error('The other end of the pipe was closed'))
  }

  #accept(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean {
    const { maxDatagramSize, properties, queueLength } = this.#settings
    // What cannot arrive is lost, as on a network.
    if (this.#isClosed || (segmentSize === 0 ? bytes.length : segmentSize) > maxDatagramSize) return true
    if (to !== '' && to !== this.#peer?.localAddress) return true
    if (this.#outgoing.length < queueLength) {
      const parcel = this.#parcel(bytes.length)
      parcel.bytes.set(bytes)
      parcel.length = bytes.length
      parcel.segmentSize = segmentSize
      parcel.from = this.localAddress
      parcel.ecn = properties.ecn ? ecn : 0
      this.#outgoing.push(parcel)
      this.schedule()
    }
    this.#isFull = this.#outgoing.length >= queueLength
    return !this.#isFull
  }

  /** Room for `length` bytes, used before where possible: a sink has read a datagram when its call returns. */
  #parcel(length: number): Parcel {
    const parcel = this.#spare.pop()
    if (parcel !== undefined && parcel.bytes.length >= length) return parcel
    const bytes = new Uint8Array(Math.max(length, this.maxDatagramSize))
    return { bytes, length, segmentSize: 0, from: '', ecn: 0 }
  }

  /** Has what was sent delivered soon. Called by the other end once it can receive. */
  schedule(): void {
    if (this.#isScheduled || this.#outgoing.length === 0) return
    this.#isScheduled = true
    this.#settings.defer(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    // What is sent in answer, or by a sink of this very end, waits for its own turn.
    for (let left = this.#outgoing.length; left > 0; left--) {
      const sink = this.#peer?.receiver
      const parcel = sink === undefined ? undefined : this.#outgoing.shift()
      if (sink === undefined || parcel === undefined) break
      this.#deliver(sink, parcel)
    }
    if (this.#peer?.isClosed === true) this.#outgoing.clear()
    if (this.#isFull && this.#outgoing.length < this.#settings.queueLength && !this.#isClosed) {
      this.#isFull = false
      this.#guard(() => this.#sink?.drain())
    }
  }

  /** Who receives at this end; nobody before `open` and after `close`. */
  get receiver(): DatagramSink | undefined {
    return this.#isClosed ? undefined : this.#sink
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  #deliver(sink: DatagramSink, parcel: Parcel): void {
    const { bytes, length, segmentSize, from, ecn } = parcel
    const view = bytes.subarray(0, length)
    this.#guard(() => {
      if (segmentSize === 0) sink.datagram(view, from, ecn)
      else sink.datagram(view, from, ecn, segmentSize)
    })
    if (this.#spare.length < MAX_SPARE) this.#spare.push(parcel)
  }

  #tellClosed(error: Error | undefined): void {
    const sink = this.#sink
    this.#sink = undefined
    this.#guard(() => sink?.closed(error))
  }

  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#settings.onError(error)
    }
  }
}

function invalidState(message: string): Error {
  const error = new Error(message)
  error.name = 'InvalidStateError'
  return error
}
