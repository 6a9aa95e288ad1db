/** The states of BBR's state machine and the gains that belong to them (draft-ietf-ccwg-bbr §5.1, table of §5.6.1). */

/** Where the state machine stands; the last four of the first six are ProbeBW. */
export const Phase = {
  startup: 0,
  drain: 1,
  down: 2,
  cruise: 3,
  refill: 4,
  up: 5,
  probeRtt: 6,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]

/** BBR.PacingMarginPercent: packets leave a little more slowly than the path delivers. */
export const PACING_MARGIN: number = 0.99

/** BBR.pacing_gain of each phase: 4 ln 2 doubles the rate each round, 0.5 drains what that built up. */
const PACING_GAIN: readonly number[] = [4 * Math.LN2, 0.5, 0.9, 1, 1, 1.25, 1]

/** BBR.cwnd_gain of each phase. */
const WINDOW_GAIN: readonly number[] = [2, 2, 2, 2, 2, 2.25, 0.5]

/** How much faster than the estimated bandwidth packets leave. */
export function pacingGain(phase: Phase): number {
  return PACING_GAIN[phase] ?? 1
}

/** How many estimated bandwidth-delay products the window holds. */
export function windowGain(phase: Phase): number {
  return WINDOW_GAIN[phase] ?? 2
}

/** IsInAProbeBWState (§5.3.3.9). */
export function isProbeBw(phase: Phase): boolean {
  return phase >= Phase.down && phase <= Phase.up
}

/** IsProbingBW (§5.3.3.9): sending faster than is known to be safe, so losses are expected and answered otherwise. */
export function isProbing(phase: Phase): boolean {
  return phase === Phase.startup || phase === Phase.refill || phase === Phase.up
}
