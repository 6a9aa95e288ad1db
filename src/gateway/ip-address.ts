/** IP addresses as bytes, and the ranges that are no part of the public internet (RFC 6890 and its registries). */

/** 4 or 16 bytes, in network order. */
export type IpBytes = Uint8Array

/** Addresses whose first `bits` bits are those of `bytes`. */
export interface IpRange {
  readonly bytes: IpBytes
  readonly bits: number
}

/**
 * The bytes of a literal address in its usual form: IPv4 as four decimal numbers, IPv6 as RFC 4291 §2.2 has it, without
 * brackets or zone. `undefined` for anything else, the old spellings of IPv4 (`127.1`, `0x7f000001`) among it.
 */
export function parseIp(text: string): IpBytes | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): IpBytes | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  const parts = match.slice(1).map(Number)
  // A leading zero is octal to some and decimal to others.
  if (parts.some((part) => part > 255) || match.slice(1).some((part) => part.length > 1 && part[0] === '0')) {
    return undefined
  }
  return Uint8Array.from(parts)
}

function parseIpv6(text: string): IpBytes | undefined {
  const last = text.slice(text.lastIndexOf(':') + 1)
  const tail = last.includes('.') ? parseIpv4(last) : undefined
  if (last.includes('.') && tail === undefined) return undefined
  const colons = tail === undefined ? text : `${text.slice(0, text.lastIndexOf(':') + 1)}${groupsOf(tail)}`
  const halves = colons.split('::')
  if (halves.length > 2) return undefined
  const [head = '', rest] = halves
  const left = head === '' ? [] : head.split(':')
  const right = rest === undefined || rest === '' ? [] : rest.split(':')
  const missing = 8 - left.length - right.length
  if (rest === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...left, ...new Array<string>(missing).fill('0'), ...right]
  if (groups.some((group) => !/^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return Uint8Array.from(
    groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  )
}

function groupsOf(v4: IpBytes): string {
  const [a = 0, b = 0, c = 0, d = 0] = v4
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

/** `address/bits`, or one address. `undefined` for anything else, and where bits are set beyond the prefix. */
export function parseRange(text: string): IpRange | undefined {
  const [address = '', length, ...more] = text.split('/')
  const bytes = parseIp(address)
  if (bytes === undefined || more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined
  const bits = length === undefined ? bytes.length * 8 : Number(length)
  if (bits > bytes.length * 8) return undefined
  const isExact = bytes.every((byte, index) => (byte & ~maskOf(bits, index) & 0xff) === 0)
  return isExact ? { bytes, bits } : undefined
}

/** Whether `address` is of `range`; an address of the other family never is. */
export function isInRange(address: IpBytes, range: IpRange): boolean {
  if (address.length !== range.bytes.length) return false
  return range.bytes.every((byte, index) => ((byte ^ (address[index] ?? 0)) & maskOf(range.bits, index)) === 0)
}

/** The bits of byte `index` that a prefix of `bits` covers. */
function maskOf(bits: number, index: number): number {
  const covered = Math.min(8, Math.max(0, bits - index * 8))
  return (0xff00 >> covered) & 0xff
}

// The IANA registries of special-purpose addresses, and multicast. Documentation ranges, too: nobody answers there.
const SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/128',
  '::1/128',
  '100::/64',
  '100:0:0:1::/64',
  '2001::/23',
  '2001:db8::/32',
  '2620:4f:8000::/48',
  '3fff::/20',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
]

// Addresses of IPv6 that stand for one of IPv4, and where in them it begins: mapped and compatible ones (RFC 4291 §2.5.5),
// NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), translated ones (RFC 2765). Teredo is closed as a whole, by 2001::/23.
const EMBEDDING: readonly (readonly [string, number])[] = [
  ['::ffff:0:0/96', 12],
  ['::ffff:0:0:0/96', 12],
  ['::/96', 12],
  ['64:ff9b::/96', 12],
  ['64:ff9b:1::/48', 12],
  ['2002::/16', 2],
]

let special: readonly IpRange[] | undefined
let embedding: readonly (readonly [IpRange, number])[] | undefined

function rangesOf(texts: readonly string[]): IpRange[] {
  return texts.flatMap((text) => parseRange(text) ?? [])
}

/** The address of IPv4 that an address of IPv6 stands for, if it stands for one. */
export function embeddedIpv4(address: IpBytes): IpBytes | undefined {
  embedding ??= EMBEDDING.flatMap(([text, at]) => rangesOf([text]).map((range) => [range, at] as const))
  const found = embedding.find(([range]) => isInRange(address, range))
  return found === undefined ? undefined : address.subarray(found[1], found[1] + 4)
}

/** Whether an address is of the public internet: not special, and not a way to write one that is. */
export function isPublic(address: IpBytes): boolean {
  special ??= rangesOf(SPECIAL)
  if (special.some((range) => isInRange(address, range))) return false
  const inner = embeddedIpv4(address)
  // 64:ff9b:1::/48 is for local use whatever it holds (RFC 8215).
  if (inner !== undefined && address[0] === 0 && address[1] === 0x64 && address[5] === 1) return false
  return inner === undefined || isPublic(inner)
}
