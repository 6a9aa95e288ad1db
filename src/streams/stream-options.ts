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
  readonly streamHighWaterMark?: number
  /** Bytes accepted and not yet sent, of all streams; 4 MiB by default. */
  readonly connectionHighWaterMark?: number
}

/** What a {@link StreamSet} needs to be made. */
export interface StreamSetOptions {
  readonly role: Role
  readonly limits: StreamLimitOptions
  /** Takes what the application is to be told; called in the middle of things, so it may only queue. */
  emit(event: StreamEvent): void
  /** The smoothed round trip of the path in use. */
  rtt(): Duration
  /** Pages that are shared with other connections; by default the set has its own. */
  readonly pages?: PagePool
}

/** What can be changed while the connection runs. Credit already given stays given. */
export type StreamReconfiguration = Partial<
  Pick<StreamLimitOptions, 'maxReceiveWindow' | 'maxIncomingBidirectionalStreams' | 'maxIncomingUnidirectionalStreams'>
>

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
