/**
 * Host and port of a `PathAddress`, and the bytes of IP addresses in it: for the preferred address (RFC 9000 §18.2), for
 * tokens bound to an address, and to tell a new port from a new host (RFC 9000 §9.4).
 */
import type { Reader } from '../base/reader.ts'
import type { PathAddress } from '../transport.ts'

/** The two parts of an address. */
export interface HostAndPort {
  /** Without brackets. */
  readonly host: string
  /** 0 to 65535. */
  readonly port: number
}

/** `host:port`, an IPv6 host in brackets. */
export function joinAddress(host: string, port: number): PathAddress {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The parts of `host:port`; `undefined` if it has not that form, as the `''` of a transport with one peer. */
export function splitAddress(address: PathAddress): HostAndPort | undefined {
  const colon = address.lastIndexOf(':')
  if (colon < 0) return undefined
  const text = address.slice(colon + 1)
  const port = decimal(text, 65535)
  if (port < 0) return undefined
  const host = address.slice(0, colon)
  if (host.startsWith('[') && host.endsWith(']')) return { host: host.slice(1, -1), port }
  return host.includes(':') ? undefined : { host, port }
}

/** The address without its port; as it is if it has none. */
export function hostOf(address: PathAddress): string {
  return splitAddress(address)?.host ?? address
}

/** The 4 or 16 bytes of an IP address in text (a zone index does not count); `undefined` for a name. */
export function hostBytes(host: string): Uint8Array | undefined {
  const zone = host.indexOf('%')
  const text = zone < 0 ? host : host.slice(0, zone)
  return text.includes(':') ? ipv6Bytes(text) : ipv4Bytes(text)
}

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  const bytes = new Uint8Array(4)
  for (let i = 0; i < 4; i++) {
    const value = decimal(parts[i] ?? '', 255)
    if (value < 0) return undefined
    bytes[i] = value
  }
  return bytes
}

/** RFC 4291 §2.2: eight groups, `::` once for any number of zero groups, the last two perhaps in dotted form. */
function ipv6Bytes(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groups(halves[0] ?? '', halves.length === 1)
  const tail = groups(halves[1] ?? '', true)
  if (head === undefined || tail === undefined) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined
  const bytes = new Uint8Array(16)
  bytes.set(head)
  bytes.set(tail, 16 - tail.length)
  return bytes
}

/** The bytes of groups between colons; an IPv4 address may end the whole address. */
function groups(text: string, isLast: boolean): number[] | undefined {
  const bytes: number[] = []
  if (text === '') return bytes
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const ipv4 = isLast && index === parts.length - 1 ? ipv4Bytes(part) : undefined
      if (ipv4 === undefined) return undefined
      bytes.push(...ipv4)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return undefined
      const value = Number.parseInt(part, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes.length > 16 ? undefined : bytes
}

/** The text of 4 or 16 bytes, IPv6 in the form of RFC 5952, which is the form that hosts report addresses in. */
export function hostText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const isMapped = bytes.every((byte, i) => i >= 12 || byte === (i < 10 ? 0 : 0xff))
  if (isMapped) return `::ffff:${bytes.subarray(12).join('.')}`
  const words: string[] = []
  for (let i = 0; i < 16; i += 2) words.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16))
  const { start, length } = longestZeroRun(words)
  if (length < 2) return words.join(':')
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`
}

function longestZeroRun(words: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  let start = 0
  for (let i = 0; i <= words.length; i++) {
    if (words[i] === '0') continue
    if (i - start > best.length) best = { start, length: i - start }
    start = i + 1
  }
  return best
}

/** Reads an IP address of `length` bytes and a port; `undefined` if they are all zero, which stands for none. */
export function readAddress(reader: Reader, length: 4 | 16): PathAddress | undefined {
  const bytes = reader.bytesCopy(length)
  const port = reader.uint16()
  if (!reader.ok || (port === 0 && bytes.every((byte) => byte === 0))) return undefined
  return joinAddress(hostText(bytes), port)
}

/** A decimal number without sign, at most `highest`; -1 for anything else. */
function decimal(text: string, highest: number): number {
  if (!/^[0-9]{1,5}$/.test(text)) return -1
  const value = Number(text)
  return value > highest ? -1 : value
}
