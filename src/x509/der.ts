/**
 * A strict reader of DER (ITU-T X.690 §10, §11): definite lengths in their shortest form, canonical booleans and integers,
 * nothing left over. It walks what it is told to expect and never recurses on its own, so nesting costs nothing.
 */

/** Identifier octets of the universal types that certificates and keys use. */
export const DerTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** The identifier octet of the context-specific tag `[number]` with primitive contents. */
export function primitiveTag(number: number): number {
  return 0x80 | number
}

/** The identifier octet of the context-specific tag `[number]` with constructed contents. */
export function constructedTag(number: number): number {
  return 0xa0 | number
}

/** Bytes that are not the DER they should be. */
export class DerError extends Error {
  override readonly name: string = 'DerError'
}

/** No OBJECT IDENTIFIER in use comes near this; longer ones are refused (bytes of contents). */
const MAX_OID_LENGTH = 64

/** A cursor over the DER elements that lie in `bytes` from `start` to `end`. Views it returns alias `bytes`. */
export class DerReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#offset = start
    this.#end = end
  }

  /** Whether no element is left. */
  get isAtEnd(): boolean {
    return this.#offset >= this.#end
  }

  /** The identifier octet of the next element; -1 at the end. */
  get tag(): number {
    return this.#offset < this.#end ? (this.#bytes[this.#offset] ?? -1) : -1
  }

  /** A reader over the contents of the next element, which must have this tag. @throws DerError */
  read(tag: number): DerReader {
    if (this.tag !== tag) {
      const found = this.tag === -1 ? 'the end' : `0x${this.tag.toString(16)}`
      throw new DerError(`Expected DER tag 0x${tag.toString(16)} at byte ${this.#offset}, found ${found}`)
    }
    const start = this.#header()
    const end = this.#offset
    return new DerReader(this.#bytes, start, end)
  }

  /** As {@link read}, if the next element has this tag; else `undefined`, and nothing is consumed. @throws DerError */
  readOptional(tag: number): DerReader | undefined {
    return this.tag === tag ? this.read(tag) : undefined
  }

  /** The contents of the next element, which must have this tag. @throws DerError */
  contents(tag: number): Uint8Array {
    return this.read(tag).rest()
  }

  /** The whole next element, identifier and length included. @throws DerError */
  element(): Uint8Array {
    const start = this.#offset
    this.#header()
    return this.#bytes.subarray(start, this.#offset)
  }

  /** Everything that is left, as it stands. */
  rest(): Uint8Array {
    const rest = this.#bytes.subarray(this.#offset, this.#end)
    this.#offset = this.#end
    return rest
  }

  /** @throws DerError if an element is left. */
  expectEnd(): void {
    if (!this.isAtEnd) throw new DerError(`Unexpected ${this.#end - this.#offset} bytes of DER at byte ${this.#offset}`)
  }

  /** A BOOLEAN, which DER writes as 00 or ff. @throws DerError */
  boolean(): boolean {
    const contents = this.contents(DerTag.boolean)
    const value = contents[0]
    if (contents.length !== 1 || (value !== 0 && value !== 0xff)) throw new DerError('BOOLEAN must be 00 or ff')
    return value === 0xff
  }

  /** The two's-complement contents of an INTEGER, in their shortest form. @throws DerError */
  integer(tag: number = DerTag.integer): Uint8Array {
    const contents = this.contents(tag)
    const [first, second] = contents
    if (first === undefined) throw new DerError('INTEGER must not be empty')
    if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
      throw new DerError('INTEGER must have its shortest form')
    }
    return contents
  }

  /** An INTEGER from 0 on as a number; what exceeds 2^31 - 1 is clamped to it. @throws DerError if it is negative. */
  unsigned(tag: number = DerTag.integer): number {
    const contents = this.integer(tag)
    if ((contents[0] ?? 0) >= 0x80) throw new DerError('INTEGER must not be negative')
    if (contents.length > 4) return 0x7fffffff
    return contents.reduce((value, byte) => value * 256 + byte, 0)
  }

  /** An OBJECT IDENTIFIER in dotted form. @throws DerError */
  oid(): string {
    return decodeOid(this.contents(DerTag.oid))
  }

  /** The bytes of a BIT STRING whose length is a multiple of 8. @throws DerError */
  bitString(): Uint8Array {
    const contents = this.contents(DerTag.bitString)
    if (contents[0] !== 0) throw new DerError('BIT STRING must be whole bytes')
    return contents.subarray(1)
  }

  /**
   * The first 16 named bits of a BIT STRING as a mask, bit 0 being the least significant (X.690 §11.2.2: no trailing zeros).
   * @throws DerError
   */
  namedBits(): number {
    const contents = this.contents(DerTag.bitString)
    const unused = contents[0] ?? 8
    const last = contents[contents.length - 1] ?? 0
    const isEmpty = contents.length === 1 && unused === 0
    if (!isEmpty && (unused > 7 || contents.length < 2 || ((last >> unused) & 1) !== 1 || last & ((1 << unused) - 1))) {
      throw new DerError('BIT STRING of named bits must have its shortest form')
    }
    let mask = 0
    for (let bit = 0; bit < 16; bit++) if (((contents[1 + (bit >> 3)] ?? 0) >> (7 - (bit & 7))) & 1) mask |= 1 << bit
    return mask
  }

  /** Reads identifier and length, moves behind the contents, returns where they start. */
  #header(): number {
    const at = this.#offset
    const [tag, first] = [this.#next(), this.#next()]
    // Tag numbers above 30 occur nowhere in certificates.
    if ((tag & 0x1f) === 0x1f) throw new DerError(`DER tag at byte ${at} has more than one byte`)
    let length = first
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0 || count > 4) throw new DerError(`DER length at byte ${at + 1} is indefinite or too long`)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + this.#next()
      if (length < 0x80 || length < 256 ** (count - 1))
        throw new DerError(`DER length at byte ${at + 1} is not minimal`)
    }
    const start = this.#offset
    if (length > this.#end - start) throw new DerError(`DER element at byte ${at} runs past its end`)
    this.#offset = start + length
    return start
  }

  #next(): number {
    if (this.#offset >= this.#end) throw new DerError(`DER ends within an element at byte ${this.#offset}`)
    return this.#bytes[this.#offset++] ?? 0
  }
}

/** The dotted form of an OBJECT IDENTIFIER's contents. @throws DerError */
export function decodeOid(contents: Uint8Array): string {
  if (contents.length === 0 || contents.length > MAX_OID_LENGTH || (contents[contents.length - 1] ?? 0) >= 0x80) {
    throw new DerError('OBJECT IDENTIFIER has a wrong length')
  }
  const arcs: bigint[] = []
  let arc = 0n
  let isFirst = true
  for (const byte of contents) {
    if (isFirst && byte === 0x80) throw new DerError('OBJECT IDENTIFIER must have its shortest form')
    arc = arc * 128n + BigInt(byte & 0x7f)
    isFirst = byte < 0x80
    if (!isFirst) continue
    arcs.push(arc)
    arc = 0n
  }
  const [head = 0n, ...tail] = arcs
  const root = head < 80n ? head / 40n : 2n
  return [root, head - root * 40n, ...tail].join('.')
}

/** Runs `parse` over a reader of `bytes` and demands that it consumes them all. @throws DerError */
export function parseDer<T>(bytes: Uint8Array, parse: (reader: DerReader) => T): T {
  const reader = new DerReader(bytes)
  const value = parse(reader)
  reader.expectEnd()
  return value
}
