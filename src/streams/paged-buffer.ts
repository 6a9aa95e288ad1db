/**
 * Storage for a window of a byte stream, in pages that lie at fixed offsets. A byte has one place whatever order it comes
 * in, so nothing is ever moved or merged, and what a window of n bytes costs is bounded by n and one page. Which bytes are
 * there is for the owner to know (`send-buffer.ts`, `reassembler.ts`): what was never written reads as anything.
 */

import { PageDesk } from './page-desk.ts'

/** Bytes of a page. A power of two. */
export const PAGE_SIZE = 16_384

/** Bytes of the page that serves the beginning of a stream, so that a short one costs little. One bit for each byte of a page. */
export const SMALL_PAGE_SIZE: number = PAGE_SIZE / 8

// Unused pages kept of each size: 1 MiB and 128 KiB. More goes to the garbage collector.
const KEPT_PAGES = 64

/** Pages that are used again: a fresh one must be zeroed and collected, which costs more than filling it. May serve many connections. */
export class PagePool {
  /** Where the pages are cut up into packets. */
  readonly desk: PageDesk = new PageDesk()
  readonly #pages: Uint8Array[] = []
  readonly #smallPages: Uint8Array[] = []

  /** A page of {@link PAGE_SIZE} bytes with any content. */
  takePage(): Uint8Array {
    return this.#pages.pop() ?? new Uint8Array(PAGE_SIZE)
  }

  /** A page of {@link SMALL_PAGE_SIZE} bytes with any content. */
  takeSmallPage(): Uint8Array {
    return this.#smallPages.pop() ?? new Uint8Array(SMALL_PAGE_SIZE)
  }

  /** Takes a page of either size back. The caller keeps no reference to it. */
  give(page: Uint8Array): void {
    const pages = page.length === PAGE_SIZE ? this.#pages : this.#smallPages
    if (pages.length < KEPT_PAGES) pages.push(page)
  }
}

/** A sparse window of a byte stream. Offsets are integers up to 2^53-1. */
export class PagedBuffer {
  readonly #pool: PagePool
  /** Those from page number #first on; `undefined` where nothing was written or all was released. */
  #pages: (Uint8Array | undefined)[] = []
  #first = 0

  constructor(pool: PagePool) {
    this.#pool = pool
  }

  /** Copies `length` bytes that begin at `start` of `source` to `offset`, which must not lie below what was released. */
  write(offset: number, source: Uint8Array, start: number, length: number): void {
    while (length > 0) {
      const inPage = offset & (PAGE_SIZE - 1)
      const count = Math.min(length, PAGE_SIZE - inPage)
      const page = this.#pageFor(Math.floor(offset / PAGE_SIZE), inPage + count)
      const whole = start === 0 && count === source.length
      page.set(whole ? source : source.subarray(start, start + count), inPage)
      offset += count
      start += count
      length -= count
    }
  }

  /** Copies `length` bytes that begin at `offset` to `target` at `at`. */
  copyTo(target: Uint8Array, at: number, offset: number, length: number): void {
    while (length > 0) {
      const inPage = offset & (PAGE_SIZE - 1)
      const count = Math.min(length, PAGE_SIZE - inPage)
      const page = this.#pages[Math.floor(offset / PAGE_SIZE) - this.#first]
      if (page === undefined) throw new RangeError(`The bytes at offset ${offset} were released or never written`)
      this.#pool.desk.copy(page, inPage, count, target, at)
      offset += count
      at += count
      length -= count
    }
  }

  /** Gives back the pages that lie wholly below `offset`. */
  releaseBelow(offset: number): void {
    const first = Math.floor(offset / PAGE_SIZE)
    while (this.#first < first && this.#pages.length > 0) {
      const page = this.#pages.shift()
      if (page !== undefined) this.#pool.give(page)
      this.#first++
    }
  }

  /** Gives back the pages that lie wholly at or above `offset`. Nothing may be read there any more. */
  releaseAbove(offset: number): void {
    const past = Math.max(0, Math.ceil(offset / PAGE_SIZE) - this.#first)
    while (this.#pages.length > past) {
      const page = this.#pages.pop()
      if (page !== undefined) this.#pool.give(page)
    }
  }

  /** Gives back one page, by its number (offset / {@link PAGE_SIZE}), wherever it lies. */
  releasePage(number: number): void {
    const page = this.#pages[number - this.#first]
    if (page === undefined) return
    this.#pages[number - this.#first] = undefined
    this.#pool.give(page)
  }

  /** Gives back all pages. Writing may go on at any offset. */
  releaseAll(): void {
    for (const page of this.#pages) if (page !== undefined) this.#pool.give(page)
    this.#pages.length = 0
  }

  /** Bytes of memory held. Takes time in proportion to it. */
  get heldBytes(): number {
    let held = 0
    for (const page of this.#pages) if (page !== undefined) held += page.length
    return held
  }

  /** The page `number`, with room for at least its first `needed` bytes. */
  #pageFor(number: number, needed: number): Uint8Array {
    if (this.#pages.length === 0) this.#first = number
    const at = number - this.#first
    // Bytes may arrive in any order: a window may begin with a page that nothing was written to yet.
    if (at < 0) return this.#pageBefore(-at, number, needed)
    while (this.#pages.length <= at) this.#pages.push(undefined)
    const present = this.#pages[at]
    if (present !== undefined && present.length >= needed) return present
    // Only the first page of a stream begins small: it would not pay to move every page once.
    const page = number === 0 && needed <= SMALL_PAGE_SIZE ? this.#pool.takeSmallPage() : this.#pool.takePage()
    if (present !== undefined) {
      page.set(present)
      this.#pool.give(present)
    }
    this.#pages[at] = page
    return page
  }

  #pageBefore(missing: number, number: number, needed: number): Uint8Array {
    for (let i = 0; i < missing; i++) this.#pages.unshift(undefined)
    this.#first = number
    return this.#pageFor(number, needed)
  }
}
