/**
 * Which names a certificate is good for (RFC 9525): subject alternative names only, the common name never; a wildcard is the
 * whole left-most label or nothing; addresses match addresses. Names are compared as A-labels, without regard to case.
 */
import { equalBytes } from '../base/bytes.ts'
import type { Certificate } from './certificate.ts'
import { CertificateError } from './certificate-error.ts'
import { printable } from './distinguished-name.ts'

/** What the caller wanted to reach: the reference identifier of RFC 9525 §6.1. */
export type ReferenceName =
  | { readonly type: 'dns'; readonly name: string }
  | { readonly type: 'ip'; readonly address: Uint8Array }

const MAX_HOST_NAME_LENGTH = 253
/** Names that an error message lists before it says how many more there are. */
const MAX_LISTED_NAMES = 10

/** A host name (in A-labels; one final dot is taken off) or an IP literal (IPv6 with or without brackets); else `undefined`. */
export function parseReferenceName(text: string): ReferenceName | undefined {
  const isBracketed = text.startsWith('[') && text.endsWith(']')
  const address = isBracketed ? parseIpv6(text.slice(1, -1)) : parseIpAddress(text)
  if (address !== undefined) return { type: 'ip', address }
  const name = (text.endsWith('.') ? text.slice(0, -1) : text).toLowerCase()
  // What ends in a number is a mistyped address, never a host (URL Standard, "ends in a number").
  return isHostName(name) && !/(^|\.)\d+$/.test(name) ? { type: 'dns', name } : undefined
}

/** Whether `text` consists of labels of letters, digits, hyphens and underscores, 253 bytes at most. */
export function isHostName(text: string): boolean {
  return text.length <= MAX_HOST_NAME_LENGTH && text.split('.').every((label) => /^[a-z0-9_-]{1,63}$/i.test(label))
}

/** Demands that the certificate be good for `name`. @throws CertificateError */
export function checkName(certificate: Certificate, name: string): void {
  const reference = parseReferenceName(name)
  if (reference === undefined) {
    throw new CertificateError('name', `name "${printable(name)}" is neither a host name in A-labels nor an IP address`)
  }
  const names = certificate.extensions.subjectAltName ?? []
  const matches = names.some((presented) => {
    if (reference.type === 'dns') return presented.type === 'dNSName' && matchesPattern(reference.name, presented.value)
    return presented.type === 'iPAddress' && equalBytes(presented.value, reference.address)
  })
  if (!matches) throw new CertificateError('name', `name "${printable(name)}" is not in [${listNames(certificate)}]`)
}

/** RFC 9525 §6.3: label by label; a wildcard stands for one whole label, and at least two follow it. `name` is in lower case. */
function matchesPattern(name: string, presented: string): boolean {
  const pattern = presented.toLowerCase()
  if (!pattern.startsWith('*.')) return pattern === name
  const suffix = pattern.slice(1)
  return suffix.includes('.', 1) && name.slice(name.indexOf('.')) === suffix
}

function listNames(certificate: Certificate): string {
  const names = (certificate.extensions.subjectAltName ?? []).flatMap((name) => {
    if (name.type === 'dNSName') return [printable(name.value)]
    return name.type === 'iPAddress' ? [formatIpAddress(name.value)] : []
  })
  const more = names.length - MAX_LISTED_NAMES
  return names.slice(0, MAX_LISTED_NAMES).join(', ') + (more > 0 ? `, and ${more} more` : '')
}

/** The 4 or 16 bytes of an IP literal, without brackets or zone; `undefined` if it is none. */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Text of an address: dotted, or the shortest form of RFC 5952; other lengths in hexadecimal groups. */
export function formatIpAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: string[] = []
  for (let i = 0; i + 1 < bytes.length; i += 2) groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16))
  // RFC 5952 §4.2: the first of the longest runs of at least two zero groups becomes "::".
  let [start, length] = [-1, 1]
  for (let i = 0; i < groups.length; i++) {
    let end = i
    while (groups[end] === '0') end++
    if (end - i > length) [start, length] = [i, end - i]
  }
  if (start < 0) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return Uint8Array.from(parts, Number)
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map(parseGroups)
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const zeros = 16 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? zeros !== 0 : zeros < 2) return undefined
  return Uint8Array.from([...head, ...new Array<number>(zeros).fill(0), ...(tail ?? [])])
}

/** The bytes of one side of "::"; the last group may be an IPv4 address (RFC 4291 §2.2). */
function parseGroups(text: string, half: number, halves: readonly string[]): number[] | undefined {
  if (text === '') return halves.length === 2 ? [] : undefined
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    const isLast = index === groups.length - 1 && half === halves.length - 1
    const dotted = isLast && group.includes('.') ? parseIpv4(group) : undefined
    if (dotted !== undefined) bytes.push(...dotted)
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff)
    else return undefined
  }
  return bytes
}
