/**
 * The qlog-shaped hook of the core: absent by default, called synchronously, told facts and asked nothing. Objects are
 * valid during the call only. An observer that throws breaks the connection it watches, so it must not.
 */
import type { Duration, Time } from '../base/time.ts'
import type { Frame } from './frame.ts'
import type { PacketSpace, PacketType } from './packet-type.ts'

/** The header of a packet as an observer sees it. */
export interface ObservedPacket {
  readonly type: PacketType
  /** -1 where the type has none. */
  readonly packetNumber: number
  /** Bytes of the whole packet, tag included. */
  readonly size: number
}

/** Recovery figures of a path, in ms and bytes. */
export interface ObservedMetrics {
  readonly smoothedRtt: Duration
  readonly minRtt: Duration
  readonly latestRtt: Duration
  readonly rttVariance: Duration
  readonly congestionWindow: number
  readonly bytesInFlight: number
  readonly slowStartThreshold: number
  readonly ptoCount: number
}

/** Why a packet was declared lost (qlog `recovery:packet_lost`). */
export type LossTrigger = 'reordering_threshold' | 'time_threshold' | 'pto_expired'

export interface Observer {
  /** A packet was put into a flight, with the frames it holds. */
  packetSent?(packet: ObservedPacket, frames: readonly Frame[], now: Time): void
  /** A packet was opened; its frames follow one by one, before they are processed. */
  packetReceived?(packet: ObservedPacket, now: Time): void
  frameReceived?(frame: Frame): void
  packetDropped?(reason: string, size: number, now: Time): void
  packetBuffered?(type: PacketType, size: number, now: Time): void
  packetLost?(space: PacketSpace, packetNumber: number, trigger: LossTrigger, now: Time): void
  packetsAcked?(space: PacketSpace, packetNumbers: readonly number[], now: Time): void
  metricsUpdated?(metrics: ObservedMetrics, now: Time): void
  congestionState?(state: string, now: Time): void
  parametersSet?(side: 'local' | 'remote', parameters: Readonly<Record<string, unknown>>, now: Time): void
  alpnChosen?(alpn: string, now: Time): void
  versionChosen?(version: number, now: Time): void
  keyUpdated?(trigger: 'tls' | 'local_update' | 'remote_update', key: string, generation: number, now: Time): void
  keyDiscarded?(key: string, now: Time): void
  connectionStarted?(local: string, remote: string, now: Time): void
  connectionState?(state: string, now: Time): void
  connectionClosed?(side: 'local' | 'remote', code: bigint | undefined, reason: string, now: Time): void
  pathChanged?(local: string, remote: string, now: Time): void
}
