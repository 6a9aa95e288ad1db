/** What an endpoint does for each of its connections: ids, routes, tokens (`connection/init.ts` says what of it). */
import type { ConnectionHost } from '../connection/init.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { FullCarriers } from './full-carriers.ts'
import type { Routing } from './routing.ts'
import type { StatelessReset } from './stateless-reset.ts'

/** What all connections of an endpoint share. `E` stands for a connection. */
export interface SharedByConnections<E extends object> {
  readonly ids: ConnectionIdGenerator
  readonly routing: Routing<E>
  readonly resets: StatelessReset
  readonly full: FullCarriers<E>
  newToken(remote: PathAddress, version: number): Uint8Array | undefined
}

/** The host of one connection. */
export class HostOfConnection<E extends object> implements ConnectionHost {
  /** The connection as the routes know it; `undefined` while it is being made. */
  entry: E | undefined
  readonly #shared: SharedByConnections<E>

  constructor(shared: SharedByConnections<E>) {
    this.#shared = shared
    this.entry = undefined
  }

  get idGenerator(): ConnectionIdGenerator {
    return this.#shared.ids
  }

  resetToken(id: ConnectionId): Uint8Array {
    return this.#shared.resets.tokenOf(id.toBytes())
  }

  register(id: ConnectionId): boolean {
    return this.entry !== undefined && this.#shared.routing.addId(id, this.entry)
  }

  unregister(id: ConnectionId): void {
    if (this.entry !== undefined) this.#shared.routing.removeId(id, this.entry)
  }

  resetTokenAdded(token: Uint8Array, remote: PathAddress): void {
    if (this.entry !== undefined) this.#shared.routing.addResetToken(token, remote, this.entry)
  }

  resetTokenRemoved(token: Uint8Array, remote: PathAddress): void {
    if (this.entry !== undefined) this.#shared.routing.removeResetToken(token, remote, this.entry)
  }

  isFull(via: Carrier): boolean {
    return this.#shared.full.has(via)
  }

  /** With ids of a length, packets find their connection wherever they come from. */
  claim(via: Carrier, remote: PathAddress): boolean {
    const { ids, routing } = this.#shared
    return ids.length > 0 || (this.entry !== undefined && routing.addAddress(via, remote, this.entry))
  }

  unclaim(via: Carrier, remote: PathAddress): void {
    if (this.entry !== undefined) this.#shared.routing.removeAddress(via, remote, this.entry)
  }

  newToken(remote: PathAddress, version: number): Uint8Array | undefined {
    return this.#shared.newToken(remote, version)
  }
}
