/** How many connections a server has, in all, in their handshake, and of each host: what its limits are held against. */
import type { PathAddress } from '../transport.ts'
import { hostOf } from '../wire/path-address.ts'

/** The connections of an endpoint's servers. They outlive the server that took them, and count for the next one. */
export class Occupancy {
  readonly #hosts = new Map<string, number>()
  #handshakes = 0
  #connections = 0

  /** Connections whose handshake is not complete. */
  get handshakes(): number {
    return this.#handshakes
  }

  /** Connections in all. */
  get connections(): number {
    return this.#connections
  }

  /** Connections of the host of that address. */
  ofHost(remoteAddress: PathAddress): number {
    return this.#hosts.get(hostOf(remoteAddress)) ?? 0
  }

  /** A connection was opened for a packet that was accepted. */
  onOpened(remoteAddress: PathAddress): void {
    const host = hostOf(remoteAddress)
    this.#handshakes += 1
    this.#connections += 1
    this.#hosts.set(host, (this.#hosts.get(host) ?? 0) + 1)
  }

  /** The handshake of one of them is complete. */
  onHandshakeComplete(): void {
    this.#handshakes -= 1
  }

  /** One of them is gone. `handshaking`: before its handshake was complete. `remoteAddress`: that of its beginning. */
  onClosed(remoteAddress: PathAddress, handshaking: boolean): void {
    const host = hostOf(remoteAddress)
    const left = (this.#hosts.get(host) ?? 0) - 1
    if (left > 0) this.#hosts.set(host, left)
    else this.#hosts.delete(host)
    this.#connections -= 1
    if (handshaking) this.#handshakes -= 1
  }
}
