/**
 * The delivery rate of one path (draft-ietf-ccwg-bbr §4.1): what is noted of the path as a packet leaves, and what an ACK
 * frame's packets say together. It yields the `AckSample` of congestion controllers.
 */
import type { Duration, Time } from '../base/time.ts'
import type { AckSample, SentInfo } from './congestion/controller.ts'

/** A packet's record as far as the sampler writes and reads it. */
export interface SampledPacket extends SentInfo {
  appLimited: boolean
  bytesInFlight: number
  totalDelivered: number
  totalLost: number
  /** When the path had last delivered something as this packet left. */
  deliveredTime: Time
  /** When the sampling interval of this packet began at the sender. */
  firstSentTime: Time
}

/** The totals of a path and its sample at hand; itself the `AckSample` that controllers are given. */
export class RateSampler implements AckSample {
  bytesInFlight = 0
  /** Bytes acknowledged so far. */
  totalDelivered = 0
  /** Bytes declared lost so far, less those that arrived all the same. */
  totalLost = 0
  /** Of the ACK frame at hand. */
  bytes = 0
  deliveryRate = 0
  appLimited = false
  newest: SentInfo
  readonly #none: SampledPacket
  #newest: SampledPacket
  #deliveredTime: Time = 0
  #firstSentTime: Time = 0
  // The path counts as application-limited until this many bytes are delivered; 0: it is not.
  #appLimitedUntil = 0

  /** @param none a record that no packet uses; it stands for "none" */
  constructor(none: SampledPacket) {
    this.#none = none
    this.#newest = none
    this.newest = none
  }

  /** Whether packets are being acknowledged that left while data was lacking. */
  get isAppLimited(): boolean {
    return this.#appLimitedUntil > 0
  }

  /** There is no more data to send although the window has room: true of all that is in flight, and of what follows it. */
  onAppLimited(): void {
    this.#appLimitedUntil = Math.max(1, this.totalDelivered + this.bytesInFlight)
  }

  /** Counts a packet that leaves now and notes the path's totals in its record. */
  onPacketSent(packet: SampledPacket, now: Time): void {
    if (this.bytesInFlight === 0) {
      this.#firstSentTime = now
      this.#deliveredTime = now
    }
    this.bytesInFlight += packet.bytes
    packet.bytesInFlight = this.bytesInFlight
    packet.totalDelivered = this.totalDelivered
    packet.totalLost = this.totalLost
    packet.appLimited = this.#appLimitedUntil > 0
    packet.deliveredTime = this.#deliveredTime
    packet.firstSentTime = this.#firstSentTime
  }

  /** Counts a packet that an ACK frame newly acknowledges. `inFlight` is false for one that had been declared lost. */
  onPacketAcked(packet: SampledPacket, inFlight: boolean, now: Time): void {
    this.totalDelivered += packet.bytes
    this.#deliveredTime = now
    if (inFlight) {
      this.bytesInFlight -= packet.bytes
      this.bytes += packet.bytes
    } else {
      this.totalLost -= packet.bytes
    }
    // Numbers ascend within an ACK frame and send times with them, so the later of two equals is the newer.
    if (this.#newest === this.#none || packet.sentTime >= this.#newest.sentTime) {
      this.#newest = packet
      this.newest = packet
    }
  }

  /** Counts a packet in flight that is declared lost. */
  onPacketLost(packet: SampledPacket): void {
    this.bytesInFlight -= packet.bytes
    this.totalLost += packet.bytes
  }

  /** Whether the ACK frame at hand acknowledged anything in flight on this path. */
  get hasSample(): boolean {
    return this.#newest !== this.#none
  }

  /** Completes the sample of an ACK frame, after its losses. */
  finish(minRtt: Duration): void {
    const packet = this.#newest
    if (this.#appLimitedUntil > 0 && this.totalDelivered > this.#appLimitedUntil) this.#appLimitedUntil = 0
    this.appLimited = this.#appLimitedUntil > 0
    this.#firstSentTime = packet.sentTime
    const interval = Math.max(packet.sentTime - packet.firstSentTime, this.#deliveredTime - packet.deliveredTime)
    const isReliable = interval > 0 && interval >= minRtt
    this.deliveryRate = isReliable ? (this.totalDelivered - packet.totalDelivered) / interval : 0
  }

  /** Makes ready for the next ACK frame. */
  clear(): void {
    this.bytes = 0
    this.deliveryRate = 0
    this.#newest = this.#none
    this.newest = this.#none
  }
}
