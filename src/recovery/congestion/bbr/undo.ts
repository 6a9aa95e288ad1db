/** What BBR goes back to when all losses of an episode turn out to be none (draft-ietf-ccwg-bbr §5.5.11, §5.6.4.4). */
import type { Flow } from './flow.ts'
import { Phase } from './phase.ts'

/** State as it was before the last losses. */
export class Undo {
  readonly #flow: Flow
  /** BBR.undo_state: the probing state that losses ended; `undefined`: none. */
  phase: Phase | undefined = undefined
  /** BBR.prior_cwnd: the last window that neither loss recovery nor ProbeRTT had touched. */
  #window = 0
  #bandwidthShortTerm = 0
  #inflightShortTerm = 0
  #inflightLongTerm = 0

  constructor(flow: Flow) {
    this.#flow = flow
  }

  /** SaveStateUponLoss */
  save(isInRecovery: boolean): void {
    const flow = this.#flow
    this.saveWindow(isInRecovery)
    this.phase = undefined
    this.#bandwidthShortTerm = flow.bandwidthShortTerm
    this.#inflightShortTerm = flow.inflightShortTerm
    this.#inflightLongTerm = flow.inflightLongTerm
  }

  /** SaveCwnd */
  saveWindow(isInRecovery: boolean): void {
    const { window, phase } = this.#flow
    this.#window = isInRecovery || phase === Phase.probeRtt ? Math.max(this.#window, window) : window
  }

  /** RestoreCwnd */
  restoreWindow(): void {
    this.#flow.window = Math.max(this.#flow.window, this.#window)
  }

  /** The restoring half of HandleSpuriousLossDetection; returns the state to go back to, once. */
  restore(): Phase | undefined {
    const flow = this.#flow
    this.restoreWindow()
    flow.fullPipe.reset(0)
    flow.bandwidthShortTerm = Math.max(flow.bandwidthShortTerm, this.#bandwidthShortTerm)
    flow.inflightShortTerm = Math.max(flow.inflightShortTerm, this.#inflightShortTerm)
    flow.inflightLongTerm = Math.max(flow.inflightLongTerm, this.#inflightLongTerm)
    const { phase } = this
    this.phase = undefined
    return phase
  }

  /** There is nothing to go back to: the network itself said that there is congestion. */
  clear(): void {
    this.phase = undefined
    this.#window = 0
    this.#bandwidthShortTerm = 0
    this.#inflightShortTerm = 0
    this.#inflightLongTerm = 0
  }
}
