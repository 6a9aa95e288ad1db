/** A connection in numbers, read off its parts at one moment. */
import type { Duration } from '../base/time.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import type { DatagramStats } from '../streams/datagram-queue.ts'
import type { StreamSet } from '../streams/stream-set.ts'
import type { PacketCounters } from './context.ts'
import type { Path } from './path.ts'

/** Sizes in bytes, times in ms, counts in packets unless the name says otherwise. */
export interface ConnectionStats extends Readonly<PacketCounters> {
  readonly packetsSent: number
  readonly packetsLost: number
  readonly packetsAcked: number
  readonly spuriousLosses: number
  readonly ptoCount: number
  readonly latestRtt: Duration
  readonly smoothedRtt: Duration
  readonly rttVariation: Duration
  readonly minRtt: Duration
  readonly congestionWindow: number
  readonly slowStartThreshold: number
  readonly bytesInFlight: number
  readonly inRecovery: boolean
  readonly mtu: number
  /** Stream bytes accepted from the application and not yet put into a packet. */
  readonly queuedBytes: number
  /** Streams that have not ended. */
  readonly streams: number
  readonly datagrams: DatagramStats
}

/** The numbers of this moment, of the active path where they belong to one. */
export function statsOf(
  counters: PacketCounters,
  loss: LossDetector,
  path: Path,
  streams: StreamSet,
  datagrams: DatagramStats,
): ConnectionStats {
  const { rtt, controller, bytesInFlight, isInRecovery, maxDatagramSize } = path.recovery
  const { packetsSent, packetsLost, packetsAcked, spuriousLosses } = loss
  return {
    ...counters,
    packetsSent,
    packetsLost,
    packetsAcked,
    spuriousLosses,
    ptoCount: loss.ptoCount,
    latestRtt: rtt.latest,
    smoothedRtt: rtt.smoothed,
    rttVariation: rtt.variance,
    minRtt: rtt.min,
    congestionWindow: controller.congestionWindow,
    slowStartThreshold: controller.slowStartThreshold,
    bytesInFlight,
    inRecovery: isInRecovery,
    mtu: maxDatagramSize,
    queuedBytes: streams.queuedBytes,
    streams: streams.count,
    datagrams,
  }
}
