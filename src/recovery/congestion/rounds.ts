/**
 * Round trips counted by packets, not by a clock: a round ends when something is acknowledged that left after the round
 * began (draft-ietf-ccwg-bbr §5.5.1; HyStart++ §4.2 counts the same way by sequence numbers).
 */
import type { AckSample } from './controller.ts'

/** Counts the round trips of one path. */
export class Rounds {
  /** Rounds that have begun. */
  count = 0
  /** Whether the ACK frame at hand began a round. */
  isStart = false
  // The total that was delivered as the round began: a packet that left later has seen as much.
  #end = 0

  /** Takes in an ACK frame; `isStart` speaks of it until the next. */
  onPacketsAcked(acked: AckSample): void {
    this.isStart = acked.newest.totalDelivered >= this.#end
    if (!this.isStart) return
    this.count += 1
    this.start(acked.totalDelivered)
  }

  /** The round at hand begins anew; `totalDelivered` is what the path has delivered up to now, in bytes. */
  start(totalDelivered: number): void {
    this.#end = totalDelivered
  }

  /** Losses are told before the ACK frame that showed them: a round begun at `before` bytes in fact began at `after`. */
  rebase(before: number, after: number): void {
    if (this.#end === before) this.#end = after
  }
}
