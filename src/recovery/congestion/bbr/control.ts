/** BBR's outputs: pacing rate and congestion window, from model and state (draft-ietf-ccwg-bbr §5.6). */
import type { Flow } from './flow.ts'
import { isProbeBw, PACING_MARGIN, Phase, pacingGain, windowGain } from './phase.ts'

/** InitPacingRate: the window in a round trip; `rtt` in ms. */
export function initialPacingRate(window: number, rtt: number): number {
  return (pacingGain(Phase.startup) * window) / rtt
}

/** SetPacingRateWithGain */
export function setPacingRate(flow: Flow, gain: number): void {
  const rate = gain * flow.bandwidth * PACING_MARGIN
  // Until the pipe was full once the rate only rises: samples may be low for want of data.
  if (rate > 0 && (flow.fullPipe.wasReached || rate > flow.pacingRate)) flow.pacingRate = rate
}

/** SetCwnd; `probeRttWindow` holds in ProbeRTT. */
export function setWindow(flow: Flow, probeRttWindow: number): void {
  const most = flow.quantized(flow.bdpMultiple(windowGain(flow.phase)) + flow.aggregation.extra)
  let { window } = flow
  if (flow.fullPipe.wasReached) window = Math.min(window + flow.newlyAcked, most)
  else if (window < most || flow.delivered < flow.limits.initial) window += flow.newlyAcked
  window = Math.max(window, flow.minPipe)
  if (flow.phase === Phase.probeRtt) window = Math.min(window, probeRttWindow)
  flow.window = Math.min(window, windowBound(flow))
}

/**
 * The bound of BoundCwndForModel. What the last round delivered is no measure of the silences between acknowledgements, least
 * of all where the peer was asked for few (§4.1.3.3): aggregation comes on top of it, as it does on top of BBR.max_inflight.
 */
function windowBound(flow: Flow): number {
  const { phase } = flow
  let bound = Infinity
  if (phase === Phase.probeRtt || phase === Phase.cruise) bound = flow.inflightWithHeadroom
  else if (isProbeBw(phase)) bound = flow.inflightLongTerm
  return Math.max(Math.min(bound, flow.inflightShortTerm + flow.aggregation.extra), flow.minPipe)
}
