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

/** Copies kept of one scene; a transfer in bulk needs none of its later ones. */
const MAX_KEPT = 5000

/** `inner`, with a copy of what it sends. */
export class Tapped implements DatagramTransport {
  readonly inner: DatagramTransport
  readonly properties: TransportProperties
  readonly localAddress: PathAddress
  readonly maxDatagramSize: number
  readonly resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>
  readonly #role: Role
  readonly #wire: WireDatagram[]
  /** While it is set nothing leaves. */
  isMuted = false

  constructor(inner: DatagramTransport, role: Role, wire: WireDatagram[]) {
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
    this.inner.open(sink)
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    if (this.#wire.length < MAX_KEPT) this.#wire.push({ from: this.#role, bytes: bytes.slice(), to, ecn })
    return this.isMuted || this.inner.send(bytes, to, ecn)
  }

  close(): void {
    this.inner.close()
  }
}
