/** Statistics in W3C's dictionaries (WebTransportConnectionStats), with what QUIC has beside them. Times in ms, sizes in bytes. */
import type { Connection } from '../connection/connection.ts'
import type { ConnectionStats, PathStats } from '../connection/stats.ts'
import type { DatagramStats } from '../streams/datagram-queue.ts'
import type { Stream } from '../streams/stream.ts'
import type { SendQueue } from './send-queue.ts'

/** Numbers of one stream, in bytes. */
export interface QuicStreamStats {
  /** Taken from the application. */
  readonly bytesWritten: number
  /** Put into a packet for the first time, and again. */
  readonly bytesSent: number
  readonly bytesRetransmitted: number
  /** At the beginning of the stream, without a gap. */
  readonly bytesAcknowledged: number
  /** As far as the furthest byte. */
  readonly bytesReceived: number
  readonly bytesRead: number
}

/** W3C's WebTransportDatagramStats, and counts of what went well. */
export type QuicDatagramStats = DatagramStats

/** W3C's WebTransportConnectionStats, of this moment; what belongs to a path is that of the active one. */
export interface QuicConnectionStats {
  /** Bytes of streams and datagrams, without framing and what was sent again. */
  readonly bytesSent: number
  /** Framing, handshake, acknowledgements and what was sent again: the rest of what left as UDP payload. */
  readonly bytesSentOverhead: number
  /** Of `bytesSent`, what the peer is known to have. */
  readonly bytesAcknowledged: number
  readonly packetsSent: number
  /** Of packets that were declared lost and did not arrive after all; may fall. */
  readonly bytesLost: number
  readonly packetsLost: number
  /** All UDP payload. */
  readonly bytesReceived: number
  /** Those included that could not be processed. */
  readonly packetsReceived: number
  readonly smoothedRtt: number
  readonly rttVariation: number
  readonly minRtt: number
  /** Bits a second that the congestion controller lets through, framing taken off; `undefined` before the first RTT sample. */
  readonly estimatedSendRate: number | undefined
  /** Whether what is sent is limited by the network, not by lack of data. */
  readonly atSendCapacity: boolean
  readonly datagrams: QuicDatagramStats
  readonly quic: QuicStats
}

/** What QUIC itself can tell. */
export interface QuicStats extends Omit<ConnectionStats, 'streams' | 'datagrams'> {
  /** The oldest first. */
  readonly paths: readonly PathStats[]
  /** Those that have not ended. */
  readonly streams: readonly (QuicStreamStats & { readonly id: number })[]
  readonly sendQueue: SendQueue
}

/** The numbers of a stream. */
export function streamStatsOf({ send, receive }: Stream): QuicStreamStats {
  return {
    bytesWritten: send?.bytesWritten ?? 0,
    bytesSent: send?.bytesSent ?? 0,
    bytesRetransmitted: send?.bytesRetransmitted ?? 0,
    bytesAcknowledged: send?.bytesAcknowledged ?? 0,
    bytesReceived: receive?.bytesReceived ?? 0,
    bytesRead: receive?.bytesRead ?? 0,
  }
}

/** The numbers of a connection at `now`. */
export function connectionStatsOf(connection: Connection, sendQueue: SendQueue, now: number): QuicConnectionStats {
  const { streams: _, datagrams, ...core } = connection.stats(now)
  const bytesSent = core.streamBytes.bytesSent + core.datagramBytesSent
  const { isAppLimited } = connection.paths.active.recovery
  return {
    bytesSent,
    bytesSentOverhead: core.bytesSent - bytesSent,
    bytesAcknowledged: core.streamBytes.bytesAcknowledged + core.datagramBytesDelivered,
    packetsSent: core.packetsSent,
    bytesLost: core.bytesLost,
    packetsLost: core.packetsLost - core.spuriousLosses,
    bytesReceived: core.bytesReceived,
    packetsReceived: core.packetsReceived + core.packetsDropped,
    smoothedRtt: core.smoothedRtt,
    rttVariation: core.rttVariation,
    minRtt: core.minRtt,
    estimatedSendRate: sendRateOf(connection),
    atSendCapacity: core.bytesInFlight > 0 && !isAppLimited,
    datagrams,
    quic: {
      ...core,
      paths: connection.pathStats(),
      streams: [...connection.streams.values()].map((stream) => ({ id: stream.id, ...streamStatsOf(stream) })),
      sendQueue,
    },
  }
}

/** Bytes of a packet's header and tag, about. */
const FRAMING = 32

function sendRateOf(connection: Connection): number | undefined {
  const { controller, congestionWindow, maxDatagramSize, rtt } = connection.paths.active.recovery
  if (!rtt.hasSample) return undefined
  const bytesPerMs = controller.pacingRate ?? congestionWindow / rtt.smoothed
  const rate = (bytesPerMs * 8000 * (maxDatagramSize - FRAMING)) / maxDatagramSize
  // W3C's is an `unsigned long long`, and programs rely on it.
  return Number.isFinite(rate) ? Math.floor(rate) : undefined
}
