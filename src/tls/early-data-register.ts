/**
 * Which tickets have been used for 0-RTT of late (RFC 8446 §8.1, §8.2): each is good for it once. A repeated ClientHello is
 * refused for its age after some seconds, so a use need be remembered no longer than that, and memory stays bounded.
 */
import { toLatin1 } from '../base/bytes.ts'
import { EARLY_DATA_TOLERANCE } from './tickets.ts'

/** Uses that one generation of the register holds. */
const DEFAULT_CAPACITY = 65_536

/** ms for which a use is remembered: a ClientHello passes for fresh from this much before its time to this much after. */
const WINDOW = 2 * EARLY_DATA_TOLERANCE

/** The uses of tickets at one server. */
export class EarlyDataRegister {
  readonly #capacity: number
  readonly #startedAt: number
  #generationStart: number
  #newer = new Set<string>()
  #older = new Set<string>()

  /**
   * @param startedAt Unix ms. Of what was used before nothing is known.
   * @param capacity uses in {@link WINDOW} ms; what is beyond is refused. Twice as many take memory.
   */
  constructor(startedAt: number, capacity: number = DEFAULT_CAPACITY) {
    this.#startedAt = startedAt
    this.#generationStart = startedAt
    this.#capacity = capacity
  }

  /**
   * Whether a ticket is used for the first time, as far as anybody can know; it counts as used from then on.
   * @param issuedAt Unix ms: when the ticket was given out.
   * @param wallClock Unix ms: now.
   */
  take(ticketId: Uint8Array, issuedAt: number, wallClock: number): boolean {
    this.#forget(wallClock)
    // RFC 8446 §8.2: what was sent before we started may have been used before we started.
    if (issuedAt < this.#startedAt && wallClock - this.#startedAt < WINDOW) return false
    const id = toLatin1(ticketId)
    if (this.#newer.has(id) || this.#older.has(id) || this.#newer.size >= this.#capacity) return false
    this.#newer.add(id)
    return true
  }

  /** Uses that are remembered. */
  get size(): number {
    return this.#newer.size + this.#older.size
  }

  #forget(wallClock: number): void {
    const age = wallClock - this.#generationStart
    if (age < WINDOW) return
    this.#older = age < 2 * WINDOW ? this.#newer : new Set()
    this.#newer = new Set()
    this.#generationStart = wallClock
  }
}
