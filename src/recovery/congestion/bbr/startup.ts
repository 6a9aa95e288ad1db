/**
 * BBR's first two states: Startup doubles the rate each round until the delivery rate grows no more or too much is lost,
 * Drain empties the queue that this left behind (draft-ietf-ccwg-bbr §5.3.1, §5.3.2).
 */
import type { CongestionSignals } from './congestion.ts'
import type { Flow } from './flow.ts'
import { Phase } from './phase.ts'
import type { Undo } from './undo.ts'

/** BBRStartupFullLossCnt: runs of losses in one round trip, so that a single burst ends nothing. */
const FULL_LOSS_COUNT = 6

/** Rounds after which Drain ends in any case: the bandwidth was overestimated, the next cycle will see. */
const MAX_DRAIN_ROUNDS = 3

/** Startup and Drain of one flow. */
export class Startup {
  readonly #flow: Flow
  readonly #signals: CongestionSignals
  readonly #undo: Undo
  /** BBR.drain_start_round */
  #drainStart = 0

  constructor(flow: Flow, signals: CongestionSignals, undo: Undo) {
    this.#flow = flow
    this.#signals = signals
    this.#undo = undo
  }

  /** EnterStartup */
  enter(): void {
    this.#flow.phase = Phase.startup
  }

  /** CheckStartupDone */
  check(): void {
    const flow = this.#flow
    if (flow.phase !== Phase.startup) return
    this.#checkLoss()
    if (flow.fullPipe.wasReached) this.#enterDrain()
  }

  /** CheckDrainDone; `true`: the queue is gone, or time is up. */
  isDrainDone(): boolean {
    const flow = this.#flow
    if (flow.phase !== Phase.drain) return false
    return flow.inflight <= flow.inflightFor(1) || flow.rounds.count > this.#drainStart + MAX_DRAIN_ROUNDS
  }

  /** The path said by losses or marks that it is full: what was delivered in a round trip is what it bears. */
  end(): void {
    const flow = this.#flow
    flow.fullPipe.wasReached = true
    flow.inflightLongTerm = Math.max(flow.bdpMultiple(1), this.#signals.inflightLatest)
  }

  /** CheckStartupHighLoss, once for each round trip with losses. */
  #checkLoss(): void {
    const { isRoundStart, isLossInRound, lostRuns } = this.#signals
    if (!isRoundStart || !isLossInRound || lostRuns < FULL_LOSS_COUNT || !this.#flow.isInflightTooHigh) return
    this.#undo.phase = Phase.startup
    this.end()
  }

  #enterDrain(): void {
    const flow = this.#flow
    flow.phase = Phase.drain
    this.#drainStart = flow.rounds.count
  }
}
