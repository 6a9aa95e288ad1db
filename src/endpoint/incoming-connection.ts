/** A connection that a client asks for and nobody has decided on: what is known of it, and its datagrams so far. */
import { copyBytes } from '../base/bytes.ts'
import type { Carrier, Ecn, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'

/** What an Initial packet for no connection tells. */
export interface IncomingFacts {
  readonly version: number
  /** The destination id of the packet, from which the Initial keys come. */
  readonly destination: ConnectionId
  /** The client's id. */
  readonly source: ConnectionId
  /** The destination id of the client's very first Initial; another than `destination` after Retry. */
  readonly originalDestination: ConnectionId
  /** The source id of our Retry, which the client answered. */
  readonly retrySource: ConnectionId | undefined
  /** A token proved the address (RFC 9000 §8.1). */
  readonly addressValidated: boolean
  readonly remoteAddress: PathAddress
  readonly carrier: Carrier
}

/** A datagram that waits for the decision. */
export interface WaitingDatagram {
  readonly bytes: Uint8Array
  readonly ecn: Ecn
}

/** A connection that waits to be accepted, refused, asked for Retry, or ignored: by the endpoint's methods of these names. */
export class IncomingConnection {
  readonly facts: IncomingFacts
  /** The endpoint's name for it. */
  readonly key: string
  /** Set by the endpoint once it was accepted, refused, asked for Retry or ignored. */
  isDecided = false
  #datagrams: WaitingDatagram[] = []
  #initials = 0
  #earlyBytes = 0

  constructor(key: string, facts: IncomingFacts) {
    this.key = key
    this.facts = facts
  }

  /** Bytes of the datagrams of {@link addEarlyData}. */
  get earlyBytes(): number {
    return this.#earlyBytes
  }

  /** Keeps a copy of a datagram with an Initial packet, unless `most` are kept already: the client will send it again. */
  addDatagram(bytes: Uint8Array, ecn: Ecn, most: number): void {
    if (this.#initials === most) return
    this.#initials += 1
    this.#datagrams.push({ bytes: copyBytes(bytes), ecn })
  }

  /** Keeps a copy of a datagram with 0-RTT packets, unless `most` bytes of such are kept already (RFC 9000 §5.2.2). */
  addEarlyData(bytes: Uint8Array, ecn: Ecn, most: number): void {
    if (this.#earlyBytes + bytes.length > most) return
    this.#earlyBytes += bytes.length
    this.#datagrams.push({ bytes: copyBytes(bytes), ecn })
  }

  /** Hands the datagrams out, in the order of their arrival. */
  takeDatagrams(): readonly WaitingDatagram[] {
    const datagrams = this.#datagrams
    this.#datagrams = []
    this.#earlyBytes = 0
    return datagrams
  }
}
