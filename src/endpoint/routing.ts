/**
 * Where a datagram belongs: by its destination connection id, by address for ids of no length, by its last 16 bytes for a
 * stateless reset (RFC 9000 §5.2, §10.3.1). Keys are strings in `Map`s, whose hash a peer cannot aim at.
 */
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'

/** The maps of one endpoint. `C` is its connection. */
export declare class Routing<C> {
  /** `secret`: 32 random bytes; tokens are kept transformed, so that looking one up tells nothing about it. */
  constructor(secret: Uint8Array)
  /** `false`: the id belongs to another connection. */
  addId(id: ConnectionId, connection: C): boolean
  removeId(id: ConnectionId, connection: C): void
  /** By `ConnectionId.key` (or `peekDestination`). */
  find(key: string): C | undefined
  /** For connections whose local ids have no length. `false`: another connection has that pair. */
  addAddress(carrier: Carrier, remote: PathAddress, connection: C): boolean
  removeAddress(carrier: Carrier, remote: PathAddress, connection: C): void
  findAddress(carrier: Carrier, remote: PathAddress): C | undefined
  /** A token that the peer at `remote` may reset the connection with. */
  addResetToken(token: Uint8Array, remote: PathAddress, connection: C): void
  removeResetToken(token: Uint8Array, remote: PathAddress, connection: C): void
  /** The connection that the datagram `start` to `end` from `remote` resets, if any. */
  findResetToken(bytes: Uint8Array, start: number, end: number, remote: PathAddress): C | undefined
  /** Forgets everything of a connection. */
  removeConnection(connection: C): void
  /** Entries of all maps, for tests and statistics. */
  readonly size: number
}
