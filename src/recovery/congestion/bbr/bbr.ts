/**
 * BBR version 3 (draft-ietf-ccwg-bbr): a congestion controller that models the path's bandwidth and delay instead of
 * filling its queue. This file is the order of steps upon each event (§5.2); each step's subject has a file beside it.
 *
 * What the draft leaves open, or what differs in QUIC: a retransmission timeout is persistent congestion (RFC 9002 §7.6),
 * for a PTO alone reduces nothing; a CE mark is answered as a loss (§3.7), in Startup and in a probe at once. Where the draft is
 * followed in its aim rather than its letter, the code says so: `aggregation.ts`, `congestion.ts`, `control.ts`, `min-rtt.ts`.
 */
import type { RandomSource } from '../../../base/random.ts'
import type { Time } from '../../../base/time.ts'
import type { RttEstimator } from '../../rtt.ts'
import type { AckSample, CongestionController, ControllerOptions, SentInfo } from '../controller.ts'
import { WindowLimits } from '../window-limits.ts'
import { CongestionSignals } from './congestion.ts'
import { initialPacingRate, setPacingRate, setWindow } from './control.ts'
import { Flow } from './flow.ts'
import { isProbeBw, Phase, pacingGain } from './phase.ts'
import { ProbeBw } from './probe-bw.ts'
import { ProbeRtt } from './probe-rtt.ts'
import { Startup } from './startup.ts'
import { Undo } from './undo.ts'

/** A BBR controller for one path; its waits are drawn from `options.random`. @throws RangeError for sizes that are not positive. */
export function bbr(options: ControllerOptions): CongestionController {
  return new Bbr(options)
}

/** The parts of a flow; made at the first packet, which brings the time. */
interface Machine {
  readonly flow: Flow
  readonly signals: CongestionSignals
  readonly undo: Undo
  readonly startup: Startup
  readonly probeBw: ProbeBw
  readonly probeRtt: ProbeRtt
}

class Bbr implements CongestionController {
  readonly #limits: WindowLimits
  readonly #random: RandomSource | undefined
  readonly #isInherited: boolean
  // Until the first event: the window, and thereafter the machine's.
  #initialWindow: number
  #machine: Machine | undefined = undefined
  #isUntouched: boolean
  #hasRtt = false
  // Packets that left up to this time belong to the loss recovery at hand.
  #recoveryStart: Time = -Infinity
  #isInRecovery = false
  #markedUntil: Time = -Infinity
  #lostAt: Time = -Infinity
  // Whether the window was used up in this round, and in the one before.
  #isLimitedNow = false
  #wasLimited = false

  constructor(options: ControllerOptions) {
    this.#limits = new WindowLimits(options)
    this.#random = options.random
    this.#isInherited = options.inherited !== undefined
    this.#initialWindow = options.inherited?.congestionWindow ?? this.#limits.initial
    this.#isUntouched = !this.#isInherited
  }

  get congestionWindow(): number {
    return Math.floor(this.#machine?.flow.window ?? this.#initialWindow)
  }

  /** BBR has no threshold; beyond Startup it is the volume that fills the path, so that a successor begins there. */
  get slowStartThreshold(): number {
    const flow = this.#machine?.flow
    return flow?.fullPipe.wasReached === true ? Math.floor(Math.max(flow.bdpMultiple(1), flow.minPipe)) : Infinity
  }

  get pacingRate(): number | undefined {
    // A predecessor's window in the path's RTT is better than nothing until there is a sample.
    if (this.#isInherited && !this.#hasRtt) return undefined
    return this.#machine?.flow.pacingRate ?? initialPacingRate(this.#initialWindow, 1)
  }

  onPacketSent(packet: SentInfo, now: Time): void {
    const { flow, probeRtt } = this.#running(now)
    if (packet.bytesInFlight + flow.datagram > flow.window) this.#isLimitedNow = true
    // HandleRestartFromIdle (§5.4.1)
    if (packet.bytesInFlight !== packet.bytes || !packet.appLimited) return
    flow.isIdleRestart = true
    flow.aggregation.restart(now)
    if (isProbeBw(flow.phase)) setPacingRate(flow, 1)
    else if (flow.phase === Phase.probeRtt) probeRtt.checkDone(now)
  }

  onPacketsAcked(acked: AckSample, rtt: RttEstimator, now: Time): void {
    const machine = this.#running(now)
    const { flow, signals } = machine
    this.#isUntouched = false
    // Losses are told before the ACK frame that showed them: the rounds that they began, begin with what it delivered.
    if (this.#lostAt === now) {
      flow.rounds.rebase(flow.delivered, acked.totalDelivered)
      signals.rebase(flow.delivered, acked.totalDelivered)
    }
    flow.rounds.onPacketsAcked(acked)
    flow.takeSample(acked, now)
    this.#learnRtt(flow, rtt)
    this.#updateModel(machine)
    // §5.6.4.4: recovery is over as something that left after its start arrives.
    if (this.#isInRecovery && acked.newest.sentTime > this.#recoveryStart) {
      this.#isInRecovery = false
      machine.undo.restoreWindow()
    }
    setPacingRate(flow, pacingGain(flow.phase))
    setWindow(flow, machine.probeRtt.window)
  }

  onPacketLost(packet: SentInfo, totalLost: number, now: Time): void {
    const machine = this.#running(now)
    this.#isUntouched = false
    this.#lostAt = now
    machine.flow.now = now
    if (machine.signals.noteLoss()) machine.undo.save(this.#isInRecovery)
    if (packet.sentTime > this.#recoveryStart) {
      this.#recoveryStart = now
      this.#isInRecovery = true
    }
    machine.signals.onPacketLost(packet)
    machine.probeBw.onPacketLost(packet, totalLost)
  }

  onEcnCongestion(sentTime: Time, now: Time): void {
    const { flow, probeBw, signals, startup, undo } = this.#running(now)
    if (sentTime <= this.#markedUntil) return
    this.#markedUntil = now
    this.#isUntouched = false
    flow.now = now
    signals.noteLoss()
    undo.clear()
    if (flow.phase === Phase.startup) startup.end()
    else if (flow.isProbeSample) probeBw.onInflightTooHigh(flow.inflightAtSend, flow.isAppLimited)
  }

  onPersistentCongestion(): void {
    const machine = this.#machine
    if (machine === undefined) return
    // OnEnterRTO; RFC 9002 §7.6.2 names the minimum window. The losses before it have saved what there was.
    machine.flow.window = this.#limits.minimum
  }

  onSpuriousLoss(): void {
    const machine = this.#machine
    if (machine === undefined) return
    const { flow, probeBw, signals, startup, undo } = machine
    this.#isInRecovery = false
    this.#recoveryStart = -Infinity
    signals.isLossInRound = false
    const phase = undo.restore()
    if (phase === Phase.startup && flow.phase !== Phase.startup) {
      flow.fullPipe.wasReached = false
      if (flow.phase !== Phase.probeRtt) startup.enter()
    } else if (phase === Phase.up && flow.phase !== Phase.up && flow.phase !== Phase.probeRtt) {
      probeBw.startRefill()
    }
  }

  onMaxDatagramSize(bytes: number): void {
    this.#limits.maxDatagramSize = bytes
    const { minimum, initial } = this.#limits
    const window = this.#isUntouched ? initial : (this.#machine?.flow.window ?? this.#initialWindow)
    this.#initialWindow = Math.max(window, minimum)
    if (this.#machine !== undefined) this.#machine.flow.window = this.#initialWindow
  }

  /** UpdateModelAndState */
  #updateModel({ flow, signals, startup, probeBw, probeRtt }: Machine): void {
    signals.update()
    if (flow.rounds.isStart) {
      this.#wasLimited = this.#isLimitedNow
      this.#isLimitedNow = false
    }
    flow.isWindowLimited = this.#isLimitedNow || this.#wasLimited
    // UpdateMaxBw: a sample that lacked data counts where it is higher than all others.
    if (flow.deliveryRate > 0 && (flow.deliveryRate >= flow.bandwidths.value || !flow.isAppLimited)) {
      flow.bandwidths.add(flow.deliveryRate)
    }
    signals.adapt()
    flow.aggregation.onPacketsAcked(
      flow.newlyAcked,
      flow.bandwidth,
      flow.window,
      flow.rounds.count,
      flow.fullPipe.wasReached,
      flow.now,
    )
    if (flow.rounds.isStart && !flow.isAppLimited) flow.fullPipe.onRound(flow.deliveryRate)
    startup.check()
    if (startup.isDrainDone()) probeBw.startDown()
    probeBw.update()
    flow.minRtt.onSample(flow.rtt, flow.now)
    probeRtt.update(this.#isInRecovery)
    signals.advance()
    flow.boundBandwidth()
  }

  /** The first RTT sample gives the first pacing rate worth the name (§5.6.2). */
  #learnRtt(flow: Flow, rtt: RttEstimator): void {
    if (this.#hasRtt || !rtt.hasSample) return
    this.#hasRtt = true
    flow.pacingRate = initialPacingRate(
      this.#isInherited ? flow.window : this.#limits.initial,
      Math.max(rtt.smoothed, 1),
    )
  }

  #running(now: Time): Machine {
    this.#machine ??= this.#start(now)
    return this.#machine
  }

  /** OnInit */
  #start(now: Time): Machine {
    const window = this.#initialWindow
    const flow = new Flow(this.#limits, window, initialPacingRate(window, 1), now)
    const signals = new CongestionSignals(flow)
    const undo = new Undo(flow)
    const startup = new Startup(flow, signals, undo)
    const probeBw = new ProbeBw(flow, signals, undo, this.#random)
    return { flow, signals, undo, startup, probeBw, probeRtt: new ProbeRtt(flow, startup, probeBw, undo) }
  }
}
