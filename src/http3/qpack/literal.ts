/** Reading and writing what instructions and field lines consist of: prefixed integers and strings (RFC 9204 §4.1). */
import { MAX_SAFE } from '../../base/varint.ts'
import type { Writer } from '../../base/writer.ts'
import { Http3Error, type Http3ErrorScope } from '../error.ts'
import { decodeHuffman, HUFFMAN_INVALID, HUFFMAN_TOO_LONG, huffmanSize, writeHuffman } from './huffman.ts'
import { writePrefixInteger } from './prefix-integer.ts'

/** `LiteralReader.integer`: the bytes end within the integer. */
export const INCOMPLETE = -1

// A scratch array larger than this is not kept.
const KEPT_SCRATCH = 8192
// More arguments than this in one call may exceed what a stack holds.
const CHUNK = 4096

/** A cursor over bytes. What is wrong with them is thrown as an error of one code, that of the stream they came on. */
export class LiteralReader {
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0
  readonly #code: bigint
  readonly #scopeOfLarge: Http3ErrorScope
  #scratch: Uint8Array = new Uint8Array(256)

  /** `scopeOfLarge`: what an integer ends that is larger than any that can be read (RFC 9204 §7.4). */
  constructor(code: bigint, scopeOfLarge: Http3ErrorScope = 'connection') {
    this.#code = code
    this.#scopeOfLarge = scopeOfLarge
  }

  /** From now on reads `bytes` from `start` up to `end`; they are borrowed. */
  reset(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.bytes = bytes
    this.at = start
    this.end = end
  }

  /** @throws Http3Error always. */
  fail(reason: string): never {
    throw new Http3Error(this.#code, reason)
  }

  /**
   * The integer whose prefix is the low `bits` bits of the next byte. `INCOMPLETE` (and nothing is read) where the bytes
   * end within it; `Infinity` for what lies from 2^53 to 2^62-1, since no table, string or stream id reaches so far.
   * @throws Http3Error for more than 62 bits.
   */
  integer(bits: number): number {
    let at = this.at
    if (at >= this.end) return INCOMPLETE
    const most = (1 << bits) - 1
    let value = (this.bytes[at++] ?? 0) & most
    if (value === most) {
      let scale = 1
      for (let i = 0; ; i++) {
        if (at >= this.end) return INCOMPLETE
        const byte = this.bytes[at++] ?? 0
        // The ninth byte carries bits 56 to 62.
        if (i === 8 && byte > 0x3f) {
          throw new Http3Error(this.#code, 'An integer is longer than 62 bits', this.#scopeOfLarge)
        }
        value += (byte & 0x7f) * scale
        if (byte < 0x80) break
        scale *= 0x80
      }
      if (value > MAX_SAFE) value = Infinity
    }
    this.at = at
    return value
  }

  /**
   * The string that the next `length` bytes are, which must be there; they are passed over. `undefined` if it has more
   * than `limit` characters.
   * @throws Http3Error for what no Huffman encoding ends in or holds.
   */
  string(length: number, isHuffman: boolean, limit: number): string | undefined {
    const start = this.at
    this.at = start + length
    if (!isHuffman) return length > limit ? undefined : flatLatin1(this.bytes, start, start + length)
    // No code is shorter than five bits.
    const room = Math.max(0, Math.min(limit, Math.floor((length * 8) / 5)))
    let into = this.#scratch
    if (into.length < room) {
      into = new Uint8Array(room)
      if (room <= KEPT_SCRATCH) this.#scratch = into
    }
    const size = decodeHuffman(this.bytes, start, start + length, into)
    if (size === HUFFMAN_INVALID) this.fail('A Huffman-encoded string is not properly ended')
    return size === HUFFMAN_TOO_LONG || size > limit ? undefined : flatLatin1(into, 0, size)
  }
}

/**
 * Writes a string with a prefix of `bits` bits, of which the first says whether it is Huffman-encoded; the shorter form
 * is taken. The bits above the prefix are those of `pattern`.
 * @throws TypeError for a character above U+00FF; nothing is written then.
 */
export function writeString(writer: Writer, pattern: number, bits: number, text: string): void {
  const size = huffmanSize(text)
  if (size < text.length) {
    writePrefixInteger(writer, pattern | (1 << (bits - 1)), bits - 1, size)
    writeHuffman(writer, text, size)
    return
  }
  writePrefixInteger(writer, pattern, bits - 1, text.length)
  const at = writer.skip(text.length)
  const { buffer } = writer
  for (let i = 0; i < text.length; i++) buffer[at + i] = text.charCodeAt(i)
}

/** One character for each byte. The string is flat: tables keep it, and one joined of pieces would weigh several times as much. */
function flatLatin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= CHUNK) return charactersOf(bytes.subarray(start, end))
  let text = ''
  for (let at = start; at < end; at += CHUNK) text += charactersOf(bytes.subarray(at, Math.min(end, at + CHUNK)))
  return text
}

function charactersOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(undefined, bytes as unknown as number[])
}
