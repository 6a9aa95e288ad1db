/** What a server sends to an address before it knows that somebody is there (RFC 9000 §8.1), counted where it sends it. */
import { longPackets } from './wire-facts.ts'

/** Type of a Handshake packet of version 1. */
const HANDSHAKE = 2

/** Times what came in. */
const LIMIT = 3

/** The bytes of one connection until the server has a Handshake packet of its client; of the first one, where there are more. */
export class Amplification {
  /** Bytes of the first datagram that the server was given. */
  first = 0
  /** Bytes that it was given until then, and those that it sent. */
  received = 0
  sent = 0
  /** The most bytes that it was beyond three times what it was given. */
  excess = 0
  #isValidated = false

  /** The server is given a datagram. */
  onDelivered(bytes: Uint8Array): void {
    if (this.#isValidated) return
    if (this.first === 0) this.first = bytes.length
    this.received += bytes.length
    this.#isValidated = longPackets(bytes).some(({ type }) => type === HANDSHAKE)
  }

  /** The server sends one. */
  onAnswer(bytes: Uint8Array): void {
    if (this.#isValidated) return
    this.sent += bytes.length
    this.excess = Math.max(this.excess, this.sent - LIMIT * this.received)
  }
}
