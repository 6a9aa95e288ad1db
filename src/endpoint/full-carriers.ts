/**
 * The carriers that take nothing for now. Until such a carrier drains, nothing is sent there, and the slot of the flight that
 * filled it is not used again: the host may still read from it (`transport.ts`).
 */
import type { Arena } from '../base/arena.ts'
import type { Carrier } from '../transport.ts'

/** The full carriers of one endpoint. `C` is its connection. */
export class FullCarriers<C> {
  readonly #arena: Arena
  /** By carrier, the slot that it holds; -1: none. */
  readonly #slots = new Map<Carrier, number>()
  /** Those who may have had something to send. */
  readonly #waiting = new Set<C>()

  constructor(arena: Arena) {
    this.#arena = arena
  }

  has(carrier: Carrier): boolean {
    return this.#slots.has(carrier)
  }

  /** Whether every carrier takes what it is given. */
  get isEmpty(): boolean {
    return this.#slots.size === 0
  }

  /** The carrier has taken the last it can; `slot` is held for it, -1 where it lies in none. */
  add(carrier: Carrier, slot: number): void {
    this.#free(carrier)
    this.#slots.set(carrier, slot)
  }

  /** The carrier takes more, or is gone. Returns who has waited, for this one or for another. */
  delete(carrier: Carrier): C[] {
    if (!this.#slots.has(carrier)) return []
    this.#free(carrier)
    this.#slots.delete(carrier)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    return waiting
  }

  /** The connection sends nothing now, perhaps for want of a carrier. */
  wait(connection: C): void {
    if (this.#slots.size > 0) this.#waiting.add(connection)
  }

  /** The connection is over. */
  forget(connection: C): void {
    this.#waiting.delete(connection)
  }

  #free(carrier: Carrier): void {
    const slot = this.#slots.get(carrier) ?? -1
    if (slot >= 0) this.#arena.release(slot)
  }
}
