/** Strings under the Huffman code of RFC 7541 §5.2: one character for each byte. */
import type { Writer } from '../../base/writer.ts'
import { END_OF_STRING, FURTHER, huffmanTables } from './huffman-table.ts'

/** `decodeHuffman`: the bytes are not the encoding of any string. */
export const HUFFMAN_INVALID = -1
/** `decodeHuffman`: the string is longer than the room for it. */
export const HUFFMAN_TOO_LONG = -2

/**
 * Bytes of `text` under the code.
 * @throws TypeError for a character above U+00FF.
 */
export function huffmanSize(text: string): number {
  const { lengths } = huffmanTables()
  let bits = 0
  let union = 0
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i)
    union |= byte
    bits += lengths[byte & 0xff] ?? 0
  }
  if (union > 0xff) throw new TypeError(`A field must hold characters up to U+00FF, got ${JSON.stringify(text)}`)
  return (bits + 7) >>> 3
}

/** Writes `text`, whose encoding takes `size` bytes (of `huffmanSize`), without a length before it. */
export function writeHuffman(writer: Writer, text: string, size: number): void {
  const { codes, lengths } = huffmanTables()
  let at = writer.skip(size)
  const { buffer } = writer
  let bits = 0
  let held = 0
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i)
    let code = codes[byte] ?? 0
    let length = lengths[byte] ?? 0
    if (length > 24) {
      // With up to seven bits held it would not fit into 32: its front goes first.
      length -= 16
      held = (held << length) | (code >>> 16)
      bits += length
      while (bits >= 8) {
        bits -= 8
        buffer[at++] = held >>> bits
      }
      code &= 0xffff
      length = 16
    }
    held = (held << length) | code
    bits += length
    while (bits >= 8) {
      bits -= 8
      buffer[at++] = held >>> bits
    }
  }
  // Padding is the beginning of the end-of-string code, which is all ones.
  if (bits > 0) buffer[at] = (held << (8 - bits)) | (0xff >>> bits)
}

/**
 * Decodes the bytes from `start` up to `end` to the beginning of `into`; returns how many bytes the string has, or
 * `HUFFMAN_INVALID`, or, where `into` is full before the end, `HUFFMAN_TOO_LONG`.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, into: Uint8Array): number {
  const { steps } = huffmanTables()
  let length = 0
  let table = 0
  let held = 0
  let bits = 0
  for (let at = start; at < end; at++) {
    held = (held << 8) | (bytes[at] ?? 0)
    bits += 8
    while (bits >= 8) {
      const step = steps[table + ((held >>> (bits - 8)) & 0xff)] ?? 0
      if (step >= FURTHER) {
        table = (step & ~FURTHER) << 8
        bits -= 8
      } else {
        const symbol = step >>> 4
        if (symbol === END_OF_STRING) return HUFFMAN_INVALID
        if (length === into.length) return HUFFMAN_TOO_LONG
        into[length++] = symbol
        table = 0
        bits -= step & 0xf
      }
    }
  }
  // Fewer than eight bits are left: codes that end in them, then at most seven bits of padding, all ones.
  while (bits > 0) {
    const step = steps[table + (((held << (8 - bits)) | (0xff >>> bits)) & 0xff)] ?? 0
    if (step >= FURTHER || (step & 0xf) > bits) break
    if (length === into.length) return HUFFMAN_TOO_LONG
    into[length++] = step >>> 4
    table = 0
    bits -= step & 0xf
  }
  const padding = (1 << bits) - 1
  return table === 0 && (held & padding) === padding ? length : HUFFMAN_INVALID
}
