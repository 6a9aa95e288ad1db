/**
 * Byte strings: joining, comparing, and their text forms (hexadecimal, Latin-1, UTF-8). Own code throughout, so that
 * it behaves alike in every host.
 */

/** The empty byte string, shared. */
export const EMPTY: Uint8Array = new Uint8Array(0)

/** All of `parts`, one behind the other, in a fresh array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/**
 * A copy of the bytes from `start` up to `end`, as a plain `Uint8Array`. Unlike `bytes.slice()` it copies in Node too,
 * where `bytes` may be a `Buffer`, whose own `slice` shares memory.
 */
export function copyBytes(bytes: Uint8Array, start = 0, end: number = bytes.length): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start)
  copy.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end))
  return copy
}

/**
 * Gives back the memory of an array that has a buffer of its own and has served; nothing is left in it. For arrays that a host
 * allocates by the thousand: left to the collector they pile up to megabytes outside of the heap, so that each new one comes to
 * lie in cold memory, and all of the heap is marked time and again.
 */
export function freeBytes(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer }
  // Node 20 has no `transfer`. Where others lie in the buffer, as hosts may cut several arrays from one, it stays.
  if (buffer.byteLength === bytes.length) buffer.transfer?.(0)
}

/** Whether both hold the same bytes. The time taken depends on the lengths alone, so secrets may be compared. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

const HEX = '0123456789abcdef'

/** Lower-case hexadecimal, two digits for each byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX.charAt(byte >> 4) + HEX.charAt(byte & 15)
  return text
}

/**
 * The bytes that a hexadecimal string of either case stands for.
 * @throws TypeError for an odd length or a character that is no digit.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new TypeError(`Hexadecimal text must have an even length, got ${text.length}`)
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (hexDigit(text, 2 * i) << 4) | hexDigit(text, 2 * i + 1)
  }
  return bytes
}

function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  if (letter >= 0x61 && letter <= 0x66) return letter - 0x57
  throw new TypeError(`Hexadecimal text must hold digits only, got ${JSON.stringify(text.charAt(at))} at ${at}`)
}

/** One character for each byte from `start` up to `end`, U+0000 to U+00FF: a compact key for maps. */
export function toLatin1(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  let text = ''
  let i = start
  // Eight at a time: ids of 8 bytes are looked up for every datagram, and this halves the time.
  for (; i + 8 <= end; i += 8) {
    text += String.fromCharCode(
      bytes[i] ?? 0,
      bytes[i + 1] ?? 0,
      bytes[i + 2] ?? 0,
      bytes[i + 3] ?? 0,
      bytes[i + 4] ?? 0,
      bytes[i + 5] ?? 0,
      bytes[i + 6] ?? 0,
      bytes[i + 7] ?? 0,
    )
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i] ?? 0)
  return text
}

/** The bytes of what {@link toLatin1} made. */
export function fromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index)
  return bytes
}

/** UTF-8 of `text`. An unpaired surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  // A UTF-16 unit takes at most three bytes; a surrogate pair, two units, takes four.
  const bytes = new Uint8Array(text.length * 3)
  let at = 0
  for (let i = 0; i < text.length; i++) {
    let point = text.codePointAt(i) ?? 0
    if (point > 0xffff) i++
    else if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd
    if (point < 0x80) {
      bytes[at++] = point
    } else if (point < 0x800) {
      bytes[at++] = 0xc0 | (point >> 6)
      bytes[at++] = 0x80 | (point & 0x3f)
    } else if (point < 0x1_0000) {
      bytes[at++] = 0xe0 | (point >> 12)
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
      bytes[at++] = 0x80 | (point & 0x3f)
    } else {
      bytes[at++] = 0xf0 | (point >> 18)
      bytes[at++] = 0x80 | ((point >> 12) & 0x3f)
      bytes[at++] = 0x80 | ((point >> 6) & 0x3f)
      bytes[at++] = 0x80 | (point & 0x3f)
    }
  }
  return bytes.slice(0, at)
}

/**
 * The text that UTF-8 bytes stand for. Never fails: each ill-formed sequence becomes U+FFFD, cut as the WHATWG Encoding
 * standard cuts it (a byte that cannot continue a sequence begins the next). A byte order mark is kept.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; ) {
    const first = bytes[i++] ?? 0
    if (first < 0x80) {
      text += String.fromCharCode(first)
      continue
    }
    let following = utf8Following(first)
    let point = following === 0 ? 0xfffd : first & (0x3f >> following)
    // The second byte's bounds exclude over-long forms, surrogates and what lies above U+10FFFF.
    let lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    let highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    for (; following > 0; following--) {
      const next = bytes[i] ?? 0
      if (next < lowest || next > highest) {
        point = 0xfffd
        break
      }
      point = (point << 6) | (next & 0x3f)
      lowest = 0x80
      highest = 0xbf
      i++
    }
    text += String.fromCodePoint(point)
  }
  return text
}

/** How many bytes follow `first` in a well-formed sequence; 0 if none begins with it. */
function utf8Following(first: number): number {
  if (first >= 0xc2 && first <= 0xdf) return 1
  if (first >= 0xe0 && first <= 0xef) return 2
  if (first >= 0xf0 && first <= 0xf4) return 3
  return 0
}
