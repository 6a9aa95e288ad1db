/** ProbeRTT: every 5 seconds without a lower RTT the queue is drained to measure the path's delay (§5.3.4). */
import { type Duration, NEVER, type Time } from '../../../base/time.ts'
import type { Flow } from './flow.ts'
import { Phase, windowGain } from './phase.ts'
import type { ProbeBw } from './probe-bw.ts'
import type { Startup } from './startup.ts'
import type { Undo } from './undo.ts'

/** BBR.ProbeRTTDuration, ms. */
const DURATION: Duration = 200

/** ProbeRTT of one flow. */
export class ProbeRtt {
  readonly #flow: Flow
  readonly #startup: Startup
  readonly #probeBw: ProbeBw
  readonly #undo: Undo
  /** BBR.probe_rtt_done_stamp; NEVER: the queue is not drained yet. */
  #doneAt: Time = NEVER
  /** BBR.probe_rtt_round_done */
  #isRoundDone = false

  constructor(flow: Flow, startup: Startup, probeBw: ProbeBw, undo: Undo) {
    this.#flow = flow
    this.#startup = startup
    this.#probeBw = probeBw
    this.#undo = undo
  }

  /** ProbeRTTCwnd */
  get window(): number {
    return Math.max(this.#flow.bdpMultiple(windowGain(Phase.probeRtt)), this.#flow.minPipe)
  }

  /** CheckProbeRTT */
  update(isInRecovery: boolean): void {
    const flow = this.#flow
    if (flow.phase !== Phase.probeRtt && flow.minRtt.isExpired && !flow.isIdleRestart) {
      this.#undo.saveWindow(isInRecovery)
      flow.phase = Phase.probeRtt
      this.#doneAt = NEVER
      this.#probeBw.onProbeRtt()
      flow.rounds.start(flow.delivered)
    }
    if (flow.phase === Phase.probeRtt) this.#hold()
    if (flow.deliveredSince > 0) flow.isIdleRestart = false
  }

  /** CheckProbeRTTDone; also called as the flow restarts from idle. */
  checkDone(now: Time): void {
    if (this.#doneAt === NEVER || now <= this.#doneAt) return
    const flow = this.#flow
    flow.minRtt.onDrained(now)
    this.#undo.restoreWindow()
    this.#exit()
  }

  /** HandleProbeRTT */
  #hold(): void {
    const flow = this.#flow
    flow.markLimited()
    if (this.#doneAt === NEVER) {
      if (flow.inflight > this.window) return
      this.#doneAt = flow.now + DURATION
      this.#isRoundDone = false
      flow.rounds.start(flow.delivered)
      return
    }
    if (flow.rounds.isStart) this.#isRoundDone = true
    if (this.#isRoundDone) this.checkDone(flow.now)
  }

  /** ExitProbeRTT */
  #exit(): void {
    const flow = this.#flow
    flow.resetShortTerm()
    if (!flow.fullPipe.wasReached) return this.#startup.enter()
    this.#probeBw.startDown()
    this.#probeBw.startCruise()
  }
}
