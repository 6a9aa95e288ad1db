/**
 * The contract of a datagram transport: all that the stack knows of a network. A transport is the local end
 * of paths; whatever carries it (a UDP socket, a data channel, a pipe in memory) stays behind this interface.
 */

/** `host:port`, IPv6 in brackets; `''` where there is one peer. Compared whole, or without its port (RFC 9000 §9.4). */
export type PathAddress = string

/** The two ECN bits of RFC 3168: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE. 0 where the host hides them. */
export type Ecn = 0 | 1 | 2 | 3

/** What a carrier is, spoken of the whole way to the QUIC peer: a WebSocket to a gateway with UDP behind it has none of these. */
export interface TransportProperties {
  /** Nothing that was sent is lost while the carrier is open. */
  readonly reliable: boolean
  /** Datagrams arrive in the order they were sent. */
  readonly ordered: boolean
  /** The carrier controls congestion itself, so ours must yield to it. */
  readonly congestionControlled: boolean
  /** The peer's address is proven by the carrier: no amplification limit, no Retry (RFC 9000 §8). */
  readonly addressValidated: boolean
  /** ECN marks are carried both ways. */
  readonly ecn: boolean
}

/** What the core knows of a transport; the object itself is the local end of a path. */
export interface Carrier {
  /** Bytes of one datagram's payload, at least 1200 (RFC 9000 §14); may change while open. */
  readonly maxDatagramSize: number
  /** Bytes; 1-RTT packets stay at or below it (a data channel: 1,150). */
  readonly preferredDatagramSize?: number
  readonly localAddress: PathAddress
  readonly properties: TransportProperties
}

/** A datagram transport. One sink is attached by `open`; after `close` nothing is called any more but `closed`. */
export interface DatagramTransport extends Carrier {
  /**
   * Attaches the receiver. Datagrams that arrived before may be delivered during the call.
   * @throws InvalidStateError (a `DOMException` or `Error` of that name) when a sink is attached already or the transport is closed.
   */
  open(sink: DatagramSink): void
  /** Turns a name into addresses to dial, best first. Rejects if there is none. Absent where there is one peer. */
  resolve?(host: string, port: number): Promise<readonly PathAddress[]>
  /**
   * Takes the datagram, or loses it as networks do. `false`: full, no more until `drain`. `bytes` stay untouched during
   * the call and, after `false`, until `drain`; a transport that keeps them longer copies them. Never throws.
   */
  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean
  /** As `send`, for datagrams of `segmentSize` bytes back to back, the last of which may be shorter (the shape of UDP GSO). */
  sendBatch?(bytes: Uint8Array, segmentSize: number, to: PathAddress, ecn: Ecn): boolean
  /** Closes the carrier. Harmless when repeated. The sink hears `closed` once. */
  close(): void
}

/** The receiver of a transport's events. Its methods do not throw. */
export interface DatagramSink {
  /**
   * `bytes` is read before the call returns, and gone then; what is kept is copied, with `Uint8Array.from`: the `slice` of Node's
   * `Buffer` copies nothing. With `segmentSize`, several datagrams back to back.
   */
  datagram(bytes: Uint8Array, from: PathAddress, ecn?: Ecn, segmentSize?: number): void
  /** There is room again after a `send` that returned `false`. */
  drain(): void
  /** The carrier is gone; `error` says why, unless it was closed on purpose. Called once. */
  closed(error?: Error): void
}
