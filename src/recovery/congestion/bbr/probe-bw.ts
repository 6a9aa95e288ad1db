/**
 * ProbeBW: the cycle of DOWN, CRUISE, REFILL and UP in which a BBR flow spends its life, and the long-term bound that the
 * probes raise and lower (draft-ietf-ccwg-bbr §5.3.3, §5.5.10.2).
 */
import { type RandomSource, randomInteger } from '../../../base/random.ts'
import type { Duration, Time } from '../../../base/time.ts'
import type { SentInfo } from '../controller.ts'
import type { CongestionSignals } from './congestion.ts'
import { BETA, type Flow, LOSS_THRESHOLD } from './flow.ts'
import { isProbeBw, Phase } from './phase.ts'
import type { Undo } from './undo.ts'

/** What acknowledgements mean for the probe (BBR.ack_phase). */
const AckPhase = { none: 0, refilling: 1, starting: 2, feedback: 3, stopping: 4 } as const
type AckPhase = (typeof AckPhase)[keyof typeof AckPhase]

/** The wait between probes is this long, and up to as much again as `WAIT_SPREAD`, in ms. */
const WAIT: Duration = 2000
const WAIT_SPREAD: Duration = 1000
/** No more round trips between probes than this, so that Reno flows of small windows keep up (§5.3.3.8.2). */
const MAX_WAIT_ROUNDS = 63
/** The most doublings of the growth in UP. */
const MAX_UP_ROUNDS = 30

/** ProbeBW of one flow. */
export class ProbeBw {
  readonly #flow: Flow
  readonly #signals: CongestionSignals
  readonly #undo: Undo
  readonly #random: RandomSource | undefined
  #ackPhase: AckPhase = AckPhase.none
  /** BBR.cycle_stamp */
  #cycleStart: Time = 0
  /** BBR.bw_probe_wait */
  #wait: Duration = 0
  /** The round from which BBR.rounds_since_probe_up counts. */
  #roundsFrom = 0
  /** BBR.prev_probe_precautionary */
  #wasPrecautionary = false
  /** BBR.bw_probe_up_rounds, BBR.bw_probe_up_acked, BBR.probe_up_acked_per_inc */
  #upRounds = 0
  #upAcked = 0
  #ackedPerIncrease = Infinity

  constructor(flow: Flow, signals: CongestionSignals, undo: Undo, random: RandomSource | undefined) {
    this.#flow = flow
    this.#signals = signals
    this.#undo = undo
    this.#random = random
  }

  /** StartProbeBW_DOWN */
  startDown(): void {
    const flow = this.#flow
    this.#signals.reset()
    this.#ackedPerIncrease = Infinity
    this.#pickWait()
    this.#cycleStart = flow.now
    this.#ackPhase = AckPhase.stopping
    flow.rounds.start(flow.delivered)
    flow.phase = Phase.down
  }

  /** StartProbeBW_CRUISE */
  startCruise(): void {
    this.#flow.phase = Phase.cruise
  }

  /** StartProbeBW_REFILL */
  startRefill(): void {
    const flow = this.#flow
    flow.resetShortTerm()
    this.#upRounds = 0
    this.#upAcked = 0
    this.#wasPrecautionary = false
    this.#ackPhase = AckPhase.refilling
    flow.rounds.start(flow.delivered)
    flow.phase = Phase.refill
  }

  /** ProbeRTT begins: what is acknowledged from now on comes from no probe. */
  onProbeRtt(): void {
    this.#ackPhase = AckPhase.stopping
  }

  /** UpdateProbeBWCyclePhase */
  update(): void {
    const flow = this.#flow
    if (!flow.fullPipe.wasReached || this.#adaptLongTerm()) return
    switch (flow.phase) {
      case Phase.down:
        if (!this.#startProbeInTime() && this.#isTimeToCruise) this.startCruise()
        return
      case Phase.cruise:
        this.#startProbeInTime()
        return
      case Phase.refill:
        if (flow.rounds.isStart) {
          flow.isProbeSample = true
          this.#startUp()
        }
        return
      case Phase.up:
        if (this.#isTimeToGoDown()) {
          flow.lastProbeTooHigh = false
          this.startDown()
        }
    }
  }

  /** HandleLostPacket, past NoteLoss: a packet was lost, and `totalLost` with it. */
  onPacketLost(packet: SentInfo, totalLost: number): void {
    if (!this.#flow.isProbeSample) return
    const lost = totalLost - packet.totalLost
    if (lost <= packet.bytesInFlight * LOSS_THRESHOLD) return
    this.onInflightTooHigh(inflightAtLoss(packet, lost), packet.appLimited)
  }

  /** HandleInflightTooHigh; `inflight` is where it became too much. */
  onInflightTooHigh(inflight: number, isAppLimited: boolean): void {
    const flow = this.#flow
    flow.lastProbeTooHigh = true
    flow.isProbeSample = false
    if (!isAppLimited) flow.inflightLongTerm = Math.max(inflight, flow.target * BETA)
    if (flow.phase !== Phase.up) return
    this.#undo.phase = Phase.up
    this.startDown()
  }

  /** StartProbeBW_UP */
  #startUp(): void {
    const flow = this.#flow
    this.#ackPhase = AckPhase.starting
    flow.rounds.start(flow.delivered)
    flow.fullPipe.reset(flow.deliveryRate)
    flow.phase = Phase.up
    this.#raiseSlope()
  }

  /** AdaptLongTermModel; `true`: a state was entered. */
  #adaptLongTerm(): boolean {
    const flow = this.#flow
    const isRoundStart = flow.rounds.isStart
    if (this.#ackPhase === AckPhase.starting && isRoundStart) this.#ackPhase = AckPhase.feedback
    if (this.#ackPhase === AckPhase.stopping && isRoundStart) {
      flow.isProbeSample = false
      this.#ackPhase = AckPhase.none
      if (isProbeBw(flow.phase)) {
        if (!flow.isAppLimited) flow.bandwidths.advance()
        // The careful probe went well: at once again, without care.
        if (this.#wasPrecautionary && !flow.lastProbeTooHigh) {
          this.startRefill()
          return true
        }
      }
    }
    if (!flow.isInflightTooHigh && flow.inflightLongTerm < Infinity) {
      flow.inflightLongTerm = Math.max(flow.inflightLongTerm, flow.inflightAtSend)
      if (flow.phase === Phase.up) this.#raiseLongTerm()
    }
    return false
  }

  /** ProbeInflightLongtermUpward */
  #raiseLongTerm(): void {
    const flow = this.#flow
    if (!flow.isWindowLimited || flow.window < flow.inflightLongTerm) return
    this.#upAcked += flow.newlyAcked
    if (this.#upAcked >= this.#ackedPerIncrease) {
      const steps = Math.floor(this.#upAcked / this.#ackedPerIncrease)
      this.#upAcked -= steps * this.#ackedPerIncrease
      flow.inflightLongTerm += steps * flow.datagram
    }
    if (flow.rounds.isStart) this.#raiseSlope()
  }

  /** RaiseInflightLongtermSlope */
  #raiseSlope(): void {
    const flow = this.#flow
    const growth = 2 ** this.#upRounds
    this.#upRounds = Math.min(this.#upRounds + 1, MAX_UP_ROUNDS)
    this.#ackedPerIncrease = Math.max(flow.window / growth, flow.datagram)
  }

  /** IsTimeToGoDown */
  #isTimeToGoDown(): boolean {
    const flow = this.#flow
    if (flow.lastProbeTooHigh && flow.inflight >= flow.inflightLongTerm) {
      this.#wasPrecautionary = true
      return true
    }
    if (flow.isWindowLimited && flow.window >= flow.inflightLongTerm) {
      flow.fullPipe.reset(flow.deliveryRate)
      return false
    }
    return flow.fullPipe.isReached
  }

  /** IsTimeToCruise */
  get #isTimeToCruise(): boolean {
    const flow = this.#flow
    return flow.inflight <= flow.inflightWithHeadroom && flow.inflight <= flow.inflightFor(1, flow.bandwidths.value)
  }

  /** IsTimeToProbeBW: begins a probe when its time has come. */
  #startProbeInTime(): boolean {
    const flow = this.#flow
    const rounds = Math.min(flow.target / flow.datagram, MAX_WAIT_ROUNDS)
    if (flow.now <= this.#cycleStart + this.#wait && flow.rounds.count - this.#roundsFrom < rounds) return false
    this.startRefill()
    return true
  }

  /** PickProbeWait; without randomness the middle of both ranges. */
  #pickWait(): void {
    const random = this.#random
    this.#roundsFrom = this.#flow.rounds.count - (random === undefined ? 0 : randomInteger(random, 2))
    this.#wait = WAIT + (random === undefined ? WAIT_SPREAD / 2 : randomInteger(random, WAIT_SPREAD + 1))
  }
}

/** InflightAtLoss: how much was in flight when losses passed the threshold, somewhere within the packet. */
function inflightAtLoss(packet: SentInfo, lost: number): number {
  const before = packet.bytesInFlight - packet.bytes
  const lostBefore = lost - packet.bytes
  return before + (LOSS_THRESHOLD * before - lostBefore) / (1 - LOSS_THRESHOLD)
}
