/**
 * Streams that came before their session was open (draft-ietf-webtrans-http3 §4.6), bounded in number, and where nobody has
 * heard of the session, in time.
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { Stream } from '../streams/stream.ts'

interface Place {
  readonly streams: Stream[]
  readonly since: Time
  /** The request for the session has come. */
  isKnown: boolean
}

/** The streams of all sessions of a connection that are not open. */
export class WaitingRoom {
  readonly #limit: number
  readonly #timeout: Duration
  /** In the order in which the first stream of each came. */
  readonly #places = new Map<number, Place>()
  #size = 0

  /** @param limit streams; @param timeout ms that they wait for a session of which nobody has heard. */
  constructor(limit: number, timeout: Duration) {
    this.#limit = limit
    this.#timeout = timeout
  }

  get size(): number {
    return this.#size
  }

  /** Keeps a stream; `false`: there is no room. */
  hold(sessionId: number, stream: Stream, isKnown: boolean, now: Time): boolean {
    if (this.#size >= this.#limit) return false
    let place = this.#places.get(sessionId)
    if (place === undefined) {
      place = { streams: [], since: now, isKnown }
      this.#places.set(sessionId, place)
    }
    place.streams.push(stream)
    this.#size += 1
    return true
  }

  /** The request for the session has come: its streams wait as long as it takes. */
  onKnown(sessionId: number): void {
    const place = this.#places.get(sessionId)
    if (place !== undefined) place.isKnown = true
  }

  /** Takes the streams of a session out, the oldest first. */
  take(sessionId: number): readonly Stream[] {
    const place = this.#places.get(sessionId)
    if (place === undefined) return []
    this.#places.delete(sessionId)
    this.#size -= place.streams.length
    return place.streams
  }

  /** When streams will have waited too long. */
  nextTimeout(): Time {
    for (const place of this.#places.values()) if (!place.isKnown) return place.since + this.#timeout
    return NEVER
  }

  /** Takes the streams out that have waited too long. */
  takeExpired(now: Time): readonly Stream[] {
    const expired: Stream[] = []
    for (const [sessionId, place] of this.#places) {
      if (place.isKnown) continue
      if (place.since + this.#timeout > now) break
      expired.push(...this.take(sessionId))
    }
    return expired
  }
}
