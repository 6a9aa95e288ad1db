/** A transport that keeps a copy of what it sends, for rows that are about bytes on the wire. */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../../src/transport.ts'
import type { Role } from '../../src/wire/stream-id.ts'

/** A datagram as it was sent. */
export interface WireDatagram {
  readonly from: Role
  readonly bytes: Uint8Array
  readonly to: PathAddress
  readonly ecn: Ecn
}

/** Whoever receives now. */
interface Relay {
  sink: DatagramSink | undefined
}

function relayed(relay: Relay): DatagramSink {
  return {
    datagram: (bytes, from, ecn, segmentSize) => relay.sink?.datagram(bytes, from, ecn, segmentSize),
    drain: () => relay.sink?.drain(),
    closed: (error) => relay.sink?.closed(error),
  }
}

/** What becomes of a datagram; what is held back leaves with {@link Tapped.release}. */
export type Fate = 'send' | 'lose' | 'hold'

/** Copies kept of one scene; a transfer in bulk needs none of its later ones. */
const MAX_KEPT = 5000

/** `inner`, with a copy of what it sends. */
export class Tapped implements DatagramTransport {
  inner: DatagramTransport
  readonly properties: TransportProperties
  readonly localAddress: PathAddress
  readonly maxDatagramSize: number
  readonly resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  /** Decides on each datagram. */
  fate: (bytes: Uint8Array) => Fate = () => 'send'
  /** Whether there is room for nothing more, until {@link drain}: what is sent all the same is taken. */
  isFull = false
  /** Datagrams that {@link fate} has lost. */
  lost = 0
  /** The mark that a datagram leaves with. */
  mark: (ecn: Ecn) => Ecn = (ecn) => ecn
  readonly #role: Role
  readonly #wire: WireDatagram[]
  readonly #held: WireDatagram[] = []
  readonly #relay: Relay

  /** @param relay of the transport whose place this one takes. */
  constructor(inner: DatagramTransport, role: Role, wire: WireDatagram[], relay: Relay = { sink: undefined }) {
    this.#relay = relay
    this.inner = inner
    this.properties = inner.properties
    this.localAddress = inner.localAddress
    this.maxDatagramSize = inner.maxDatagramSize
    const resolve = inner.resolve?.bind(inner)
    if (resolve !== undefined) this.resolve = resolve
    this.#role = role
    this.#wire = wire
  }

  open(sink: DatagramSink): void {
    const isFirst = this.#relay.sink === undefined
    this.#relay.sink = sink
    if (isFirst) this.inner.open(relayed(this.#relay))
  }

  /** Sends and receives by another transport from now on, as behind a NAT that has forgotten the first. */
  replace(inner: DatagramTransport): void {
    this.inner = inner
    inner.open(relayed(this.#relay))
  }

  /** The same address for another process: this one is dead, and nothing that it sends leaves any more. */
  successor(): Tapped {
    this.fate = () => 'lose'
    return new Tapped(this.inner, this.#role, this.#wire, this.#relay)
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    const datagram = { from: this.#role, bytes: bytes.slice(), to, ecn }
    if (this.#wire.length < MAX_KEPT) this.#wire.push(datagram)
    const fate = this.fate(bytes)
    if (fate === 'lose') this.lost += 1
    if (fate === 'hold') this.#held.push(datagram)
    const hasRoom = fate !== 'send' || this.inner.send(bytes, to, this.mark(ecn))
    return hasRoom && !this.isFull
  }

  /** There is room again. */
  drain(): void {
    this.isFull = false
    this.#relay.sink?.drain()
  }

  /** Sends what was held back. */
  release(): void {
    for (const { bytes, to, ecn } of this.#held.splice(0)) this.inner.send(bytes, to, ecn)
  }

  close(): void {
    this.inner.close()
  }
}
