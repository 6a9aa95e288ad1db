/** Virtual time, and what is to happen in it. The clock moves when it is told to, and then from event to event. */
import { Heap, type HeapEntry } from '../base/heap.ts'
import { type Duration, NEVER, type Time } from '../base/time.ts'

/** 2026-06-01T00:00:00Z: the wall clock of every simulation at virtual time 0. */
export const EPOCH = 1_780_272_000_000

/** Something that happens at a time. */
export interface ClockEvent {
  fire(now: Time): void
}

/** The handle to something that is going to happen. */
export type ScheduledEvent = HeapEntry<ClockEvent>

/** A clock with a list of what is to happen. What was scheduled for the same moment happens in the order of its scheduling. */
export class VirtualClock {
  readonly #events = new Heap<ClockEvent>()
  #now: Time

  constructor(start: Time = 0) {
    this.#now = start
  }

  /** ms. */
  get now(): Time {
    return this.#now
  }

  /** Unix ms. */
  get wallClock(): number {
    return EPOCH + this.#now
  }

  /** When the next event is due; {@link NEVER}: there is none. */
  get next(): Time {
    return this.#events.peek()?.key ?? NEVER
  }

  /** Events that wait. */
  get pending(): number {
    return this.#events.size
  }

  /** Has `event` happen at `time`, at once if that is past. */
  schedule(time: Time, event: ClockEvent): ScheduledEvent {
    return this.#events.push(Math.max(time, this.#now), event)
  }

  /** Calls `task` at `time`. Returns a function that prevents it. */
  at(time: Time, task: (now: Time) => void): () => void {
    const event = this.schedule(time, { fire: task })
    return () => void this.cancel(event)
  }

  /** Calls `task` every `interval` ms from now on. Returns a function that ends it. */
  every(interval: Duration, task: (now: Time) => void): () => void {
    if (!(interval > 0 && interval < NEVER)) {
      throw new RangeError(`interval must be positive and finite, got ${interval}`)
    }
    const event: ClockEvent = {
      fire: (now) => {
        handle = this.schedule(now + interval, event)
        task(now)
      },
    }
    let handle = this.schedule(this.#now + interval, event)
    return () => void this.cancel(handle)
  }

  /** `false`: it has happened, or was cancelled. */
  cancel(event: ScheduledEvent): boolean {
    return this.#events.remove(event)
  }

  /** Moves to `time`, which may lie before the next event and never goes back, and lets happen what is due. */
  advance(time: Time): void {
    this.#now = Math.max(this.#now, time)
    for (let event = this.#events.peek(); event !== undefined && event.key <= this.#now; event = this.#events.peek()) {
      this.#events.shift()
      event.value.fire(this.#now)
    }
  }

  /** Moves to the next event and lets it alone happen. `false`: there is none. */
  step(): boolean {
    const event = this.#events.shift()
    if (event === undefined) return false
    this.#now = Math.max(this.#now, event.key)
    event.value.fire(this.#now)
    return true
  }
}
