/** Builds DER (ITU-T X.690): each function returns one whole element, so that calls nest as the structure does. */
import { concat, encodeUtf8 } from '../base/bytes.ts'
import { DerTag } from './der.ts'

/** An element with this identifier octet and these contents, one behind the other. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const body = concat(...contents)
  return concat(Uint8Array.of(tag, ...lengthOctets(body.length)), body)
}

/** A SEQUENCE of these elements. */
export function derSequence(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(DerTag.sequence, ...elements)
}

/** A SET of one element, or of several that the caller has put into DER order. */
export function derSet(...elements: readonly Uint8Array[]): Uint8Array {
  return derElement(DerTag.set, ...elements)
}

/** A BOOLEAN. */
export function derBoolean(value: boolean): Uint8Array {
  return derElement(DerTag.boolean, Uint8Array.of(value ? 0xff : 0))
}

/** A non-negative INTEGER from its big-endian bytes; leading zeros are put right. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const digits = bytes.subarray(start)
  return derElement(DerTag.integer, Uint8Array.of(...((digits[0] ?? 0x80) >= 0x80 ? [0] : [])), digits)
}

/** A small non-negative INTEGER, up to 2^31 - 1. */
export function derInteger(value: number): Uint8Array {
  return derUnsigned(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value))
}

/** An OCTET STRING. */
export function derOctetString(...contents: readonly Uint8Array[]): Uint8Array {
  return derElement(DerTag.octetString, ...contents)
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derElement(DerTag.bitString, Uint8Array.of(0), bytes)
}

/** A BIT STRING of named bits: bit 0 is the least significant of `mask`, which has at most 16 bits. */
export function derNamedBits(mask: number): Uint8Array {
  const highest = 31 - Math.clz32(mask)
  if (highest < 0) return derElement(DerTag.bitString, Uint8Array.of(0))
  const bytes = new Uint8Array((highest >> 3) + 1)
  for (let bit = 0; bit <= highest; bit++)
    if ((mask >> bit) & 1) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7))
  return derElement(DerTag.bitString, Uint8Array.of(7 - (highest & 7)), bytes)
}

/** NULL. */
export function derNull(): Uint8Array {
  return derElement(DerTag.null)
}

/** A UTF8String. */
export function derUtf8String(text: string): Uint8Array {
  return derElement(DerTag.utf8String, encodeUtf8(text))
}

/** An OBJECT IDENTIFIER from its dotted form. @throws RangeError if it is none. */
export function derOid(dotted: string): Uint8Array {
  const arcs = dotted.split('.')
  if (arcs.length < 2 || !arcs.every((arc) => /^\d+$/.test(arc)))
    throw new RangeError(`No object identifier: ${dotted}`)
  const [root = 0n, second = 0n, ...tail] = arcs.map(BigInt)
  if (root > 2n || (root < 2n && second >= 40n)) throw new RangeError(`No object identifier: ${dotted}`)
  return derElement(DerTag.oid, ...[root * 40n + second, ...tail].map(base128))
}

function base128(value: bigint): Uint8Array {
  const septets = [Number(value & 0x7fn)]
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) septets.unshift(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.from(septets)
}

function lengthOctets(length: number): number[] {
  if (length < 0x80) return [length]
  const octets: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256)
  return [0x80 | octets.length, ...octets]
}
