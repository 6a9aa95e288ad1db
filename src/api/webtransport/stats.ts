/** W3C's WebTransportConnectionStats: of the connection, and of the session's datagrams. Times in ms, sizes in bytes. */
import type { QuicConnectionStats } from '../stats.ts'

/** W3C's WebTransportDatagramStats. */
export interface WebTransportDatagramStats {
  /** Received, and dropped unread for newer ones. */
  readonly droppedIncoming: number
  /** Received, and too old before they were read. */
  readonly expiredIncoming: number
  /** Too old before they could be sent. */
  readonly expiredOutgoing: number
  /** Sent and declared lost. */
  readonly lostOutgoing: number
}

/** W3C's WebTransportConnectionStats. Of a connection that may be shared, what could tell of others is left out. */
export interface WebTransportConnectionStats
  extends Partial<
    Pick<
      QuicConnectionStats,
      | 'bytesSent'
      | 'bytesSentOverhead'
      | 'bytesAcknowledged'
      | 'packetsSent'
      | 'bytesLost'
      | 'packetsLost'
      | 'bytesReceived'
      | 'packetsReceived'
    >
  > {
  readonly smoothedRtt: number
  readonly rttVariation: number
  readonly minRtt: number
  readonly datagrams: Partial<WebTransportDatagramStats>
  /** Bits a second; `null`: not known. */
  readonly estimatedSendRate: number | null
  readonly atSendCapacity: boolean
}

/** What W3C's `getStats` tells. @param isPooled only what W3C marks as of pooled connections. */
export function webTransportStats(
  connection: QuicConnectionStats,
  datagrams: WebTransportDatagramStats,
  isPooled: boolean,
): WebTransportConnectionStats {
  const { smoothedRtt, rttVariation, minRtt, estimatedSendRate = null, atSendCapacity } = connection
  const pooled = { smoothedRtt, rttVariation, minRtt, estimatedSendRate, atSendCapacity }
  if (isPooled) return { ...pooled, datagrams: {} }
  const { bytesSent, bytesSentOverhead, bytesAcknowledged, packetsSent, bytesLost, packetsLost } = connection
  const { bytesReceived, packetsReceived } = connection
  const { droppedIncoming, expiredIncoming, expiredOutgoing, lostOutgoing } = datagrams
  return {
    bytesSent,
    bytesSentOverhead,
    bytesAcknowledged,
    packetsSent,
    bytesLost,
    packetsLost,
    bytesReceived,
    packetsReceived,
    ...pooled,
    datagrams: { droppedIncoming, expiredIncoming, expiredOutgoing, lostOutgoing },
  }
}
