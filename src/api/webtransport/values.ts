/** Values as Web IDL takes them: what W3C's interfaces convert, in which way, and what they throw. */

/** A dictionary: `undefined` and `null` are an empty one. @throws TypeError for what is no object */
export function dictionary<T extends object>(value: T | null | undefined, name: string): Partial<T> {
  if (value === undefined || value === null) return {}
  if (typeof value !== 'object' && typeof value !== 'function') {
    throw new TypeError(`${name} must be an object, got ${typeof value}`)
  }
  return value
}

/** `unsigned long`: modulo 2^32. */
export function unsignedLong(value: unknown): number {
  return Number(value) >>> 0
}

/** `long long`, as far as a number holds it exactly. */
export function longLong(value: unknown): number {
  const number = Number(value)
  if (!Number.isFinite(number)) return 0
  return Math.min(Math.max(Math.trunc(number), Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER) || 0
}

/** `[EnforceRange] unsigned short?`. @throws TypeError for what is out of range, or no number */
export function optionalUnsignedShort(value: unknown, name: string): number | null {
  if (value === undefined || value === null) return null
  const number = Math.trunc(Number(value))
  if (!(number >= 0 && number <= 65_535)) throw new TypeError(`${name} must be from 0 to 65535, got ${String(value)}`)
  return number || 0
}

/** One of the names of an enumeration. @throws TypeError for any other */
export function oneOf<T extends string>(value: unknown, names: readonly T[], name: string): T {
  const found = names.find((each) => each === String(value))
  if (found !== undefined) return found
  throw new TypeError(`${name} must be ${names.map((each) => `'${each}'`).join(' or ')}, got ${String(value)}`)
}

/** The bytes of a `BufferSource`. @throws TypeError for anything else */
export function bufferSource(value: unknown, name: string): Uint8Array {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new TypeError(`${name} must be a BufferSource, got ${value === null ? 'null' : typeof value}`)
}
