/** The latency spin bit of one path (RFC 9000 §17.4): lets an observer measure the round trip, where both sides allow it. */
import { type RandomSource, randomInteger } from '../base/random.ts'
import type { Role } from '../wire/stream-id.ts'

/** One path in so many does not spin, so that connections without the signal stay common (RFC 9000 §17.4). */
const EXEMPT_ONE_IN = 16

/** The spin bit of a path. */
export class SpinBit {
  readonly #role: Role
  readonly #random: RandomSource
  readonly #spins: boolean
  #value: 0 | 1
  #largest = -1

  constructor(role: Role, enabled: boolean, random: RandomSource) {
    this.#role = role
    this.#random = random
    this.#spins = enabled && randomInteger(random, EXEMPT_ONE_IN) !== 0
    this.#value = this.#initialValue()
  }

  /** The bit of the next 1-RTT packet on the path. */
  get value(): 0 | 1 {
    return this.#value
  }

  /** A 1-RTT packet that was opened came with this bit. */
  onReceived(bit: 0 | 1, packetNumber: number): void {
    if (!this.#spins || packetNumber <= this.#largest) return
    this.#largest = packetNumber
    this.#value = this.#role === 'server' ? bit : bit === 0 ? 1 : 0
  }

  /** The path's connection id was changed. */
  onConnectionIdChanged(): void {
    this.#value = this.#initialValue()
  }

  /** RFC 9000 §17.4: zero where it spins, else a random value for each connection id. */
  #initialValue(): 0 | 1 {
    return this.#spins || randomInteger(this.#random, 2) === 0 ? 0 : 1
  }
}
