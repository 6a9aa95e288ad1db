/**
 * A bad network around a good transport: datagrams that are sent through it may be lost, sent twice, overtaken or
 * damaged, as a seeded source of randomness decides. For tests; wrap both ends for both directions.
 */
import { type RandomSource, randomInteger } from '../src/base/random.ts'
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../src/transport.ts'

/** What befalls a datagram, each as a probability from 0 to 1. Read anew for each datagram, so a test may change them. */
export interface Impairments {
  /** It vanishes. */
  loss?: number
  /** It is sent twice. */
  duplicate?: number
  /** It is held back until one to `reorderDepth` later datagrams have been sent; what is held at the end is lost. */
  reorder?: number
  /** Datagrams; 4 by default. */
  reorderDepth?: number
  /** One bit of it is flipped. */
  corrupt?: number
  /** Decides; the same seed over the same datagrams does the same. */
  readonly random: RandomSource
}

/** A datagram that later ones overtake. */
interface Held {
  readonly bytes: Uint8Array
  readonly to: PathAddress
  readonly ecn: Ecn
  /** How many more go first. */
  wait: number
}

/** What `impair` returns; the counts tell a test that something happened at all. */
export interface ImpairedTransport extends DatagramTransport {
  /** Datagrams that each impairment befell. */
  readonly counts: { lost: number; duplicated: number; reordered: number; corrupted: number }
}

/** `transport` with a bad network behind it, in the direction in which this end sends. It must not be used directly any more. */
export function impair(transport: DatagramTransport, impairments: Impairments): ImpairedTransport {
  return new Impaired(transport, impairments)
}

class Impaired implements ImpairedTransport {
  readonly counts = { lost: 0, duplicated: 0, reordered: 0, corrupted: 0 }
  readonly #transport: DatagramTransport
  readonly #impairments: Impairments
  #held: Held[] = []
  readonly properties: TransportProperties
  readonly preferredDatagramSize?: number
  readonly resolve?: (host: string, port: number) => Promise<readonly PathAddress[]>

  constructor(transport: DatagramTransport, impairments: Impairments) {
    this.#transport = transport
    this.#impairments = impairments
    this.properties = { ...transport.properties, reliable: false, ordered: false }
    if (transport.preferredDatagramSize !== undefined) this.preferredDatagramSize = transport.preferredDatagramSize
    if (transport.resolve !== undefined) this.resolve = transport.resolve.bind(transport)
  }

  get maxDatagramSize(): number {
    return this.#transport.maxDatagramSize
  }

  get localAddress(): PathAddress {
    return this.#transport.localAddress
  }

  open(sink: DatagramSink): void {
    this.#transport.open(sink)
  }

  close(): void {
    this.#held = []
    this.#transport.close()
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    const { loss, duplicate, reorder, corrupt } = this.#impairments
    if (this.#happens(loss)) {
      this.counts.lost++
      return this.#release()
    }
    let datagram = bytes
    if (bytes.length > 0 && this.#happens(corrupt)) {
      this.counts.corrupted++
      datagram = this.#flipBit(bytes)
    }
    const isTwice = this.#happens(duplicate)
    if (isTwice) this.counts.duplicated++
    if (this.#happens(reorder)) {
      this.counts.reordered++
      const wait = 1 + randomInteger(this.#impairments.random, this.#impairments.reorderDepth ?? 4)
      this.#held.push({ bytes: datagram.slice(), to, ecn, wait: wait + 1 })
      // Of a datagram that is sent twice one copy is in time.
      if (!isTwice) return this.#release()
    } else if (isTwice && !this.#transport.send(datagram, to, ecn)) {
      this.#release()
      return false
    }
    const hasRoom = this.#transport.send(datagram, to, ecn)
    return this.#release() && hasRoom
  }

  /** Sends what has been held long enough. */
  #release(): boolean {
    let hasRoom = true
    for (const held of this.#held) {
      held.wait--
      if (held.wait <= 0 && !this.#transport.send(held.bytes, held.to, held.ecn)) hasRoom = false
    }
    if (this.#held.some((held) => held.wait <= 0)) this.#held = this.#held.filter((held) => held.wait > 0)
    return hasRoom
  }

  #flipBit(bytes: Uint8Array): Uint8Array {
    const damaged = bytes.slice()
    const bit = randomInteger(this.#impairments.random, 8 * bytes.length)
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return damaged
  }

  /** Whether an event of that probability happens. Draws whenever it could, so that the sequence is reproducible. */
  #happens(probability = 0): boolean {
    return probability > 0 && randomInteger(this.#impairments.random, 0x1_0000_0000) < probability * 0x1_0000_0000
  }
}
