/**
 * Requests, responses and trailers as field sections: validated when they come, built when they are to be sent (RFC 9114
 * §4.1 to §4.5). Both ways go through the same rules, so nothing is sent that we would not take. The order of the frames,
 * and whether the content is as long as was said, is the request stream's business.
 */
import { DEFAULT_PRIORITY } from '../streams/scheduler.ts'
import { checkCapsuleMessage, isCapsuleProtocol } from './capsule-protocol.ts'
import type { Field } from './field.ts'
import { malformed, quote, type Refusal, readSection, type Section, unsendable } from './field-rules.ts'
import { type Priority, parsePriority } from './priority.ts'
import { type RequestTarget, readTarget } from './request-target.ts'

/** The header section of a request. */
export interface RequestHead extends RequestTarget {
  /** Without pseudo-header fields; several cookie lines have become one (RFC 9114 §4.2.1). */
  readonly fields: readonly Field[]
  /** Bytes of content that were announced; never of CONNECT. */
  readonly contentLength: number | undefined
  /** What the Priority field asks for; the default where there is none (RFC 9218 §5). */
  readonly priority: Priority
}

/** The header section of a response, an interim one included. */
export interface ResponseHead {
  /** 100 to 999, never 101. Below 200 it is interim; from 600 on no class is known (RFC 9110 §15). */
  readonly status: number
  /** Without `:status`. */
  readonly fields: readonly Field[]
  /** What Content-Length says, which need not be the length of this content: see {@link expectedContent}. */
  readonly contentLength: number | undefined
}

/**
 * The header section of a request, validated. That `:protocol` comes only where it was offered is left to the caller.
 * @throws Http3Error H3_MESSAGE_ERROR, of the stream.
 */
export function parseRequest(fields: readonly Field[]): RequestHead {
  return readRequest(fields, malformed)
}

function readRequest(lines: readonly Field[], refuse: Refusal): RequestHead {
  const section = readSection(lines, 'request', refuse)
  const { method, scheme, authority, path, protocol } = readTarget(section, refuse)
  const { fields } = section
  // What follows CONNECT is a tunnel, which has an end but no length (RFC 9110 §9.3.6).
  const contentLength = method === 'CONNECT' ? undefined : section.contentLength
  if (protocol !== undefined && isCapsuleProtocol(fields)) checkCapsuleMessage(fields, undefined, refuse)
  const priority = section.priority === undefined ? DEFAULT_PRIORITY : parsePriority(section.priority)
  return { method, scheme, authority, path, protocol, fields, contentLength, priority }
}

/**
 * The header section of a response, validated.
 * @throws Http3Error H3_MESSAGE_ERROR, of the stream.
 */
export function parseResponse(fields: readonly Field[]): ResponseHead {
  const section = readSection(fields, 'response', malformed)
  return { status: statusOf(section), fields: section.fields, contentLength: section.contentLength }
}

function statusOf({ pseudo }: Section): number {
  const status = pseudo.get(':status')
  if (status === undefined) throw malformed('The response has no :status')
  if (!/^[1-9][0-9][0-9]$/.test(status)) throw malformed(`:status must be three digits, got ${quote(status)}`)
  // RFC 9114 §4.5.
  if (status === '101') throw malformed('HTTP/3 knows no status 101')
  return Number(status)
}

/**
 * A trailer section, validated. Its fields must not be merged into those of the header section (RFC 9110 §6.5.1).
 * @throws Http3Error H3_MESSAGE_ERROR, of the stream.
 */
export function parseTrailers(fields: readonly Field[]): readonly Field[] {
  return readSection(fields, 'trailers', malformed).fields
}

/**
 * Bytes of content that a response must have, from its head and the method of its request (RFC 9114 §4.1.2, RFC 9110
 * §6.4.1). `undefined`: as many as come.
 */
export function expectedContent(method: string, { status, contentLength }: ResponseHead): number | undefined {
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0
  // What follows is a tunnel; a Content-Length there is ignored (RFC 9110 §9.3.6).
  return method === 'CONNECT' && status < 300 ? undefined : contentLength
}

/** What a request to be sent is made of. */
export interface RequestParts {
  readonly method: string
  readonly scheme?: string | undefined
  readonly authority?: string | undefined
  readonly path?: string | undefined
  /** Makes CONNECT an extended one; the peer must have said that it takes them (RFC 9220 §3). */
  readonly protocol?: string | undefined
  /** Names may have upper case. */
  readonly fields?: Iterable<Field> | undefined
}

/**
 * The header section of a request, ready to be sent.
 * @throws TypeError for what must not be sent, naming it (RFC 9114 §4.2, §4.3.1).
 */
export function requestFields(head: RequestParts): Field[] {
  const lines: Field[] = [{ name: ':method', value: head.method }]
  if (head.scheme !== undefined) lines.push({ name: ':scheme', value: head.scheme })
  if (head.authority !== undefined) lines.push({ name: ':authority', value: head.authority })
  if (head.path !== undefined) lines.push({ name: ':path', value: head.path })
  if (head.protocol !== undefined) lines.push({ name: ':protocol', value: head.protocol })
  appendFields(lines, head.fields ?? [])
  readRequest(lines, unsendable)
  return lines
}

/**
 * The header section of a response, ready to be sent.
 * @throws TypeError for what must not be sent, naming it: a status outside 100 to 599, or 101 (RFC 9114 §4.5); fields
 * against §4.2; Content-Length with a status that has no content (RFC 9110 §8.6); Early-Data (RFC 8470 §5.1);
 * Capsule-Protocol where nothing is agreed upon (RFC 9297 §3.4).
 */
export function responseFields(status: number, fields: Iterable<Field>): Field[] {
  if (!(Number.isInteger(status) && status >= 100 && status <= 599 && status !== 101)) {
    throw unsendable(`status must be from 100 to 599 and not 101, got ${status}`)
  }
  const lines: Field[] = [{ name: ':status', value: String(status) }]
  appendFields(lines, fields)
  const { contentLength } = readSection(lines, 'response', unsendable)
  if (contentLength !== undefined && (status < 200 || status === 204)) {
    throw unsendable(`The field content-length cannot go with status ${status}`)
  }
  refuseFields(lines, isRequestOnly, 'a response')
  // RFC 9297 §3.4.
  if (status < 200 || status > 299) refuseFields(lines, isCapsuleField, `a response with status ${status}`)
  return lines
}

/**
 * A trailer section, ready to be sent.
 * @throws TypeError for what must not be sent, naming it: fields against RFC 9114 §4.2, and those that must be known
 * before the content (RFC 9110 §6.5.1).
 */
export function trailerFields(fields: Iterable<Field>): Field[] {
  const lines: Field[] = []
  appendFields(lines, fields)
  readSection(lines, 'trailers', unsendable)
  refuseFields(lines, isHeaderOnly, 'trailers')
  return lines
}

function appendFields(lines: Field[], fields: Iterable<Field>): void {
  for (const field of fields) {
    if (field.name.startsWith(':')) throw unsendable(`${quote(field.name)} cannot be given among the fields`)
    lines.push(/[A-Z]/.test(field.name) ? { ...field, name: lowerCased(field.name) } : field)
  }
}

/** ASCII alone: U+212A, the Kelvin sign, must not become a "k". */
function lowerCased(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}

function refuseFields(lines: readonly Field[], isRefused: (name: string) => boolean, place: string): void {
  for (const { name } of lines) if (isRefused(name)) throw unsendable(`The field ${name} cannot stand in ${place}`)
}

function isRequestOnly(name: string): boolean {
  return name === 'early-data'
}

function isCapsuleField(name: string): boolean {
  return name === 'capsule-protocol'
}

/** Routing, authentication, modifiers, controls, and the format of the content (RFC 9110 §6.5.1). */
function isHeaderOnly(name: string): boolean {
  switch (name) {
    case 'authorization':
    case 'cache-control':
    case 'content-encoding':
    case 'content-range':
    case 'content-type':
    case 'cookie':
    case 'early-data':
    case 'expect':
    case 'location':
    case 'max-forwards':
    case 'pragma':
    case 'proxy-authenticate':
    case 'proxy-authorization':
    case 'range':
    case 'set-cookie':
    case 'trailer':
    case 'www-authenticate':
      return true
    default:
      return name.startsWith('if-')
  }
}
