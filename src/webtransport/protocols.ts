/**
 * The fields by which client and server agree on an application protocol (draft-ietf-webtrans-http3 §3.3): lists and items
 * of RFC 9651 whose only valid type is a string. Whatever else they hold makes the whole field as if it had not come.
 */
import { formatString, type Member, parseItem, parseList } from '../http3/structured-fields.ts'

/** The field of the request: a list, the most preferred first. */
export const AVAILABLE_PROTOCOLS_FIELD = 'wt-available-protocols'
/** The field of the answer: one of them. */
export const PROTOCOL_FIELD = 'wt-protocol'

/** The longest name that W3C lets a page give, bytes. */
const MAX_NAME = 512

/** Whether an application may name a protocol so: printable ASCII (RFC 9651 §3.3.3), 1 to 512 bytes. */
export function isProtocolName(value: string): boolean {
  return value.length <= MAX_NAME && /^[ -~]+$/.test(value)
}

/**
 * WT-Available-Protocols.
 * @throws TypeError for a name that no string of RFC 9651 can carry.
 */
export function formatProtocols(protocols: readonly string[]): string {
  return protocols.map(formatString).join(', ')
}

/** The names in WT-Available-Protocols, its lines joined by commas; `undefined`: the field is to be ignored. */
export function parseProtocols(value: string): readonly string[] | undefined {
  const names: string[] = []
  for (const member of parseList(value) ?? []) {
    const name = nameOf(member)
    if (name === undefined) return undefined
    names.push(name)
  }
  return names.length === 0 ? undefined : names
}

/**
 * WT-Protocol.
 * @throws TypeError as {@link formatProtocols}
 */
export function formatProtocol(protocol: string): string {
  return formatString(protocol)
}

/** The name in WT-Protocol; `undefined`: the field is to be ignored. */
export function parseProtocol(value: string): string | undefined {
  const item = parseItem(value)
  return item === undefined ? undefined : nameOf(item)
}

/** What a member names, whatever its parameters say. */
function nameOf(member: Member): string | undefined {
  return 'item' in member && member.item.type === 'string' ? member.item.value : undefined
}
