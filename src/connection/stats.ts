/** A connection in numbers, read off its parts at one moment. */
import type { Duration, Time } from '../base/time.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { DatagramStats } from '../streams/datagram-queue.ts'
import type { StreamTotals } from '../streams/stream-options.ts'
import type { PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { ConnectionParts } from './assembly.ts'
import type { PacketCounters } from './context.ts'
import type { Path, PathState } from './path.ts'

/** Recovery and congestion control of a path; sizes in bytes, times in ms. */
export interface RecoveryStats {
  /** 0 before the first sample, as `minRtt`. */
  readonly latestRtt: Duration
  /** Before the first sample: what is assumed. */
  readonly smoothedRtt: Duration
  readonly rttVariation: Duration
  readonly minRtt: Duration
  readonly congestionWindow: number
  /** `Infinity` until the first congestion event. */
  readonly slowStartThreshold: number
  readonly bytesInFlight: number
  readonly inRecovery: boolean
  /** Bytes of UDP payload. */
  readonly mtu: number
}

/** One path in numbers. */
export interface PathStats extends RecoveryStats {
  readonly id: PathId
  readonly localAddress: PathAddress
  readonly remoteAddress: PathAddress
  readonly state: PathState
  /** Bytes of UDP payload. */
  readonly bytesSent: number
  readonly bytesReceived: number
  /** Bytes of packets that were acknowledged, and that were declared lost and did not arrive after all. */
  readonly bytesDelivered: number
  readonly bytesLost: number
}

/** Sizes in bytes, times in ms, counts in packets unless the name says otherwise. */
export interface ConnectionStats extends Readonly<PacketCounters>, RecoveryStats {
  readonly packetsSent: number
  /** Those included that arrived after all: `spuriousLosses`. */
  readonly packetsLost: number
  readonly packetsAcked: number
  readonly spuriousLosses: number
  /** Bytes of lost packets that did not arrive after all. */
  readonly bytesLost: number
  readonly ptoCount: number
  /** Stream bytes accepted from the application and not yet put into a packet. */
  readonly queuedBytes: number
  /** Streams that have not ended. */
  readonly streams: number
  /** Bytes of all streams, those that have ended included. */
  readonly streamBytes: StreamTotals
  readonly datagrams: DatagramStats
  /** Bytes in datagrams that were sent, and that were acknowledged. */
  readonly datagramBytesSent: number
  readonly datagramBytesDelivered: number
}

/** The numbers at `now`, of the active path where they belong to one. */
export function statsOf({ context, datagrams, loss, paths, streams }: ConnectionParts, now: Time): ConnectionStats {
  const { packetsSent, packetsLost, packetsAcked, spuriousLosses, bytesLost, ptoCount } = loss
  return {
    ...context.counters,
    packetsSent,
    packetsLost,
    packetsAcked,
    spuriousLosses,
    bytesLost,
    ptoCount,
    ...recoveryStats(paths.active.recovery),
    queuedBytes: streams.queuedBytes,
    streams: streams.count,
    streamBytes: streams.totals(),
    datagrams: datagrams.stats(now),
    datagramBytesSent: datagrams.bytesSent,
    datagramBytesDelivered: datagrams.bytesDelivered,
  }
}

/** The paths in numbers, the oldest first. */
export function pathStatsOf({ paths }: Pick<ConnectionParts, 'paths'>): PathStats[] {
  return paths.paths.map((path) => pathStats(path, paths.stateOf(path)))
}

function pathStats(path: Path, state: PathState): PathStats {
  const { id, carrier, remoteAddress, recovery, bytesSent, bytesReceived } = path
  return {
    id,
    localAddress: carrier.localAddress,
    remoteAddress,
    state,
    bytesSent,
    bytesReceived,
    bytesDelivered: recovery.totalDelivered,
    bytesLost: recovery.totalLost,
    ...recoveryStats(recovery),
  }
}

function recoveryStats(recovery: PathRecovery): RecoveryStats {
  const { rtt, controller, bytesInFlight, isInRecovery, maxDatagramSize } = recovery
  return {
    latestRtt: rtt.latest,
    smoothedRtt: rtt.smoothed,
    rttVariation: rtt.variance,
    minRtt: rtt.min,
    congestionWindow: controller.congestionWindow,
    slowStartThreshold: controller.slowStartThreshold,
    bytesInFlight,
    inRecovery: isInRecovery,
    mtu: maxDatagramSize,
  }
}
