/** The sections that the peer's decoder has not acknowledged, by stream (RFC 9204 §2.1.2, §2.1.4, §4.4). */
import { Deque } from '../../base/deque.ts'

/** A section that refers to the dynamic table. */
export interface SentSection {
  readonly requiredInsertCount: number
  /** The smallest absolute index that it refers to. */
  readonly oldest: number
}

class SentStream {
  readonly sections = new Deque<SentSection>()
  /** The largest of its sections. */
  requiredInsertCount = 0
}

/** The account of them. */
export class SectionLedger {
  readonly #streams = new Map<number, SentStream>()
  // Those whose sections may have come before the inserts that they need.
  readonly #blocked = new Set<SentStream>()
  #length = 0

  /** How many sections there are. */
  get length(): number {
    return this.#length
  }

  /** How many streams may be blocked at the decoder now. */
  get blockedStreams(): number {
    return this.#blocked.size
  }

  /** Whether that stream may be blocked now. */
  isBlocked(streamId: number): boolean {
    const stream = this.#streams.get(streamId)
    return stream !== undefined && this.#blocked.has(stream)
  }

  /** A section was sent. */
  add(streamId: number, section: SentSection, knownReceivedCount: number): void {
    let stream = this.#streams.get(streamId)
    if (stream === undefined) {
      stream = new SentStream()
      this.#streams.set(streamId, stream)
    }
    stream.sections.push(section)
    this.#length++
    stream.requiredInsertCount = Math.max(stream.requiredInsertCount, section.requiredInsertCount)
    if (stream.requiredInsertCount > knownReceivedCount) this.#blocked.add(stream)
  }

  /** Removes and returns the earliest section of a stream; `undefined` if there is none. */
  shift(streamId: number): SentSection | undefined {
    const stream = this.#streams.get(streamId)
    const section = stream?.sections.shift()
    if (stream === undefined || section === undefined) return undefined
    this.#length--
    if (stream.sections.length === 0) {
      this.#streams.delete(streamId)
      this.#blocked.delete(stream)
    }
    return section
  }

  /** So many inserts are known to be there now. */
  onKnownReceived(knownReceivedCount: number): void {
    for (const stream of this.#blocked) {
      if (stream.requiredInsertCount <= knownReceivedCount) this.#blocked.delete(stream)
    }
  }
}
