/** A field line, the unit of header and trailer sections (RFC 9110 §5, RFC 9114 §4.2). */

/**
 * One line of a field section. Name and value hold one byte per character (isomorphic decoding, as Fetch's `ByteString`).
 */
export interface Field {
  /** In lower case. */
  readonly name: string
  readonly value: string
  /** It must never be put into a compression table, by whoever passes it on either (RFC 9204 §7.1.3). */
  readonly isNeverIndexed?: boolean
}

/** Bytes that a limit of field sections counts for each line beyond its name and value (RFC 9114 §4.2.2). */
export const FIELD_OVERHEAD = 32

/** The size of a line as limits count it, bytes (RFC 9114 §4.2.2, RFC 9204 §3.2.1). */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + FIELD_OVERHEAD
}
