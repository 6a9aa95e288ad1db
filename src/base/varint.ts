/** Variable-length integers (RFC 9000 §16): sizes and bounds. `Reader` and `Writer` hold the encoding itself. */

/** The largest value that the encoding can carry, 2^62-1. */
export const MAX_VARINT: bigint = 0x3fff_ffff_ffff_ffffn

/** The largest integer that a `number` holds exactly, 2^53-1: the bound of offsets, limits and packet numbers here. */
export const MAX_SAFE: number = Number.MAX_SAFE_INTEGER

/** Bytes of the shortest encoding. */
export type VarintSize = 1 | 2 | 4 | 8

/**
 * The size of the shortest encoding of `value`, in bytes (RFC 9000 Table 4).
 * @throws RangeError for what no varint can carry: negative, NaN, a number above 2^53-1, a bigint above 2^62-1.
 */
export function varintSize(value: number | bigint): VarintSize {
  if (value >= 0) {
    if (value < 0x40) return 1
    if (value < 0x4000) return 2
    if (value < 0x4000_0000) return 4
    if (typeof value === 'bigint' ? value <= MAX_VARINT : value <= MAX_SAFE) return 8
  }
  throw new RangeError(`A variable-length integer must be from 0 to 2^62-1 (2^53-1 as a number), got ${value}`)
}
