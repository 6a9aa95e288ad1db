/**
 * Where a page is cut up into the payloads of a flight. Between two arrays each piece takes a view of its own, within one array it
 * takes none: so a page that several packets need is copied whole to a place behind them, and from there piece by piece.
 */

/** A part of a page above which a view costs less than a second copy. */
const LARGE_PART = 1 / 4

/** One place for a page, for as long as a flight is being built: pages do not change meanwhile. */
export class PageDesk {
  /** That of the flight; `undefined` between flights. */
  #array: Uint8Array | undefined
  #place = 0
  /** What lies at the place. */
  #laid: Uint8Array | undefined
  /** What the last piece was cut from. */
  #last: Uint8Array | undefined

  /** A flight begins in `array`, of which the bytes from `place` on may be used, as many as a page has. */
  begin(array: Uint8Array, place: number): void {
    this.#array = array
    this.#place = place
    this.#laid = undefined
    this.#last = undefined
  }

  /** The flight is built: pages may change, and the place be used otherwise. */
  end(): void {
    this.#array = undefined
    this.#laid = undefined
    this.#last = undefined
  }

  /** Copies `length` bytes from `start` of `page` to `target` at `at`. */
  copy(page: Uint8Array, start: number, length: number, target: Uint8Array, at: number): void {
    if (target === this.#array && this.#isLaid(page, length)) {
      target.copyWithin(at, this.#place + start, this.#place + start + length)
    } else {
      target.set(page.subarray(start, start + length), at)
    }
  }

  /** Whether the page lies at the place: from the second small piece on, since a flight may need no more than one. */
  #isLaid(page: Uint8Array, length: number): boolean {
    if (page === this.#laid) return true
    const isSecond = page === this.#last
    this.#last = page
    if (!isSecond || length > page.length * LARGE_PART) return false
    this.#array?.set(page, this.#place)
    this.#laid = page
    return true
  }
}
