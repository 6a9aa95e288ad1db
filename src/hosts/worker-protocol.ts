/** What a page and its worker know of each other: the shapes of facts that cross, and the sizes of windows. */

import type { QuicPath } from '../api/paths.ts'
import type { SendQueue } from '../api/send-queue.ts'
import type { ConnectionState } from '../connection/connection.ts'
import type { DatagramSettings } from '../streams/datagram-settings.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { PathAddress } from '../transport.ts'
import type { Role, StreamDirection } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'

/** Bytes of one stream and direction that may be between the two. */
export const STREAM_WINDOW = 262_144

/** Datagrams that may be between worker and page. */
export const DATAGRAM_WINDOW = 64

/** The object that is the worker itself. */
export const ROOT = 0

/** What a stream is. */
export interface StreamFacts {
  readonly object: number
  readonly id: number
  readonly direction: StreamDirection
  readonly canRead: boolean
  readonly canWrite: boolean
  readonly priority: StreamPriority
  readonly sendOrder: number
}

/** What a connection is at a moment. */
export interface ConnectionFacts {
  readonly role: Role
  readonly state: ConnectionState
  readonly version: number
  readonly alpn: string | undefined
  readonly localAddress: PathAddress
  readonly remoteAddress: PathAddress
  readonly paths: readonly QuicPath[]
  readonly sendQueue: SendQueue
  readonly congestionControl: 'newreno' | 'cubic' | 'bbr' | undefined
  readonly maxDatagramSize: number
  readonly datagrams: DatagramSettings
}

/** What does not change once it is known. */
export interface PeerFacts {
  readonly pskIdentity: Uint8Array | undefined
  readonly peerCertificates: readonly Uint8Array[] | undefined
  readonly peerTransportParameters: TransportParameters | undefined
}
