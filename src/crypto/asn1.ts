/**
 * As much DER (X.690) as public and private keys need: walking elements of definite, minimal length, and wrapping bytes
 * into new ones. Certificates have a reader of their own, which says what is wrong.
 */
import { concat } from '../base/bytes.ts'

/** Tags that occur in keys. */
export const Asn1Tag = {
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
} as const

/** Reads the elements that lie one behind the other in a span. Sticky: after the first failure everything is empty. */
export class Asn1Reader {
  /** Whether all reads so far succeeded. */
  ok = true
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The tag of the next element; 0 at the end. */
  get tag(): number {
    return this.ok ? (this.#bytes[this.#at] ?? 0) : 0
  }

  /** Whether everything was read, and rightly. */
  get isComplete(): boolean {
    return this.ok && this.#at === this.#bytes.length
  }

  /** The content of the next element, a view; fails if its tag is another. */
  read(tag: number): Uint8Array {
    const bytes = this.#bytes
    if (this.tag !== tag || this.#at + 2 > bytes.length) return this.#fail()
    let length = bytes[this.#at + 1] ?? 0
    let start = this.#at + 2
    if (length >= 0x80) {
      const count = length - 0x80
      if (count < 1 || count > 3 || start + count > bytes.length) return this.#fail()
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0)
      if (length < (count === 1 ? 0x80 : 256 ** (count - 1))) return this.#fail()
      start += count
    }
    if (start + length > bytes.length) return this.#fail()
    this.#at = start + length
    return bytes.subarray(start, this.#at)
  }

  /** The elements inside the next element. */
  enter(tag: number): Asn1Reader {
    const inner = new Asn1Reader(this.read(tag))
    inner.ok = this.ok
    return inner
  }

  #fail(): Uint8Array {
    this.ok = false
    return this.#bytes.subarray(0, 0)
  }
}

/** An element of `tag` around `parts`. */
export function encodeAsn1(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concat(...parts)
  const { length } = content
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content)
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), content)
  return concat(Uint8Array.of(tag, 0x82, length >>> 8, length), content)
}

/** The bits of a positive INTEGER's content; 0 for one that is not positive or not minimal. */
export function integerBits(content: Uint8Array): number {
  const first = content[0] ?? 0
  const second = content[1] ?? 0
  if (content.length === 0 || first >= 0x80 || (first === 0 && second < 0x80)) return 0
  const bytes = first === 0 ? content.length - 1 : content.length
  return 8 * bytes - Math.clz32(first === 0 ? second : first) + 24
}
