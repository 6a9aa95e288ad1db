/** What a connection tells its application, and how a connection ends. Drained with `pollEvent`. */

import type { Duration } from '../base/time.ts'
import type { DatagramEvent } from '../streams/datagram-queue.ts'
import type { StreamEvent } from '../streams/events.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { MigrationFailure } from './migration.ts'
import type { StoredSession } from './stored-session.ts'

/** Why a connection ended. `side` says who ended it. */
export type CloseReason =
  /** CONNECTION_CLOSE of type 0x1c, RFC 9000 §20.1; `cause` is what was thrown on our side, such as a `TlsAlert`. */
  | {
      readonly kind: 'transport'
      readonly side: 'local' | 'remote'
      readonly code: bigint
      readonly frameType: bigint
      readonly reason: string
      readonly cause?: unknown
    }
  /** CONNECTION_CLOSE of type 0x1d: the application's own code. */
  | { readonly kind: 'application'; readonly side: 'local' | 'remote'; readonly code: bigint; readonly reason: string }
  /** RFC 9000 §10.1: nothing was heard for `after` ms. */
  | { readonly kind: 'idle-timeout'; readonly after: Duration }
  /** The handshake was not complete `after` ms from the start. */
  | { readonly kind: 'handshake-timeout'; readonly after: Duration }
  /** RFC 9000 §10.3: the peer has lost the connection's state. */
  | { readonly kind: 'stateless-reset' }
  /** RFC 9000 §6.2: the server speaks none of our versions. */
  | { readonly kind: 'version'; readonly offered: number; readonly supported: readonly number[] }
  /** The carrier below the last path is gone; `cause` is its error, if it gave one. */
  | { readonly kind: 'carrier-closed'; readonly cause?: unknown }

/** Which path. */
export interface PathFact {
  readonly path: PathId
  readonly localAddress: PathAddress
  readonly remoteAddress: PathAddress
}

/** A fact that the application may want to know. */
export type ConnectionEvent =
  | StreamEvent
  | DatagramEvent
  /** TLS is done on our side (RFC 9001 §4.1.1): streams may be opened. */
  | {
      readonly type: 'connected'
      readonly alpn: string
      readonly version: number
      readonly resumed: boolean
      readonly earlyDataAccepted: boolean
    }
  /** RFC 9001 §4.1.2. */
  | { readonly type: 'handshake-confirmed' }
  /** The client sends with another version from now on (RFC 9000 §6.2). */
  | { readonly type: 'version-changed'; readonly version: number }
  /** The active path has another address (RFC 9000 §9). */
  | { readonly type: 'path-changed'; readonly localAddress: PathAddress; readonly remoteAddress: PathAddress }
  /** A client has begun to validate a path (RFC 9000 §8.2). */
  | ({ readonly type: 'path-probed' } & PathFact)
  /** A path of a client's has answered, and is kept, or moved to. */
  | ({ readonly type: 'path-validated' } & PathFact)
  /** A path of a client's has come to nothing. */
  | ({ readonly type: 'path-failed'; readonly failure: MigrationFailure } & PathFact)
  /** No path of a client uses the carrier any more. */
  | { readonly type: 'carrier-released'; readonly carrier: Carrier }
  /** 1-RTT datagrams of the active path may have another size, bytes. */
  | { readonly type: 'mtu-changed'; readonly mtu: number }
  /** A server gave a token for a later connection (RFC 9000 §8.1.3). */
  | { readonly type: 'new-token'; readonly token: Uint8Array }
  /** Client: the next connection to the server can go on from this session (RFC 9001 §4.5). Each is for one use. */
  | { readonly type: 'session-ticket'; readonly session: StoredSession }
  /**
   * Client: whether the server takes what was sent by 0-RTT is known, at the end of the handshake, before `connected`. Where
   * it does not, `isResent` tells whether it is sent anew (RFC 9001 §4.6.2), or the streams of before have ended since another
   * protocol was chosen. Server: 0-RTT is accepted, streams may come; where it is not, there is no such event.
   */
  | { readonly type: 'early-data'; readonly isAccepted: boolean; readonly isResent: boolean }
  /** The peer has acknowledged a packet under new keys: an update, whoever began it, is confirmed (RFC 9001 §6.1). */
  | { readonly type: 'keys-updated' }
  /** A PING that was asked for is answered, `rtt` ms after it was sent. */
  | { readonly type: 'pong'; readonly id: number; readonly rtt: Duration }
  /** The connection has left `open`: nothing is sent or delivered any more. Exactly once, before `closed`. */
  | { readonly type: 'closing'; readonly reason: CloseReason }
  /** The peer knows of the end as well (RFC 9000 §10.2.2). At most once, after `closing`. */
  | { readonly type: 'draining' }
  /** All state is gone. Exactly once, the last event. */
  | { readonly type: 'closed'; readonly reason: CloseReason }
