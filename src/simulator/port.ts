/** A port of a node: the local end of paths, a `Carrier` for the core, behind a NAT that may rebind it. */
import type { Time } from '../base/time.ts'
import type { Carrier, Ecn, PathAddress, TransportProperties } from '../transport.ts'
import type { Network } from './network.ts'

/** What a port is like. */
export interface PortOptions {
  /** The name of the node it belongs to; several ports may belong to one. */
  readonly node: string
  /** `host:port`, under which others reach it; `''` where a link leads to one peer. Default: the next free one. */
  readonly address?: PathAddress | undefined
  /** Bytes. Default 65,527. */
  readonly maxDatagramSize?: number | undefined
  /** Bytes; default: none. */
  readonly preferredDatagramSize?: number | undefined
  /** Default: those of a UDP socket that hides ECN marks: nothing is promised. */
  readonly properties?: Partial<TransportProperties> | undefined
}

/** Who receives at a port. */
export interface PortSink {
  /** `bytes` are valid during the call. */
  onDatagram(port: Port, bytes: Uint8Array, from: PathAddress, ecn: Ecn, now: Time): void
  /** There is room again after a `send` that returned `false`. */
  onDrain(port: Port): void
}

const MAX_UDP_PAYLOAD = 65_527
const MIN_DATAGRAM_SIZE = 1200

/** One local end of paths. Made by `Network.attach`. */
export class Port implements Carrier {
  readonly node: string
  readonly maxDatagramSize: number
  readonly preferredDatagramSize?: number
  /** The address that the node believes to have. */
  readonly localAddress: PathAddress
  readonly properties: TransportProperties
  /** Who receives here; nobody yet. */
  sink: PortSink | undefined = undefined
  readonly #network: Network
  #address: PathAddress
  #isOpen = true
  /** A `send` returned `false`, and the drain is owed. */
  #isFull = false

  /** For `Network.attach`. @throws RangeError for a `maxDatagramSize` below 1200 */
  constructor(network: Network, options: PortOptions & { readonly address: PathAddress }) {
    const { maxDatagramSize = MAX_UDP_PAYLOAD, preferredDatagramSize } = options
    if (!(maxDatagramSize >= MIN_DATAGRAM_SIZE)) {
      throw new RangeError(`maxDatagramSize must be at least ${MIN_DATAGRAM_SIZE}, got ${maxDatagramSize}`)
    }
    this.#network = network
    this.node = options.node
    this.maxDatagramSize = maxDatagramSize
    if (preferredDatagramSize !== undefined) this.preferredDatagramSize = preferredDatagramSize
    this.localAddress = options.address
    this.#address = options.address
    this.properties = {
      reliable: false,
      ordered: false,
      congestionControlled: false,
      addressValidated: false,
      ecn: false,
      ...options.properties,
    }
  }

  /** The address under which the world knows this port: the local one until a NAT rebinds it. */
  get address(): PathAddress {
    return this.#address
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether `send` refuses what the link's queue cannot hold, instead of losing it. */
  get isPushingBack(): boolean {
    return this.properties.reliable || this.properties.congestionControlled
  }

  /**
   * The NAT before this port forgets it: what is sent from now on comes from another address, and what others send to the old
   * one is lost.
   * @param address default: the same host, the next free port
   * @throws RangeError where the address is taken
   */
  rebind(address?: PathAddress): PathAddress {
    this.#address = this.#network.readdress(this, address)
    return this.#address
  }

  /** Sends a datagram; `bytes` are copied. `false`: it is taken, and there is no room for more until `onDrain`. */
  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    if (!this.#isOpen) return true
    const full = this.#network.transmit(this, bytes, to, ecn)
    if (full === undefined) return !this.#isFull
    if (!this.#isFull) {
      this.#isFull = true
      full.whenRoom(() => this.#onRoom())
    }
    return false
  }

  #onRoom(): void {
    this.#isFull = false
    if (this.#isOpen) this.sink?.onDrain(this)
  }

  /** For the network. */
  deliver(bytes: Uint8Array, from: PathAddress, ecn: Ecn, now: Time): void {
    this.sink?.onDatagram(this, bytes, from, ecn, now)
  }

  /** Nothing is sent or received any more. Harmless when repeated. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#network.detach(this)
  }
}
