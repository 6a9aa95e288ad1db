/**
 * As much of QPACK (RFC 9204) as requests and answers without a dynamic table need: static names, literals, Huffman strings
 * when reading. For the interop tests alone.
 */
import { decodeUtf8, encodeUtf8 } from '../../src/base/bytes.ts'

/** A field line. */
export type Field = readonly [name: string, value: string]

/** The entries of the static table that a request or an answer needs (RFC 9204 Appendix A). */
const STATIC: ReadonlyMap<number, Field> = new Map<number, Field>([
  [0, [':authority', '']],
  [1, [':path', '/']],
  [4, ['content-length', '0']],
  [17, [':method', 'GET']],
  [18, [':method', 'HEAD']],
  [20, [':method', 'POST']],
  [22, [':scheme', 'http']],
  [23, [':scheme', 'https']],
  [24, [':status', '103']],
  [25, [':status', '200']],
  [26, [':status', '304']],
  [27, [':status', '404']],
  [28, [':status', '503']],
  [63, [':status', '100']],
  [64, [':status', '204']],
  [65, [':status', '206']],
  [66, [':status', '302']],
  [67, [':status', '400']],
  [68, [':status', '403']],
  [69, [':status', '421']],
  [70, [':status', '425']],
  [71, [':status', '500']],
])

/** The length of each symbol's code, 0 to 256, in base 36: the code is canonical, so the lengths say it all (RFC 7541 Appendix B). */
const HUFFMAN_LENGTHS =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f5656566657766' +
  '6567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqq' +
  'srrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu'

/** The longest code, in bits. */
const MAX_CODE_LENGTH = 30

/** Encodes field lines: static entries that fit by their index, the rest as literals with a static name if there is one. */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  // No dynamic table: Required Insert Count and Base are 0 (RFC 9204 §4.5.1).
  const out: number[] = [0, 0]
  for (const [name, value] of fields) {
    const whole = [...STATIC].find(([, entry]) => entry[0] === name && entry[1] === value)
    const named = whole ?? [...STATIC].find(([, entry]) => entry[0] === name)
    if (whole !== undefined) writeInteger(out, 0xc0, 6, whole[0])
    else if (named !== undefined) {
      writeInteger(out, 0x50, 4, named[0])
      writeString(out, 0x00, 7, value)
    } else {
      writeString(out, 0x20, 3, name)
      writeString(out, 0x00, 7, value)
    }
  }
  return Uint8Array.from(out)
}

/** Decodes field lines; entries of the static table that are not known here are left out. @throws Error for a dynamic table */
export function decodeFields(bytes: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>()
  const input = new Input(bytes)
  if (input.integer(8) !== 0) throw new Error('A field section refers to the dynamic table, which we never allowed')
  input.integer(7)
  while (!input.isAtEnd) {
    const first = input.peek()
    if ((first & 0xc0) === 0xc0) {
      const [name, value] = STATIC.get(input.integer(6)) ?? []
      if (name !== undefined && value !== undefined) fields.set(name, value)
    } else if ((first & 0xd0) === 0x50) {
      const [name] = STATIC.get(input.integer(4)) ?? []
      const value = input.string(7)
      if (name !== undefined) fields.set(name, value)
    } else if ((first & 0xe0) === 0x20) {
      const name = input.string(3)
      fields.set(name, input.string(7))
    } else throw new Error('A field line refers to the dynamic table, which we never allowed')
  }
  return fields
}

/** RFC 7541 §5.1, behind the bits of `first` that are no part of the number. */
function writeInteger(out: number[], first: number, prefix: number, value: number): void {
  const most = (1 << prefix) - 1
  if (value < most) {
    out.push(first | value)
    return
  }
  out.push(first | most)
  let rest = value - most
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80)
  out.push(rest)
}

function writeString(out: number[], first: number, prefix: number, value: string): void {
  const bytes = encodeUtf8(value)
  writeInteger(out, first, prefix, bytes.length)
  out.push(...bytes)
}

class Input {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  peek(): number {
    return this.#bytes[this.#at] ?? 0
  }

  integer(prefix: number): number {
    const most = (1 << prefix) - 1
    let value = this.#next() & most
    if (value < most) return value
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#next()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  string(prefix: number): string {
    const isHuffman = (this.peek() & (1 << prefix)) !== 0
    const length = this.integer(prefix)
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    if (bytes.length !== length) throw new Error(`A string of ${length} bytes is cut off`)
    this.#at += length
    return decodeUtf8(isHuffman ? decodeHuffman(bytes) : bytes)
  }

  #next(): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new Error('A field section is cut off')
    this.#at += 1
    return byte
  }
}

/** @throws Error for a code that there is not */
export function decodeHuffman(bytes: Uint8Array): Uint8Array {
  const symbols = huffmanSymbols()
  const out: number[] = []
  let code = 0
  let length = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((byte >> bit) & 1)
      length += 1
      if (length > MAX_CODE_LENGTH) throw new Error('A Huffman code is none')
      const symbol = symbols.get(code + 2 ** length)
      if (symbol === undefined) continue
      if (symbol === 256) throw new Error('A Huffman string holds EOS')
      out.push(symbol)
      code = 0
      length = 0
    }
  }
  // What is left is padding: the first bits of EOS, all of them 1 (RFC 7541 §5.2).
  if (length > 7 || code !== 2 ** length - 1)
    throw new Error('A Huffman string is padded with something else than ones')
  return Uint8Array.from(out)
}

let cachedSymbols: Map<number, number> | undefined

/** Symbols by their code and its length, which a bit in front of the code tells. */
function huffmanSymbols(): Map<number, number> {
  if (cachedSymbols !== undefined) return cachedSymbols
  const lengths = [...HUFFMAN_LENGTHS].map((digit) => Number.parseInt(digit, 36))
  cachedSymbols = new Map()
  let code = 0
  for (let length = 1; length <= MAX_CODE_LENGTH; length++) {
    for (const [symbol, each] of lengths.entries()) {
      if (each !== length) continue
      cachedSymbols.set(code + 2 ** length, symbol)
      code += 1
    }
    code *= 2
  }
  return cachedSymbols
}
