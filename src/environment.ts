/**
 * The contract between the stack and its surroundings: clock, timer, deferral, randomness.
 * `api/` implements it for real hosts, a simulator for virtual time. Nothing left of `api/` uses it.
 */
import type { RandomSource } from './base/random.ts'
import type { Duration, Time } from './base/time.ts'

/** Everything the stack may ask of its surroundings. */
export interface Environment {
  /** Monotonic milliseconds. Need not advance between events (a Worker's clock stands still). */
  now(): Time
  /** Unix milliseconds, used for certificates, tickets and address tokens only. */
  wallClock(): number
  /** Calls `fire` once at `at` or later, never earlier. Returns a function that cancels; cancelling twice is harmless. */
  setTimer(at: Time, fire: () => void): () => void
  /** Calls `task` once after the burst of events at hand: `setImmediate`, a MessageChannel turn, else a microtask. */
  defer(task: () => void): void
  /** How late a timer may usually fire, in ms; may change: 1 in Node, 4 in a page, 1,000 in a hidden one. */
  readonly timerGranularity: Duration
  readonly random: RandomSource
}
