/**
 * Addresses that datagrams came from without any of them having been opened yet. They are no paths, cost little, and are
 * soon forgotten: anybody can make them up (RFC 9000 §9.3).
 */
import type { Carrier, PathAddress } from '../transport.ts'
import type { Path } from './path.ts'

/** More are forgotten, the oldest first. */
const MAX_CANDIDATES = 4

/** The candidates of one connection. */
export class PathCandidates {
  /** Oldest first. */
  readonly #candidates: Path[] = []

  /** The one at that address. */
  find(from: PathAddress, via: Carrier): Path | undefined {
    return this.#candidates.find((path) => path.isAt(from, via))
  }

  /** Keeps one more. */
  add(path: Path): void {
    if (this.#candidates.length === MAX_CANDIDATES) this.#candidates.shift()
    this.#candidates.push(path)
  }

  has(path: Path): boolean {
    return this.#candidates.includes(path)
  }

  /** It is none any more; harmless if it was not. */
  delete(path: Path): void {
    const index = this.#candidates.indexOf(path)
    if (index >= 0) this.#candidates.splice(index, 1)
  }

  /** Forgets those of a carrier that is gone. */
  onCarrierClosed(via: Carrier): void {
    for (const path of [...this.#candidates]) if (path.carrier === via) this.delete(path)
  }
}
