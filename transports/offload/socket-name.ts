/** `struct sockaddr_in` and `sockaddr_in6`, and the literal addresses they stand for. */
import { isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { SocketAddress } from '../udp-socket.ts'
import { AF_INET, AF_INET6 } from './kernel.ts'

/** Bytes of `struct sockaddr_in6`, the longer one. */
export const NAME_SIZE = 28
const NAME4_SIZE = 16

/** Bytes of the structure for a family. */
export function nameSize(family: 4 | 6): number {
  return family === 6 ? NAME_SIZE : NAME4_SIZE
}

/** Whether the address is one of IPv4 in a structure of IPv6 (RFC 4291 §2.5.5.2). */
export function isMapped(name: Uint8Array): boolean {
  return name[0] === AF_INET6 && PREFIX.every((byte, i) => name[8 + i] === byte)
}

const PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** The structure for a literal address of that family; `undefined` where it is none. */
export function encodeName(family: 4 | 6, { address, port }: SocketAddress): Uint8Array | undefined {
  const name = new Uint8Array(nameSize(family))
  const view = new DataView(name.buffer)
  view.setUint16(0, family === 6 ? AF_INET6 : AF_INET, true)
  view.setUint16(2, port)
  if (family === 4) {
    if (!isIPv4(address)) return undefined
    name.set(address.split('.').map(Number), 4)
    return name
  }
  if (!isIPv6(address)) return undefined
  const [literal = '', zone] = address.split('%')
  name.set(parse6(literal), 8)
  view.setUint32(24, zone === undefined ? 0 : zoneIndex(zone), true)
  return name
}

/** What the structure at `at` stands for, written as `dgram` writes it. */
export function decodeName(bytes: Uint8Array, at: number): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const port = view.getUint16(2)
  if (view.getUint16(0, true) !== AF_INET6) return { address: quad(bytes, at + 4), port }
  const zone = view.getUint32(24, true)
  return { address: format6(view) + (zone === 0 ? '' : `%${zoneName(zone)}`), port }
}

function quad(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`
}

/** The 16 bytes of a valid literal of IPv6. */
function parse6(literal: string): Uint8Array {
  const [head = '', tail] = literal.split('::')
  const front = groups(head)
  const back = tail === undefined ? [] : groups(tail)
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (const [i, group] of front.entries()) view.setUint16(2 * i, group)
  for (const [i, group] of back.entries()) view.setUint16(16 - 2 * (back.length - i), group)
  return bytes
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}

/** The text of RFC 5952: the longest run of zeros as `::`, the first of equally long ones. */
function format6(view: DataView): string {
  const parts = Array.from({ length: 8 }, (_, i) => view.getUint16(8 + 2 * i))
  let [start, length] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && parts[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  if (start === 0 && length === 5 && parts[5] === 0xffff) {
    return `::ffff:${quad(new Uint8Array(view.buffer, view.byteOffset), 20)}`
  }
  const hex = (from: number, to: number): string =>
    parts
      .slice(from, to)
      .map((part) => part.toString(16))
      .join(':')
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`
}

/** The number of a link-local zone, given as such or as the name of an interface; 0: there is none of the name. */
function zoneIndex(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone)
  return networkInterfaces()[zone]?.find(({ family }) => family === 'IPv6')?.scopeid ?? 0
}

function zoneName(index: number): string {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some((address) => address.family === 'IPv6' && address.scopeid === index),
  )
  return found?.[0] ?? String(index)
}
