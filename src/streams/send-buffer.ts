/**
 * The bytes of a stream from the first that is not acknowledged to the last that was written: which were sent, which are
 * lost and to be sent again, which are acknowledged. Flow control and the end of the stream are the owner's business.
 *
 * What bounds it: bytes not yet sent by the owner's high-water mark; bytes sent and not acknowledged by the peer's flow
 * control and by the congestion window, since what is acknowledged out of order gives its pages back at once. A peer that
 * withholds the acknowledgement of one byte keeps one page alive, not what follows it.
 */
import { RangeSet } from '../base/range-set.ts'
import type { ByteSource } from '../wire/packet-content.ts'
import { PAGE_SIZE, PagedBuffer, type PagePool } from './paged-buffer.ts'

/** The sending side's memory of one stream, or of the CRYPTO data of one level. */
export class SendBuffer implements ByteSource {
  readonly #buffer: PagedBuffer
  /** All below is acknowledged and gone. */
  #base = 0
  /** All below was sent at least once. */
  #sent = 0
  #sentAgain = 0
  #end = 0
  /** Nothing above is sent any more, the first time or again. */
  #reliable = Infinity
  /** Acknowledged above #base. Made when first needed, since most streams see neither loss nor reordering. */
  #acked: RangeSet | undefined
  /** To be sent again: below #sent, disjoint from #acked. */
  #lost: RangeSet | undefined

  constructor(pool: PagePool) {
    this.#buffer = new PagedBuffer(pool)
  }

  /** The number of bytes that were ever written. */
  get end(): number {
    return this.#end
  }

  /** The number of bytes that were sent at least once. */
  get sent(): number {
    return this.#sent
  }

  /** Bytes that were written and not sent yet. */
  get unsent(): number {
    return this.#end - this.#sent
  }

  /** The number of bytes at the beginning of the stream that are acknowledged without a gap. */
  get acknowledged(): number {
    return this.#base
  }

  /** Whether all that was written, or all that must arrive after {@link truncate}, is acknowledged. */
  get isAcknowledged(): boolean {
    return this.#base >= Math.min(this.#reliable, this.#end)
  }

  /** Whether there are bytes to send again. */
  get hasLost(): boolean {
    return this.#lost !== undefined && !this.#lost.isEmpty
  }

  /** Bytes put into a packet again, each time counted. */
  get sentAgain(): number {
    return this.#sentAgain
  }

  /** The first byte to send again; 0 if there is none. */
  get lostStart(): number {
    return this.#lost?.min ?? 0
  }

  /** How many bytes from {@link lostStart} on are to be sent again; 0 if there are none. */
  get lostLength(): number {
    return this.#lost === undefined || this.#lost.isEmpty ? 0 : this.#lost.endAt(0) - this.#lost.min
  }

  /** Takes a copy of the first `length` bytes of `bytes`. */
  append(bytes: Uint8Array, length: number): void {
    this.#buffer.write(this.#end, bytes, 0, length)
    this.#end += length
  }

  copyTo(target: Uint8Array, at: number, offset: number, length: number): void {
    this.#buffer.copyTo(target, at, offset, length)
  }

  /** `length` bytes from {@link sent} on were put into a packet. */
  onSent(length: number): void {
    this.#sent += length
  }

  /** `length` bytes from {@link lostStart} on were put into a packet again. */
  onSentAgain(length: number): void {
    const start = this.lostStart
    this.#sentAgain += length
    this.#lost?.remove(start, start + length)
  }

  /** What a frame carried has arrived, lost or not (RFC 9000 §13.3). */
  onAcked(offset: number, length: number): void {
    const end = offset + length
    if (end <= this.#base) return
    this.#lost?.remove(offset, end)
    if (offset > this.#base) {
      this.#acked ??= new RangeSet()
      this.#acked.add(offset, end)
      this.#releasePages(this.#acked, offset, end)
      return
    }
    this.#base = end
    const acked = this.#acked
    while (acked !== undefined && !acked.isEmpty && acked.min <= this.#base) {
      this.#base = Math.max(this.#base, acked.endAt(0))
      acked.removeFirst()
    }
    if (this.isAcknowledged) this.#buffer.releaseAll()
    else this.#buffer.releaseBelow(this.#base)
  }

  /** What a frame carried has to be sent again, unless it has arrived in another. */
  onLost(offset: number, length: number): void {
    let start = Math.max(offset, this.#base)
    const end = Math.min(offset + length, this.#reliable)
    if (start >= end) return
    this.#lost ??= new RangeSet()
    const acked = this.#acked
    if (acked !== undefined) {
      for (let i = firstEndAbove(acked, start); i < acked.size && acked.startAt(i) < end; i++) {
        this.#lost.add(start, acked.startAt(i))
        start = acked.endAt(i)
      }
    }
    this.#lost.add(start, end)
  }

  /**
   * Gives up what lies above `reliable`, which only ever falls: bytes there that were not sent are dropped, so `end` falls to
   * the larger of `reliable` and {@link sent}, and those that were are not sent again.
   */
  truncate(reliable: number): void {
    this.#reliable = reliable
    this.#end = Math.max(this.#sent, reliable)
    this.#lost?.remove(reliable, this.#end)
    if (this.isAcknowledged) this.#buffer.releaseAll()
    else this.#buffer.releaseAbove(reliable)
  }

  /** Nothing that was sent has arrived, or will: it counts as not sent. Returns how many bytes of it are to be sent anew. */
  rewind(): number {
    const unsent = this.unsent
    this.#end = Math.min(this.#end, this.#reliable)
    this.#sent = 0
    this.#base = 0
    this.#acked = undefined
    this.#lost = undefined
    return this.#end - unsent
  }

  /** Lets all bytes go. Counts stay as they are but for `end`, which falls back to what was sent. */
  discard(): void {
    this.#buffer.releaseAll()
    this.#acked = undefined
    this.#lost = undefined
    this.#end = this.#sent
  }

  /** Bytes of memory held. Takes time in proportion to it. */
  get heldBytes(): number {
    return this.#buffer.heldBytes
  }

  /** Throws if the parts contradict one another. For tests. */
  checkInvariants(): void {
    this.#acked?.checkInvariants()
    this.#lost?.checkInvariants()
    if (!(this.#base <= this.#sent && this.#sent <= this.#end)) {
      throw new Error(`Acknowledged ${this.#base}, sent ${this.#sent}, written ${this.#end}`)
    }
    const acked = this.#acked
    const lost = this.#lost
    if (acked !== undefined && !acked.isEmpty && (acked.min <= this.#base || acked.max > this.#sent)) {
      throw new Error(`Acknowledged [${acked.min}, ${acked.max}) does not lie between ${this.#base} and ${this.#sent}`)
    }
    if (lost === undefined || lost.isEmpty) return
    if (lost.min < this.#base || lost.max > Math.min(this.#sent, this.#reliable)) {
      throw new Error(`Lost [${lost.min}, ${lost.max}) does not lie between ${this.#base} and ${this.#sent}`)
    }
    const both = (acked?.total() ?? 0) + lost.total()
    const union = lost.clone()
    for (let i = 0; acked !== undefined && i < acked.size; i++) union.add(acked.startAt(i), acked.endAt(i))
    if (union.total() !== both) throw new Error('Bytes are acknowledged and lost at once')
  }

  /** Gives back the pages in the middle that the frame [start, end) has completed. */
  #releasePages(acked: RangeSet, start: number, end: number): void {
    for (let number = Math.floor(start / PAGE_SIZE); number * PAGE_SIZE < end; number++) {
      if (acked.containsRange(number * PAGE_SIZE, (number + 1) * PAGE_SIZE)) this.#buffer.releasePage(number)
    }
  }
}

/** The index of the first range that ends above `value`; the number of ranges if there is none. */
function firstEndAbove(ranges: RangeSet, value: number): number {
  let low = 0
  let high = ranges.size
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ranges.endAt(middle) > value) high = middle
    else low = middle + 1
  }
  return low
}
