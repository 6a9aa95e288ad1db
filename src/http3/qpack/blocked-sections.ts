/** Field sections that wait for entries of the dynamic table (RFC 9204 §2.1.2, §2.2.1), stream by stream in their order. */
import { Deque } from '../../base/deque.ts'

/** One encoded section that waits. */
export interface WaitingSection {
  readonly bytes: Uint8Array
  /** Where its representation goes on behind the Required Insert Count. */
  readonly at: number
  readonly requiredInsertCount: number
}

/** A stream whose sections wait. */
export class WaitingStream {
  readonly id: number
  readonly sections: Deque<WaitingSection> = new Deque()
  /** The inserts that the first of them needs are there. */
  isReady = false

  constructor(id: number) {
    this.id = id
  }

  /** What the first needs; 0 if there is none. */
  get requiredInsertCount(): number {
    return this.sections.peek()?.requiredInsertCount ?? 0
  }
}

/** All that waits. Its size is bounded by who adds: the limit of blocked streams, and one of sections for each stream. */
export class BlockedSections {
  readonly #streams = new Map<number, WaitingStream>()
  readonly #ready = new Deque<WaitingStream>()
  // Streams that are not ready.
  #blocked = 0
  // The fewest inserts with which one of them would be.
  #lowest = Infinity

  /** How many streams are blocked. */
  get blockedStreams(): number {
    return this.#blocked
  }

  /** Whether there is one that is no longer blocked. */
  get hasReady(): boolean {
    return this.#ready.length > 0
  }

  /** What waits on a stream. */
  get(streamId: number): WaitingStream | undefined {
    return this.#streams.get(streamId)
  }

  /** Adds a stream that is blocked, with its first section. */
  add(streamId: number, section: WaitingSection): void {
    const stream = new WaitingStream(streamId)
    stream.sections.push(section)
    this.#streams.set(streamId, stream)
    this.#block(stream)
  }

  /** There are `insertCount` inserts now: what needs no more becomes ready, in the order in which it was blocked. */
  onInserts(insertCount: number): void {
    if (insertCount < this.#lowest) return
    this.#lowest = Infinity
    for (const stream of this.#streams.values()) {
      if (stream.isReady) continue
      if (stream.requiredInsertCount > insertCount) {
        this.#lowest = Math.min(this.#lowest, stream.requiredInsertCount)
      } else {
        stream.isReady = true
        this.#blocked--
        this.#ready.push(stream)
      }
    }
  }

  /** The ready stream that is the first in turn; it stays. */
  peekReady(): WaitingStream | undefined {
    return this.#ready.peek()
  }

  /** The first ready stream has given a section away: it stays, is blocked again, or has nothing left and goes. */
  onTaken(insertCount: number): void {
    const stream = this.#ready.peek()
    if (stream === undefined) return
    if (stream.sections.length > 0 && stream.requiredInsertCount <= insertCount) return
    this.#ready.shift()
    this.#streams.delete(stream.id)
    if (stream.sections.length === 0) return
    // Behind the others of the map, as it is the last to be blocked.
    this.#streams.set(stream.id, stream)
    this.#block(stream)
  }

  /** Forgets a stream. */
  remove(streamId: number): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) return
    this.#streams.delete(streamId)
    if (!stream.isReady) {
      this.#blocked--
      return
    }
    for (let i = this.#ready.length; i > 0; i--) {
      const other = this.#ready.shift()
      if (other !== undefined && other !== stream) this.#ready.push(other)
    }
  }

  #block(stream: WaitingStream): void {
    stream.isReady = false
    this.#blocked++
    this.#lowest = Math.min(this.#lowest, stream.requiredInsertCount)
  }
}
