/** Prefixed integers (RFC 9204 §4.1.1, RFC 7541 §5.1): the low bits of one byte, and seven bits in each that follows. */
import type { Writer } from '../../base/writer.ts'

/**
 * Writes `value` with a prefix of `bits` bits; the bits above them in the first byte are those of `pattern`.
 * `value` is from 0 to 2^53-1.
 */
export function writePrefixInteger(writer: Writer, pattern: number, bits: number, value: number): void {
  const most = (1 << bits) - 1
  if (value < most) {
    writer.uint8(pattern | value)
    return
  }
  writer.uint8(pattern | most)
  let rest = value - most
  while (rest >= 0x80) {
    writer.uint8(0x80 | (rest % 0x80))
    rest = Math.floor(rest / 0x80)
  }
  writer.uint8(rest)
}

/** Bytes that `writePrefixInteger` writes. */
export function prefixIntegerSize(bits: number, value: number): number {
  const most = (1 << bits) - 1
  if (value < most) return 1
  let size = 2
  for (let rest = value - most; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}
