/** What a connection is made of: given once, by the endpoint. */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import type { PagePool } from '../streams/paged-buffer.ts'
import type { TlsSession } from '../tls/session.ts'
import type { TicketPolicy } from '../tls/tickets.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import type { Observer } from '../wire/observer.ts'
import type { Role } from '../wire/stream-id.ts'
import type { PreferredAddress } from '../wire/transport-parameters.ts'
import type { ConnectionConfig } from './config.ts'
import type { ConnectionIdGenerator } from './local-ids.ts'
import type { StoredSession } from './stored-session.ts'
import type { TicketTerms } from './ticket-terms.ts'
import type { Workspace } from './workspace.ts'

/** What the endpoint does for its connections. */
export interface ConnectionHost {
  readonly idGenerator: ConnectionIdGenerator
  /** The stateless reset token of one of our ids (RFC 9000 §10.3.2). */
  resetToken(id: ConnectionId): Uint8Array
  /** Routes packets with `id` here. `false`: the id is taken. */
  register(id: ConnectionId): boolean
  unregister(id: ConnectionId): void
  /** A token with which the peer at `remote` may reset the connection. */
  resetTokenAdded(token: Uint8Array, remote: PathAddress): void
  resetTokenRemoved(token: Uint8Array, remote: PathAddress): void
  /** The carrier takes nothing for now. */
  isFull?(carrier: Carrier): boolean
  /** Where ids of ours have no length: routes what comes from there here. `false`: another connection has that place. */
  claim?(carrier: Carrier, remote: PathAddress): boolean
  unclaim?(carrier: Carrier, remote: PathAddress): void
  /** Server: a token for the client's next connection (RFC 9000 §8.1.3). */
  newToken?(remote: PathAddress, version: number): Uint8Array | undefined
}

/** What a connection begins with. */
export interface ConnectionInit {
  readonly role: Role
  readonly version: number
  readonly config: ConnectionConfig
  readonly engine: PacketEngine
  readonly workspace: Workspace
  readonly random: RandomSource
  readonly observer?: Observer | undefined
  readonly host: ConnectionHost
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  /** Our source id, registered by the caller. */
  readonly localId: ConnectionId
  /** Client: the random destination id of its first Initial. Server: the client's source id. */
  readonly peerId: ConnectionId
  /** The destination id of the client's very first Initial. */
  readonly originalDestination: ConnectionId
  /** Server: the source id of the Retry that the client answered. */
  readonly retrySource?: ConnectionId | undefined
  /** Server: where it would rather be reached, with an id registered by the caller (RFC 9000 §9.6). */
  readonly preferred?: Omit<PreferredAddress, 'statelessResetToken'> | undefined
  /** Server: a token or the carrier proved the client's address. */
  readonly addressValidated: boolean
  /** Client: of an earlier NEW_TOKEN. */
  readonly token?: Uint8Array | undefined
  /** Client: the session that TLS was told to go on from; its parameters count for 0-RTT. */
  readonly session?: StoredSession | undefined
  /** Server: how sessions are resumed; not at all if left out. */
  readonly tickets?: TicketTerms | undefined
  /** Memory for stream data, shared by the connections of an endpoint. */
  readonly pages: PagePool
  /** ms; how late the host's timers may usually fire. */
  readonly timerGranularity: Duration
  /**
   * Begins TLS; `parameters` turns the peer's transport parameters (absent at a client) into ours, `tickets` are a server's
   * to hand on, `version` is that of the client's first flight: a client must not go on from a session of another (RFC 9369
   * §5). Called once more after Version Negotiation.
   */
  createTls(
    parameters: (peer: Uint8Array | undefined) => Uint8Array,
    tickets: TicketPolicy | undefined,
    version: number,
  ): TlsSession
  readonly now: Time
}

/** What the application closes a connection with (RFC 9000 §10.2). */
export interface ApplicationClose {
  readonly code: bigint
  readonly reason: string
}
