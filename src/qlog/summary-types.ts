/** What the summary of a trace tells. */
import type { SeriesPoint } from './series.ts'

/** Packets and their bytes; of logs that tell no sizes, 0 bytes. */
export interface PacketCount {
  readonly packets: number
  readonly bytes: number
}

/** A path of the connection. */
export interface SummaryPath {
  /** Its name in the log; `''` for the first. */
  readonly id: string
  readonly local: string | undefined
  readonly remote: string | undefined
  readonly packetsSent: number
  readonly packetsReceived: number
}

/** How a connection ended, as the log has it. */
export interface SummaryClose {
  /** ms */
  readonly time: number
  readonly initiator: 'local' | 'remote' | undefined
  /** Such as `application`, `idle_timeout` or `protocol_violation`. */
  readonly cause: string | undefined
  readonly code: number | string | undefined
  readonly reason: string | undefined
}

/** What happened in a trace, in figures. Times are ms since its first event. */
export interface QlogSummary {
  readonly title: string | undefined
  readonly writer: string | undefined
  readonly groupId: string | undefined
  /** Where the log does not say which, whoever sent the first packet is the client. */
  readonly role: 'client' | 'server' | 'network' | 'unknown'
  readonly events: number
  /** ms from the first event to the last. */
  readonly duration: number
  /** Of the first event: ms since the trace's reference. */
  readonly firstTime: number
  readonly version: number | undefined
  readonly versionsOffered: readonly number[]
  readonly alpn: string | undefined
  readonly cipher: string | undefined
  /** Connection ids, in hexadecimal, in the order in which packets used them; at most 16. */
  readonly localIds: readonly string[]
  readonly remoteIds: readonly string[]
  readonly handshakeComplete: number | undefined
  readonly handshakeConfirmed: number | undefined
  readonly sent: PacketCount
  readonly received: PacketCount
  readonly dropped: PacketCount
  readonly dropReasons: Readonly<Record<string, number>>
  readonly lost: PacketCount
  readonly lossReasons: Readonly<Record<string, number>>
  /** Losses in one round trip are one event. */
  readonly lossEvents: number
  /** Packets that carried stream or handshake bytes again, and how many such bytes there were. */
  readonly retransmitted: PacketCount
  /** Frames by type. */
  readonly framesSent: Readonly<Record<string, number>>
  readonly framesReceived: Readonly<Record<string, number>>
  readonly streams: number
  /** Up to the highest offsets. */
  readonly streamBytesSent: number
  readonly streamBytesReceived: number
  /** ms from the first packet with stream bytes to the last, of each direction. */
  readonly streamTime: { readonly sent: number; readonly received: number }
  readonly rtt:
    | {
        readonly samples: number
        readonly least: number
        readonly median: number
        readonly most: number
        /** At the end. */
        readonly smoothed: number | undefined
      }
    | undefined
  readonly congestionWindow: { readonly least: number; readonly most: number; readonly last: number } | undefined
  readonly bytesInFlight: { readonly most: number } | undefined
  /** ms in each state of the congestion controller. */
  readonly congestionStates: Readonly<Record<string, number>>
  /** Packets sent because a PTO asked for them. */
  readonly ptoProbes: number
  /** Of our 1-RTT keys. */
  readonly keyUpdates: number
  readonly paths: readonly SummaryPath[]
  readonly migrations: number
  readonly mtu: number | undefined
  readonly ecn: string | undefined
  readonly close: SummaryClose | undefined
  /** What the reader had to make up its mind about. */
  readonly notes: readonly string[]
  readonly series: {
    readonly congestionWindow: readonly SeriesPoint[]
    readonly bytesInFlight: readonly SeriesPoint[]
    readonly rtt: readonly SeriesPoint[]
    readonly smoothedRtt: readonly SeriesPoint[]
    /** Packets that were declared lost; `count` says how many. */
    readonly losses: readonly SeriesPoint[]
  }
}
