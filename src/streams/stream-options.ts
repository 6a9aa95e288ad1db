/** What a set of streams is made with, and what can be changed while it lives. */
import type { Duration } from '../base/time.ts'
import type { Role } from '../wire/stream-id.ts'
import type { TransportParameters } from '../wire/transport-parameters.ts'
import type { StreamEvent } from './events.ts'
import type { PagePool } from './paged-buffer.ts'

/** What we grant to the peer, and what may wait to be sent. Sizes in bytes; the first six are our transport parameters. */
export interface StreamLimitOptions {
  readonly initialMaxData: number
  readonly initialMaxStreamDataBidiLocal: number
  readonly initialMaxStreamDataBidiRemote: number
  readonly initialMaxStreamDataUni: number
  /** Streams of the peer open at once. */
  readonly maxIncomingBidirectionalStreams: number
  readonly maxIncomingUnidirectionalStreams: number
  /** What the window of the connection, and that of each stream, may grow to. */
  readonly maxReceiveWindow: number
  /** Bytes accepted and not yet sent, of one stream; 256 KiB by default. */
  readonly maxStreamSendBuffer?: number
  /** Bytes accepted and not yet sent, of all streams; 4 MiB by default. */
  readonly maxSendBuffer?: number
}

/** What a {@link StreamSet} needs to be made. */
export interface StreamSetOptions {
  readonly role: Role
  readonly limits: StreamLimitOptions
  /** Takes what the application is to be told; called in the middle of things, so it may only queue. */
  readonly emit: (event: StreamEvent) => void
  /** The smoothed round trip of the path in use. */
  readonly rtt: () => Duration
  /** Pages that are shared with other connections; by default the set has its own. */
  readonly pages?: PagePool
}

/** What can be changed while the connection runs. Credit already given stays given. */
export interface StreamReconfiguration {
  readonly maxReceiveWindow?: number | undefined
  readonly maxIncomingBidirectionalStreams?: number | undefined
  readonly maxIncomingUnidirectionalStreams?: number | undefined
}

/** Bytes of all streams of a connection. */
export interface StreamTotals {
  /** Sent for the first time. */
  readonly bytesSent: number
  /** At the beginnings of the streams, without a gap. */
  readonly bytesAcknowledged: number
  readonly bytesRetransmitted: number
  /** As far as the furthest byte of each stream. */
  readonly bytesReceived: number
  readonly bytesRead: number
}

/** Streams of one kind: how many were opened, of how many. */
export interface StreamCount {
  readonly limit: number
  readonly opened: number
}

/** What either side may still send and open (RFC 9000 §4). */
export interface StreamCredit {
  /** Bytes on all streams, as the peer limits us. */
  readonly sendLimit: number
  readonly sendUsed: number
  /** Bytes on all streams, as we limit the peer. */
  readonly receiveLimit: number
  /** Bytes that are granted beyond what was read. */
  readonly receiveWindow: number
  readonly received: number
  readonly consumed: number
  /** Of the peer. */
  readonly incomingBidirectional: StreamCount
  readonly incomingUnidirectional: StreamCount
  /** Of ours. */
  readonly outgoingBidirectional: StreamCount
  readonly outgoingUnidirectional: StreamCount
}

/** What the peer said that bears on streams. */
export type PeerStreamParameters = Pick<
  TransportParameters,
  | 'initialMaxData'
  | 'initialMaxStreamDataBidiLocal'
  | 'initialMaxStreamDataBidiRemote'
  | 'initialMaxStreamDataUni'
  | 'initialMaxStreamsBidi'
  | 'initialMaxStreamsUni'
  | 'resetStreamAt'
>
