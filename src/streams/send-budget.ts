/**
 * The bytes of all streams that were accepted from the application and not sent yet, and their high-water mark. Sent bytes
 * leave it: what is in flight is bounded by flow control and the congestion window. Flow-control credit has no part in it,
 * so bytes that only wait starve no other stream of credit.
 */

/** A stream whose writer waits for room. */
export interface BudgetWaiter {
  /** There is room again. */
  onBudget(): void
}

/** Bytes waiting to be sent, of one connection. */
export class SendBudget {
  readonly #highWaterMark: number
  /** Made for the first that waits. */
  #waiting: Set<BudgetWaiter> | undefined
  #queued = 0

  constructor(highWaterMark: number) {
    this.#highWaterMark = highWaterMark
  }

  /** Bytes accepted and not sent. */
  get queued(): number {
    return this.#queued
  }

  /** Bytes that can be accepted. */
  get room(): number {
    return Math.max(0, this.#highWaterMark - this.#queued)
  }

  /** `amount` bytes were accepted. */
  add(amount: number): void {
    this.#queued += amount
  }

  /** `amount` bytes were sent, or dropped. Wakes those who wait as soon as half of the mark is free. */
  release(amount: number): void {
    this.#queued -= amount
    if (this.#waiting === undefined || 2 * this.#queued > this.#highWaterMark) return
    const waiting = this.#waiting
    this.#waiting = undefined
    for (const waiter of waiting) waiter.onBudget()
  }

  /** `waiter` is told as soon as there is room worth waking for. */
  wait(waiter: BudgetWaiter): void {
    this.#waiting ??= new Set()
    this.#waiting.add(waiter)
  }

  /** `waiter` does not wait any more. */
  forget(waiter: BudgetWaiter): void {
    this.#waiting?.delete(waiter)
  }

  /** The connection is over. */
  clear(): void {
    this.#waiting = undefined
    this.#queued = 0
  }
}
