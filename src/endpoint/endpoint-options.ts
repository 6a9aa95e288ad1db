/** What an endpoint is made of, what its connections begin with, and what it tells. */
import type { RandomSource } from '../base/random.ts'
import type { Duration } from '../base/time.ts'
import type { ConnectionConfig } from '../connection/config.ts'
import type { Connection } from '../connection/connection.ts'
import type { ConnectionEvent } from '../connection/events.ts'
import type { ConnectionInit } from '../connection/init.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import type { TicketTerms } from '../connection/ticket-terms.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { ObserverFactory } from '../wire/observer.ts'
import type { IncomingConnection } from './incoming-connection.ts'

/** What an endpoint is made of. */
export interface EndpointOptions {
  /** Made with an arena of {@link ARENA_BYTES} (or less, for few connections), used by this endpoint alone. */
  readonly engine: PacketEngine
  readonly random: RandomSource
  /** Unix ms, for address tokens. */
  wallClock(): number
  /** ms; how late the host's timers may usually fire. */
  readonly timerGranularity: Duration
  /** Default: random ids of 8 bytes. */
  readonly idGenerator?: ConnectionIdGenerator | undefined
  /** 32 bytes, from which stateless reset tokens are made; the same key after a restart recognises old ids. Default: random. */
  readonly resetKey?: Uint8Array | undefined
  /** 32 bytes, for Retry and NEW_TOKEN tokens. Default: random. */
  readonly tokenKey?: Uint8Array | undefined
}

/** What a client's connection begins with. */
export interface ConnectParameters {
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  readonly config: ConnectionConfig
  /** Of an earlier NEW_TOKEN event. */
  readonly token?: Uint8Array | undefined
  /** The session that `createTls` goes on from: its parameters count for 0-RTT. */
  readonly session?: StoredSession | undefined
  readonly observer?: ObserverFactory | undefined
  readonly createTls: ConnectionInit['createTls']
}

/** What a server's connection begins with. */
export interface AcceptParameters {
  readonly config: ConnectionConfig
  /** Addresses of carriers of this endpoint where it would rather be reached, literal ones with their port (RFC 9000 §9.6). */
  readonly preferredAddress?: { readonly ipv4?: PathAddress | undefined; readonly ipv6?: PathAddress | undefined }
  /** How sessions are resumed; not at all if left out. */
  readonly tickets?: TicketTerms | undefined
  readonly observer?: ObserverFactory | undefined
  readonly createTls: ConnectionInit['createTls']
}

/** A fact for the application. */
export type EndpointEvent =
  | { readonly type: 'incoming'; readonly incoming: IncomingConnection }
  | { readonly type: 'connection'; readonly connection: Connection; readonly event: ConnectionEvent }
