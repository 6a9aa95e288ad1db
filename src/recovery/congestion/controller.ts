/**
 * The contract of congestion controllers. One controller serves one path; it is told facts and yields a window. RTT and time
 * are arguments, pacing and the decision what is lost happen elsewhere. RFC 9002 §7.
 */
import type { RandomSource } from '../../base/random.ts'
import type { Time } from '../../base/time.ts'
import type { RttEstimator } from '../rtt.ts'

/** A sent packet and the path's totals in bytes as it left. Valid during the call only. */
export interface SentInfo {
  /** bytes of the whole packet */
  readonly bytes: number
  readonly sentTime: Time
  /** Whether, as it left, data was lacking to fill the window (RFC 9002 §7.8). */
  readonly appLimited: boolean
  /** The packet itself included. */
  readonly bytesInFlight: number
  readonly totalDelivered: number
  readonly totalLost: number
}

/** What one ACK frame acknowledged on one path; totals are as they are now, after its losses. Valid during the call only. */
export interface AckSample {
  /** Newly acknowledged bytes that were in flight. */
  readonly bytes: number
  /** The acknowledged packet that was sent last. */
  readonly newest: SentInfo
  /** bytes per ms; 0: no valid sample */
  readonly deliveryRate: number
  /** Whether data is lacking now, or was when something left that has not been delivered yet. */
  readonly appLimited: boolean
  readonly bytesInFlight: number
  readonly totalDelivered: number
  readonly totalLost: number
}

/** A congestion controller of one path. What it does depends on its calls alone. */
export interface CongestionController {
  /** bytes */
  readonly congestionWindow: number
  /** bytes; `Infinity` until the first congestion event. */
  readonly slowStartThreshold: number
  /** bytes per ms; `undefined`: 1.25 × window / smoothed RTT. */
  readonly pacingRate: number | undefined
  onPacketSent(packet: SentInfo, now: Time): void
  /** Called once for an ACK frame, after its losses. */
  onPacketsAcked(acked: AckSample, rtt: RttEstimator, now: Time): void
  /** Called for each lost packet; never for an MTU probe. */
  onPacketLost(packet: SentInfo, totalLost: number, now: Time): void
  /** The peer reported new CE marks; `sentTime` is that of the newest packet it acknowledged with them. */
  onEcnCongestion(sentTime: Time, now: Time): void
  /** RFC 9002 §7.6. Follows the losses that establish it. */
  onPersistentCongestion(): void
  /** All losses of the newest congestion event turned out to be none. */
  onSpuriousLoss(): void
  /** The path's maximum datagram size changed, bytes. */
  onMaxDatagramSize(bytes: number): void
}

/** What a controller is made of. */
export interface ControllerOptions {
  /** bytes of UDP payload */
  readonly maxDatagramSize: number
  /** bytes; RFC 9002's if absent. */
  readonly initialWindow?: number | undefined
  /** bytes; RFC 9002's if absent. */
  readonly minimumWindow?: number | undefined
  /** Randomness, for algorithms that spread what they do in time; no other source may be used. */
  readonly random?: RandomSource | undefined
  /** The window and threshold of the controller that this one replaces on a live path: it starts from no more than that. */
  readonly inherited?: { readonly congestionWindow: number; readonly slowStartThreshold: number } | undefined
}

/** Makes a controller for a path. Must be deterministic. */
export type ControllerFactory = (options: ControllerOptions) => CongestionController

/** A built-in algorithm, or one's own. */
export type CongestionAlgorithm = 'newreno' | 'cubic' | ControllerFactory

/** kInitialWindow of RFC 9002 §7.2, in bytes. */
export function defaultInitialWindow(maxDatagramSize: number): number {
  return Math.min(10 * maxDatagramSize, Math.max(14720, 2 * maxDatagramSize))
}

/** kMinimumWindow of RFC 9002 §7.2, in bytes. */
export function defaultMinimumWindow(maxDatagramSize: number): number {
  return 2 * maxDatagramSize
}

/**
 * Whether the window was left unused, so that acknowledgements must not let it grow (RFC 9002 §7.8): data is lacking, or was
 * as the newest packet left, and the window was not about full before this ACK. Waiting for the pacer is not lack of data.
 */
export function isUnderutilized(acked: AckSample, congestionWindow: number, maxDatagramSize: number): boolean {
  return (
    (acked.appLimited || acked.newest.appLimited) &&
    acked.bytesInFlight + acked.bytes + 3 * maxDatagramSize < congestionWindow
  )
}
