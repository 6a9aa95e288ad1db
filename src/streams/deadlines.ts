/**
 * Deadlines of streams: which is next, and which are due. What a passed deadline does to its stream `stream-set.ts` says.
 * A deadline that was cleared or replaced is gone at once, so it never comes out of here.
 */
import { Heap, type HeapEntry } from '../base/heap.ts'
import { NEVER, type Time } from '../base/time.ts'

/** What happens when a deadline passes: the stream is reset and stopped, the application is told, or first told and then reset. */
export type DeadlineAction = 'reset' | 'notify' | 'both'

/** By when a stream is to have ended. */
export interface Deadline {
  readonly at: Time
  readonly action: DeadlineAction
  /** Of RESET_STREAM and STOP_SENDING. */
  readonly code: bigint
}

/** A deadline that has passed, with whom it was for. */
export interface PassedDeadline<T> {
  readonly stream: T
  readonly deadline: Deadline
}

/** The deadlines of the streams of one connection, at most one for each. */
export class StreamDeadlines<T> {
  readonly #heap = new Heap<PassedDeadline<T>>()
  /** Made for the first deadline. */
  #entries: Map<T, HeapEntry<PassedDeadline<T>>> | undefined

  /** How many wait. */
  get size(): number {
    return this.#entries?.size ?? 0
  }

  /** Sets the deadline of `stream` in place of the one it has. */
  set(stream: T, deadline: Deadline): void {
    this.clear(stream)
    this.#entries ??= new Map()
    this.#entries.set(stream, this.#heap.push(deadline.at, { stream, deadline }))
  }

  get(stream: T): Deadline | undefined {
    return this.#entries?.get(stream)?.value.deadline
  }

  /** Nothing happens if there is none. */
  clear(stream: T): void {
    const entry = this.#entries?.get(stream)
    if (entry === undefined) return
    this.#heap.remove(entry)
    this.#entries?.delete(stream)
  }

  /** When {@link takeDue} has something to return. */
  nextTimeout(): Time {
    return this.#heap.peek()?.key ?? NEVER
  }

  /** Removes and returns the earliest deadline that has passed; `undefined` if none has. */
  takeDue(now: Time): PassedDeadline<T> | undefined {
    const first = this.#heap.peek()
    if (first === undefined || first.key > now) return undefined
    this.clear(first.value.stream)
    return first.value
  }

  /** The connection is over. */
  clearAll(): void {
    this.#heap.clear()
    this.#entries = undefined
  }
}
