/**
 * The two forms of an ECDSA signature: DER, as in certificates and TLS (RFC 3279 §2.2.3), and the two numbers side by side, as in
 * Web Crypto.
 */
import { Asn1Reader, Asn1Tag, encodeAsn1, integerBits } from './asn1.ts'

/** Both numbers, `size` bytes each, of a signature in DER; `undefined` for one that is malformed or out of range. */
export function ecdsaToRaw(der: Uint8Array, size: number): Uint8Array | undefined {
  const outer = new Asn1Reader(der)
  const fields = outer.enter(Asn1Tag.sequence)
  const r = fields.read(Asn1Tag.integer)
  const s = fields.read(Asn1Tag.integer)
  if (!outer.isComplete || !fields.isComplete) return undefined
  const raw = new Uint8Array(2 * size)
  return putInteger(raw, size, r) && putInteger(raw, 2 * size, s) ? raw : undefined
}

/** The DER form of two numbers side by side. */
export function ecdsaToDer(raw: Uint8Array): Uint8Array {
  const size = raw.length / 2
  return encodeAsn1(Asn1Tag.sequence, encodeInteger(raw.subarray(0, size)), encodeInteger(raw.subarray(size)))
}

/** Writes a positive INTEGER's content so that it ends at `end`, and says whether it fits into as many bytes as `raw` is halves. */
function putInteger(raw: Uint8Array, end: number, content: Uint8Array): boolean {
  const bits = integerBits(content)
  if (bits === 0 || bits > 4 * raw.length) return false
  const digits = content[0] === 0 ? content.subarray(1) : content
  raw.set(digits, end - digits.length)
  return true
}

function encodeInteger(digits: Uint8Array): Uint8Array {
  let at = 0
  while (at < digits.length - 1 && digits[at] === 0) at += 1
  const minimal = digits.subarray(at)
  return (minimal[0] ?? 0) >= 0x80
    ? encodeAsn1(Asn1Tag.integer, Uint8Array.of(0), minimal)
    : encodeAsn1(Asn1Tag.integer, minimal)
}
