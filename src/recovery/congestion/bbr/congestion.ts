/**
 * How BBR's model answers losses: what the last round trip delivered, and the short-term bounds that follow from it where
 * the flow is not probing (draft-ietf-ccwg-bbr §5.5.10.3). Losses while it probes are `probe-bw.ts`'s and `startup.ts`'s.
 */
import type { SentInfo } from '../controller.ts'
import { BETA, type Flow } from './flow.ts'
import { isProbing, PACING_MARGIN, pacingGain } from './phase.ts'

/** Collects losses and deliveries by round trips. */
export class CongestionSignals {
  readonly #flow: Flow
  /** BBR.is_loss_in_round */
  isLossInRound = false
  /** BBR.loss_round_start: the ACK frame at hand ends a round trip of losses. */
  isRoundStart = false
  /** Runs of packets lost in this round trip, with packets that arrived between them. */
  lostRuns = 0
  /** BBR.bw_latest, BBR.inflight_latest: the best of the last round trip. */
  bandwidthLatest = 0
  inflightLatest = 0
  // BBR.loss_round_delivered
  #roundEnd = 0
  // The place in the stream of sent bytes where the last lost packet ended.
  #lostUpTo = -1

  constructor(flow: Flow) {
    this.#flow = flow
  }

  /** NoteLoss; returns whether it is the first of its round trip. */
  noteLoss(): boolean {
    const isFirst = !this.isLossInRound
    if (isFirst) this.#roundEnd = this.#flow.delivered
    this.isLossInRound = true
    return isFirst
  }

  /** Counts runs of losses: packets whose bytes join are one. */
  onPacketLost(packet: SentInfo): void {
    const end = packet.bytesInFlight + packet.totalDelivered + packet.totalLost
    if (end - packet.bytes !== this.#lostUpTo) this.lostRuns += 1
    this.#lostUpTo = end
  }

  /** Losses are told before the ACK frame that showed them: their round trip begins with what it delivered. */
  rebase(before: number, after: number): void {
    if (this.#roundEnd === before) this.#roundEnd = after
  }

  /** UpdateLatestDeliverySignals */
  update(): void {
    const flow = this.#flow
    this.bandwidthLatest = Math.max(this.bandwidthLatest, flow.deliveryRate)
    this.inflightLatest = Math.max(this.inflightLatest, flow.deliveredSince)
    this.isRoundStart = flow.deliveredBefore >= this.#roundEnd
    if (this.isRoundStart) this.#roundEnd = flow.delivered
  }

  /** AdaptLowerBoundsFromCongestion, at the end of a round trip. */
  adapt(): void {
    const flow = this.#flow
    if (!this.isRoundStart || !this.isLossInRound || isProbing(flow.phase)) return
    if (flow.bandwidthShortTerm === Infinity) flow.bandwidthShortTerm = flow.bandwidths.value
    if (flow.inflightShortTerm === Infinity) flow.inflightShortTerm = flow.window
    // What was delivered is compared with what was sent: a flow that slows down by itself is not slowed down by the path.
    // Otherwise each of DOWN's rounds, and the pacing margin in every round, would count as loss (the draft's aim, §5.3.3.8.3,
    // is a rate that falls by the share that was lost).
    const share = pacingGain(flow.phase) * PACING_MARGIN
    const bandwidth = Math.max(this.bandwidthLatest / share, BETA * flow.bandwidthShortTerm)
    const inflight = Math.max(this.inflightLatest / share, BETA * flow.inflightShortTerm)
    flow.bandwidthShortTerm = Math.min(flow.bandwidthShortTerm, bandwidth)
    flow.inflightShortTerm = Math.min(flow.inflightShortTerm, inflight)
  }

  /** AdvanceLatestDeliverySignals: the next round trip begins with the sample at hand. */
  advance(): void {
    if (!this.isRoundStart) return
    this.isLossInRound = false
    this.lostRuns = 0
    this.bandwidthLatest = this.#flow.deliveryRate
    this.inflightLatest = this.#flow.deliveredSince
  }

  /** ResetCongestionSignals */
  reset(): void {
    this.isLossInRound = false
    this.lostRuns = 0
    this.bandwidthLatest = 0
    this.inflightLatest = 0
  }
}
